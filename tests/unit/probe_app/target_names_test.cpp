#include "probe/app/target_names.hpp"

#include <boost/test/unit_test.hpp>

#include "probe/app/probe_settings.hpp"
#include "probe/report/report.hpp"

using namespace vpn_sentinel;

namespace {

TargetPolicy pattern(const std::string& ref, const std::string& client_id) {
  TargetPolicy policy;
  policy.netns = NamespaceRef::parse(ref).value();
  policy.client_id = client_id;
  policy.client_id_given = !client_id.empty();
  return policy;
}

std::string id(const TargetPolicy& policy, const std::string& name, bool taken = false) {
  const auto target = target_of_pattern(policy, name, [taken](const std::string&) { return taken; });
  BOOST_TEST((target.netns == NamespaceRef{NamespaceRef::Kind::name, name}));
  BOOST_TEST(is_valid_client_id(target.client_id));
  return target.client_id;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(target_names)

BOOST_AUTO_TEST_CASE(a_target_found_by_a_pattern_is_called_after_the_client_id_and_what_the_pattern_leaves_open) {
  BOOST_TEST(id(pattern("name:vpn-*", "office"), "vpn-de") == "office-de");
  BOOST_TEST(id(pattern("name:*-vpn", "office"), "de-vpn") == "office-de");
  BOOST_TEST(id(pattern("name:vpn*", "office"), "vpn") == "office");
}

BOOST_AUTO_TEST_CASE(without_a_client_id_it_is_called_like_a_target_of_its_own) {
  BOOST_TEST(id(pattern("name:vpn-*", ""), "vpn-de") == default_client_id({NamespaceRef::Kind::name, "vpn-de"}));
}

BOOST_AUTO_TEST_CASE(names_that_would_become_the_same_id_stay_apart) {
  const auto office = pattern("name:vpn-*", "office");
  const auto space = id(office, "vpn-d e");
  const auto plus = id(office, "vpn-d+e");
  BOOST_TEST(space != plus);
  BOOST_TEST(space.starts_with("office-d-e-"));
  BOOST_TEST(space == id(office, "vpn-d e"));
  BOOST_TEST(id(office, "vpn-de", true) != "office-de");
  const auto a = id(office, "vpn-" + std::string(150, 'a') + "1");
  const auto b = id(office, "vpn-" + std::string(150, 'a') + "2");
  BOOST_TEST(a != b);
}

BOOST_AUTO_TEST_SUITE_END()

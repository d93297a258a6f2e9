#include <boost/test/unit_test.hpp>
#include <map>
#include <string>
#include <vector>

#include "probe/app/probe_settings.hpp"

using namespace vpn_sentinel;

namespace {

ProbeConfig config_of(const std::map<std::string, std::string>& environment) {
  const auto loaded = load_settings(probe_setting_rows(), {}, environment, "", false);
  BOOST_REQUIRE(loaded.has_value());
  const auto config = make_probe_config(*loaded);
  BOOST_REQUIRE(config.has_value());
  return *config;
}

using Names = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(changed_settings_of_the_probe)

BOOST_AUTO_TEST_CASE(what_would_need_a_restart_is_named_as_the_user_sets_it) {
  const auto before = config_of({{"VPN_SENTINEL_EXIT_QUORUM", "2"}});
  BOOST_TEST(changed_settings(before, before).empty());
  const auto now = config_of({{"VPN_SENTINEL_EXIT_QUORUM", "3"}, {"VPN_SENTINEL_EGRESS_NAMES", "8"}, {"VPN_SENTINEL_LOG_LEVEL", "debug"}});
  const Names expected{"VPN_SENTINEL_EXIT_QUORUM", "VPN_SENTINEL_EGRESS_NAMES", "VPN_SENTINEL_LOG_LEVEL"};
  BOOST_TEST(changed_settings(before, now) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(settings_of_single_targets_and_their_number_count_too) {
  auto before = config_of({});
  auto now = before;
  before.settings.push_back(before.settings.front());
  now.settings.push_back(config_of({{"VPN_SENTINEL_CHECK_INTERVAL", "1m"}}).settings.front());
  BOOST_TEST(changed_settings(before, now) == Names{"VPN_SENTINEL_CHECK_INTERVAL"}, boost::test_tools::per_element());
  now = before;
  now.settings.pop_back();
  BOOST_TEST(changed_settings(before, now) == Names{"[[target]]"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

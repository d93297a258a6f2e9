#include "probe/report/bounds.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/unit/probe/report/full_report.hpp"

BOOST_AUTO_TEST_SUITE(bounds)

using namespace vpn_sentinel;
using nlohmann::json;

namespace {

std::size_t size_of(const json& value) { return value.dump(-1, ' ', true, json::error_handler_t::replace).size(); }

json rules(std::size_t count) {
  auto list = json::array();
  for (std::size_t i = 0; i < count; ++i)
    list.push_back({{"priority", i}, {"action", "to_table"}, {"table", 100}, {"from", "192.0.2.7/32"}});
  return list;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_fits_stays_as_it_is) {
  const json small{{"rules", rules(3)}, {"text", "x"}};
  BOOST_TEST(bound_evidence(small) == small);
  const json full{{"text", std::string(most_evidence - 11, 'e')}};
  BOOST_TEST(bound_evidence(full) == full);
  BOOST_TEST(bound_evidence(json()) == json());
}

BOOST_AUTO_TEST_CASE(long_lists_lose_their_ends_and_the_short_members_stay) {
  const auto bounded = bound_evidence({{"rules", rules(1000)}, {"table", 52}, {"processes", {"a", "b"}}});
  BOOST_TEST(size_of(bounded) <= most_evidence);
  BOOST_TEST(bounded.at("cut") == true);
  BOOST_TEST(bounded.at("table") == 52);
  BOOST_TEST(bounded.at("processes").size() == 2U);
  BOOST_TEST(bounded.at("rules").size() >= 16U);
  BOOST_TEST(bounded.at("rules").at(0) == rules(1).at(0));
}

BOOST_AUTO_TEST_CASE(a_text_is_never_cut_within_a_character) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "\xe2\x82\xac";  // three bytes
  const auto bounded = bound_evidence({{"text", text}});
  BOOST_TEST(size_of(bounded) <= most_evidence);
  BOOST_TEST(bounded.at("text").get<std::string>().size() % 3 == 0U);
  BOOST_TEST(!bounded.at("text").get<std::string>().empty());
}

BOOST_AUTO_TEST_CASE(whatever_it_is_it_fits_at_last) {
  auto many = json::object();
  for (int i = 0; i < 3000; ++i) many["member" + std::to_string(i)] = i;
  auto deep = json(std::string(5000, 'x'));
  for (int i = 0; i < 30; ++i) deep = json{{std::string(300, 'k'), deep}, {"list", rules(40)}};
  const json cases[]{
      many, deep, {{std::string(9000, 'k'), 1}, {"kept", 2}}, rules(1000), std::string(9000, 'x'), {{"a", std::string(9000, '\xff')}}};
  for (const auto& evidence : cases) {
    for (const std::size_t most : {std::size_t{16}, std::size_t{327}, most_evidence}) {
      const auto bounded = bound_evidence(evidence, most);
      BOOST_TEST(size_of(bounded) <= most);
      BOOST_TEST(bounded.at("cut") == true);
    }
  }
  BOOST_TEST(bound_evidence(cases[2]).at("kept") == 2);
}

BOOST_AUTO_TEST_CASE(the_largest_report_is_one_that_the_hub_takes) {
  auto report = test::full_report();
  report.findings.assign(150, {"rule_changed", Severity::warning, {}, json{{"rules", rules(500)}}});
  report.findings.back().severity = Severity::danger;
  report.dns->egress.assign(200, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
  report.dns->resolvers.assign(200, {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "loopback"});
  report.exit->source = std::string(300, 's');
  report.location->org = std::string(300, 'o');
  report.leak->destinations.assign(50, {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "icmpv6", 65535, 4294967295, UINT64_MAX, UINT64_MAX});
  report.leak->why = report.kill_switch->why = report.ruleset->changed_by = std::string(300, '\n');
  bound_report(report);
  BOOST_TEST(report.findings.size() == 100U);
  BOOST_TEST((report.findings.front().severity == Severity::danger));
  BOOST_TEST(report.findings.front().evidence.at("rules").size() >= 1U);
  const auto wire = encode(report);
  BOOST_TEST(wire.dump().size() < 64U * 1024U);
  BOOST_TEST((decode_report(wire).value() == report));
}

BOOST_AUTO_TEST_SUITE_END()

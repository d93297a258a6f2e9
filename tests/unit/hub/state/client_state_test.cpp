#include "hub/state/client_state.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(client_state)

using namespace vpn_sentinel;
using nlohmann::json;
using test::at;

BOOST_AUTO_TEST_CASE(a_clients_json_carries_its_findings_with_meaning_and_advice) {
  Fleet fleet{FleetPolicy{}};
  fleet.apply(test::report("a", "b", 1, State::danger, at(0)));
  const auto object = to_json(*fleet.find("a"));
  BOOST_TEST(object.at("client_id") == "a");
  BOOST_TEST(object.at("state") == "danger");
  BOOST_TEST(object.at("since") == "2026-11-21T10:00:00.000000Z");
  BOOST_TEST(object.at("lease_deadline") == "2026-11-21T10:00:32.000000Z");
  BOOST_TEST(object.at("public_ip") == "198.51.100.2");
  BOOST_TEST(object.at("path") == "tunnel");
  const auto& finding = object.at("findings").at(0);
  BOOST_TEST(finding.at("code") == "default_route_outside");
  BOOST_TEST(finding.at("meaning") == find_text("default_route_outside")->meaning);
  BOOST_TEST(!finding.at("advice").get<std::string>().empty());
}

BOOST_AUTO_TEST_CASE(a_code_from_a_newer_probe_is_shown_without_meaning) {
  const auto object = to_json(test::finding("brand_new", Severity::warning, at(0)));
  BOOST_TEST(object.at("code") == "brand_new");
  BOOST_TEST(!object.contains("meaning"));
}

BOOST_AUTO_TEST_CASE(an_offline_client_shows_grey_and_only_names_what_it_was) {
  Fleet fleet{FleetPolicy{}};
  fleet.apply(test::report("a", "b", 1, State::secure, at(0)));
  fleet.expire(at(60));
  const auto object = to_json(*fleet.find("a"));
  BOOST_TEST(object.at("state") == "offline");
  BOOST_TEST(object.at("state_before_offline") == "secure");
  BOOST_TEST(object.at("findings").at(0).at("code") == "lease_expired");
}

BOOST_AUTO_TEST_CASE(the_status_record_has_the_python_originals_shape) {
  ClientState client;
  client.last_seen = at(0.5);
  client.last_report.public_ip = "198.51.100.77";
  client.last_report.client_version = "1.1.4";
  client.last_report.location = LocationReport{"RO", "Bucharest", "B", "P", "Europe/Bucharest"};
  client.last_report.dns_location = "RO";
  client.last_report.dns_colo = "OTP";
  const auto expected = json::parse(
      R"({"city":"Bucharest","client_version":"1.1.4","country":"RO","dns_colo":"OTP","dns_loc":"RO","ip":"198.51.100.77",)"
      R"("last_seen":"2026-11-21T10:00:00.500000+00:00","location":"Bucharest, B, RO","provider":"P","region":"B","timezone":"Europe/Bucharest"})");
  BOOST_TEST(to_status_json(client) == expected);
}

BOOST_AUTO_TEST_CASE(what_is_absent_is_unknown_in_the_status_record) {
  const auto object = to_status_json(ClientState{});
  BOOST_TEST(object.at("ip") == "unknown");
  BOOST_TEST(object.at("location") == "unknown, unknown, unknown");
  BOOST_TEST(object.at("dns_loc") == "Unknown");
  BOOST_TEST(object.at("client_version") == "Unknown");
}

BOOST_AUTO_TEST_CASE(a_changes_json_names_kind_states_and_times) {
  Fleet fleet{FleetPolicy{}};
  const auto first = to_json(fleet.apply(test::report("a", "b", 1, State::secure, at(0))).at(0));
  BOOST_TEST(first.at("type") == "change");
  BOOST_TEST(first.at("kind") == "connected");
  BOOST_TEST(first.at("from").is_null());
  const auto second = to_json(fleet.apply(test::report("a", "b", 2, State::danger, at(10))).at(0));
  BOOST_TEST(second.at("from") == "secure");
  BOOST_TEST(second.at("to") == "danger");
  BOOST_TEST(second.at("at") == "2026-11-21T10:00:10.000000Z");
  BOOST_TEST(second.at("client").at("state") == "danger");
}

BOOST_AUTO_TEST_CASE(what_the_hub_found_by_itself_has_the_settings_of_the_hub_as_advice) {
  const auto advice = [](const char* code, nlohmann::json evidence) {
    return to_json(Finding{code, Severity::danger, at(0), std::move(evidence)}).at("advice").get<std::string>();
  };
  const auto names = [](const std::string& text, const char* setting) { return text.find(setting) != std::string::npos; };
  for (const auto* code : {"exit_is_hub", "exit_is_uplink"}) {
    BOOST_TEST(names(advice(code, {{"seen_by", "hub"}}), "VPN_SENTINEL_SERVER_PUBLIC_ADDRESSES"));
    BOOST_TEST(!names(advice(code, {{"address", "198.51.100.2"}}), "VPN_SENTINEL_SERVER_PUBLIC_ADDRESSES"));
    BOOST_TEST(names(advice(code, {{"seen_by", {"a", "b"}}}), "VPN_SENTINEL_EXPECTED_EXITS"));  // members of a group
  }
  BOOST_TEST(advice("tunnel_down", {{"seen_by", "hub"}}) == find_text("tunnel_down")->advice);
  BOOST_TEST(advice_of("of_the_future", nullptr).empty());
}

BOOST_AUTO_TEST_CASE(a_change_tells_what_its_incident_has_cost) {
  Change change;
  BOOST_TEST(!to_json(change).contains("leaked"));
  BOOST_TEST(!to_json(change).contains("exposed_s"));
  change.exposed = std::chrono::milliseconds{1500};
  change.leaked = LeakTotal{7, 900, std::vector<LeakDestinationReport>(20, {"203.0.113.53", "udp", 53, {}, 1, 10})};
  const auto object = to_json(change);
  BOOST_TEST(object.at("exposed_s") == 1.5);
  BOOST_TEST(object.at("leaked").at("packets") == 7);
  BOOST_TEST(object.at("leaked").at("destinations").size() == 5U);
}

BOOST_AUTO_TEST_SUITE_END()

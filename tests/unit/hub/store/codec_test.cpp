#include "hub/store/codec.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/state/fleet.hpp"
#include "hub/store/json_writer.hpp"
#include "hub/store/report_text.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(codec)

using namespace vpn_sentinel;
using test::at;

namespace {

ClientState full_client() {
  Fleet fleet{FleetPolicy{}};
  auto admitted = test::report("a", "b", 7, State::danger, at(0.123456));
  auto& report = admitted.report;
  report.location = LocationReport{"RO", "Bucharest", "B", "AS64500 Example", "Europe/Bucharest"};
  report.dns_location = "RO";
  report.dns_colo = "OTP";
  report.tunnel = TunnelReport{"wg0", "wireguard", true, at(-5), 1, 2, 12};
  report.exit = ExitReport{"198.51.100.2", std::nullopt, 64500, "RO", "cloudflare-trace", 2};
  report.path = "tunnel";
  admitted.source_address = "198.51.100.2";
  report.dns = DnsReport{"no_leak", "EGRESS_IS_EXIT", {"198.51.100.2"}};
  report.leak = LeakReport{
      true, {}, at(-9), 7, 900, 3, 2, 1, 1, 40, {{"203.0.113.53", "udp", 53, 1000, 3, 300}, {"2001:db8::9", "47", {}, {}, 1, 64}}};
  report.kill_switch = KillSwitchReport{"armed", "changed", "a rule is missing", at(-9), 12};
  report.ruleset = RulesetReport{"lets_out", "nft (pid 4242)", at(-1)};
  report.udp_exit = UdpExitReport{"198.51.100.2", std::nullopt};
  report.mtu = MtuReport{"ok"};
  report.peers = PeersReport{2,
                             {{"udp/51820", "wireguard", 2, 4, "tries are not seen"}, {"tcp/1194", "sock_diag", {}, {}, {}}},
                             {{"udp/51820", "203.0.113.7:40000", "key", at(-9), true, 7, 9}, {"tcp/1194", {}, {}, at(-8), false, {}, {}}},
                             1,
                             at(-7),
                             12,
                             1};
  report.latency_ms = 23.5;
  fleet.apply(admitted);
  return *fleet.find("a");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_client_comes_back_as_it_was) {
  const auto client = full_client();
  const auto decoded = decode_client_text(encode_client_text(client));
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST((*decoded == client));
}

BOOST_AUTO_TEST_CASE(other_probes_of_the_same_name_come_back_too) {
  Fleet fleet{FleetPolicy{}};
  fleet.apply(test::report("a", "b", 1, State::danger, at(0)));
  fleet.apply(test::report("a", "c", 1, State::secure, at(1)));
  fleet.apply(test::report("a", "b", 2, State::danger, at(2)));
  BOOST_REQUIRE_EQUAL(fleet.find("a")->twins.size(), 1U);
  const auto decoded = decode_client_text(encode_client_text(*fleet.find("a")));
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST((*decoded == *fleet.find("a")));
}

BOOST_AUTO_TEST_CASE(a_client_of_the_python_original_comes_back_too) {
  Fleet fleet{FleetPolicy{}};
  fleet.apply(test::original("a", State::warning, at(0)));
  const auto decoded = decode_client_text(encode_client_text(*fleet.find("a")));
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST((*decoded == *fleet.find("a")));
}

BOOST_AUTO_TEST_CASE(when_a_client_was_heard_comes_back_and_may_be_missing_as_older_versions_store_it) {
  auto client = full_client();
  client.heard_after = std::chrono::microseconds{123'456'789};
  auto text = encode_client_text(client);
  BOOST_TEST((decode_client_text(text).value() == client));
  auto object = nlohmann::json::parse(text);
  object.erase("heard_after");
  BOOST_TEST(!decode_client_text(object.dump()).value().heard_after.has_value());
}

BOOST_AUTO_TEST_CASE(the_key_that_told_a_client_first_comes_back_and_may_be_missing_as_older_versions_store_it) {
  auto client = full_client();
  client.key = "office";
  const auto text = encode_client_text(client);
  BOOST_TEST((decode_client_text(text).value() == client));
  auto object = nlohmann::json::parse(text);
  object.erase("key");
  BOOST_TEST(decode_client_text(object.dump()).value().key.empty());
}

BOOST_AUTO_TEST_CASE(an_unreadable_last_report_leaves_the_rest_usable) {
  auto object = nlohmann::json::parse(encode_client_text(full_client()));
  object["last_report"]["public_ip"] = 5;
  const auto decoded = decode_client_text(object.dump());
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST((decoded->state == State::danger));
  BOOST_TEST(decoded->last_report.client_id == "a");
}

BOOST_AUTO_TEST_CASE(a_reports_text_has_the_content_of_its_wire_form) {
  const auto full = full_client().last_report;
  auto odd = full;
  odd.location->city = "Toru\xc5\x84 \"quoted\" \\ \n";
  odd.findings.at(0).evidence = {{"list", {1, nullptr, "x"}}};
  odd.findings.push_back(test::finding("second", Severity::information, at(1)));
  odd.exit->v4.reset();
  odd.exit->v6 = "2001:db8::1";
  odd.dns->egress = {"198.51.100.2", "2001:db8::1"};
  odd.leak = LeakReport{false, "CAP_NET_ADMIN is needed", {}, 0, 0, 0, 0, 0, 0, 0, {}};
  odd.kill_switch = KillSwitchReport{};
  odd.ruleset = RulesetReport{};
  odd.udp_exit = UdpExitReport{};
  odd.mtu = MtuReport{};
  odd.peers = PeersReport{};
  odd.latency_ms = 23.0;
  for (const auto& report : {full, odd, Report{}, test::original("a", State::warning, at(0)).report}) {
    const auto text = report_text(report);
    BOOST_TEST_CONTEXT(text) { BOOST_TEST(nlohmann::json::parse(text) == encode(report)); }
  }
}

BOOST_AUTO_TEST_CASE(text_that_is_not_utf_8_still_makes_json) {
  auto report = full_client().last_report;
  report.location->city = "a\xff";
  BOOST_TEST(nlohmann::json::accept(report_text(report)));
}

BOOST_AUTO_TEST_CASE(an_incident_of_a_version_that_counted_nothing_is_read) {
  Incident incident;
  incident.client_id = "a";
  incident.start = incident.since = at(0);
  auto object = nlohmann::json::parse(encode_incident_text(incident));
  object.erase("exposure");
  BOOST_TEST((decode_incident_text(object.dump()).value() == incident));
  object["exposure"] = nlohmann::json::array({nlohmann::json{{"client", "a"}, {"meters", 5}}});
  BOOST_TEST(!decode_incident_text(object.dump()).has_value());
}

BOOST_AUTO_TEST_CASE(that_an_incident_was_not_counted_all_the_time_is_kept) {
  Incident incident;
  incident.client_id = "a";
  incident.exposure.gaps = true;
  BOOST_TEST((decode_incident_text(encode_incident_text(incident)).value() == incident));
}

BOOST_AUTO_TEST_CASE(every_character_at_every_place_comes_back) {
  for (std::size_t length = 1; length <= 17; ++length) {
    for (std::size_t place = 0; place < length; ++place) {
      for (int c = 0; c < 128; ++c) {
        std::string text(length, 'a');
        text[place] = static_cast<char>(c);
        JsonText json;
        append(json, text);
        BOOST_REQUIRE_EQUAL(nlohmann::json::parse(std::move(json).take()).get<std::string>(), text);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(broken_text_is_an_error) {
  for (const char* text : {"", "{", "[]", "{}", R"({"client_id":5})"}) BOOST_TEST(!decode_client_text(text).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

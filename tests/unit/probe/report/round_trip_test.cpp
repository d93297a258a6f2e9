#include <boost/test/unit_test.hpp>
#include <functional>
#include <vector>

#include "tests/unit/probe/report/full_report.hpp"

using namespace vpn_sentinel;
using nlohmann::json;

namespace {

/// Through the bytes of the wire, as between the daemons.
Result<Report> there_and_back(const Report& report) { return decode_report(json::parse(encode(report).dump())); }

}  // namespace

BOOST_AUTO_TEST_SUITE(report_round_trip)

BOOST_AUTO_TEST_CASE(a_full_report_comes_back_equal) {
  const auto report = test::full_report();
  const auto back = there_and_back(report);
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST((*back == report));
}

BOOST_AUTO_TEST_CASE(how_long_a_report_waited_is_known_only_when_it_says_when_it_was_sent) {
  auto report = test::full_report();
  BOOST_TEST((age_when_sent(report) == std::chrono::seconds{2}));
  report.timestamp = *report.sent_at + std::chrono::seconds{1};  // the clock was put back meanwhile
  BOOST_TEST((age_when_sent(report) == std::chrono::seconds{0}));
  report.sent_at.reset();
  BOOST_TEST((age_when_sent(report) == std::chrono::seconds{0}));
}

BOOST_AUTO_TEST_CASE(a_report_without_any_single_field_comes_back_equal) {
  const std::vector<std::function<void(Report&)>> removals{
      [](Report& r) { r.boot_id.clear(); },
      [](Report& r) { r.seq = 0; },
      [](Report& r) { r.timestamp.reset(); },
      [](Report& r) { r.sent_at.reset(); },
      [](Report& r) { r.client_version.clear(); },
      [](Report& r) { r.dropped.reset(); },
      [](Report& r) { r.lease_s.reset(); },
      [](Report& r) { r.path.clear(); },
      [](Report& r) { r.trigger.clear(); },
      [](Report& r) { r.public_ip.reset(); },
      [](Report& r) { r.location.reset(); },
      [](Report& r) { *r.location = LocationReport{}; },
      [](Report& r) { r.dns_location.clear(), r.dns_colo.clear(); },
      [](Report& r) { r.dns_colo.clear(); },
      [](Report& r) { r.findings.clear(); },
      [](Report& r) { r.findings.clear(), r.state.reset(); },
      [](Report& r) { r.tunnel.reset(); },
      [](Report& r) { *r.tunnel = TunnelReport{}; },
      [](Report& r) { r.exit.reset(); },
      [](Report& r) { *r.exit = ExitReport{}; },
      [](Report& r) { r.dns.reset(); },
      [](Report& r) { *r.dns = DnsReport{}; },
      [](Report& r) { r.leak.reset(); },
      [](Report& r) { *r.leak = LeakReport{}; },
      [](Report& r) { *r.leak = LeakReport{false, "CAP_NET_ADMIN is needed", {}, 0, 0, 0, 0, 0, 0, 0, {}}; },
      [](Report& r) { r.leak->destinations.clear(); },
      [](Report& r) { r.kill_switch.reset(); },
      [](Report& r) { *r.kill_switch = KillSwitchReport{}; },
      [](Report& r) { r.ruleset.reset(); },
      [](Report& r) { *r.ruleset = RulesetReport{}; },
      [](Report& r) { r.udp_exit.reset(); },
      [](Report& r) { *r.udp_exit = UdpExitReport{}; },
      [](Report& r) { r.mtu.reset(); },
      [](Report& r) { *r.mtu = MtuReport{}; },
      [](Report& r) { r.peers.reset(); },
      [](Report& r) { *r.peers = PeersReport{}; },
      [](Report& r) { r.peers->list.clear(), r.peers->ports.clear(), r.peers->connected = 0; },
      [](Report& r) { r.latency_ms.reset(); },
  };
  for (std::size_t i = 0; i < removals.size(); ++i) {
    auto report = test::full_report();
    removals[i](report);
    const auto back = there_and_back(report);
    BOOST_REQUIRE_MESSAGE(back.has_value(), "row " << i);
    BOOST_TEST((*back == report), "row " << i);
  }
}

BOOST_AUTO_TEST_CASE(every_state_that_a_probe_judges_comes_back) {
  for (const auto state : {State::secure, State::warning, State::contained, State::danger}) {
    auto report = test::full_report();
    report.state = state;
    BOOST_TEST((there_and_back(report).value() == report));
  }
}

BOOST_AUTO_TEST_CASE(a_report_at_every_limit_comes_back) {
  auto report = test::full_report();
  report.client_id = std::string(100, 'x');
  report.boot_id = std::string(256, 'b');
  report.findings.assign(100, report.findings[0]);
  report.findings[99].evidence = json{{"text", std::string(4096 - 11, 'e')}};
  BOOST_TEST(report.findings[99].evidence.dump().size() == 4096U);
  report.dns->egress.assign(64, "198.51.100.2");
  BOOST_TEST((there_and_back(report).value() == report));
}

BOOST_AUTO_TEST_CASE(the_wire_keeps_the_names_of_the_python_original) {
  const auto wire = encode(test::full_report());
  BOOST_TEST(wire.at("schema") == 2);
  BOOST_TEST(wire.at("status") == "alive");
  BOOST_TEST(wire.at("timestamp") == "2026-11-21T10:15:30.123456Z");
  BOOST_TEST(wire.at("location").at("org") == "AS64500 Example");
  BOOST_TEST(wire.at("dns_test") == (json{{"location", "RO"}, {"colo", "OTP"}}));
}

BOOST_AUTO_TEST_CASE(absent_values_are_left_out_of_the_wire) {
  Report report;
  report.client_id = "a";
  const auto wire = encode(report);
  const auto expected = json{{"schema", 2}, {"client_id", "a"}, {"status", "alive"}, {"client_version", ""}};
  BOOST_TEST(wire == expected);
}

BOOST_AUTO_TEST_SUITE_END()

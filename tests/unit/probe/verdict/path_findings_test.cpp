#include "probe/verdict/path_findings.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

struct Fixture {
  Observation seen;

  Fixture() {
    seen.exit = ExitView{};
    seen.exit->v4 = address("198.51.100.2");
  }
  void udp(const char* v4) {
    seen.udp = UdpView{};
    seen.udp->in_v4 = {true, true, address(v4), "stun.test", {}};
  }
  Finding only() const {
    const auto findings = judge_path(seen);
    BOOST_REQUIRE(findings.size() == 1U);
    return findings.front();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(path_findings, Fixture)

BOOST_AUTO_TEST_CASE(udp_under_the_address_of_web_traffic_is_fine) {
  udp("198.51.100.2");
  BOOST_TEST(judge_path(seen).empty());
  udp("198.51.100.77");  // one provider, several addresses
  BOOST_TEST(judge_path(seen).empty());
}

BOOST_AUTO_TEST_CASE(udp_under_the_uplinks_address_is_danger) {
  seen.uplink.addresses = {address("203.0.113.10")};
  udp("203.0.113.10");
  const auto finding = only();
  BOOST_TEST(finding.code == "udp_exit_outside");
  BOOST_TEST((finding.severity == Severity::danger));
  BOOST_TEST(finding.evidence.at("udp_exit") == "203.0.113.10");
  BOOST_TEST(finding.evidence.at("exit") == "198.51.100.2");
  BOOST_TEST(finding.evidence.at("why") ==
             "stun.test saw UDP come from 203.0.113.10, your own line without the VPN, while web traffic leaves by 198.51.100.2");
  seen.exit.reset();  // no need to know where web traffic goes
  BOOST_TEST((only().severity == Severity::danger));
}

BOOST_AUTO_TEST_CASE(a_vpn_in_the_uplinks_own_subnet_hides_nothing) {
  seen.uplink.addresses = {address("198.51.100.10")};
  udp("198.51.100.10");
  BOOST_TEST((only().severity == Severity::danger));
}

BOOST_AUTO_TEST_CASE(udp_under_a_third_address_is_a_warning_because_nothing_proves_where_it_went) {
  udp("192.0.2.9");
  BOOST_TEST((only().severity == Severity::warning));
  seen.uplink.addresses = {address("203.0.113.10")};
  BOOST_TEST((only().severity == Severity::warning));
  seen.exit.reset();
  BOOST_TEST(judge_path(seen).empty());
}

BOOST_AUTO_TEST_CASE(a_tunnel_that_ends_at_the_uplink_is_not_told_as_udp) {
  seen.uplink.addresses = {address("198.51.100.2")};
  udp("198.51.100.2");
  BOOST_TEST(judge_path(seen).empty());
}

BOOST_AUTO_TEST_CASE(addresses_that_the_probe_learnt_behind_a_tunnel_of_its_own_are_no_uplink) {
  seen.uplink.addresses = {address("203.0.113.10")};
  seen.uplink.own_tunnel = "wg1";
  udp("203.0.113.10");
  BOOST_TEST((only().severity == Severity::warning));
}

BOOST_AUTO_TEST_CASE(of_two_families_the_worse_is_told) {
  seen.exit->v6 = address("2001:db8:20::2");
  seen.uplink.addresses = {address("2001:db8:10::10")};
  udp("192.0.2.9");
  seen.udp->in_v6 = {true, true, address("2001:db8:10::99"), "stun.test", {}};  // another address of the home's /64
  const auto finding = only();
  BOOST_TEST((finding.severity == Severity::danger));
  BOOST_TEST(finding.evidence.at("udp_exit") == "2001:db8:10::99");
}

BOOST_AUTO_TEST_CASE(no_answer_is_said_and_is_no_alarm) {
  seen.udp = UdpView{};
  seen.udp->in_v4 = {true, true, {}, {}, "stun.test: no answer"};
  BOOST_TEST(only().code == "udp_unverifiable");
  BOOST_TEST((only().severity == Severity::information));
}

BOOST_AUTO_TEST_CASE(an_answer_of_an_older_network_is_not_compared_with_the_exit_of_the_new_one) {
  udp("192.0.2.9");
  BOOST_TEST(judge_path(seen).size() == 1U);
  seen.udp->in_v4.current = false;
  BOOST_TEST(judge_path(seen).empty());
}

BOOST_AUTO_TEST_CASE(while_web_traffic_is_awaited_an_address_of_the_uplink_proves_nothing_yet) {
  seen.uplink.addresses = {address("203.0.113.10")};
  udp("203.0.113.10");
  seen.exit.reset();
  seen.exit_pending = PendingView{};
  BOOST_TEST(judge_path(seen).empty());
  seen.exit_pending->overdue = true;
  BOOST_TEST((only().severity == Severity::danger));
}

BOOST_AUTO_TEST_CASE(an_address_that_the_user_expects_is_no_news) {
  seen.exit_rules.expected = {ExitRule::parse("192.0.2.0/24").value()};
  udp("192.0.2.9");
  BOOST_TEST(judge_path(seen).empty());
}

BOOST_AUTO_TEST_CASE(what_was_seen_outside_goes_on_until_everything_that_shows_its_end_is_known_again) {
  seen.tunnel = TunnelView{"wg0", "wireguard", 3, true, true, true};
  seen.uplink.addresses = {address("203.0.113.10")};
  udp("203.0.113.10");
  const auto outside = only();
  const auto ends = [&] { return !udp_went_unanswered(outside, seen); };
  udp("198.51.100.2");
  BOOST_TEST(ends());
  seen.udp->in_v4.current = false;
  BOOST_TEST(!ends());
  seen.udp->in_v4 = {true, true, {}, {}, "no answer"};
  BOOST_TEST(!ends());
  udp("203.0.113.10");
  seen.uplink.addresses.clear();  // its routes changed, and it is being asked for
  BOOST_TEST(!ends());
  udp("198.51.100.2");
  BOOST_TEST(ends());
  seen.exit_pending = PendingView{};
  BOOST_TEST(!ends());
  seen.tunnel->up = false;
  BOOST_TEST(ends());
}

BOOST_AUTO_TEST_CASE(large_packets_that_are_lost_are_told_and_not_knowing_is_not) {
  using Lost = LargePacketsView::Lost;
  for (const auto calm : {Lost::none, Lost::unknown}) {
    seen.large_packets = LargePacketsView{calm, "trace.test", "no answer"};
    BOOST_TEST(judge_path(seen).empty());
  }
  seen.large_packets->lost = Lost::requests;
  BOOST_TEST(only().code == "mtu_blackhole");
  BOOST_TEST(only().evidence.at("lost") == "large requests");
  seen.large_packets->lost = Lost::answers;
  BOOST_TEST(only().evidence.at("lost") == "large answers");
}

BOOST_AUTO_TEST_CASE(a_drop_beside_the_tunnel_is_a_warning_and_one_against_the_past_a_hint) {
  seen.latency_drop = LatencyDropView{3.14159, 41.0, true};
  BOOST_TEST(only().code == "latency_dropped");
  BOOST_TEST((only().severity == Severity::warning));
  BOOST_TEST(only().evidence.at("path_ms") == 3.1);
  BOOST_TEST(only().evidence.at("tunnel_ms") == 41.0);
  seen.latency_drop->beside_tunnel = false;
  BOOST_TEST(only().code == "latency_changed");
  BOOST_TEST((only().severity == Severity::information));
  BOOST_TEST(only().evidence.contains("before_ms"));
}

BOOST_AUTO_TEST_SUITE_END()

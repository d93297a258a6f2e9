#include "probe/verdict/packet_findings.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "probe/verdict/judge.hpp"
#include "tests/unit/probe/make_ip.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

struct Counting {
  Observation seen;
  Counting() {
    seen.expected_tunnel = "tun0";
    seen.tunnel = TunnelView{"tun0", "tun", 3, true, true, true};
    seen.uplinks = {"eth0"};
    for (const auto* address : {"203.0.113.1", "2001:db8::1"}) {
      seen.look_ups.push_back(LookUp{ip(address), 0, Way{Way::Kind::tunnel, "tun0", {}, {}, {}}, true, 1, {}});
    }
    seen.packets.emplace().counting = true;
  }
  OutsideTraffic& leak() {
    seen.packets->leak_since = WallTime{std::chrono::hours{500000}};
    return seen.packets->leak ? *seen.packets->leak : seen.packets->leak.emplace();
  }
  [[nodiscard]] const Finding* find(const Verdict& verdict, std::string_view code) const {
    const auto found = std::ranges::find(verdict.findings, code, &Finding::code);
    return found == verdict.findings.end() ? nullptr : &*found;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(packets_that_were_counted)

BOOST_FIXTURE_TEST_CASE(quiet_counters_find_nothing, Counting) {
  BOOST_TEST((judge(seen).state == State::secure));
  seen.packets->local = {7, 700};
  BOOST_TEST(judge_packets(seen).empty());
}

BOOST_FIXTURE_TEST_CASE(evidence_for_others_tells_no_more_of_far_ends_than_is_wanted, Counting) {
  leak().v4 = {3, 300};
  leak().destinations = {{ip("203.0.113.7"), IPPROTO_TCP, 443, 1000, {3, 300}}};
  OutsideProgram curl;
  curl.name = "curl";
  curl.destination = leak().destinations[0];
  seen.packets->programs = {curl, curl};
  seen.packets->unattributed = {{leak().destinations[0], "nobody knows"}};
  const auto findings = judge_packets(seen);
  const auto shown = [&](EndDetail ends) {
    std::string text;
    for (const auto& finding : with_ends_cut(findings, seen, ends)) text += finding.evidence.dump();
    return text;
  };
  const auto count = [](const std::string& text, std::string_view part) {
    unsigned times = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
    return times;
  };
  const auto all = count(shown(EndDetail::full), "203.0.113.7 TCP port 443");
  BOOST_TEST(all == 5U);
  BOOST_TEST(count(shown(EndDetail::network), "203.0.113.0/24 TCP port 443") == all);
  BOOST_TEST(count(shown(EndDetail::network), "203.0.113.7") == 0U);
  BOOST_TEST(count(shown(EndDetail::port), "TCP port 443") == all);
  BOOST_TEST(count(shown(EndDetail::port), "203.0.113") == 0U);
  BOOST_TEST(count(shown(EndDetail::protocol), "443") == 0U);
  // Of findings that stay while nothing can be looked at nothing is shown.
  const auto old = with_ends_cut(findings, Observation{}, EndDetail::network);
  for (const auto& finding : old) BOOST_TEST(count(finding.evidence.dump(), "203.0") == 0U);
}

BOOST_FIXTURE_TEST_CASE(what_may_be_the_vpns_own_is_neither_danger_nor_secure, Counting) {
  auto& unjudged = seen.packets->unjudged.emplace();
  unjudged.v4 = {3, 300};
  unjudged.destinations = {{ip("203.0.113.7"), IPPROTO_UDP, 51820, 0, {3, 300}}};
  seen.packets->unjudged_since = WallTime{std::chrono::hours{500000}};
  const auto verdict = judge(seen);
  BOOST_TEST((verdict.state == State::warning));
  const auto* const told = find(verdict, "packets_unjudged");
  BOOST_TEST_REQUIRE(told != nullptr);
  BOOST_TEST(told->evidence["packets"] == 3);
  BOOST_TEST(told->evidence["destinations"][0].get<std::string>().starts_with("203.0.113.7 UDP port 51820, uid 0"));
  BOOST_TEST(told->evidence.contains("noticed"));
  const auto cut = with_ends_cut(verdict.findings, seen, EndDetail::protocol);
  for (const auto& finding : cut) BOOST_TEST(finding.evidence.dump().find("203.0.113") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_packet_outside_is_danger_while_all_routes_are_fine, Counting) {
  leak().v4 = {3, 300};
  leak().destinations = {{ip("203.0.113.7"), IPPROTO_TCP, 443, 1000, {3, 300}}};
  const auto verdict = judge(seen);
  BOOST_TEST((verdict.state == State::danger));
  const auto* const finding = find(verdict, "packets_outside");
  BOOST_TEST_REQUIRE(finding != nullptr);
  BOOST_TEST(finding->evidence["packets"] == 3U);
  BOOST_TEST(finding->evidence["ipv4"] == "3 packets, 300 bytes");
  BOOST_TEST(finding->evidence["destinations"][0] == "203.0.113.7 TCP port 443, uid 1000: 3 packets, 300 bytes");
}

BOOST_FIXTURE_TEST_CASE(a_program_that_was_found_is_named_before_the_packets_that_prove_it, Counting) {
  leak().v4 = {3, 300};
  leak().destinations = {{ip("203.0.113.7"), IPPROTO_TCP, 443, 1000, {3, 300}}};
  seen.packets->programs = {{"curl", 4242, 1000, std::string(64, 'a'), leak().destinations[0], 120}};
  const auto verdict = judge(seen);
  BOOST_TEST((verdict.state == State::danger));
  BOOST_TEST(verdict.findings.front().code == "process_outside");
  const auto& evidence = verdict.findings.front().evidence;
  BOOST_TEST(evidence["process"] == "curl");
  BOOST_TEST(evidence["pid"] == 4242);
  BOOST_TEST(evidence["uid"] == 1000U);
  BOOST_TEST(evidence["container"] == "aaaaaaaaaaaa");
  BOOST_TEST(evidence["destination"] == "203.0.113.7 TCP port 443");
  BOOST_TEST(evidence["bytes"] == 120U);
  BOOST_TEST(find(verdict, "packets_outside") != nullptr);
}

BOOST_FIXTURE_TEST_CASE(a_program_without_counted_packets_is_no_finding, Counting) {
  seen.packets->programs = {{"curl", 4242, 1000, {}, {ip("203.0.113.7"), IPPROTO_TCP, 443, 1000, {3, 300}}, 120}};
  BOOST_TEST(judge_packets(seen).empty());
}

BOOST_FIXTURE_TEST_CASE(a_program_that_only_asks_for_names_is_as_bad_as_its_packets, Counting) {
  leak().dns = {1, 70};
  leak().destinations = {{ip("203.0.113.53"), IPPROTO_UDP, 53, 0, {1, 70}}};
  seen.packets->programs = {{"dig", 7, 0, {}, leak().destinations[0], std::nullopt}};
  const auto verdict = judge(seen);
  BOOST_TEST((verdict.state == State::warning));
  BOOST_TEST((find(verdict, "process_outside")->severity == Severity::warning));
  // What is counted there may be another program's too.
  BOOST_TEST(!find(verdict, "process_outside")->evidence.contains("bytes"));
}

BOOST_FIXTURE_TEST_CASE(why_nobody_is_named_stands_with_the_packets, Counting) {
  leak().v4 = {3, 300};
  leak().destinations = {{ip("203.0.113.7"), IPPROTO_UDP, 443, 1000, {3, 300}}};
  seen.packets->unattributed = {{leak().destinations[0], "it was closed already"}};
  const auto verdict = judge(seen);
  BOOST_TEST(find(verdict, "process_outside") == nullptr);
  BOOST_TEST(find(verdict, "packets_outside")->evidence["unattributed"][0] == "203.0.113.7 UDP port 443: it was closed already");
}

BOOST_FIXTURE_TEST_CASE(dns_alone_is_a_warning, Counting) {
  leak().dns = {1, 70};
  leak().destinations = {{ip("203.0.113.53"), IPPROTO_UDP, 53, std::nullopt, {1, 70}}};
  const auto verdict = judge(seen);
  BOOST_TEST((verdict.state == State::warning));
  const auto* const finding = find(verdict, "dns_packets_outside");
  BOOST_TEST_REQUIRE(finding != nullptr);
  BOOST_TEST(finding->evidence["destinations"][0] == "203.0.113.53 UDP port 53: 1 packet, 70 bytes");
  BOOST_TEST(find(verdict, "packets_outside") == nullptr);
}

BOOST_FIXTURE_TEST_CASE(other_packets_to_the_vpn_server_alone_are_a_warning, Counting) {
  leak().endpoint_misuse = {2, 200};
  BOOST_TEST((judge(seen).state == State::warning));
  leak().v6 = {1, 100};
  BOOST_TEST((judge(seen).state == State::danger));
}

BOOST_FIXTURE_TEST_CASE(what_left_while_the_tunnel_was_down_is_danger_and_not_contained, Counting) {
  seen.tunnel.reset();
  for (auto& look_up : seen.look_ups) look_up.way = Way{Way::Kind::nowhere, {}, {}, "unreachable", {}};
  BOOST_TEST((judge(seen).state == State::contained));
  leak().v4 = {1, 100};
  BOOST_TEST((judge(seen).state == State::danger));
}

BOOST_FIXTURE_TEST_CASE(a_meter_that_cannot_count_says_so_and_changes_no_state, Counting) {
  seen.packets->counting = false;
  BOOST_TEST(judge_packets(seen).empty());  // it is not known yet
  seen.packets->why_not = "CAP_NET_ADMIN is needed in the namespace to count packets";
  auto verdict = judge(seen);
  BOOST_TEST((verdict.state == State::secure));
  BOOST_TEST_REQUIRE(find(verdict, "packets_uncounted") != nullptr);
  BOOST_TEST(find(verdict, "packets_uncounted")->evidence["error"] == seen.packets->why_not);
  seen.packets->counting = true;
  seen.packets->why_not.clear();
  seen.packets->egress_gap = "no such hook";
  seen.packets->interrupted = "table inet x is gone";
  seen.packets->left_out = {"12 of 76 VPN servers"};
  verdict = judge(seen);
  BOOST_TEST((verdict.state == State::secure));
  const auto* const finding = find(verdict, "packets_uncounted");
  BOOST_TEST_REQUIRE(finding != nullptr);
  BOOST_TEST(finding->evidence["error"] == "no such hook");
  BOOST_TEST(finding->evidence["interrupted"].get<std::string>().starts_with("table inet x is gone"));
  BOOST_TEST(finding->evidence["counted_although_allowed"][0] == "12 of 76 VPN servers");
  BOOST_TEST(!seen.packets->is_complete());
}

BOOST_FIXTURE_TEST_CASE(dns_packets_are_told_once_whoever_found_them, Counting) {
  leak().dns = {1, 70};
  auto& dns = seen.dns.emplace();
  dns.verdict = DnsVerdict::leak;
  dns.reason = "DNS_PKTS_OUTSIDE_TUNNEL";
  const auto verdict = judge(seen);
  BOOST_TEST(std::ranges::count(verdict.findings, "dns_packets_outside", &Finding::code) == 1);
  const auto* const finding = find(verdict, "dns_packets_outside");
  BOOST_TEST(finding->evidence["packets"] == 1U);
  BOOST_TEST(finding->evidence["reason"] == "DNS_PKTS_OUTSIDE_TUNNEL");
}

BOOST_AUTO_TEST_SUITE_END()

#include "probe/verdict/dns_findings.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/unit/probe/verdict/make_observation.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

DnsView view(DnsVerdict verdict, std::string reason, std::vector<std::string> also = {}) {
  DnsView made;
  made.verdict = verdict;
  made.reason = std::move(reason);
  made.also = std::move(also);
  made.file = "/etc/resolv.conf";
  made.egress = {IpAddress::parse("192.0.2.53").value()};
  made.resolvers = {{IpAddress::parse("192.168.77.1").value(), ResolverWay::outside, "eth0", false, true, true, false, false, false, {}}};
  made.asked = made.answered = 6;
  return made;
}

std::string codes(const Observation& seen) {
  std::string text;
  for (const auto& finding : judge_dns(seen)) text += (text.empty() ? "" : " ") + finding.code;
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_findings)

BOOST_AUTO_TEST_CASE(every_reason_has_its_finding_and_never_more_than_a_warning) {
  const struct {
    DnsVerdict verdict;
    const char* reason;
    const char* expected;
  } rows[]{
      {DnsVerdict::no_leak, "EGRESS_IS_EXIT", ""},
      {DnsVerdict::no_leak, "PUBLIC_RESOLVER_VIA_TUNNEL", ""},
      {DnsVerdict::leak, "EGRESS_IS_UPLINK", "dns_egress_is_uplink"},
      {DnsVerdict::leak, "EGRESS_IS_UPLINK_ISP", "dns_egress_is_uplink"},
      {DnsVerdict::leak, "ECS_SHOWS_UPLINK", "dns_egress_is_uplink"},
      {DnsVerdict::leak, "CH_WHOAMI_IS_UPLINK", "dns_egress_is_uplink"},
      {DnsVerdict::leak, "DNS_PKTS_OUTSIDE_TUNNEL", "dns_packets_outside"},
      {DnsVerdict::leak, "RESOLVER_ROUTE_OUTSIDE_TUNNEL", "dns_resolver_outside"},
      {DnsVerdict::leak, "STUB_MULTI_LINK", "dns_resolver_outside"},
      {DnsVerdict::unverifiable, "U_DOCKER_HOST_FORWARD", "dns_unverifiable"},
      {DnsVerdict::unverifiable, "U_NO_EGRESS_ANSWER", "dns_unverifiable"},
      {DnsVerdict::unverifiable, "U_OUTSIDE_SILENT", "dns_unverifiable"},
      {DnsVerdict::unverifiable, "U_SERVER_UNPROVED", "dns_unverifiable"},
  };
  for (const auto& row : rows) {
    auto seen = sound();
    seen.dns = view(row.verdict, row.reason);
    BOOST_TEST(codes(seen) == row.expected, row.reason);
    for (const auto& finding : judge_dns(seen)) {
      BOOST_TEST((finding.severity == Severity::warning));
      BOOST_TEST(finding.evidence.at("reason") == row.reason);
      BOOST_TEST(finding.evidence.contains("why"));
    }
  }
}

BOOST_AUTO_TEST_CASE(further_reasons_bring_their_findings_each_once) {
  auto seen = sound();
  seen.dns =
      view(DnsVerdict::leak, "EGRESS_IS_UPLINK", {"ECS_SHOWS_UPLINK", "RESOLVER_ROUTE_OUTSIDE_TUNNEL", "RESOLVER_OUTSIDE_UNANSWERED"});
  BOOST_TEST(codes(seen) == "dns_egress_is_uplink dns_resolver_outside");
  // Each says what it is about, and only names the others.
  const auto outside = judge_dns(seen).at(1).evidence;
  BOOST_TEST(outside.at("reason") == "RESOLVER_ROUTE_OUTSIDE_TUNNEL");
  BOOST_TEST(outside.at("why") == std::string(dns_reason_text("RESOLVER_ROUTE_OUTSIDE_TUNNEL")));
  BOOST_TEST(outside.at("also") == (nlohmann::json{"EGRESS_IS_UPLINK", "ECS_SHOWS_UPLINK", "RESOLVER_OUTSIDE_UNANSWERED"}));
}

BOOST_AUTO_TEST_CASE(evidence_names_resolver_way_and_file) {
  auto seen = sound();
  seen.dns = view(DnsVerdict::leak, "RESOLVER_ROUTE_OUTSIDE_TUNNEL");
  const auto evidence = judge_dns(seen).at(0).evidence;
  BOOST_TEST(evidence.at("resolvers").at(0) == "192.168.77.1 outside the tunnel by eth0");
  BOOST_TEST(evidence.at("resolvers_from") == "/etc/resolv.conf");
  BOOST_TEST(evidence.at("egress").at(0) == "192.0.2.53");
  BOOST_TEST(evidence.at("answered") == "6 of 6");
}

BOOST_AUTO_TEST_CASE(evidence_names_the_program_that_answers_on_loopback) {
  auto seen = sound();
  seen.dns = view(DnsVerdict::leak, "EGRESS_IS_UPLINK");
  BOOST_TEST(!judge_dns(seen).at(0).evidence.contains("stub"));
  seen.dns->stub = "dnsmasq (pid 42)";
  BOOST_TEST(judge_dns(seen).at(0).evidence.at("stub") == "dnsmasq (pid 42)");
}

BOOST_AUTO_TEST_CASE(a_vpn_that_refuses_whoami_is_no_alarm_when_the_resolver_is_proved) {
  auto seen = sound();
  seen.whoami = WhoamiView{std::nullopt, {}, "answered whoami.cloudflare with REFUSED"};
  BOOST_TEST(codes(seen) == "dns_unverifiable");
  seen.dns = view(DnsVerdict::no_leak, "EGRESS_IS_EXIT");
  BOOST_TEST(codes(seen).empty());
  seen.dns = view(DnsVerdict::unverifiable, "U_NO_EGRESS_ANSWER");
  BOOST_TEST(codes(seen) == "dns_unverifiable");
}

BOOST_AUTO_TEST_CASE(no_answer_in_time_is_not_fine) {
  auto seen = sound();
  seen.dns_pending = PendingView{std::chrono::milliseconds{9'999}, false};
  BOOST_TEST(codes(seen).empty());
  seen.dns_pending->overdue = true;
  BOOST_TEST(codes(seen) == "dns_unverifiable");
}

BOOST_AUTO_TEST_CASE(a_leak_is_not_forgotten_while_the_next_answer_is_awaited) {
  auto seen = sound();
  seen.dns_pending = PendingView{std::chrono::milliseconds{40}, false};
  seen.dns_leaked_before = true;
  BOOST_TEST(codes(seen) == "dns_unverifiable");
  const auto evidence = judge_dns(seen).at(0).evidence;
  BOOST_TEST(evidence.at("error") == "it leaked before, and has not been looked at again yet");
  BOOST_TEST(evidence.at("waited_ms") == 40);
}

BOOST_AUTO_TEST_CASE(the_uplink_s_address_on_port_53_is_told_once) {
  auto seen = sound();
  seen.whoami->egress = IpAddress::parse("203.0.113.9").value();
  BOOST_TEST(codes(seen) == "dns_path_differs");
  seen.dns = view(DnsVerdict::leak, "CH_WHOAMI_IS_UPLINK");
  BOOST_TEST(codes(seen) == "dns_egress_is_uplink");
}

BOOST_AUTO_TEST_CASE(different_answers_are_named) {
  auto seen = sound();
  seen.dns = view(DnsVerdict::no_leak, "EGRESS_IS_EXIT");
  seen.dns->differences = {{"name.example", "NXDOMAIN", "198.51.100.1"}};
  BOOST_TEST(codes(seen) == "dns_answers_differ");
  const auto text = judge_dns(seen).at(0).evidence.at("names").at(0).get<std::string>();
  BOOST_TEST(text == "name.example: NXDOMAIN by the resolver of programs, 198.51.100.1 by a public one");
}

BOOST_AUTO_TEST_SUITE_END()

#include "probe/app/report_firewall.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

const auto time_of_day = parse_rfc3339("2026-11-21T10:15:30Z").value();

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(report_firewall)

BOOST_AUTO_TEST_CASE(what_left_is_told_with_where_to_and_who_sent_it) {
  PacketsView packets;
  packets.counting = true;
  packets.since = time_of_day;
  packets.total.dns = {3, 300};
  packets.total.v4 = {2, 200};
  packets.total.v6 = {1, 100};
  packets.total.endpoint_misuse = {1, 40};
  packets.total.destinations = {{ip("2001:db8::9"), IPPROTO_ICMPV6, 0, {}, {1, 100}},
                                {ip("203.0.113.53"), IPPROTO_UDP, 53, 1000, {3, 300}},
                                {ip("203.0.113.80"), IPPROTO_TCP, 443, 0, {2, 200}},
                                {ip("203.0.113.81"), 47, 0, {}, {1, 40}}};
  packets.local = {40, 4000};
  const auto leak = leak_report(packets);
  BOOST_TEST(leak.counting);
  BOOST_TEST((leak.since == time_of_day));
  BOOST_TEST(leak.packets == 7U);
  BOOST_TEST(leak.bytes == 640U);
  BOOST_TEST(leak.dns_packets == 3U);
  BOOST_TEST(leak.endpoint_packets == 1U);
  BOOST_TEST(leak.local_packets == 40U);
  const std::vector<LeakDestinationReport> expected{{"203.0.113.53", "udp", 53, 1000, 3, 300},
                                                    {"203.0.113.80", "tcp", 443, 0, 2, 200},
                                                    {"2001:db8::9", "icmpv6", {}, {}, 1, 100},
                                                    {"203.0.113.81", "47", {}, {}, 1, 40}};
  BOOST_TEST((leak.destinations == expected));
}

BOOST_AUTO_TEST_CASE(of_where_it_went_no_more_is_told_than_is_wanted) {
  PacketsView packets;
  packets.total.destinations = {{ip("203.0.113.53"), IPPROTO_UDP, 53, 1000, {3, 300}},
                                {ip("203.0.113.54"), IPPROTO_UDP, 53, 1000, {2, 200}},
                                {ip("2001:db8:1:2::9"), IPPROTO_TCP, 443, {}, {1, 100}}};
  const auto told = [&packets](DestinationDetail detail) { return leak_report(packets, detail).destinations; };
  const std::vector<LeakDestinationReport> networks{{"203.0.113.0/24", "udp", 53, 1000, 5, 500},
                                                    {"2001:db8:1::/48", "tcp", 443, {}, 1, 100}};
  BOOST_TEST((told(DestinationDetail::prefix) == networks));
  const std::vector<LeakDestinationReport> countries{{"?", "udp", 53, 1000, 5, 500}, {"?", "tcp", 443, {}, 1, 100}};
  BOOST_TEST((told(DestinationDetail::country) == countries));
  const std::vector<LeakDestinationReport> nothing{{"", "udp", {}, 1000, 5, 500}, {"", "tcp", {}, {}, 1, 100}};
  BOOST_TEST((told(DestinationDetail::none) == nothing));
}

BOOST_AUTO_TEST_CASE(where_nothing_is_counted_the_reason_stands) {
  PacketsView packets;
  packets.why_not = "CAP_NET_ADMIN is needed in the namespace to count packets";
  const auto leak = leak_report(packets);
  BOOST_TEST(!leak.counting);
  BOOST_TEST(!leak.since.has_value());
  BOOST_TEST(leak.why == packets.why_not);
}

KillSwitchView kill_switch(KillSwitchView::Mode mode, KillSwitchView::State state) {
  KillSwitchView view;
  view.mode = mode;
  view.state = state;
  view.stopped = {12, 900};
  view.since = time_of_day;
  return view;
}

RulesetView ruleset(RulesetView::Verdict verdict) {
  RulesetView view;
  view.verdict = verdict;
  view.changed_by = "nft (pid 7)";
  view.changed_at = time_of_day;
  return view;
}

BOOST_AUTO_TEST_CASE(each_state_of_the_kill_switch_has_its_word) {
  using View = KillSwitchView;
  const auto words = [](View::Mode mode, View::State state) {
    const auto report = kill_switch_report(kill_switch(mode, state));
    return report.mode + " " + report.state;
  };
  BOOST_TEST(words(View::Mode::off, View::State::off) == "off off");
  BOOST_TEST(words(View::Mode::armed, View::State::armed) == "armed armed");
  BOOST_TEST(words(View::Mode::on_danger, View::State::changed) == "on-danger changed");
  BOOST_TEST(words(View::Mode::armed, View::State::unproven) == "armed unproven");
  BOOST_TEST(words(View::Mode::armed, View::State::failed) == "armed failed");
  const auto report = kill_switch_report(kill_switch(View::Mode::armed, View::State::armed));
  BOOST_TEST(report.stopped_packets == 12U);
  BOOST_TEST((report.since == time_of_day));
}

BOOST_AUTO_TEST_CASE(ruleset_udp_and_large_packets_have_their_words) {
  const auto verdict = [](RulesetView::Verdict of) { return ruleset_report(ruleset(of)).verdict; };
  BOOST_TEST(verdict(RulesetView::Verdict::holds) == "holds");
  BOOST_TEST(verdict(RulesetView::Verdict::lets_out) == "lets_out");
  BOOST_TEST(verdict(RulesetView::Verdict::undecided) == "undecided");
  BOOST_TEST(ruleset_report(ruleset(RulesetView::Verdict::holds)).changed_by == "nft (pid 7)");

  UdpView udp;
  udp.in_v4.error = "no answer";
  BOOST_TEST(!udp_exit_report(udp).has_value());
  udp.in_v6.address = ip("2001:db8::2");
  BOOST_TEST((udp_exit_report(udp) == UdpExitReport{{}, "2001:db8::2"}));

  using Lost = LargePacketsView::Lost;
  const std::pair<Lost, std::string> rows[]{
      {Lost::none, "ok"}, {Lost::requests, "lost_requests"}, {Lost::answers, "lost_answers"}, {Lost::unknown, "unknown"}};
  for (const auto& [lost, word] : rows) BOOST_TEST(mtu_report({lost, {}, {}}).large_packets == word);
}

BOOST_AUTO_TEST_SUITE_END()

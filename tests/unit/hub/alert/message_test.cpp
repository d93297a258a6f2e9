#include "hub/alert/message.hpp"

#include <boost/test/unit_test.hpp>
#include <sstream>

#include "hub/alert/telegram_reply.hpp"
#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(message)

using namespace vpn_sentinel;
using test::at;
using test::late;
using test::report;
using test::stopping;
using test::with_address;

namespace {

std::string text_of(const Change& change) {
  const auto notice = notice_of(change);
  return notice ? telegram_html(*notice) : "";
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The text of the last change that these reports make.
std::string text_after(const std::vector<Admitted>& reports) {
  Fleet fleet{FleetPolicy{}};
  std::vector<Change> changes;
  for (const auto& admitted : reports) changes = fleet.apply(admitted);
  BOOST_REQUIRE_EQUAL(changes.size(), 1U);
  return text_of(changes.front());
}

std::string text_of_silence() {
  Fleet fleet{FleetPolicy{}};
  fleet.apply(report("office", "b", 1, State::secure, at(0)));
  return text_of(fleet.expire(at(32)).at(0));
}

/// Every tag that opens is closed, in order.
bool is_balanced(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t i = html.find('<'); i != std::string::npos; i = html.find('<', i + 1)) {
    const auto tag = html.substr(i + 1, html.find('>', i) - i - 1);
    if (!tag.starts_with('/')) {
      open.push_back(tag);
    } else if (open.empty() || open.back() != tag.substr(1)) {
      return false;
    } else {
      open.pop_back();
    }
  }
  return open.empty();
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_comes_within_one_state_is_the_headline_with_who_did_it) {
  auto before = report("office", "b", 1, State::warning, at(0));
  auto after = report("office", "b", 2, State::warning, at(60));
  after.report.findings.push_back(test::finding("kill_switch_changed", Severity::warning, at(60)));
  after.report.findings.back().evidence["changed_by"] = "nft (pid 4242)";
  const auto text = text_after({before, after});
  BOOST_TEST_INFO(text);
  BOOST_TEST(first_line(text) ==
             "🟡 <b>STILL WARNING, and now: Somebody changed the firewall rules that held packets back if the tunnel fails.</b>");
  BOOST_TEST(has(text, "🔎 Evidence: changed_by=nft (pid 4242)"));
  BOOST_TEST(has(text, "Since: 2026-11-21 10:01:00 UTC\nBefore: warning for 1 m"));
}

BOOST_AUTO_TEST_CASE(a_secure_client_connects_with_the_originals_title_and_facts) {
  auto admitted = report("office", "b", 1, State::secure, at(0));
  admitted.report.location = LocationReport{"RO", "Bucharest", "B", "AS64500 Example", "Europe/Bucharest"};
  admitted.report.dns_location = "RO";
  admitted.report.dns_colo = "OTP";
  admitted.report.tunnel = TunnelReport{"wg0", "wireguard", true, {}, {}, {}, {}};
  BOOST_TEST(text_after({admitted}) ==
             "🟢 <b>VPN Connected!</b>\n"
             "Client: <code>office</code>\n"
             "\n"
             "Connected at: 2026-11-21 10:00:00 UTC\n"
             "\n"
             "VPN IP: <code>198.51.100.2</code>\n"
             "📍 Location: Bucharest, B, RO\n"
             "🏢 Provider: AS64500 Example\n"
             "🕒 VPN Timezone: Europe/Bucharest\n"
             "🔒 DNS: answers from RO (OTP)\n"
             "🔌 Tunnel: <code>wg0</code> (wireguard), up\n"
             "📦 Version: <code>1.0.0</code>");
}

BOOST_AUTO_TEST_CASE(the_first_line_tells_every_kind_and_state_apart) {
  const auto secure = report("office", "b", 1, State::secure, at(0));
  const auto next = [](State state) { return report("office", "b", 2, state, at(10)); };
  BOOST_TEST(first_line(text_after({report("a", "b", 1, State::danger, at(0))})) ==
             "🔴 <b>VPN Connected!</b> DANGER: traffic can leave outside the VPN");
  BOOST_TEST(first_line(text_after({secure, next(State::danger)})) == "🔴 <b>DANGER: traffic can leave outside the VPN</b>");
  BOOST_TEST(first_line(text_after({secure, next(State::warning)})) ==
             "🟡 <b>WARNING: protection is weakened or could not be verified</b>");
  BOOST_TEST(first_line(text_after({secure, next(State::contained)})) == "🔵 <b>CONTAINED: the VPN is down, nothing can leave</b>");
  BOOST_TEST(first_line(text_after({report("a", "b", 1, State::danger, at(0)), report("a", "b", 2, State::secure, at(10))})) ==
             "🟢 <b>SECURE again: the VPN protects</b>");
  BOOST_TEST(first_line(text_after({secure, with_address(next(State::secure), "203.0.113.9")})) == "🟢 <b>VPN IP Changed!</b>");
  BOOST_TEST(first_line(text_of_silence()) == "⚪ <b>OFFLINE: the probe is silent, protection unknown</b>");
  BOOST_TEST(first_line(text_after({secure, stopping(next(State::secure))})) ==
             "⚪ <b>STOPPED: the probe was ended, nobody is watching</b>");
  const auto stopped = stopping(next(State::secure));
  BOOST_TEST(first_line(text_after({secure, stopped, report("office", "c", 1, State::secure, at(60))})) ==
             "🟢 <b>BACK and SECURE: the VPN protects</b>");
  BOOST_TEST(first_line(text_after({secure, stopped, report("office", "c", 1, State::danger, at(60))})) ==
             "🔴 <b>BACK, but DANGER: traffic can leave outside the VPN</b>");
}

BOOST_AUTO_TEST_CASE(what_a_rule_lets_out_is_told_with_whom) {
  auto danger = report("office", "b", 2, State::danger, at(70));
  danger.report.findings.at(0).code = "rule_changed";
  danger.report.findings.at(0).evidence = nlohmann::json::parse(
      R"({"routes": [{"destination": "8.0.0.1", "device": "eth0", "gateway": "203.0.113.1", "for": "uid 1000-1999"}]})");
  const auto text = text_after({report("office", "b", 1, State::secure, at(0)), danger});
  BOOST_TEST(text.find("8.0.0.1 dev eth0 via 203.0.113.1 for uid 1000-1999") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(danger_says_what_since_when_and_what_to_do) {
  auto danger = report("office", "b", 2, State::danger, at(70));
  danger.report.findings.at(0).since = at(69);
  danger.report.findings.at(0).evidence = {{"destination", "8.0.0.1"}, {"interface", "eth0"}};
  danger.report.findings.insert(danger.report.findings.begin(), test::finding("dns_unverifiable", Severity::warning, at(70)));
  danger.report.findings.push_back(test::finding("flapping", Severity::information, at(70)));
  const auto text = text_after({report("office", "b", 1, State::secure, at(0)), danger});
  const auto* leak = find_text("default_route_outside");
  const auto worst = text.find("• " + escape_html(leak->meaning));
  BOOST_TEST(worst < text.find("• " + escape_html(find_text("dns_unverifiable")->meaning)));
  BOOST_TEST(has(text, "👉 What to do: " + escape_html(leak->advice)));
  BOOST_TEST(has(text, "🔎 Evidence: destination=8.0.0.1, interface=eth0"));
  BOOST_TEST(has(text, "Since: 2026-11-21 10:01:09 UTC"));
  BOOST_TEST(has(text, "Before: secure for 1 min 9 s"));
  BOOST_TEST(!has(text, find_text("flapping")->meaning.data()));
}

BOOST_AUTO_TEST_CASE(recovery_says_how_long_it_lasted) {
  const auto text = text_after({report("a", "b", 1, State::danger, at(0)), report("a", "b", 2, State::secure, at(252))});
  BOOST_TEST(has(text, "Recovered: danger for 4 min 12 s"));
}

BOOST_AUTO_TEST_CASE(an_address_change_names_the_old_address_before_the_new_one) {
  const auto text =
      text_after({report("a", "b", 1, State::secure, at(0)), with_address(report("a", "b", 2, State::secure, at(10)), "203.0.113.9")});
  BOOST_TEST(has(text, "Previous IP: <code>198.51.100.2</code>\nVPN IP: <code>203.0.113.9</code>"));
}

BOOST_AUTO_TEST_CASE(silence_says_when_the_last_report_came_and_shows_nothing_as_current) {
  const auto text = text_of_silence();
  BOOST_TEST(has(text, "Last report: 2026-11-21 10:00:00 UTC"));
  BOOST_TEST(has(text, "Last known state: secure for 32 s"));
  BOOST_TEST(has(text, "Last VPN IP: <code>198.51.100.2</code>"));
  BOOST_TEST(has(text, escape_html(find_text("lease_expired")->advice)));
}

BOOST_AUTO_TEST_CASE(a_report_that_came_late_says_so) {
  const auto text = text_after({report("a", "b", 1, State::secure, at(0)), late(report("a", "b", 2, State::danger, at(10)), at(320))});
  BOOST_TEST(has(text, "⏳ Told late: the hub learnt it 5 min 10 s afterwards"));
  const auto soon = text_after({report("a", "b", 1, State::secure, at(0)), late(report("a", "b", 2, State::danger, at(10)), at(60))});
  BOOST_TEST(!has(soon, "late"));
}

BOOST_AUTO_TEST_CASE(everything_from_outside_is_escaped) {
  auto admitted = report("office", "b", 1, State::danger, at(0));
  auto& content = admitted.report;
  content.location = LocationReport{"<b>", "<a href=\"x\">", "&", "<script>", "<i>"};
  content.client_version = "<u>";
  content.dns_location = "<s>";
  content.dns = DnsReport{"<code>", "", {}};
  content.tunnel = TunnelReport{"<b>", "<i>", true, {}, {}, {}, {}};
  content.findings.at(0).evidence = {{"<key>", "<value>"}};
  content.findings.push_back(test::finding("<code>", Severity::warning, at(0)));
  const auto text = text_after({admitted});
  BOOST_TEST_CONTEXT(text) {
    BOOST_TEST(is_balanced(text));
    for (const char* part : {"<a", "<script", "<i>", "<u>", "<s>", "<key", "<value"}) BOOST_TEST(!has(text, part));
  }
}

BOOST_AUTO_TEST_CASE(the_longest_text_fits_and_its_tags_are_whole) {
  auto admitted = report(std::string(100, 'a'), "b", 1, State::danger, at(0));
  const std::string much(5000, '<');
  admitted.report.location = LocationReport{much, much, much, much, much};
  admitted.report.client_version = much;
  admitted.report.dns_location = much;
  admitted.report.tunnel = TunnelReport{much, much, true, {}, {}, {}, {}};
  admitted.report.findings.clear();
  for (int i = 0; i < 100; ++i) {
    admitted.report.findings.push_back({"default_route_outside", Severity::danger, at(0), {{"key", much}}});
  }
  const auto text = text_after({admitted});
  BOOST_TEST(text.size() <= 4000U);
  BOOST_TEST(is_balanced(text));
  BOOST_TEST(has(text, "• and 94 more"));
}

BOOST_AUTO_TEST_CASE(a_cut_never_splits_a_character) {
  auto admitted = report("a", "b", 1, State::secure, at(0));
  std::string many;
  for (int i = 0; i < 200; ++i) many += "ń";
  admitted.report.location = LocationReport{"", many, "", "", ""};
  BOOST_TEST(has(text_after({admitted}), "ńń…"));
}

BOOST_AUTO_TEST_CASE(a_probe_that_stopped_before_it_was_heard_is_not_announced) {
  Change change;
  change.kind = Change::Kind::connected;
  change.to = State::offline;
  BOOST_TEST(!notice_of(change).has_value());
}

BOOST_AUTO_TEST_CASE(the_start_text_says_version_time_and_what_is_known) {
  const auto text = telegram_html(start_notice("1.0.0", at(0), 3));
  BOOST_TEST(has(text, "1.0.0"));
  BOOST_TEST(has(text, "Known clients: 3"));
  BOOST_TEST(has(text, "2026-11-21 10:00:00 UTC"));
  BOOST_TEST(is_balanced(text));
}

BOOST_AUTO_TEST_CASE(what_a_silent_client_has_been_through_is_told_when_it_is_bad_news_and_never_as_protection) {
  Fleet fleet{FleetPolicy{}};
  fleet.apply(report("office", "b", 1, State::secure, at(0)));
  fleet.expire(at(32));
  const auto leak = fleet.apply(test::queued(report("office", "b", 2, State::danger, at(100)), at(300)));
  const auto text = text_of(leak.at(0));
  BOOST_TEST(has(first_line(text), "🔴"));
  BOOST_TEST(has(text, escape_html(find_text("default_route_outside")->meaning)));
  BOOST_TEST(has(text, "Since: 2026-11-21 10:01:40 UTC"));
  BOOST_TEST(has(text, "still silent"));
  BOOST_TEST(!has(text, find_text("lease_expired")->meaning.data()));
  BOOST_TEST(is_balanced(text));
  const auto mended = fleet.apply(test::queued(report("office", "b", 3, State::secure, at(200)), at(300)));
  BOOST_TEST(mended.size() == 1U);
  BOOST_TEST(text_of(mended.at(0)) == "");
}

BOOST_AUTO_TEST_SUITE_END()

#include "hub/alert/leak_words.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/alert/message.hpp"
#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(leak_words)

using namespace vpn_sentinel;
using test::at;
using test::report;

namespace {

/// The change that goes from one state to the next.
Change change_between(State from, State to, BoxedOptional<KillSwitchReport> kill_switch = {}) {
  Fleet fleet{FleetPolicy{}};
  fleet.apply(report("office", "b", 1, from, at(0)));
  auto next = report("office", "b", 2, to, at(12));
  next.report.kill_switch = std::move(kill_switch);
  return fleet.apply(next).at(0);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string text_of(const Change& change) {
  const auto notice = notice_of(change);
  return notice ? telegram_html(*notice) : "";
}

}  // namespace

BOOST_AUTO_TEST_CASE(amounts_are_short) {
  const std::pair<std::uint64_t, std::string> rows[]{{0, "0 bytes"},      {1, "1 byte"},         {999, "999 bytes"},   {1000, "1.0 kB"},
                                                     {1540, "1.5 kB"},    {9950, "10 kB"},       {12'345, "12 kB"},    {999'499, "999 kB"},
                                                     {999'500, "1.0 MB"}, {2'000'000, "2.0 MB"}, {UINT64_MAX, "18 EB"}};
  for (const auto& [bytes, text] : rows) BOOST_TEST(human_bytes(bytes) == text);
}

BOOST_AUTO_TEST_CASE(a_recovery_tells_how_long_how_much_where_to_and_who) {
  auto change = change_between(State::danger, State::secure);
  change.exposed = std::chrono::seconds{12};
  change.leaked = LeakTotal{8, 1540, {{"203.0.113.53", "udp", 53, 1000, 7, 1440}, {"2001:db8::9", "47", {}, {}, 1, 100}}};
  BOOST_TEST_INFO(text_of(change));
  BOOST_TEST(has(text_of(change),
                 "⏱ Exposed for: 12 s\n"
                 "📤 <b>Left outside meanwhile: 8 packets (1.5 kB)</b>\n"
                 "• <code>203.0.113.53</code> UDP 53: 7 packets (1.4 kB), uid 1000\n"
                 "• <code>2001:db8::9</code> protocol 47: 1 packet (100 bytes)\n"));
}

BOOST_AUTO_TEST_CASE(nothing_left_is_another_thing_than_nobody_counted) {
  auto change = change_between(State::danger, State::secure);
  BOOST_TEST(!has(text_of(change), "📤"));
  change.leaked = LeakTotal{};
  BOOST_TEST(has(text_of(change), "📤 Nothing was seen to leave outside meanwhile"));
  change.leaked.reset();
  change.client.last_report.leak = LeakReport{};
  change.client.last_report.leak->why = "CAP_NET_ADMIN is <needed>";
  BOOST_TEST(has(text_of(change), "📤 What leaves outside is not counted: CAP_NET_ADMIN is &lt;needed&gt;"));
  auto warning = change_between(State::secure, State::warning);
  warning.leaked = LeakTotal{};
  BOOST_TEST(!has(text_of(warning), "📤"));
}

BOOST_AUTO_TEST_CASE(what_was_not_counted_all_the_time_is_never_nothing) {
  auto change = change_between(State::danger, State::secure);
  change.leaked = LeakTotal{};
  change.leaked->at_least = true;
  BOOST_TEST(has(text_of(change), "📤 What left outside meanwhile is not known: it was not counted all the time"));
  BOOST_TEST(!has(text_of(change), "Nothing was seen"));
  change.leaked->packets = 3;
  change.leaked->bytes = 300;
  BOOST_TEST(has(text_of(change), "📤 <b>Left outside meanwhile: at least 3 packets (300 bytes)</b>"));
  auto silent = change_between(State::danger, State::secure);
  silent.to = State::offline;
  silent.leaked = LeakTotal{};
  BOOST_TEST(has(text_of(silent), "📤 Nothing was seen to leave outside until the last report"));
}

BOOST_AUTO_TEST_CASE(many_destinations_are_cut) {
  auto change = change_between(State::secure, State::danger);
  change.leaked = LeakTotal{20, 2000, std::vector<LeakDestinationReport>(9, {"203.0.113.53", "tcp", 443, {}, 2, 200})};
  const auto lines = leak_lines(change);
  BOOST_TEST(lines.size() == 7U);
  BOOST_TEST(lines.front().value == "📤 Left outside so far: 20 packets (2.0 kB)");
  BOOST_TEST(lines.back().value == "and 4 more");
}

BOOST_AUTO_TEST_CASE(contained_by_the_kill_switch_is_told_as_such) {
  const auto first_line = [](const Change& change) { return text_of(change).substr(0, text_of(change).find('\n')); };
  const auto held = change_between(State::danger, State::contained, KillSwitchReport{"armed", "armed", {}, at(0), 12});
  BOOST_TEST(first_line(held) == "🔵 <b>CONTAINED: the VPN is down, the kill switch holds everything back</b>");
  BOOST_TEST(has(text_of(held), "🧱 Kill switch: holds, 12 packets stopped"));
  const auto unproven = change_between(State::danger, State::contained, KillSwitchReport{"armed", "unproven", "a canary left", at(0), 0});
  BOOST_TEST(first_line(unproven) == "🔵 <b>CONTAINED: the VPN is down, nothing can leave</b>");
  BOOST_TEST(has(text_of(unproven), "🧱 Kill switch: could NOT be proved to hold: a canary left"));
}

BOOST_AUTO_TEST_CASE(each_state_of_the_kill_switch_has_its_words) {
  const auto words = [](std::string mode, std::string state, std::string why = {}) {
    Report told;
    told.kill_switch = KillSwitchReport{std::move(mode), std::move(state), std::move(why), {}, 0};
    return kill_switch_text(told);
  };
  BOOST_TEST(words("armed", "armed") == "holds");
  BOOST_TEST(words("off", "off").empty());
  BOOST_TEST(words("on-danger", "off").empty());
  BOOST_TEST(words("armed", "off") == "OFF although it should be armed");
  BOOST_TEST(words("armed", "changed", "a rule is missing") == "somebody CHANGED it: a rule is missing");
  BOOST_TEST(words("armed", "failed", "x") == "FAILED: x");
  BOOST_TEST(words("armed", "newword") == "NEWWORD");
  BOOST_TEST(kill_switch_text(Report{}).empty());
}

BOOST_AUTO_TEST_SUITE_END()

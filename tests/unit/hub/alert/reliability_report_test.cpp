#include "hub/alert/reliability_report.hpp"

#include <boost/test/unit_test.hpp>

namespace vpn_sentinel {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

SubjectReliability subject(const std::string& name, const Stretch& period, TimeParts parts) {
  SubjectReliability subject{name, {period, parts, {}, false}, {}};
  subject.periods = {subject.total, subject.total};
  return subject;
}

/// October in Berlin: one client with a leak, one that was green all the time, and their group.
ReliabilityReport october() {
  ReliabilityReport report;
  report.zone = TimeZone::find("Europe/Berlin").value();
  report.period = report.zone.month("2026-10").value();
  report.title = month_title(report.period.from, report.zone);
  report.made = report.period.to + hours{5};
  TimeParts green;
  green.judged[0] = report.period.length();
  TimeParts leaked = green;
  leaked.judged[0] -= minutes{2} + hours{1};
  leaked.judged[3] = minutes{2};
  leaked.offline = hours{1};
  report.subjects = {subject("green", report.period, green), subject("leaked", report.period, leaked),
                     subject("group:office", report.period, leaked)};
  report.subjects[1].total.incidents = {2, 2, 2, 0, hours{1} + minutes{2}, hours{1}, 7};
  return report;
}

BOOST_AUTO_TEST_SUITE(reliability_report)

BOOST_AUTO_TEST_CASE(a_page_needs_nothing_from_elsewhere_and_runs_nothing) {
  const auto html = report_html(october());
  for (const auto* part : {"<script", "http:", "https:", "src=", "url(", "@import", "onload"}) {
    BOOST_TEST_CONTEXT(part) { BOOST_TEST(!has(html, part)); }
  }
  for (const auto* part : {"prefers-color-scheme:dark", "@media print", "size:A4", "lang=\"en\"", "October 2026", "2026-10-01 00:00 +02:00",
                           "2026-11-01 00:00 +01:00"}) {
    BOOST_TEST_CONTEXT(part) { BOOST_TEST(has(html, part)); }
  }
}

BOOST_AUTO_TEST_CASE(the_message_has_the_sums_and_names_who_was_in_danger) {
  const auto notice = report_notice(october());
  BOOST_TEST((notice.kind == Notice::Kind::report));
  BOOST_TEST(notice.title == "📊 October 2026: protected 99.93 % of the time, in danger 2 min");
  const auto worst = std::ranges::count(notice.facts, "•", &Notice::Line::label);
  BOOST_TEST(worst == 1);
  BOOST_TEST(notice.facts.back().value == "leaked: in danger 2 min");
}

BOOST_AUTO_TEST_CASE(who_was_in_danger_comes_first_and_nobody_is_rounded_up_to_all_of_the_time) {
  const auto html = report_html(october());
  BOOST_TEST(html.find(">leaked<") < html.find(">green<"));
  BOOST_TEST(has(html, "99.86 %"));  // 745 hours but 62 minutes
  BOOST_TEST(has(html, "100 %"));
  BOOST_TEST(has(html, "2 min"));
  BOOST_TEST(has(html, "31 min"));  // two incidents of 62 minutes together
}

BOOST_AUTO_TEST_CASE(the_total_counts_clients_and_not_their_groups_again) {
  const auto json = report_json(october());
  BOOST_TEST(json["total"]["danger_s"] == 120);
  BOOST_TEST(json["total"]["offline_s"] == 3600);
  BOOST_TEST(json["total"]["incidents"]["count"] == 2);
  BOOST_TEST(json["reliability"].size() == 3U);
  BOOST_TEST(json["reliability"][0]["total"]["protected_share"] == 1.0);
}

BOOST_AUTO_TEST_CASE(a_terminal_has_the_same_numbers) {
  const auto text = report_text(october());
  for (const auto* part : {"October 2026", "leaked", "99.86 %", "100 %", "1 h", "all"}) {
    BOOST_TEST_CONTEXT(part << " in " << text) { BOOST_TEST(has(text, part)); }
  }
}

BOOST_AUTO_TEST_CASE(names_are_text_and_nothing_else) {
  auto report = october();
  report.subjects[0].client_id = "<b>\"&'";
  BOOST_TEST(has(report_html(report), "&lt;b&gt;&quot;&amp;&#39;"));
  BOOST_TEST(!has(report_html(report), "<b>\""));
}

BOOST_AUTO_TEST_CASE(a_month_without_clients_says_so) {
  auto report = october();
  report.subjects.clear();
  BOOST_TEST(has(report_html(report), "No client was known"));
  BOOST_TEST(has(report_text(report), "–"));
}

BOOST_AUTO_TEST_CASE(strips_have_a_day_each_and_are_left_out_of_a_large_fleet) {
  const auto report = october();
  const auto days = report_periods(report.period, report.zone, most_strips);
  BOOST_TEST(days.size() == 31U);
  BOOST_TEST((days.back().length() == hours{24} && days[24].length() == hours{25}));
  BOOST_TEST(report_periods(report.period, report.zone, most_strips + 1).size() == 1U);
  const auto half = Stretch{report.period.from, report.period.from + hours{30}};
  BOOST_TEST((report_periods(half, report.zone, 1).back().length() == hours{6}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

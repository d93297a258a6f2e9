#include "hub/alert/monthly_report.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/alert/report_plan.hpp"
#include "hub/alert/telegram_document.hpp"

BOOST_AUTO_TEST_SUITE(monthly_report)

using namespace vpn_sentinel;

namespace {

ReportPlan plan_of(const char* text) {
  auto plan = parse_report_plan(nlohmann::json::parse(text));
  BOOST_REQUIRE_MESSAGE(plan.has_value(), (plan ? "" : plan.error().message));
  return *plan;
}

std::string newest(const char* plan, const char* now) { return plan_of(plan).newest(parse_rfc3339(now).value()).name; }

}  // namespace

BOOST_AUTO_TEST_CASE(a_report_is_due_at_its_hour_of_its_day_in_its_zone) {
  BOOST_TEST(newest("{}", "2026-11-01T07:59:59Z") == "2026-09");
  BOOST_TEST(newest("{}", "2026-11-01T08:00:00Z") == "2026-10");
  BOOST_TEST(newest(R"({"day":28,"hour":23})", "2027-01-28T22:59:59Z") == "2026-11");
  BOOST_TEST(newest(R"({"day":28,"hour":23})", "2027-01-28T23:00:00Z") == "2026-12");
  const auto* const berlin = R"({"day":1,"hour":0,"time_zone":"Europe/Berlin"})";
  BOOST_TEST(newest(berlin, "2026-10-31T22:59:59Z") == "2026-09");
  BOOST_TEST(newest(berlin, "2026-10-31T23:00:00Z") == "2026-10");
  // 2026-03-29 is the day of 23 hours.
  const auto* const spring = R"({"day":28,"hour":8,"time_zone":"Europe/Berlin"})";
  BOOST_TEST(newest(spring, "2026-03-28T06:59:59Z") == "2026-01");
  BOOST_TEST(newest(spring, "2026-03-28T07:00:00Z") == "2026-02");
  const auto month = plan_of(berlin).newest(parse_rfc3339("2026-11-05T00:00:00Z").value()).month;
  BOOST_TEST(to_rfc3339(month.from).starts_with("2026-09-30T22:00:00"));
  BOOST_TEST(to_rfc3339(month.to).starts_with("2026-10-31T23:00:00"));
}

BOOST_AUTO_TEST_CASE(a_plan_that_is_none_is_refused) {
  for (const auto* text :
       {R"({"day":0})", R"({"day":29})", R"({"hour":24})", R"({"time_zone":"+02:00"})", R"({"channels":["A"]})", R"({"x":1})"}) {
    BOOST_TEST_CONTEXT(text) { BOOST_TEST(!parse_report_plan(nlohmann::json::parse(text)).has_value()); }
  }
}

BOOST_AUTO_TEST_CASE(a_page_goes_with_its_message_through_the_store) {
  Notice notice;
  notice.kind = Notice::Kind::report;
  notice.title = "📊 October 2026";
  const ReportPage page{"vpn-sentinel-2026-10.html", "<!doctype html>\n\"ü\" \\ </html>"};
  const auto text = to_text(notice, page);
  BOOST_TEST((page_of(text) == page));
  BOOST_TEST((parse_notice(text) == notice));
  BOOST_TEST(!page_of(to_text(notice)).has_value());
  // Who says so in words has no page.
  notice.text = R"("page_name":)";
  BOOST_TEST(!page_of(to_text(notice)).has_value());
  const auto large = to_text(notice, {"x.html", std::string(ReportPage::most_bytes + 1, 'x')});
  BOOST_TEST(!page_of(large).has_value());
  BOOST_TEST(parse_notice(large)->text.find("too large") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_document_for_telegram_is_a_form_whose_boundary_is_in_no_part) {
  const ReportPage page{"report.html", "<p>vpn-sentinel-part-0</p>"};
  const auto form = telegram_document({"-100", 7, true}, "<b>words</b>", page);
  BOOST_TEST(form.content_type == "multipart/form-data; boundary=vpn-sentinel-part-1");
  BOOST_TEST(form.body.starts_with("--vpn-sentinel-part-1\r\n"));
  BOOST_TEST(form.body.ends_with("\r\n--vpn-sentinel-part-1--\r\n"));
  for (const auto* part :
       {"name=\"chat_id\"\r\n\r\n-100\r\n", "name=\"message_thread_id\"\r\n\r\n7\r\n", "name=\"disable_notification\"\r\n\r\ntrue\r\n",
        "name=\"caption\"\r\n\r\n<b>words</b>\r\n", "filename=\"report.html\"", "\r\n\r\n<p>vpn-sentinel-part-0</p>\r\n"}) {
    BOOST_TEST_CONTEXT(part) { BOOST_TEST(form.body.find(part) != std::string::npos); }
  }
}

BOOST_AUTO_TEST_SUITE_END()

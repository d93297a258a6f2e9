#include "hub/http/reliability.hpp"

#include <sodium.h>

#include <array>
#include <boost/test/unit_test.hpp>

#include "fake_engine.hpp"
#include "fake_request.hpp"
#include "hub/accounts/secrets.hpp"

namespace vpn_sentinel {
namespace {

struct Questions {
  FakeEngine engine;
  Router router;

  Questions() {
    add_reliability_routes(router, "", engine);
    for (const auto* id : {"a", "b", "c"}) engine.add(client_of(id, State::secure));
    auto group = client_of("group:office", State::secure);
    group.rule = "any";
    engine.add(group);
  }
  Response get(const std::string& path, const std::string& query = {}) const {
    Response answer{0, "", "nothing", {}};
    const FakeRequest request{.path = path, .query = query};
    router.handle(request.view(), [&](Response response) { answer = std::move(response); });
    return answer;
  }
  nlohmann::json json(const std::string& query) const { return nlohmann::json::parse(get("/reliability", query).body); }
};

const std::string october = "from=2025-10-01T00:00:00Z&to=2025-11-01T00:00:00Z";

BOOST_FIXTURE_TEST_SUITE(reliability, Questions)

BOOST_AUTO_TEST_CASE(a_time_is_one_period_or_the_days_weeks_and_months_of_a_zone) {
  BOOST_TEST(json(october + "&client=a")["reliability"][0]["periods"].size() == 1U);
  const auto days = json(october + "&client=a&period=day&zone=Europe/Berlin")["reliability"][0]["periods"];
  // 1 October is two hours old in Berlin when it begins in UTC, and 1 November an hour.
  BOOST_TEST_REQUIRE(days.size() == 32U);
  BOOST_TEST(days[0]["length_s"] == 22 * 3600);
  BOOST_TEST(days[25]["length_s"] == 25 * 3600);
  BOOST_TEST(days[31]["length_s"] == 3600);
  BOOST_TEST(json(october + "&client=a&period=month")["reliability"][0]["total"]["length_s"] == 31 * 86400);
  BOOST_TEST(engine.reader.asked_reliability.hints_at.has_value());
}

BOOST_AUTO_TEST_CASE(clients_come_page_by_page_without_their_groups) {
  const auto first = json(october + "&limit=2");
  BOOST_TEST(first["reliability"].size() == 2U);
  BOOST_TEST(first["next"] == "b");
  const auto second = json(october + "&limit=2&after=b");
  BOOST_TEST(second["reliability"].size() == 1U);
  BOOST_TEST(second["reliability"][0]["client_id"] == "c");
  BOOST_TEST(!second.contains("next"));
  BOOST_TEST(!second["reliability"][0].contains("hints"));
  BOOST_TEST(json(october + "&after=c")["reliability"].empty());
  BOOST_TEST(json(october + "&group=office")["reliability"][0]["client_id"] == "group:office");
}

BOOST_AUTO_TEST_CASE(what_has_not_been_yet_is_left_out) {
  const auto soon = to_rfc3339(wall_now() + std::chrono::hours{24});
  const auto answer = json("client=a&from=" + to_rfc3339(wall_now() - std::chrono::hours{1}) + "&to=" + soon);
  BOOST_TEST(answer["to"].get<std::string>() < soon);
  BOOST_TEST(answer["reliability"][0]["total"]["length_s"].get<double>() < 3700.0);
  BOOST_TEST(get("/reliability", "client=a&from=" + soon).status == 200);
}

BOOST_AUTO_TEST_CASE(a_wrong_parameter_is_told_with_what_was_expected) {
  struct Row {
    std::string path, query, message;
  };
  for (const auto& row : {
           Row{"/reliability", "zone=Mars/Base",
               "zone = 'Mars/Base': expected a time zone of the IANA database such as Europe/Berlin or UTC"},
           Row{"/reliability", "period=year", "period = 'year': expected one of day, week, month"},
           Row{"/reliability", "client=a&group=b", "group = 'b': expected either client or group"},
           Row{"/reliability", "period=day&from=2020-01-01T00:00:00Z",
               "period: expected a longer one, or a shorter time: at most 400 periods"},
           Row{"/report", "month=2026-13", "month = '2026-13': expected a month such as 2026-10"},
           Row{"/report", "client=a", "client = 'a': expected only the parameters month, zone"},
       }) {
    BOOST_TEST_CONTEXT(row.query) {
      const auto answer = get(row.path, row.query);
      BOOST_TEST(answer.status == 400);
      const std::string message = nlohmann::json::parse(answer.body)["message"];
      BOOST_TEST(message.starts_with(row.message), message);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_store_that_cannot_be_read_is_no_good_news) {
  engine.reader.works = false;
  BOOST_TEST(get("/reliability", october).status == 503);
  BOOST_TEST(get("/report", "month=2025-10").status == 503);
  engine.reader.works = true;
  engine.too_many_questions = true;
  BOOST_TEST(get("/reliability", october).status == 503);
}

BOOST_AUTO_TEST_CASE(a_report_is_a_page_of_clients_and_groups_that_runs_nothing) {
  const auto page = get("/report", "month=2025-10&zone=Europe/Berlin");
  BOOST_TEST(page.status == 200);
  BOOST_TEST(page.content_type == "text/html; charset=utf-8");
  BOOST_TEST(page.body.find("October 2025") != std::string::npos);
  BOOST_TEST(page.body.find("group:office") != std::string::npos);
  // The one style of the page by its hash, and nothing else that is inline.
  const auto begin = page.body.find("<style>") + 7;
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  const auto style = page.body.substr(begin, page.body.find("</style>") - begin);
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(style.data()), style.size());
  const auto policy = std::ranges::find(page.headers, "Content-Security-Policy", [](const auto& each) { return each.first; });
  BOOST_REQUIRE((policy != page.headers.end()));
  BOOST_TEST(policy->second == "default-src 'none'; style-src 'sha256-" +
                                   to_base64({reinterpret_cast<const char*>(hash.data()), hash.size()}) +
                                   "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  BOOST_TEST(page.body.find(" style=") == std::string::npos);
  BOOST_TEST(engine.reader.asked_reliability.periods.size() == 31U);
  // Without a month it is this one.
  BOOST_TEST(get("/report").status == 200);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

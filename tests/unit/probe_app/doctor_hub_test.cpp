#include "probe/app/doctor_hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/unit/probe/delivery/loopback_hub.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

// Printed by Boost.Test.
namespace vpn_sentinel {
std::ostream& operator<<(std::ostream& out, HubTrouble trouble) { return out << static_cast<int>(trouble); }
}  // namespace vpn_sentinel

namespace {

using Status = DoctorLine::Status;

Result<HttpResponse> answered(long status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

HubTrouble trouble(long status, std::string body, int schema = 2) {
  return judge_hub(answered(status, std::move(body)), {true, true}, schema).trouble;
}

HubTrouble trouble(Error::Kind kind, std::string message, HttpProgress progress = {}) {
  return judge_hub(fail(kind, std::move(message)), progress, 2).trouble;
}

const WallTime noon = *parse_rfc3339("2026-11-22T12:00:00Z");

ClockSample sample(std::string date, std::chrono::milliseconds asked, std::chrono::milliseconds answered) {
  return {std::move(date), noon + asked, noon + answered};
}

/// A hub on a thread of its own: the doctor blocks.
class Hub {
 public:
  Hub() {
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Hub() {
    boost::asio::post(io_, [this] {
      hub_.stop();
      io_.stop();
    });
    thread_.join();
  }
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// `date` of its answer to a batch without reports; "" for none.
  std::vector<DoctorLine> examined(const std::string& date, ProbeConfig config = {}) {
    hub_.takes_batches = true;
    hub_.batch_answer = [date](const test::Received& request) -> std::optional<test::Answer> {
      if (request.headers.at("x-api-key") != "right") return test::Answer{403, "", R"({"error":"Authentication failed"})"};
      return test::Answer{400, date.empty() ? "" : "Date: " + date + "\r\n", R"({"error":"Invalid batch"})"};
    };
    config.hub.urls = {hub_.url()};
    config.hub.api_path = "/api/v1";
    config.hub.api_key = "right";
    config.hub_path = "uplink";
    return hub_lines(config, {}, DoctorPlace::host);
  }
  [[nodiscard]] std::size_t reports() const { return hub_.received.size(); }

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  test::LoopbackHub hub_{io_};
  std::thread thread_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(doctor_hub)

BOOST_AUTO_TEST_CASE(a_hub_that_refuses_the_empty_batch_in_its_own_words_took_the_key) {
  BOOST_TEST(trouble(400, R"({"error":"Invalid batch","message":"reports: expected a list"})") == HubTrouble::none);
  BOOST_TEST(trouble(200, R"({"clients":[]})", 1) == HubTrouble::none);
}

BOOST_AUTO_TEST_CASE(each_refusal_of_the_hub_is_told_from_the_others) {
  BOOST_TEST(trouble(401, R"({"error":"Authentication required"})") == HubTrouble::no_key);
  BOOST_TEST(trouble(403, R"({"error":"Authentication failed","message":"Invalid API key"})") == HubTrouble::wrong_key);
  BOOST_TEST(trouble(403, R"({"error":"Access denied","message":"Your IP address is not authorized"})") == HubTrouble::address);
  BOOST_TEST(trouble(404, R"({"error":"Not found"})") == HubTrouble::wrong_path);
  BOOST_TEST(trouble(429, R"({"error":"Rate limit exceeded"})") == HubTrouble::rate_limit);
  BOOST_TEST(trouble(503, R"({"error":"Service unavailable"})") == HubTrouble::in_trouble);
  BOOST_TEST(trouble(502, "<html>Bad gateway</html>") == HubTrouble::in_trouble);
}

BOOST_AUTO_TEST_CASE(what_answers_without_a_hubs_words_is_no_hub) {
  for (const long status : {200L, 204L, 302L, 400L, 401L, 403L})
    BOOST_TEST(trouble(status, "<html>Log in</html>") == HubTrouble::no_hub, status);
  BOOST_TEST(trouble(200, R"({"status":"ok"})") == HubTrouble::no_hub);
  BOOST_TEST(trouble(200, "<html>Log in</html>", 1) == HubTrouble::no_hub);
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_is_told_from_who_refuses_and_from_who_cannot_be_trusted) {
  using Kind = Error::Kind;
  BOOST_TEST(trouble(Kind::unreachable, "http://h: no connection (Connection refused)") == HubTrouble::refused);
  BOOST_TEST(trouble(Kind::unreachable, "http://h: no connection (No route to host)") == HubTrouble::silent);
  BOOST_TEST(trouble(Kind::timed_out, "http://h: no reply within 5000 ms") == HubTrouble::silent);
  BOOST_TEST(trouble(Kind::timed_out, "http://h: no reply within 5000 ms", {true, true}) == HubTrouble::silent);
  BOOST_TEST(trouble(Kind::unreachable, "http://h: the host's name could not be resolved") == HubTrouble::name);
  BOOST_TEST(trouble(Kind::failed, "SSL certificate problem: self-signed certificate", {true, false}) == HubTrouble::tls);
  BOOST_TEST(trouble(Kind::failed, "error setting certificate file: /no/such/file") == HubTrouble::tls);
  BOOST_TEST(trouble(Kind::failed, "Received HTTP/0.9 when not allowed", {true, true}) == HubTrouble::no_hub);
  BOOST_TEST(trouble(Kind::invalid, "the URL is not valid") == HubTrouble::bad_setting);
}

BOOST_AUTO_TEST_CASE(each_trouble_has_a_remedy_at_each_place) {
  for (int i = static_cast<int>(HubTrouble::name); i <= static_cast<int>(HubTrouble::bad_setting); ++i) {
    const auto trouble = static_cast<HubTrouble>(i);
    for (const auto place : {DoctorPlace::host, DoctorPlace::container, DoctorPlace::kubernetes}) {
      const auto remedy = hub_remedy(trouble, place);
      BOOST_TEST(!remedy.empty(), i);
      if (place == DoctorPlace::host) continue;
      for (const auto* word : {"systemctl", "journalctl", "/etc/"}) BOOST_TEST(remedy.find(word) == std::string_view::npos, remedy);
    }
  }
  BOOST_TEST(hub_remedy(HubTrouble::none, DoctorPlace::host).empty());
}

BOOST_AUTO_TEST_CASE(the_hubs_words_are_cut_and_made_harmless) {
  const auto verdict = judge_hub(answered(401, R"({"error":"\u001b[31m)" + std::string(1000, 'x') + R"("})"), {true, true}, 2);
  BOOST_TEST(verdict.detail.size() < 300U);
  BOOST_TEST(verdict.detail.find('\x1b') == std::string::npos);
  BOOST_TEST(trouble(401, R"({"error":7})") == HubTrouble::no_hub);
}

BOOST_AUTO_TEST_CASE(a_date_counts_as_any_moment_of_its_second_and_of_the_way) {
  const auto behind = [](const char* date, auto asked, auto answered) { return clock_behind(sample(date, asked, answered)); };
  constexpr auto date = "Sun, 22 Nov 2026 12:00:00 GMT";
  BOOST_TEST((behind(date, 0ms, 5ms) == 0s));
  BOOST_TEST((behind(date, -3000ms, 2000ms) == 0s));
  BOOST_TEST((behind(date, 900ms, 990ms) == 0s));
  BOOST_TEST((behind(date, -60'000ms, -59'000ms) == 59s));
  BOOST_TEST((behind(date, 60'000ms, 60'000ms) == -59s));
  for (const auto* wrong : {"", "today", "Sunday, 22-Nov-26 12:00:00 GMT", "Sun, 22 Nov 2026 12:00:00 GMT and more"}) {
    BOOST_TEST((!behind(wrong, 0ms, 0ms)), wrong);
  }
}

BOOST_AUTO_TEST_CASE(clocks_that_differ_are_told_with_the_direction) {
  const auto line = [](std::chrono::milliseconds at) {
    return clock_line(sample("Sun, 22 Nov 2026 12:00:00 GMT", at, at), DoctorPlace::host);
  };
  BOOST_TEST((line(0ms).status == Status::ok));
  BOOST_TEST((line(-30s).status == Status::ok));
  BOOST_TEST((line(-100s).status == Status::missing));
  BOOST_TEST(line(-100s).detail == "1 min 40 s behind the hub's");
  BOOST_TEST(line(101s).detail == "1 min 40 s ahead of the hub's");
  BOOST_TEST((clock_line(std::nullopt, DoctorPlace::host).status == Status::could_not_look));
  BOOST_TEST((clock_line(sample("now", 0ms, 0ms), DoctorPlace::host).status == Status::could_not_look));
  BOOST_TEST(clock_line(std::nullopt, DoctorPlace::container).remedy.find("host") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_hub_is_asked_and_told_nothing) {
  Hub hub;
  const auto lines = hub.examined("Thu, 01 Jan 2026 00:00:00 GMT");
  BOOST_TEST_REQUIRE(lines.size() == 2U);
  BOOST_TEST((lines[0].status == Status::ok), lines[0].detail);
  BOOST_TEST(lines[0].detail.find("takes the key, by the uplink") != std::string::npos, lines[0].detail);
  BOOST_TEST((lines[1].status == Status::missing));
  BOOST_TEST(lines[1].detail.find("ahead of the hub's") != std::string::npos);
  BOOST_TEST(hub.reports() == 0U);
  BOOST_TEST((hub.examined("").back().status == Status::could_not_look));
}

BOOST_AUTO_TEST_CASE(without_a_hub_in_the_settings_nothing_is_said) { BOOST_TEST(hub_lines({}, {}, DoctorPlace::host).empty()); }

BOOST_AUTO_TEST_SUITE_END()

#include "probe/delivery/hub_answer.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

HttpResponse response(long status, std::string body = "") {
  HttpResponse answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hub_answer)

BOOST_AUTO_TEST_CASE(the_status_decides) {
  using enum HubAnswer::Kind;
  const struct {
    long status;
    HubAnswer::Kind kind;
    const char* word;
  } rows[]{
      {200, acknowledged, ""},
      {201, acknowledged, ""},
      {299, acknowledged, ""},
      {302, failed, "VPN_SENTINEL_URL"},
      {400, refused, "400"},
      {413, refused, "413"},
      {422, refused, "422"},
      {401, failed, "VPN_SENTINEL_API_KEY"},
      {403, failed, "VPN_SENTINEL_SERVER_ALLOWED_IPS"},
      {404, failed, "VPN_SENTINEL_API_PATH"},
      {405, failed, "VPN_SENTINEL_API_PATH"},
      {409, failed, "the hub's log"},
      {429, failed, "VPN_SENTINEL_INTERVAL"},
      {500, failed, "VPN_SENTINEL_URL"},
      {503, failed, "VPN_SENTINEL_URL"},
      {0, failed, "VPN_SENTINEL_URL"},
  };
  for (const auto& row : rows) {
    const auto* const body = row.status < 300 ? R"({"status":"ok"})" : R"({"error":"x"})";
    const auto answer = read_answer(response(row.status, body));
    BOOST_TEST((answer.kind == row.kind), row.status);
    BOOST_TEST(answer.error.message.find(row.word) != std::string::npos, row.status << ": " << answer.error.message);
    BOOST_TEST(answer.error.message.empty() == (row.kind == acknowledged), row.status);
  }
}

BOOST_AUTO_TEST_CASE(a_login_page_that_answers_in_the_hubs_place_acknowledges_nothing) {
  for (const auto* const body :
       {"<html>Welcome to our Wi-Fi</html>", "", "ok", "[]", "{}", R"({"status":"login"})", R"({"status":1})", R"({"ok":true})"}) {
    const auto answer = read_answer(response(200, body));
    BOOST_TEST((answer.kind == HubAnswer::Kind::failed), body);
    BOOST_TEST(answer.error.message.find("login page") != std::string::npos);
  }
  BOOST_TEST((read_answer(response(204, "")).kind == HubAnswer::Kind::failed));
  BOOST_TEST((read_answer(response(200, R"({"message":"Keepalive received","status":"ok"})")).kind == HubAnswer::Kind::acknowledged));
}

BOOST_AUTO_TEST_CASE(the_hubs_own_words_are_repeated_but_not_a_proxys_page) {
  const auto words = [](const char* body) { return read_answer(response(400, body)).error.message; };
  BOOST_TEST(words(R"({"error":"client_id is required"})") == "the hub answered 400 (client_id is required)");
  BOOST_TEST(words(R"({"error":"a","message":"b"})") == "the hub answered 400 (a: b)");
  BOOST_TEST(words(R"({"error":""})") == "the hub answered 400");
  BOOST_TEST(words((R"({"error":")" + std::string(5000, 'x') + "\"}").c_str()).size() < 250U);
}

BOOST_AUTO_TEST_CASE(only_a_hub_can_refuse_a_report_for_good) {
  for (const auto status : {400L, 413L, 422L}) {
    for (const auto* const body : {"", "<html>Bad Request</html>", "[]", "null", "{}", R"({"error":5})", R"({"message":"no"})", "{"}) {
      const auto bad = response(status, body);
      const auto answer = read_answer(bad);
      BOOST_TEST((answer.kind == HubAnswer::Kind::failed), status << " " << body);
      BOOST_TEST(answer.error.message.find("no hub") != std::string::npos, answer.error.message);
      BOOST_TEST(other_path_may_help(bad, answer, true), body);
      BOOST_TEST(other_path_may_help(bad, answer, false), body);
    }
    BOOST_TEST((read_answer(response(status, R"({"error":"Invalid report"})")).kind == HubAnswer::Kind::refused), status);
  }
}

BOOST_AUTO_TEST_CASE(only_429_and_503_may_ask_to_wait) {
  for (const auto status : {400L, 404L, 429L, 500L, 503L}) {
    auto answer = response(status);
    answer.retry_after = std::chrono::seconds{60};
    BOOST_TEST(read_answer(answer).wait.has_value() == (status == 429 || status == 503), status);
  }
  auto answer = response(503);
  answer.retry_after = std::chrono::hours{24};
  BOOST_TEST((read_answer(answer).wait == std::chrono::minutes{5}));
  answer.retry_after = std::chrono::seconds{-3};
  BOOST_TEST((read_answer(answer).wait == std::chrono::milliseconds{0}));
}

BOOST_AUTO_TEST_CASE(a_full_disk_may_ask_to_wait_too) {
  auto answer = response(507);
  answer.retry_after = std::chrono::seconds{30};
  BOOST_TEST((read_answer(answer).wait == std::chrono::seconds{30}));
  BOOST_TEST((read_answer(answer).kind == HubAnswer::Kind::failed));
}

BOOST_AUTO_TEST_CASE(the_status_of_a_batch_decides_what_to_do_with_it) {
  using enum BatchAnswer::Kind;
  const struct {
    long status;
    const char* body;
    BatchAnswer::Kind kind;
  } rows[]{
      {200, R"({"status":"ok","results":[{"status":200,"result":"stored"},{"status":200,"result":"duplicate"}]})", judged},
      {200, R"({"status":"ok"})", no_batch},
      {200, R"({"results":[{"status":200},{"status":200}]})", no_batch},
      {200, "<html>Welcome to the hotel</html>", no_batch},
      {200, "[]", no_batch},
      {204, "", no_batch},
      {200, R"({"status":"ok","results":{}})", no_batch},
      {200, R"({"status":"ok","results":[]})", no_batch},
      {200, R"({"status":"ok","results":[{"status":200}]})", no_batch},
      {200, R"({"status":"ok","results":[{"status":200},{"status":200},{"status":200}]})", no_batch},
      {200, R"({"status":"ok","results":[{"status":200},{"status":"200"}]})", no_batch},
      {200, R"({"status":"ok","results":[{"status":200},200]})", no_batch},
      {200, R"({"status":"ok","results":[{"status":200},{}]})", no_batch},
      {404, "", no_batch},
      {405, "", no_batch},
      {400, R"({"error":"Invalid batch"})", no_batch},
      {422, "", no_batch},
      {501, "", no_batch},
      {413, "", too_large},
      {401, "", failed},
      {403, "", failed},
      {429, "", failed},
      {500, "", failed},
      {503, "", failed},
      {507, "", failed},
      {302, "", failed},
  };
  for (const auto& row : rows) {
    const auto answer = read_batch_answer(response(row.status, row.body), 2);
    BOOST_TEST((answer.kind == row.kind), row.status << " " << row.body);
    BOOST_TEST((answer.each.size() == (row.kind == judged ? 2U : 0U)), row.status << " " << row.body);
    BOOST_TEST(answer.whole.error.message.empty() == (row.kind != failed), row.status);
  }
}

BOOST_AUTO_TEST_CASE(each_report_of_a_batch_is_judged_as_if_it_had_come_alone) {
  using enum HubAnswer::Kind;
  const auto answer = read_batch_answer(response(200, R"({"status":"ok","results":[{"status":200,"result":"stored"},
      {"status":400,"error":"Invalid report","message":"seq: expected a whole number"},{"status":403,"error":"Not your client"},
      {"status":503,"error":"Store","message":"read-only"},{"status":507},{"status":400},{"status":-1},{"status":99999999999}]})"),
                                        8);
  BOOST_TEST_REQUIRE(answer.each.size() == 8U);
  const HubAnswer::Kind kinds[]{acknowledged, refused, failed, failed, failed, failed, failed, failed};
  for (std::size_t i = 0; i < 8; ++i) BOOST_TEST((answer.each[i].kind == kinds[i]), i);
  BOOST_TEST(answer.each[1].error.message == "the hub answered 400 (Invalid report: seq: expected a whole number)");
  BOOST_TEST(answer.each[2].error.message.find("VPN_SENTINEL_API_KEY") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(tls_trouble_points_to_the_certificate_setting) {
  BOOST_TEST(with_hint({Error::Kind::failed, "https://hub: TLS: self-signed certificate"}).message.find("VPN_SENTINEL_TLS_CERT_PATH") !=
             std::string::npos);
  BOOST_TEST(with_hint({Error::Kind::unreachable, "http://hub: refused"}).message ==
             "http://hub: refused; check VPN_SENTINEL_URL and that the hub runs");
}

BOOST_AUTO_TEST_SUITE_END()

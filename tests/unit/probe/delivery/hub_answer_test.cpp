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
    const auto answer = read_answer(response(row.status));
    BOOST_TEST((answer.kind == row.kind), row.status);
    BOOST_TEST(answer.error.message.find(row.word) != std::string::npos, row.status << ": " << answer.error.message);
    BOOST_TEST(answer.error.message.empty() == (row.kind == acknowledged), row.status);
  }
}

BOOST_AUTO_TEST_CASE(the_hubs_own_words_are_repeated_but_not_a_proxys_page) {
  const auto words = [](const char* body) { return read_answer(response(400, body)).error.message; };
  BOOST_TEST(words(R"({"error":"client_id is required"})") == "the hub answered 400 (client_id is required)");
  BOOST_TEST(words(R"({"error":"a","message":"b"})") == "the hub answered 400 (a: b)");
  for (const auto* const body : {"", "<html>Bad Request</html>", "[]", "null", R"({"error":5})", R"({"error":""})", "{"}) {
    BOOST_TEST(words(body) == "the hub answered 400");
  }
  BOOST_TEST(words((R"({"error":")" + std::string(5000, 'x') + "\"}").c_str()).size() < 250U);
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

BOOST_AUTO_TEST_CASE(tls_trouble_points_to_the_certificate_setting) {
  BOOST_TEST(with_hint({Error::Kind::failed, "https://hub: TLS: self-signed certificate"}).message.find("VPN_SENTINEL_TLS_CERT_PATH") !=
             std::string::npos);
  BOOST_TEST(with_hint({Error::Kind::unreachable, "http://hub: refused"}).message ==
             "http://hub: refused; check VPN_SENTINEL_URL and that the hub runs");
}

BOOST_AUTO_TEST_SUITE_END()

// The Python original's client and what its users' scripts send, against a whole hub: literal bytes in, its answers out.
#include <boost/test/unit_test.hpp>

#include "hub_fixture.hpp"
#include "raw_client.hpp"

namespace vpn_sentinel {
namespace {

/// What version 1.1.4 writes, byte by byte: header names as urllib capitalises them, JSON with ", " and ": ".
std::string captured(const std::string& path = "/api/v1/keepalive") {
  const std::string body =
      R"({"client_id": "office-vpn-primary", "timestamp": "2026-11-20T23:30:56+0000", "public_ip": "198.18.7.10", "status": "alive", )"
      R"("client_version": "1.1.4", "location": {"country": "RO", "city": "Bucharest", "region": "Bucharest", )"
      R"("org": "AS9009 M247 Europe SRL", "timezone": "Europe/Bucharest"}, "dns_test": {"location": "RO", "colo": "OTP"}})";
  return "POST " + path +
         " HTTP/1.1\r\nAccept-Encoding: identity\r\nContent-Length: 337\r\nHost: server.test:5999\r\nUser-Agent: Python-urllib/3.11\r\n"
         "Content-Type: application/json\r\nX-Api-Key: test-key\r\nConnection: close\r\n\r\n" +
         body;
}

struct Original : HubFolder {
  Hub hub{[this] {
    auto original = config();
    original.api_key = "test-key";
    return original;
  }()};

  [[nodiscard]] std::string ask(const std::string& request, bool has_body = true) const {
    RawClient client(endpoint_of(hub, "api"));
    client.send(request);
    return client.read_reply(has_body);
  }
};

const std::string key = "X-API-Key: test-key\r\n";

/// The answer of `hub` under another VPN_SENTINEL_API_PATH.
int status_under(HubFolder& place, const std::string& prefix, const std::string& path) {
  auto config = place.config();
  config.api_key = "test-key";
  config.api_prefix = prefix;
  const Hub hub(config);
  RawClient client(endpoint_of(hub, "api"));
  client.send(captured(path));
  return status_of(client.read_reply());
}

BOOST_FIXTURE_TEST_SUITE(compatibility, Original)

BOOST_AUTO_TEST_CASE(the_captured_request_gets_the_captured_shape_of_reply) {
  const auto reply = ask(captured());
  BOOST_TEST(reply.starts_with("HTTP/1.1 200 OK\r\n"));
  BOOST_TEST(header_of(reply, "Content-Type") == "application/json");
  BOOST_TEST(header_of(reply, "Content-Length") == "96");
  BOOST_TEST(header_of(reply, "Connection") == "close");
  const auto json = nlohmann::json::parse(body_of(reply));
  BOOST_TEST(json.size() == 3U);
  BOOST_TEST(json["message"] == "Keepalive received");
  BOOST_TEST(json["status"] == "ok");
  const auto time = json["server_time"].get<std::string>();
  BOOST_TEST(time.size() == std::string("2026-11-20T23:28:03.156481+00:00").size());
  BOOST_TEST(time.ends_with("+00:00"));
  BOOST_TEST(body_of(reply).back() == '\n');
}

BOOST_AUTO_TEST_CASE(its_record_is_read_back_in_its_words) {
  BOOST_TEST(status_of(ask(captured())) == 200);
  const auto json = nlohmann::json::parse(body_of(ask(get("/api/v1/status", key))));
  const auto& record = json.at("office-vpn-primary");
  for (const auto& [field, value] : std::initializer_list<std::pair<const char*, const char*>>{{"city", "Bucharest"},
                                                                                               {"client_version", "1.1.4"},
                                                                                               {"country", "RO"},
                                                                                               {"dns_colo", "OTP"},
                                                                                               {"dns_loc", "RO"},
                                                                                               {"ip", "198.18.7.10"},
                                                                                               {"location", "Bucharest, Bucharest, RO"},
                                                                                               {"provider", "AS9009 M247 Europe SRL"},
                                                                                               {"region", "Bucharest"},
                                                                                               {"timezone", "Europe/Bucharest"}}) {
    BOOST_TEST_CONTEXT(field) { BOOST_TEST(record.at(field) == value); }
  }
  BOOST_TEST(record.contains("last_seen"));
}

BOOST_AUTO_TEST_CASE(leading_slashes_and_queries_do_not_matter_and_case_and_trailing_slashes_do) {
  for (const auto* path : {"//api/v1/keepalive", "///api/v1/keepalive", "/api/v1/keepalive?x=1"}) {
    BOOST_TEST_CONTEXT(path) { BOOST_TEST(status_of(ask(captured(path))) == 200); }
  }
  for (const auto* path : {"/api/v1/keepalive/", "/API/v1/keepalive", "/api/v1//keepalive", "/keepalive"}) {
    BOOST_TEST_CONTEXT(path) { BOOST_TEST(status_of(ask(captured(path))) == 404); }
  }
}

BOOST_AUTO_TEST_CASE(the_order_of_checks_is_key_path_method_body) {
  BOOST_TEST(body_of(ask(get("/nowhere"))) == "{\"error\":\"Authentication required\",\"message\":\"X-API-Key header is required\"}\n");
  BOOST_TEST(status_of(ask(get("/nowhere"))) == 401);
  BOOST_TEST(status_of(ask(get("/nowhere", "X-API-Key: \r\n"))) == 401);
  BOOST_TEST(status_of(ask(get("/nowhere", "X-API-Key: wrong\r\n"))) == 403);
  BOOST_TEST(body_of(ask(get("/nowhere", "X-API-Key: wrong\r\n"))) ==
             "{\"error\":\"Authentication failed\",\"message\":\"Invalid API key\"}\n");
  BOOST_TEST(status_of(ask(get("/nowhere", key))) == 404);
  const auto wrong_method = ask(get("/api/v1/keepalive", key));
  BOOST_TEST(status_of(wrong_method) == 405);
  BOOST_TEST(header_of(wrong_method, "Allow") == "POST, OPTIONS");
  BOOST_TEST(status_of(ask("OPTIONS /api/v1/keepalive HTTP/1.1\r\nHost: x\r\n\r\n")) == 401);
}

BOOST_AUTO_TEST_CASE(head_works_where_get_does_and_options_tells_the_methods) {
  const auto head = ask("HEAD /api/v1/status HTTP/1.1\r\nHost: x\r\n" + key + "\r\n", false);
  BOOST_TEST(status_of(head) == 200);
  BOOST_TEST(header_of(head, "Content-Length") == "3");  // {} and a newline
  const auto options = ask("OPTIONS /api/v1/status HTTP/1.1\r\nHost: x\r\n" + key + "\r\n");
  BOOST_TEST(status_of(options) == 200);
  BOOST_TEST(header_of(options, "Allow") == "GET, HEAD, OPTIONS");
  BOOST_TEST(body_of(options).empty());
}

BOOST_AUTO_TEST_CASE(its_error_texts_stay_and_malformed_input_is_400) {
  struct Row {
    std::string body;
    std::string error;
  };
  for (const auto& row :
       {Row{"{}", "No JSON data provided"}, Row{"null", "No JSON data provided"}, Row{R"({"x":1})", "client_id is required"},
        Row{R"({"client_id":0})", "client_id is required"}, Row{R"({"client_id":"unknown"})", "Invalid client_id format"},
        Row{R"({"client_id":"a b"})", "Invalid client_id format"}, Row{"", "No JSON data provided"}, Row{"[1]", "Invalid JSON"},
        Row{"{", "Invalid JSON"}}) {
    const auto reply = ask(post(row.body, key));
    BOOST_TEST_CONTEXT(row.body) {
      BOOST_TEST(status_of(reply) == 400);
      BOOST_TEST(nlohmann::json::parse(body_of(reply))["error"] == row.error);
    }
  }
  // Scripts that forget the type meet no 500 here.
  BOOST_TEST(status_of(ask(post(R"({"client_id":"a"})", key + "Content-Type: text/plain\r\n"))) == 200);
}

BOOST_FIXTURE_TEST_CASE(every_form_of_the_api_path_leads_to_the_keepalive, HubFolder) {
  BOOST_TEST(status_under(*this, "", "/keepalive") == 200);
  BOOST_TEST(status_under(*this, "", "//keepalive") == 200);
  BOOST_TEST(status_under(*this, "/x", "/x/keepalive") == 200);
  BOOST_TEST(status_under(*this, "/a/b/c", "/a/b/c/keepalive") == 200);
  BOOST_TEST(status_under(*this, "/x", "/api/v1/keepalive") == 404);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

// POST /channels/{name}/test of a whole hub over real sockets: the answer is held against the document, the message against a server.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>

#include "hook_server.hpp"
#include "hub/http/openapi.hpp"
#include "hub_fixture.hpp"
#include "json_schema.hpp"
#include "raw_client.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

const std::string password = "a long password";

struct ChannelHub : HubFolder {
  HookServer hooks;
  json document = openapi_document("/api/v1");
  SchemaChecker checker{document};
  std::unique_ptr<Hub> hub;
  std::string rights;  ///< cookie and CSRF token, as headers

  ChannelHub() {
    auto made = config();
    made.admin_user = "anna";
    made.admin_password = password;
    for (const auto* name : {"good", "wrong", "silent"}) {
      ChannelConfig channel;
      channel.name = name;
      channel.url = hooks.url("/" + channel.name);
      made.channels.push_back(channel);
    }
    hub = std::make_unique<Hub>(made);
  }

  [[nodiscard]] std::string request(const std::string& method, const std::string& path, const std::string& body = {}) const {
    return method + " /api/v1" + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + rights +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  std::string ask(const std::string& method, const std::string& path, const std::string& body = {}, const std::string& what = "dashboard") {
    RawClient client(endpoint_of(*hub, what));
    client.send(request(method, path, body));
    return client.read_reply();
  }
  /// Its answer fits the document.
  std::string test(const std::string& channel, const std::string& body = {}, const std::string& what = "dashboard") {
    auto reply = ask("POST", "/channels/" + channel + "/test", body, what);
    BOOST_TEST_CONTEXT(reply) {
      const auto& responses = document["paths"]["/channels/{name}/test"]["post"]["responses"];
      const auto status = std::to_string(status_of(reply));
      BOOST_TEST_REQUIRE(responses.contains(status));
      const auto& schema = checker.resolve(responses[status])["content"]["application/json"]["schema"];
      for (const auto& problem : checker.check(json::parse(body_of(reply)), schema)) BOOST_ERROR(problem);
    }
    return reply;
  }
  void log_in(const std::string& user) {
    rights.clear();
    const auto reply = ask("POST", "/login", json{{"user", user}, {"password", password}}.dump());
    BOOST_REQUIRE(status_of(reply) == 200);
    const auto set = header_of(reply, "Set-Cookie");
    rights =
        "Cookie: " + set.substr(0, set.find(';')) + "\r\nX-CSRF-Token: " + json::parse(body_of(reply))["csrf"].get<std::string>() + "\r\n";
  }
};

BOOST_FIXTURE_TEST_SUITE(channel_routes, ChannelHub)

BOOST_AUTO_TEST_CASE(a_test_says_what_became_of_one_real_message_and_is_noted) {
  log_in("anna");
  static_cast<void>(hooks.wait("POST /good", 1));  // that the hub has started
  const auto good = json::parse(body_of(test("good")));
  BOOST_TEST(good["delivered"] == true);
  BOOST_TEST(good.contains("took_ms"));
  const auto message = hooks.wait("POST /good", 2);
  BOOST_TEST(message.find("\"kind\":\"test\"") != std::string::npos);
  BOOST_TEST(message.find("anna") != std::string::npos);
  const auto wrong = json::parse(body_of(test("wrong", "{}")));
  BOOST_TEST(wrong["delivered"] == false);
  BOOST_TEST(wrong["reason"].get<std::string>().find("404") != std::string::npos);
  BOOST_TEST(status_of(test("nowhere")) == 404);
  BOOST_TEST(status_of(test("good", R"({"text":"x"})")) == 400);
  std::vector<std::string> noted;
  const auto log = json::parse(body_of(ask("GET", "/audit")));
  for (const auto& row : log["audit"]) {
    if (row["action"] == "channel_tested") noted.push_back(row["target"]);
  }
  std::ranges::sort(noted);
  BOOST_TEST(noted == (std::vector<std::string>{"good", "wrong"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(only_an_operator_may_test_on_each_listener) {
  for (const auto* what : {"dashboard", "api"}) BOOST_TEST(status_of(test("good", "", what)) == 401);
  log_in("anna");
  BOOST_TEST(status_of(ask("POST", "/users", R"({"name":"bert","role":"viewer","password":"a long password"})")) == 201);
  BOOST_TEST(status_of(ask("POST", "/users", R"({"name":"olga","role":"operator","password":"a long password"})")) == 201);
  log_in("bert");
  BOOST_TEST(status_of(test("good")) == 403);
  log_in("olga");
  BOOST_TEST(status_of(test("good")) == 200);
  const auto token =
      json::parse(body_of(ask("POST", "/tokens", R"({"name":"t","scopes":["read","manage"],"password":"a long password"})")))["token"];
  rights = "X-API-Key: " + token.get<std::string>() + "\r\n";
  BOOST_TEST(status_of(test("good", "", "api")) == 200);
}

BOOST_AUTO_TEST_CASE(too_many_at_once_are_told_so_hold_nothing_up_and_end_with_the_hub) {
  log_in("anna");
  static_cast<void>(hooks.wait("POST /silent", 1));
  std::list<RawClient> waiting;
  for (std::size_t i = 0; i < ChannelTrials::most; ++i) {
    waiting.emplace_back(endpoint_of(*hub, "dashboard"));
    waiting.back().send(request("POST", "/channels/silent/test"));
    static_cast<void>(hooks.wait("POST /silent", static_cast<std::ptrdiff_t>(i) + 2));
  }
  const auto refused = test("good");
  BOOST_TEST(status_of(refused) == 503);
  BOOST_TEST(header_of(refused, "Retry-After") == "15");
  BOOST_TEST(status_of(ask("GET", "/channels")) == 200);
  hub.reset();
  for (auto& client : waiting) {
    const auto answer = json::parse(body_of(client.read_reply()));
    BOOST_TEST(answer["delivered"] == false);
    BOOST_TEST(answer["reason"] == "the hub ends");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

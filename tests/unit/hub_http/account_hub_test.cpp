// Accounts of a whole hub over real sockets: the answers held against the document, live pages, commands beside it, restarts.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hub/app/first_admin.hpp"
#include "hub/app/hub.hpp"
#include "hub/app/user_commands.hpp"
#include "hub/http/openapi.hpp"
#include "hub_fixture.hpp"
#include "json_schema.hpp"
#include "raw_client.hpp"
#include "server_fixture.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

const std::string password = "a long password";
const std::string upgrade =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The code of the close frame (RFC 6455 5.5.1) behind whatever was sent before; 0: the connection ended without one.
int close_code(RawClient& page) {
  for (auto head = page.read_bytes(2); head.size() == 2; head = page.read_bytes(2)) {
    const auto byte = [](const std::string& text, std::size_t at) {
      return static_cast<std::size_t>(static_cast<unsigned char>(text.at(at)));
    };
    auto size = byte(head, 1);
    if (size >= 126) {
      const auto more = page.read_bytes(size == 126 ? 2 : 8);
      size = 0;
      for (std::size_t i = 0; i < more.size(); ++i) size = size << 8U | byte(more, i);
    }
    const auto payload = page.read_bytes(size);
    if (byte(head, 0) == 0x88 && payload.size() >= 2) return static_cast<int>(byte(payload, 0) << 8U | byte(payload, 1));
  }
  return 0;
}

struct AccountHub : HubFolder {
  json document = openapi_document("/api/v1");
  SchemaChecker checker{document};
  std::unique_ptr<Hub> hub;
  std::string cookie;  ///< as a header
  std::string csrf;    ///< likewise

  void start(const HubConfig& config) {
    hub.reset();
    hub = std::make_unique<Hub>(config);
  }
  [[nodiscard]] HubConfig with_admin() const {
    auto made = config();
    made.admin_user = "anna";
    made.admin_password = password;
    return made;
  }

  /// The whole reply; its body fits the document's schema for its status.
  std::string ask(const std::string& method, const std::string& pattern, const std::string& body = {}, const std::string& parameter = {}) {
    auto path = pattern;
    if (const auto open = path.find('{'); open != std::string::npos) path.replace(open, path.find('}') - open + 1, parameter);
    RawClient client(endpoint_of(*hub, "dashboard"));
    client.send(method + " /api/v1" + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + cookie + csrf +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    auto reply = client.read_reply();
    check(reply, method, pattern);
    return reply;
  }
  void check(const std::string& reply, std::string method, const std::string& pattern) {
    for (auto& c : method) c = static_cast<char>(c - 'A' + 'a');
    BOOST_TEST_CONTEXT(method << " " << pattern << ": " << reply) {
      const auto& responses = document["paths"][pattern][method]["responses"];
      const auto status = std::to_string(status_of(reply));
      BOOST_TEST_REQUIRE(responses.contains(status));
      const auto& schema = checker.resolve(responses[status])["content"]["application/json"]["schema"];
      for (const auto& problem : checker.check(json::parse(body_of(reply)), schema)) BOOST_ERROR(problem);
    }
  }
  void log_in(const std::string& user) {
    cookie = csrf = "";
    const auto reply = ask("POST", "/login", json{{"user", user}, {"password", password}}.dump());
    BOOST_REQUIRE(status_of(reply) == 200);
    take(reply);
  }
  void take(const std::string& reply) {
    const auto set = header_of(reply, "Set-Cookie");
    cookie = "Cookie: " + set.substr(0, set.find(';')) + "\r\n";
    csrf = "X-CSRF-Token: " + json::parse(body_of(reply))["csrf"].get<std::string>() + "\r\n";
  }
  json told(const std::string& reply) { return json::parse(body_of(reply)); }
};

BOOST_FIXTURE_TEST_SUITE(account_hub, AccountHub)

BOOST_AUTO_TEST_CASE(every_answer_of_accounts_is_as_documented) {
  start(with_admin());
  BOOST_TEST(status_of(ask("GET", "/users")) == 401);
  BOOST_TEST(told(ask("GET", "/session"))["state"] == "login");
  BOOST_TEST(status_of(ask("POST", "/login", R"({"user":"anna","password":"wrong one"})")) == 401);
  log_in("anna");
  for (const auto* pattern : {"/session", "/users", "/tokens", "/keys", "/enrolments", "/audit", "/logs"})
    BOOST_TEST(status_of(ask("GET", pattern)) == 200);
  BOOST_TEST(status_of(ask("POST", "/users", R"({"name":"bert","role":"viewer","password":"a long password"})")) == 201);
  BOOST_TEST(status_of(ask("POST", "/users", R"({"name":"bert"})")) == 400);
  BOOST_TEST(status_of(ask("PUT", "/users/{name}", R"({"role":"operator"})", "bert")) == 200);
  BOOST_TEST(status_of(ask("PUT", "/users/{name}", R"({"role":"viewer"})", "anna")) == 409);
  const auto token = told(ask("POST", "/tokens", R"({"name":"t","scopes":["read"],"password":"a long password"})"));
  BOOST_TEST(status_of(ask("POST", "/tokens", R"({"name":"t","scopes":["read"],"password":"wrong one"})")) == 403);
  BOOST_TEST(status_of(ask("GET", "/tokens")) == 200);
  BOOST_TEST(status_of(ask("DELETE", "/tokens/{id}", "", token["id"].dump())) == 200);
  BOOST_TEST(status_of(ask("DELETE", "/tokens/{id}", "", "x")) == 404);
  BOOST_TEST(status_of(ask("POST", "/keys", R"({"name":"office","clients":["office"]})")) == 201);
  BOOST_TEST(status_of(ask("GET", "/keys")) == 200);
  BOOST_TEST(status_of(ask("POST", "/keys/{name}/rotate", "", "office")) == 200);
  BOOST_TEST(status_of(ask("DELETE", "/keys/{name}", "", "office")) == 200);
  BOOST_TEST(status_of(ask("DELETE", "/keys/{name}", "", "office")) == 404);
  const auto enrolment = told(ask("POST", "/enrolments", R"({"client_id":"office","group":"berlin"})"));
  BOOST_TEST(status_of(ask("GET", "/enrolments")) == 200);
  BOOST_TEST(status_of(ask("POST", "/enrol", json{{"code", enrolment["code"]}}.dump())) == 200);
  BOOST_TEST(status_of(ask("POST", "/enrol", json{{"code", enrolment["code"]}}.dump())) == 403);
  BOOST_TEST(status_of(ask("DELETE", "/enrolments/{id}", "", "7")) == 404);
  const auto conflicting = told(ask("POST", "/enrolments", R"({"client_id":"lab"})"));
  BOOST_TEST(status_of(ask("POST", "/keys", R"({"name":"lab","clients":["lab-*"],"read":true})")) == 201);
  BOOST_TEST(status_of(ask("POST", "/enrolments", R"({"client_id":"lab"})")) == 409);
  BOOST_TEST(status_of(ask("POST", "/enrol", json{{"code", conflicting["code"]}}.dump())) == 409);
  const auto tokens = told(ask("POST", "/jwt", json{{"user", "anna"}, {"password", password}}.dump()));
  const auto next = told(ask("POST", "/jwt/refresh", json{{"refresh_token", tokens["refresh_token"]}}.dump()));
  BOOST_TEST(status_of(ask("POST", "/jwt/revoke", json{{"refresh_token", next["refresh_token"]}}.dump())) == 200);
  BOOST_TEST(status_of(ask("POST", "/jwt/refresh", json{{"refresh_token", next["refresh_token"]}}.dump())) == 401);
  BOOST_TEST(status_of(ask("POST", "/session/totp", json{{"password", password}}.dump())) == 200);
  BOOST_TEST(status_of(ask("POST", "/session/totp/confirm", R"({"code":"x"})")) == 403);
  BOOST_TEST(status_of(ask("POST", "/session/totp/remove", json{{"password", password}}.dump())) == 200);
  BOOST_TEST(status_of(ask("POST", "/session/password", json{{"old", password}, {"new", password}}.dump())) == 200);
  BOOST_TEST(status_of(ask("DELETE", "/users/{name}", "", "bert")) == 200);
  BOOST_TEST(status_of(ask("POST", "/setup", json{{"token", "x"}, {"user", "x"}, {"password", password}}.dump())) == 409);
  BOOST_TEST(status_of(ask("POST", "/logout")) == 200);
  BOOST_TEST(status_of(ask("POST", "/logout")) == 401);
}

BOOST_AUTO_TEST_CASE(the_log_is_for_operators_and_holds_no_secret) {
  init_log(LogLevel::info);
  auto config = with_admin();
  config.api_key = "a-key-of-the-settings";
  start(config);
  log(LogLevel::warning, "strange", {{"message", "refused a-key-of-the-settings"}, {"token", "open sesame"}});
  log_in("anna");
  BOOST_TEST(status_of(ask("POST", "/users", R"({"name":"bert","role":"viewer","password":"a long password"})")) == 201);
  const auto page = told(ask("GET", "/logs", "", ""));
  BOOST_TEST_REQUIRE(!page["lines"].empty());
  const auto text = page.dump();
  for (const auto* secret : {"a-key-of-the-settings", "open sesame"}) BOOST_TEST(text.find(secret) == std::string::npos);
  BOOST_TEST(text.find("store_loaded") != std::string::npos);
  BOOST_TEST(text.find("strange") != std::string::npos);
  log_in("bert");
  BOOST_TEST(status_of(ask("GET", "/logs")) == 403);
  init_log(LogLevel::error);
}

BOOST_AUTO_TEST_CASE(every_answer_of_what_people_do_about_incidents_is_as_documented) {
  auto keyed = with_admin();
  keyed.api_key = "k";
  start(keyed);
  RawClient probe(endpoint_of(*hub, "api"));
  probe.send(post(R"({"schema":2,"client_id":"office","boot_id":"b","seq":1,"timestamp":")" + to_rfc3339(wall_now()) +
                      R"(","lease_s":600,"path":"tunnel","trigger":"change","client_version":"1.0.0","state":"danger","findings":[]})",
                  "X-API-Key: k\r\n"));
  BOOST_REQUIRE(status_of(probe.read_reply()) == 200);
  for (const auto* pattern : {"/mutes", "/maintenance", "/incidents/{id}"}) BOOST_TEST(status_of(ask("GET", pattern, "", "1")) == 401);
  BOOST_TEST(status_of(ask("POST", "/incidents/{id}/acknowledge", "", "1")) == 401);
  log_in("anna");
  BOOST_TEST(status_of(ask("POST", "/users", R"({"name":"bert","role":"viewer","password":"a long password"})")) == 201);
  BOOST_TEST(told(ask("POST", "/incidents/{id}/acknowledge", R"({"note":"on it"})", "1"))["acknowledged"]["by"] == "anna");
  BOOST_TEST(status_of(ask("POST", "/incidents/{id}/comments", R"({"text":"two\nlines"})", "1")) == 201);
  BOOST_TEST(status_of(ask("POST", "/incidents/{id}/comments", R"({"text":""})", "1")) == 400);
  BOOST_TEST(status_of(ask("POST", "/incidents/{id}/comments", R"({"text":"x"})", "77")) == 404);
  BOOST_TEST(status_of(ask("POST", "/incidents/{id}/acknowledge", "", "x")) == 404);
  BOOST_TEST(told(ask("PUT", "/mutes/{subject}", R"({"minutes":5,"reason":"noise"})", "office"))["by"] == "anna");
  BOOST_TEST(status_of(ask("PUT", "/mutes/{subject}", R"({"minutes":0})", "office")) == 400);
  BOOST_TEST(status_of(ask("PUT", "/mutes/{subject}", "", "a%20b")) == 400);
  BOOST_TEST(told(ask("PUT", "/mutes/{subject}", "", "group%3Aberlin"))["until"].is_null());
  BOOST_TEST(told(ask("GET", "/mutes"))["mutes"].size() == 2U);
  const auto shown = told(ask("GET", "/incidents/{id}", "", "1"));
  BOOST_TEST(shown["comments"][0]["text"] == "two\nlines");
  BOOST_TEST(shown["acknowledged"]["note"] == "on it");
  BOOST_TEST(shown["muted"] == true);
  BOOST_TEST(shown["muted_until"].is_string());
  BOOST_TEST(told(ask("GET", "/incidents"))["incidents"][0]["comment_count"] == 1);
  BOOST_TEST(status_of(ask("GET", "/incidents/{id}", "", "77")) == 404);
  BOOST_TEST(status_of(ask("DELETE", "/mutes/{subject}", "", "office")) == 200);
  BOOST_TEST(status_of(ask("DELETE", "/mutes/{subject}", "", "office")) == 404);
  const auto soon = to_rfc3339(wall_now() + std::chrono::hours{1});
  const auto window = [&](const std::string& to) {
    return json{{"name", "move"}, {"clients", {"office-*"}}, {"from", soon}, {"to", to}}.dump();
  };
  const auto announced = told(ask("POST", "/maintenance", window(to_rfc3339(wall_now() + std::chrono::hours{2}))));
  BOOST_TEST(status_of(ask("POST", "/maintenance", window(soon))) == 400);
  BOOST_TEST(told(ask("GET", "/maintenance"))["maintenance"].size() == 1U);
  BOOST_TEST(status_of(ask("DELETE", "/maintenance/{id}", "", announced["id"].dump())) == 200);
  BOOST_TEST(status_of(ask("DELETE", "/maintenance/{id}", "", announced["id"].dump())) == 404);
  BOOST_TEST(told(ask("DELETE", "/incidents/{id}/acknowledge", "", "1"))["acknowledged"].is_null());
  BOOST_TEST(told(ask("GET", "/rules"))["rules"][0]["source"] == "built-in");
  BOOST_TEST(status_of(ask("PUT", "/rules/{name}", R"({"on":"state","delay_s":-1})", "leak")) == 400);
  BOOST_TEST(status_of(ask("PUT", "/rules/{name}", R"({"on":"state","channels":["nowhere"]})", "leak")) == 400);
  BOOST_TEST(told(ask("PUT", "/rules/{name}", R"({"on":"state","states":["danger"],"delay_s":5})", "leak"))["source"] == "api");
  BOOST_TEST(told(ask("GET", "/rules"))["rules"][0]["name"] == "leak");
  const auto dry = json{{"rule", {{"name", "x"}, {"on", "state"}, {"states", {"danger"}}}},
                        {"from", to_rfc3339(wall_now() - std::chrono::hours{1})},
                        {"to", soon}};
  const auto run = told(ask("POST", "/rules/dry-run", dry.dump()));
  BOOST_TEST(run["messages"] == 1);
  BOOST_TEST(run["would_have"][0]["client_id"] == "office");
  BOOST_TEST(status_of(ask("POST", "/rules/dry-run", R"({"rule":{}})")) == 400);
  BOOST_TEST(status_of(ask("DELETE", "/rules/{name}", "", "leak")) == 200);
  BOOST_TEST(status_of(ask("DELETE", "/rules/{name}", "", "leak")) == 404);
  std::vector<std::string> noted;
  const auto audit = told(ask("GET", "/audit"));
  for (const auto& row : audit["audit"]) noted.push_back(row["action"]);
  for (const auto* action : {"incident_acknowledged", "incident_commented", "muted", "unmuted", "maintenance_announced"})
    BOOST_TEST((std::ranges::find(noted, action) != noted.end()));
  log_in("bert");
  BOOST_TEST(status_of(ask("GET", "/mutes")) == 200);
  BOOST_TEST(status_of(ask("PUT", "/mutes/{subject}", "", "office")) == 403);
  BOOST_TEST(status_of(ask("POST", "/incidents/{id}/acknowledge", "", "1")) == 403);
  log_in("anna");
  csrf = "";
  BOOST_TEST(status_of(ask("PUT", "/mutes/{subject}", "", "office")) == 403);
}

BOOST_AUTO_TEST_CASE(a_live_page_ends_with_its_session) {
  start(with_admin());
  RawClient stranger(endpoint_of(*hub, "dashboard"));
  stranger.send(get("/api/v1/live", upgrade));
  BOOST_TEST(status_of(stranger.read_reply()) == 401);
  log_in("anna");
  RawClient page(endpoint_of(*hub, "dashboard"));
  page.send(get("/api/v1/live", upgrade + cookie));
  BOOST_TEST(status_of(page.read_reply(false)) == 101);
  BOOST_TEST(status_of(ask("POST", "/logout")) == 200);
  BOOST_TEST(close_code(page) == 1008);
}

BOOST_AUTO_TEST_CASE(the_hub_s_page_tells_of_a_log_in_that_came_by_plain_http_at_either_listener) {
  auto made = with_admin();
  made.trusted_proxies = {IpPrefix::parse("127.0.0.1").value()};
  for (const auto* const listener : {"dashboard", "api"}) {
    start(made);
    log_in("anna");
    BOOST_TEST(told(ask("GET", "/hub"))["warnings"].empty());
    const auto body = json{{"user", "anna"}, {"password", password}}.dump();
    RawClient client(endpoint_of(*hub, listener));
    client.send(
        "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Type: application/json\r\n"
        "Content-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body);
    BOOST_TEST(status_of(client.read_reply()) == 200);
    BOOST_TEST(told(ask("GET", "/hub"))["warnings"].dump().find("by plain HTTP, at the dashboard or the API") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(what_a_jwt_or_a_proxy_s_word_has_opened_ends_with_it) {
  auto made = with_admin();
  made.session_limits.access_token = std::chrono::seconds{10};
  made.forward_auth_header = "Remote-User";
  made.forward_auth_proxies = {IpPrefix::parse("127.0.0.1").value()};
  start(made);
  const auto tokens = told(ask("POST", "/jwt", json{{"user", "anna"}, {"password", password}}.dump()));
  const auto bearer = "Authorization: Bearer " + tokens["access_token"].get<std::string>() + "\r\n";
  for (const auto& who : {bearer, std::string("Remote-User: anna\r\n")}) {
    BOOST_TEST_CONTEXT(who) {
      RawClient page(endpoint_of(*hub, "dashboard"));
      page.send(get("/api/v1/live", upgrade + who));
      BOOST_TEST(status_of(page.read_reply(false)) == 101);
      BOOST_TEST(close_code(page) == close_renew);
    }
  }
  RawClient late(endpoint_of(*hub, "dashboard"));
  late.send(get("/api/v1/live", upgrade + bearer));
  BOOST_TEST(status_of(late.read_reply()) == 401);
}

BOOST_AUTO_TEST_CASE(a_live_page_ends_with_the_tokens_that_are_revoked) {
  start(with_admin());
  const auto tokens = told(ask("POST", "/jwt", json{{"user", "anna"}, {"password", password}}.dump()));
  RawClient page(endpoint_of(*hub, "dashboard"));
  page.send(get("/api/v1/live", upgrade + "Authorization: Bearer " + tokens["access_token"].get<std::string>() + "\r\n"));
  BOOST_TEST(status_of(page.read_reply(false)) == 101);
  BOOST_TEST(status_of(ask("POST", "/jwt/revoke", json{{"refresh_token", tokens["refresh_token"]}}.dump())) == 200);
  BOOST_TEST(close_code(page) == 1008);
}

BOOST_AUTO_TEST_CASE(users_and_sessions_are_there_after_a_restart_and_the_settings_make_no_second_admin) {
  start(with_admin());
  log_in("anna");
  auto again = with_admin();
  again.admin_user = "mallory";
  start(again);
  BOOST_TEST(told(ask("GET", "/session"))["user"]["name"] == "anna");
  BOOST_TEST(told(ask("GET", "/users"))["users"].size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_first_admin_comes_by_the_token_of_the_file_which_then_goes) {
  start(config());
  const auto path = setup_token_path(config().data_dir);
  struct stat found {};
  BOOST_REQUIRE(stat(path.c_str(), &found) == 0);
  BOOST_TEST((found.st_mode & 0777U) == 0600U);
  std::ifstream file(path);
  std::string token;
  std::getline(file, token);
  BOOST_TEST(told(ask("GET", "/session"))["state"] == "open");
  RawClient open_page(endpoint_of(*hub, "dashboard"));
  open_page.send(get("/api/v1/live", upgrade));
  BOOST_TEST(status_of(open_page.read_reply(false)) == 101);
  start(config());  // it is told once, and stays good
  const auto made = ask("POST", "/setup", json{{"token", token}, {"user", "anna"}, {"password", password}}.dump());
  BOOST_TEST(status_of(made) == 201);
  static_cast<void>(hub->turn());
  BOOST_TEST(!std::filesystem::exists(path));
  RawClient client(endpoint_of(*hub, "dashboard"));
  client.send(get("/api/v1/clients"));
  BOOST_TEST(status_of(client.read_reply()) == 401);
  client.send(get("/dashboard"));
  BOOST_TEST(status_of(client.read_reply()) == 200);
  take(made);
  client.send(get("/api/v1/clients", cookie));
  BOOST_TEST(status_of(client.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(a_page_that_is_open_to_all_is_closed_when_somebody_gets_an_account) {
  start(config());
  RawClient page(endpoint_of(*hub, "dashboard"));
  page.send(get("/api/v1/live", upgrade));
  BOOST_TEST(status_of(page.read_reply(false)) == 101);
  BOOST_REQUIRE(add_user(config().data_dir, {"anna", "admin"}, password).has_value());
  std::atomic<bool> ended = false;
  std::thread turns([&] {
    while (!ended) {
      static_cast<void>(hub->turn());
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
  });
  BOOST_TEST(close_code(page) == 1008);
  ended = true;
  turns.join();
}

BOOST_AUTO_TEST_CASE(a_key_of_the_api_works_when_its_answer_is_there_and_not_after_it_was_revoked) {
  auto with_key = with_admin();
  with_key.api_key = "k";
  start(with_key);
  log_in("anna");
  const auto key = told(ask("POST", "/keys", R"({"name":"office","clients":["office"]})"))["key"].get<std::string>();
  RawClient probe(endpoint_of(*hub, "api"));
  const std::string report =
      R"({"client_id":"office","public_ip":"198.51.100.2","location":{"country":"RO"},"dns_test":{"location":"RO","colo":"OTP"}})";
  probe.send(post(report, "X-API-Key: " + key + "\r\n"));
  BOOST_TEST(status_of(probe.read_reply()) == 200);
  BOOST_TEST(status_of(ask("DELETE", "/keys/{name}", "", "office")) == 200);
  probe.send(post(report, "X-API-Key: " + key + "\r\n"));
  BOOST_TEST(status_of(probe.read_reply()) == 403);
}

BOOST_AUTO_TEST_CASE(commands_make_change_and_remove_users) {
  const auto data = config().data_dir;
  BOOST_TEST(list_users(data).value() == "There are no users.\n");
  BOOST_TEST(!add_user(data, {"b b", "viewer"}, password));
  BOOST_TEST(!add_user(data, {"anna", "root"}, password));
  BOOST_TEST(!add_user(data, {"anna", "admin"}, "short"));
  BOOST_TEST(add_user(data, {"anna", "admin"}, password).has_value());
  BOOST_TEST(add_user(data, {"bert", "viewer"}, password).has_value());
  BOOST_TEST(set_user_role(data, {"bert", "operator"}).has_value());
  BOOST_TEST(set_user_password(data, {"bert", "", true}, "another password").has_value());
  const auto listed = list_users(data).value();
  BOOST_TEST(listed.find("bert                     operator") != std::string::npos);
  BOOST_TEST(!remove_user(data, {"anna", ""}));
  BOOST_TEST(remove_user(data, {"bert", ""}).has_value());
  BOOST_TEST(!remove_user(data, {"bert", ""}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

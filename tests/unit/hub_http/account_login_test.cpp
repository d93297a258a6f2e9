#include <atomic>
#include <boost/test/unit_test.hpp>
#include <set>

#include "account_fixture.hpp"
#include "hub/accounts/secrets.hpp"
#include "hub/accounts/totp.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

BOOST_FIXTURE_TEST_SUITE(account_login, AccountApiFixture)

BOOST_AUTO_TEST_CASE(a_log_in_gives_a_cookie_that_scripts_and_other_sites_cannot_use) {
  open();
  const auto answer = post("/login", credentials_of("anna"));
  BOOST_TEST(answer.status == 200);
  BOOST_TEST(answer.cookie.starts_with("vs_session="));
  for (const auto* part : {"; Path=/;", "; HttpOnly", "; SameSite=Strict", "; Max-Age=2592000;"})
    BOOST_TEST(answer.cookie.find(part) != std::string::npos);
  BOOST_TEST(answer.cookie.find("Secure") == std::string::npos);
  BOOST_TEST(answer.body["state"] == "in");
  BOOST_TEST(answer.body["user"]["name"] == "anna");
  BOOST_TEST(answer.body["user"]["role"] == "admin");
  const auto secret = answer.cookie.substr(11, answer.cookie.find(';') - 11);
  BOOST_TEST(secret.size() == 43U);
  BOOST_TEST(answer.body.dump().find(secret) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(with_https_the_cookie_is_secure_and_of_this_host) {
  open([](AccountDoor& made) { made.tls = true; });
  const auto answer = post("/login", credentials_of("anna"));
  BOOST_TEST(answer.cookie.starts_with("__Host-vs_session="));
  BOOST_TEST(answer.cookie.ends_with("; Secure"));
  const auto value = answer.cookie.substr(18, answer.cookie.find(';') - 18);
  BOOST_TEST(get("/session", {{"Cookie", "__Host-vs_session=" + value}}).body["state"] == "in");
  BOOST_TEST(get("/session", {{"Cookie", "vs_session=" + value}}).body["state"] == "login");  // anybody on the network could set that one
}

BOOST_AUTO_TEST_CASE(behind_a_proxy_with_https_the_cookie_is_secure_and_others_cannot_say_so) {
  open();
  const std::map<std::string, std::string> https{{"X-Forwarded-Proto", "https"}};
  BOOST_TEST(post("/login", credentials_of("anna"), https).cookie.starts_with("vs_session="));
  AccessRules rules;
  rules.trusted_proxies = {IpPrefix::parse("127.0.0.1").value()};
  access->replace(rules);
  const auto answer = post("/login", credentials_of("anna"), https);
  BOOST_TEST(answer.cookie.starts_with("__Host-vs_session="));
  BOOST_TEST(answer.cookie.ends_with("; Secure"));
}

BOOST_AUTO_TEST_CASE(a_wrong_password_and_an_unknown_user_are_told_alike) {
  open();
  const auto wrong = post("/login", credentials_of("anna", "another password"));
  const auto unknown = post("/login", credentials_of("nobody"));
  BOOST_TEST(wrong.status == 401);
  BOOST_TEST(unknown.status == 401);
  BOOST_TEST(wrong.body == unknown.body);
  BOOST_TEST(wrong.cookie.empty());
}

BOOST_AUTO_TEST_CASE(guessing_is_slowed_down_also_for_who_guesses_right_in_the_end) {
  open();
  for (int i = 0; i < 10; ++i) BOOST_TEST(post("/login", credentials_of("anna", "another password")).status == 401);
  const auto answer = post("/login", credentials_of("anna"));
  BOOST_TEST(answer.status == 429);
  BOOST_TEST(!answer.seconds.empty());
  BOOST_TEST(ask({"POST", "/login", "", credentials_of("anna").dump(), "192.0.2.9", {}}).status == 200);
}

BOOST_AUTO_TEST_CASE(a_body_that_is_wrong_is_refused_by_its_field) {
  open();
  const std::vector<std::pair<std::string, std::string>> table{
      {R"({"user":"anna"})", "password: "},
      {R"({"user":7,"password":"x"})", "user: "},
      {R"({"user":"anna","password":"x","more":1})", "more: "},
      {R"({"user":"anna","user":"bert","password":"x"})", "user: expected one such field"},
      {R"([])", "body: "},
      {R"({)", "body: "},
      {R"({"user":"","password":"x"})", "user: "},
      {"{\"user\":\"a\\u0000b\",\"password\":\"x\"}", "user: "}};
  for (const auto& [body, word] : table) {
    const auto answer = ask({"POST", "/login", "", body, "127.0.0.1", {}});
    BOOST_TEST_CONTEXT(body) {
      BOOST_TEST(answer.status == 400);
      BOOST_TEST(answer.body["message"].get<std::string>().starts_with(word));
    }
  }
  BOOST_TEST(post("/login", credentials_of("anna"), {{"Content-Type", "application/x-www-form-urlencoded"}}).status == 415);
  BOOST_TEST(post("/login", credentials_of("anna", std::string(20'000, 'x'))).status == 413);
}

BOOST_AUTO_TEST_CASE(a_page_of_another_site_cannot_log_anybody_in) {
  open();
  BOOST_TEST(post("/login", credentials_of("anna"), {{"Origin", "https://evil.example"}, {"Host", "hub.example"}}).status == 403);
}

BOOST_AUTO_TEST_CASE(a_log_out_ends_the_session_on_the_hub_too) {
  open();
  const auto anna = logged_in("anna");
  BOOST_TEST(get("/users", anna).status == 200);
  const auto answer = ask({"POST", "/logout", "", "", "127.0.0.1", anna});
  BOOST_TEST(answer.status == 200);
  BOOST_TEST(answer.cookie.find("Max-Age=0") != std::string::npos);
  BOOST_TEST(get("/users", anna).status == 401);
}

BOOST_AUTO_TEST_CASE(a_log_out_ends_the_session_also_when_it_cannot_be_written) {
  open();
  const auto anna = logged_in("anna");
  auto disk = Database::open(account_file_path(folder)).value();
  BOOST_REQUIRE(disk.execute("CREATE TRIGGER full BEFORE DELETE ON sessions BEGIN SELECT RAISE(ABORT, 'full'); END").has_value());
  const auto answer = ask({"POST", "/logout", "", "", "127.0.0.1", anna});
  BOOST_TEST(answer.status == 200);
  BOOST_TEST(answer.cookie.find("Max-Age=0") != std::string::npos);
  BOOST_TEST(get("/users", anna).status == 401);
}

BOOST_AUTO_TEST_CASE(what_changes_something_needs_the_csrf_token_of_this_session) {
  open();
  auto anna = logged_in("anna");
  const auto other = logged_in("anna");
  const json key{{"name", "k"}, {"clients", {"office"}}};
  auto without = anna;
  without.erase("X-CSRF-Token");
  BOOST_TEST(post("/keys", key, without).status == 403);
  for (const auto& token : {std::string("x"), std::string(), other.at("X-CSRF-Token")}) {
    anna["X-CSRF-Token"] = token;
    BOOST_TEST(post("/keys", key, anna).status == 403);
  }
  BOOST_TEST(keys.empty());
  BOOST_TEST(post("/keys", key, other).status == 201);
}

BOOST_AUTO_TEST_CASE(each_state_before_a_log_in_has_its_word) {
  start([](AccountDoor& made) { made.open = true; });
  BOOST_TEST(get("/session").body["state"] == "open");
  BOOST_TEST(get("/session").body["setup_possible"] == true);
  BOOST_TEST(get("/session", {{"X-Forwarded-For", "192.0.2.7"}}).body["state"] == "setup");
  accounts.reset();
  start();
  BOOST_TEST(get("/session").body["state"] == "setup");
  accounts.reset();
  start([](AccountDoor& made) { made.password = "p"; });
  BOOST_TEST(get("/session").body["state"] == "basic");
  accounts.reset();
  open();
  BOOST_TEST(get("/session").body["state"] == "login");
  BOOST_TEST(get("/session").body["setup_possible"] == false);
}

BOOST_AUTO_TEST_CASE(the_first_admin_is_made_once_by_whoever_has_the_token) {
  BOOST_REQUIRE(AccountFile::open(account_file_path(folder)).value().set_fact(setup_token_fact, hash_secret("the-token")).has_value());
  start();
  const auto with = [](const std::string& token) { return json{{"token", token}, {"user", "anna"}, {"password", usual_password}}; };
  BOOST_TEST(post("/setup", with("wrong")).status == 403);
  const auto made = post("/setup", with("the-token"));
  BOOST_TEST(made.status == 201);
  BOOST_TEST(made.body["state"] == "in");
  BOOST_TEST(made.body["user"]["role"] == "admin");
  BOOST_TEST(!made.cookie.empty());
  BOOST_TEST(post("/setup", with("the-token")).status == 409);
}

BOOST_AUTO_TEST_CASE(without_a_token_in_the_file_nobody_becomes_the_first_admin) {
  start();
  BOOST_TEST(post("/setup", {{"token", ""}, {"user", "anna"}, {"password", usual_password}}).status == 400);
  BOOST_TEST(post("/setup", {{"token", "x"}, {"user", "anna"}, {"password", usual_password}}).status == 403);
}

BOOST_AUTO_TEST_CASE(a_password_that_came_from_another_machine_without_https_is_remembered) {
  AccessRules rules;
  rules.trusted_proxies = {IpPrefix::parse("192.0.2.1").value()};
  access = std::make_shared<Access>(std::move(rules), Access::Options{});
  open();
  using Headers = std::map<std::string, std::string>;
  const auto plain_after = [&](const std::string& path, const std::string& peer, const Headers& headers) {
    door->plain_log_in->store(false);
    static_cast<void>(ask({"POST", path, "", credentials_of("anna").dump(), peer, headers}));
    return door->plain_log_in->load();
  };
  const Headers through_proxy{{"X-Forwarded-For", "198.51.100.7"}, {"X-Forwarded-Proto", "http"}};
  const Headers by_https{{"X-Forwarded-For", "198.51.100.7"}, {"X-Forwarded-Proto", "https"}};
  for (const auto* const path : {"/login", "/jwt", "/setup"}) {
    BOOST_TEST(!plain_after(path, "127.0.0.1", {}), path);
    BOOST_TEST(!plain_after(path, "192.0.2.1", by_https), path);
    BOOST_TEST(plain_after(path, "192.0.2.1", through_proxy), path);
    BOOST_TEST(plain_after(path, "192.0.2.2", by_https), path);  // past the proxy, and nobody's word
  }
}

BOOST_AUTO_TEST_CASE(a_new_password_needs_the_old_one_and_ends_the_other_log_ins) {
  open();
  const auto here = logged_in("victor");
  const auto elsewhere = logged_in("victor");
  BOOST_TEST(post("/session/password", {{"old", "wrong password"}, {"new", "a new password"}}, here).status == 403);
  BOOST_TEST(post("/session/password", {{"old", usual_password}, {"new", "short"}}, here).status == 400);
  BOOST_TEST(post("/session/password", {{"old", usual_password}, {"new", "a new password"}}, here).status == 200);
  BOOST_TEST(get("/session", here).body["state"] == "in");
  BOOST_TEST(get("/session", elsewhere).body["state"] == "login");
  BOOST_TEST(post("/login", credentials_of("victor")).status == 401);
  BOOST_TEST(post("/login", credentials_of("victor", "a new password")).status == 200);
}

BOOST_AUTO_TEST_CASE(an_api_user_gets_tokens_that_follow_each_other) {
  open();
  const auto first = post("/jwt", credentials_of("anna"));
  BOOST_REQUIRE(first.status == 200);
  BOOST_TEST(first.cookie.empty());
  BOOST_TEST(first.body["expires_in"] == 600);
  const auto bearer = [](const Answer& answer) {
    return std::map<std::string, std::string>{{"Authorization", "Bearer " + answer.body["access_token"].get<std::string>()}};
  };
  BOOST_TEST(get("/users", bearer(first)).status == 200);
  BOOST_TEST(post("/keys", {{"name", "k"}, {"clients", {"office"}}}, bearer(first)).status ==
             201);  // no CSRF: no browser sends it by itself
  const auto second = post("/jwt/refresh", {{"refresh_token", first.body["refresh_token"]}});
  BOOST_REQUIRE(second.status == 200);
  BOOST_TEST(get("/users", bearer(second)).status == 200);
  BOOST_TEST(post("/jwt/refresh", {{"refresh_token", first.body["refresh_token"]}}).status == 401);
  BOOST_TEST(post("/jwt/refresh", {{"refresh_token", second.body["refresh_token"]}}).status == 401);
  BOOST_TEST(get("/users", bearer(second)).status == 401);
}

BOOST_AUTO_TEST_CASE(a_refresh_token_that_is_nonsense_costs_the_accounts_nothing) {
  open();
  const auto tokens = post("/jwt", credentials_of("anna"));
  const auto before = accounts->directory();
  const std::string real = tokens.body["refresh_token"];
  for (const auto& nonsense : {std::string("x"), std::string("vsr_"), std::string("vsr_x"), std::string("vsr_no-such-log-in.secret"),
                               real.substr(0, real.find('.')), std::string("vst_") + real.substr(4)}) {
    BOOST_TEST(post("/jwt/refresh", {{"refresh_token", nonsense}}).status == 401, nonsense);
    BOOST_TEST(post("/jwt/revoke", {{"refresh_token", nonsense}}).status == 401, nonsense);
  }
  BOOST_TEST(accounts->directory() == before);  // it was not even read again
  BOOST_TEST(post("/jwt/refresh", {{"refresh_token", real}}).status == 200);
  BOOST_TEST(accounts->directory() != before);
}

BOOST_AUTO_TEST_CASE(a_revoked_refresh_token_takes_its_access_tokens_with_it) {
  open();
  const auto tokens = post("/jwt", credentials_of("anna"));
  const std::map<std::string, std::string> bearer{{"Authorization", "Bearer " + tokens.body["access_token"].get<std::string>()}};
  BOOST_TEST(post("/jwt/revoke", {{"refresh_token", tokens.body["refresh_token"]}}).status == 200);
  BOOST_TEST(get("/users", bearer).status == 401);
}

BOOST_AUTO_TEST_CASE(only_a_trusted_proxy_names_users) {
  open([](AccountDoor& made) {
    made.forward_auth_header = "Remote-User";
    made.forward_auth_proxies = {IpPrefix::parse("192.0.2.1").value()};
  });
  const auto from = [this](const std::string& peer, const std::string& user) {
    return ask({"GET", "/session", "", "", peer, {{"Remote-User", user}}}).body;
  };
  BOOST_TEST(from("127.0.0.1", "anna")["state"] == "login");
  BOOST_TEST(from("192.0.2.2", "anna")["state"] == "login");
  BOOST_TEST(from("192.0.2.1", "nobody")["state"] == "login");
  const auto in = from("192.0.2.1", "anna");
  BOOST_TEST(in["state"] == "in");
  BOOST_TEST(in["user"]["by"] == "forward_auth");
  const FakeRequest key{"POST", "/keys", "", R"({"name":"k","clients":["office"]})", "192.0.2.1", {{"Remote-User", "anna"}}};
  BOOST_TEST(ask(key).status == 403);
  auto with_token = key;
  with_token.headers["X-CSRF-Token"] = in["csrf"];
  BOOST_TEST(ask(with_token).status == 201);
}

BOOST_AUTO_TEST_CASE(a_proxy_that_names_two_users_names_none) {
  open([](AccountDoor& made) {
    made.forward_auth_header = "Remote-User";
    made.forward_auth_proxies = {IpPrefix::parse("192.0.2.1").value()};
  });
  FakeRequest asked{"GET", "/users", "", "", "192.0.2.1", {{"Remote-User", "anna"}}};
  BOOST_TEST(ask(asked).status == 200);
  asked.twice = {"Remote-User"};
  BOOST_TEST(ask(asked).status == 401);
  asked.headers.merge(logged_in("anna"));  // the cookie does not stand in for it
  BOOST_TEST(ask(asked).status == 401);
}

BOOST_AUTO_TEST_CASE(the_audit_log_names_whose_log_in_by_tokens_has_ended) {
  open();
  const auto revoked = post("/jwt", credentials_of("oscar"));
  BOOST_TEST(post("/jwt/revoke", {{"refresh_token", revoked.body["refresh_token"]}}).status == 200);
  const auto reused = post("/jwt", credentials_of("victor")).body["refresh_token"];
  BOOST_TEST(post("/jwt/refresh", {{"refresh_token", reused}}).status == 200);
  BOOST_TEST(post("/jwt/refresh", {{"refresh_token", reused}}).status == 401);
  std::set<std::string> lines;
  const auto log = get("/audit", logged_in("anna")).body["audit"];
  for (const auto& row : log) {
    lines.insert(row["action"].get<std::string>() + " " + row["who"].get<std::string>() + " " + row["address"].get<std::string>());
  }
  BOOST_TEST(lines.contains("jwt_revoked oscar 127.0.0.1"));
  BOOST_TEST(lines.contains("refresh_token_reused victor 127.0.0.1"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

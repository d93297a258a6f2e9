#include <boost/test/unit_test.hpp>
#include <set>

#include "account_fixture.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using Headers = std::map<std::string, std::string>;

BOOST_FIXTURE_TEST_SUITE(account_rights, AccountApiFixture)

/// Whether somebody came past the question of rights: what the route itself says about a missing body does not matter here.
bool passed(const Answer& answer) { return answer.status != 401 && answer.status != 403; }

std::string path_of(const AccountRoute& route) {
  auto path = route.pattern.substr(std::string("/api/v1").size());
  if (const auto open = path.find('{'); open != std::string::npos) path.replace(open, path.find('}') - open + 1, "777");
  return path;
}

BOOST_AUTO_TEST_CASE(every_route_is_open_to_its_roles_and_to_no_other) {
  open();
  const std::vector<std::pair<std::optional<Role>, std::string>> people{
      {std::nullopt, ""}, {Role::viewer, "victor"}, {Role::operator_, "oscar"}, {Role::admin, "anna"}};
  for (const auto& route : list_account_routes("/api/v1")) {
    if (!route.least) continue;
    for (const auto& [role, name] : people) {
      const auto headers = name.empty() ? Headers{} : logged_in(name);
      // Without what they need, so that nothing is changed: a route that is closed says so before it looks at the body.
      const auto answer =
          ask({route.method, path_of(route), "", route.method == "GET" ? "" : R"({"no":"such field"})", "127.0.0.1", headers});
      BOOST_TEST_CONTEXT(route.method << " " << route.pattern << " by " << name << ": " << answer.status << answer.body) {
        BOOST_TEST(passed(answer) == (role && *role >= *route.least));
        if (!role) BOOST_TEST(answer.status == 401);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_roles_of_the_routes_are_these) {
  std::map<std::string, std::set<std::string>> by_role;
  for (const auto& route : list_account_routes("")) {
    by_role[route.least ? std::string(to_string(*route.least)) : "anybody"].insert(route.method + " " + route.pattern);
  }
  const std::set<std::string> anybody{"GET /session", "POST /setup",       "POST /login",     "POST /enrol",
                                      "POST /jwt",    "POST /jwt/refresh", "POST /jwt/revoke"};
  const std::set<std::string> viewers{
      "POST /logout", "POST /session/password", "POST /session/totp", "POST /session/totp/confirm", "POST /session/totp/remove",
      "GET /tokens",  "POST /tokens",           "DELETE /tokens/{id}"};
  const std::set<std::string> admins{"GET /users", "POST /users", "PUT /users/{name}", "DELETE /users/{name}", "GET /audit"};
  BOOST_TEST((by_role["anybody"] == anybody));
  BOOST_TEST((by_role["viewer"] == viewers));
  BOOST_TEST((by_role["admin"] == admins));
}

BOOST_AUTO_TEST_CASE(a_token_may_do_what_its_scopes_say_within_the_role_of_its_user) {
  open();
  const auto make = [this](const std::string& user, const json& scopes) {
    const auto answer = post("/tokens", {{"name", "t"}, {"scopes", scopes}, {"password", usual_password}}, logged_in(user));
    BOOST_REQUIRE(answer.status == 201);
    return Headers{{"Authorization", "Bearer " + answer.body["token"].get<std::string>()}};
  };
  BOOST_TEST(get("/users", make("anna", {"read"})).status == 200);
  BOOST_TEST(get("/users", make("anna", {"manage"})).status == 403);
  BOOST_TEST(get("/users", make("victor", {"read", "manage"})).status == 403);
  const json key{{"name", "k"}, {"clients", {"office"}}};
  BOOST_TEST(post("/keys", key, make("anna", {"read", "report"})).status == 403);
  BOOST_TEST(post("/keys", key, make("victor", {"manage"})).status == 403);
  BOOST_TEST(post("/keys", key, make("oscar", {"report", "manage"})).status == 201);
  // No token makes another one, or changes the secrets of its user.
  BOOST_TEST(
      post("/tokens", {{"name", "t"}, {"scopes", {"read"}}, {"password", usual_password}}, make("anna", {"read", "manage"})).status == 403);
  BOOST_TEST(post("/session/password", {{"old", usual_password}, {"new", "another one"}}, make("anna", {"manage"})).status == 403);
  BOOST_TEST(post("/tokens", {{"name", "t"}, {"scopes", {"report"}}, {"password", usual_password}}, logged_in("victor")).status == 403);
  BOOST_TEST(get("/users", {{"Authorization", "Bearer vst_wrong"}}).status == 401);
}

BOOST_AUTO_TEST_CASE(a_token_makes_no_key_that_may_do_more_than_itself) {
  open();
  const auto make = [this](const json& scopes) {
    const auto answer = post("/tokens", {{"name", "t"}, {"scopes", scopes}, {"password", usual_password}}, logged_in("oscar"));
    BOOST_REQUIRE(answer.status == 201);
    return Headers{{"Authorization", "Bearer " + answer.body["token"].get<std::string>()}};
  };
  const auto oscar = logged_in("oscar");
  const auto manages = make({"manage"});
  const auto reads = make({"read", "manage"});
  const auto reports = make({"report", "manage"});
  const json everything{{"name", "all"}, {"clients", {"*"}}, {"read", true}};
  const json reader{{"name", "reader"}, {"clients", json::array()}, {"read", true}};
  const json reporter{{"name", "reporter"}, {"clients", {"office"}}};
  const json code{{"client_id", "lab"}};
  BOOST_TEST(post("/keys", everything, manages).status == 403);
  BOOST_TEST(post("/keys", everything, reads).body["message"] == "clients: a key that reports needs of a token the scope report");
  BOOST_TEST(post("/keys", everything, reports).body["message"] == "read: a key that reads needs of a token the scope read");
  BOOST_TEST(post("/keys", reader, reports).status == 403);
  BOOST_TEST(post("/keys", reporter, reads).status == 403);
  BOOST_TEST(post("/enrolments", code, reads).status == 403);
  BOOST_TEST(keys.empty());
  BOOST_TEST(get("/enrolments", oscar).body["enrolments"].empty());
  BOOST_TEST(post("/keys", reader, reads).status == 201);
  BOOST_TEST(post("/keys", reporter, reports).status == 201);
  BOOST_TEST(post("/enrolments", code, reports).status == 201);
  // Neither does it get one that is there already.
  BOOST_TEST(post("/keys/reader/rotate", json::object(), reports).status == 403);
  BOOST_TEST(post("/keys/reporter/rotate", json::object(), reads).status == 403);
  BOOST_TEST(post("/keys/reader/rotate", json::object(), reads).status == 200);
  BOOST_TEST(post("/keys/nobody/rotate", json::object(), manages).status == 404);
  BOOST_TEST(post("/keys", everything, oscar).status == 201);  // who has logged in may
  BOOST_TEST(post("/keys/all/rotate", json::object(), oscar).status == 200);
}

BOOST_AUTO_TEST_CASE(users_are_made_changed_and_removed_by_a_log_in_and_by_no_token) {
  open();
  const auto anna = logged_in("anna");
  const auto token =
      post("/tokens", {{"name", "t"}, {"scopes", {"read", "report", "manage"}}, {"password", usual_password}}, anna).body["token"];
  const auto jwt = post("/jwt", {{"user", "anna"}, {"password", usual_password}}).body["access_token"];
  for (const auto& bearer : {token, jwt}) {
    const Headers headers{{"Authorization", "Bearer " + bearer.get<std::string>()}};
    BOOST_TEST(get("/users", headers).status == 200);
    BOOST_TEST(post("/users", {{"name", "bert"}, {"role", "admin"}, {"password", usual_password}}, headers).status == 403);
    BOOST_TEST(ask({"PUT", "/users/anna", "", R"({"password":"another password","remove_totp":true})", "127.0.0.1", headers}).status ==
               403);
    BOOST_TEST(ask({"DELETE", "/users/victor", "", "", "127.0.0.1", headers}).status == 403);
  }
  BOOST_TEST(get("/users", anna).body["users"].size() == 3U);
  BOOST_TEST(post("/login", {{"user", "anna"}, {"password", usual_password}}).status == 200);
}

BOOST_AUTO_TEST_CASE(a_log_in_that_somebody_has_stolen_makes_no_token_without_the_password) {
  open();
  const auto victor = logged_in("victor");
  json wish{{"name", "t"}, {"scopes", {"read"}}};
  BOOST_TEST(post("/tokens", wish, victor).status == 400);
  wish["password"] = "another password";
  BOOST_TEST(post("/tokens", wish, victor).status == 403);
  wish["password"] = usual_password;
  const auto jwt = post("/jwt", {{"user", "victor"}, {"password", usual_password}}).body["access_token"].get<std::string>();
  BOOST_TEST(post("/tokens", wish, {{"Authorization", "Bearer " + jwt}}).status == 403);
  BOOST_TEST(get("/tokens", victor).body["tokens"].empty());
  BOOST_TEST(post("/tokens", wish, victor).status == 201);
}

BOOST_AUTO_TEST_CASE(whom_a_proxy_names_makes_a_token_without_a_password) {
  open([](AccountDoor& made) {
    made.forward_auth_header = "Remote-User";
    made.forward_auth_proxies = {IpPrefix::parse("127.0.0.1").value()};
  });
  const Headers named{{"Remote-User", "victor"}};
  const auto csrf = get("/session", named).body["csrf"].get<std::string>();
  BOOST_TEST(post("/tokens", {{"name", "t"}, {"scopes", {"read"}}}, named).status == 403);
  BOOST_TEST(post("/tokens", {{"name", "t"}, {"scopes", {"read"}}}, {{"Remote-User", "victor"}, {"X-CSRF-Token", csrf}}).status == 201);
}

BOOST_AUTO_TEST_CASE(a_password_that_an_admin_sets_ends_the_tokens_and_an_own_one_does_not) {
  open();
  const auto oscar = logged_in("oscar");
  const auto made = post("/tokens", {{"name", "t"}, {"scopes", {"read"}}, {"password", usual_password}}, oscar);
  BOOST_REQUIRE(made.status == 201);
  const Headers token{{"Authorization", "Bearer " + made.body["token"].get<std::string>()}};
  BOOST_TEST(post("/session/password", {{"old", usual_password}, {"new", "another password"}}, oscar).status == 200);
  BOOST_TEST(get("/keys", token).status == 200);
  const auto anna = logged_in("anna");
  BOOST_TEST(ask({"PUT", "/users/oscar", "", R"({"role":"operator"})", "127.0.0.1", anna}).status == 200);
  BOOST_TEST(get("/keys", token).status == 200);
  BOOST_TEST(ask({"PUT", "/users/oscar", "", R"({"password":"a third password"})", "127.0.0.1", anna}).status == 200);
  BOOST_TEST(get("/keys", token).status == 401);
  BOOST_TEST(get("/audit", anna).body.dump().find("tokens_removed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_wrong_token_is_not_passed_over_for_a_right_cookie) {
  open();
  auto anna = logged_in("anna");
  anna["Authorization"] = "Bearer vst_wrong";
  BOOST_TEST(get("/users", anna).status == 401);
}

BOOST_AUTO_TEST_CASE(tokens_are_seen_and_removed_by_their_owner_and_by_admins) {
  open();
  const auto made =
      post("/tokens", {{"name", "t"}, {"scopes", {"read"}}, {"expires_days", 1}, {"password", usual_password}}, logged_in("oscar"));
  BOOST_REQUIRE(made.status == 201);
  BOOST_TEST(get("/tokens", logged_in("victor")).body["tokens"].empty());
  BOOST_TEST(get("/tokens", logged_in("oscar")).body["tokens"].size() == 1U);
  const auto listed = get("/tokens", logged_in("anna")).body["tokens"];
  BOOST_REQUIRE(listed.size() == 1U);
  BOOST_TEST(listed[0]["user"] == "oscar");
  BOOST_TEST(!listed[0].contains("token"));
  const auto path = "/tokens/" + made.body["id"].dump();
  BOOST_TEST(ask({"DELETE", path, "", "", "127.0.0.1", logged_in("victor")}).status == 404);
  BOOST_TEST(ask({"DELETE", path, "", "", "127.0.0.1", logged_in("oscar")}).status == 200);
  BOOST_TEST(get("/users", {{"Authorization", "Bearer " + made.body["token"].get<std::string>()}}).status == 401);
}

BOOST_AUTO_TEST_CASE(users_are_made_changed_and_removed_by_an_admin) {
  open();
  const auto anna = logged_in("anna");
  BOOST_TEST(post("/users", {{"name", "bert"}, {"role", "viewer"}, {"password", usual_password}}, anna).status == 201);
  BOOST_TEST(post("/users", {{"name", "bert"}, {"role", "viewer"}, {"password", usual_password}}, anna).status == 409);
  BOOST_TEST(post("/users", {{"name", "b b"}, {"role", "viewer"}, {"password", usual_password}}, anna).status == 400);
  BOOST_TEST(post("/users", {{"name", "c"}, {"role", "root"}, {"password", usual_password}}, anna).status == 400);
  BOOST_TEST(post("/users", {{"name", "c"}, {"role", "viewer"}, {"password", "short"}}, anna).status == 400);
  const auto bert = logged_in("bert");
  const auto changed = ask({"PUT", "/users/bert", "", R"({"role":"operator"})", "127.0.0.1", anna});
  BOOST_TEST(changed.status == 200);
  BOOST_TEST(changed.body["role"] == "operator");
  BOOST_TEST(get("/keys", bert).status == 200);  // at once, with the log-in of before
  BOOST_TEST(ask({"PUT", "/users/nobody", "", R"({"role":"operator"})", "127.0.0.1", anna}).status == 404);
  BOOST_TEST(ask({"PUT", "/users/bert", "", R"({"password":"another password"})", "127.0.0.1", anna}).status == 200);
  BOOST_TEST(get("/keys", bert).status == 401);
  BOOST_TEST(ask({"DELETE", "/users/bert", "", "", "127.0.0.1", anna}).status == 200);
  BOOST_TEST(ask({"DELETE", "/users/anna", "", "", "127.0.0.1", anna}).status == 409);
  BOOST_TEST(get("/users", anna).body["users"].size() == 3U);
  BOOST_TEST(get("/users", anna).body.dump().find("argon2") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(keys_are_shown_once_rotated_and_revoked) {
  open();
  const auto oscar = logged_in("oscar");
  const auto made = post("/keys", {{"name", "office"}, {"clients", {"office", "lab-*"}}, {"read", true}}, oscar);
  BOOST_TEST(made.status == 201);
  BOOST_TEST(made.body["key"] == "vs_new");
  BOOST_TEST(post("/keys", {{"name", "office"}, {"clients", {"office"}}}, oscar).status == 409);
  BOOST_TEST(post("/keys", {{"name", "x"}, {"clients", json::array()}}, oscar).status == 400);
  BOOST_TEST(post("/keys", {{"name", "x"}, {"clients", {"a b"}}}, oscar).status == 400);
  const auto listed = get("/keys", oscar).body["keys"];
  BOOST_REQUIRE(listed.size() == 1U);
  BOOST_TEST(!listed[0].contains("key"));
  BOOST_TEST(post("/keys/office/rotate", json::object(), oscar).body["key"] == "vs_rotated");
  BOOST_TEST(post("/keys/nobody/rotate", json::object(), oscar).status == 404);
  BOOST_TEST(ask({"DELETE", "/keys/office", "", "", "127.0.0.1", oscar}).status == 200);
  BOOST_TEST(keys.empty());
}

BOOST_AUTO_TEST_CASE(a_probe_enrols_once_with_the_code_and_gets_a_key_for_itself_alone) {
  open();
  const auto oscar = logged_in("oscar");
  const auto made = post("/enrolments", {{"client_id", "office"}, {"group", "berlin"}, {"valid_minutes", 5}}, oscar);
  BOOST_REQUIRE(made.status == 201);
  BOOST_TEST(get("/enrolments", oscar).body["enrolments"].size() == 1U);
  BOOST_TEST(get("/enrolments", oscar).body.dump().find(made.body["code"].get<std::string>()) == std::string::npos);
  BOOST_TEST(post("/enrol", {{"code", "AAAA-AAAA-AAAA-AAAA-AAAA"}}).status == 403);
  auto typed = made.body["code"].get<std::string>();
  for (auto& c : typed) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto enrolled = post("/enrol", {{"code", typed}});
  BOOST_TEST(enrolled.status == 200);
  BOOST_TEST(enrolled.body["client_id"] == "office");
  BOOST_TEST(enrolled.body["group"] == "berlin");
  BOOST_TEST(enrolled.body["key"] == "vs_enrolled");
  BOOST_REQUIRE(keys.size() == 1U);
  BOOST_TEST((keys[0].grant == KeyGrant{"office", {"office"}, false, std::vector<std::string>{"berlin"}}));
  BOOST_TEST(get("/keys", oscar).body["keys"][0]["groups"] == json({"berlin"}));
  BOOST_TEST(post("/enrol", {{"code", typed}}).status == 403);
  BOOST_TEST(get("/enrolments", oscar).body["enrolments"].empty());
  BOOST_TEST(post("/enrolments", {{"client_id", "a b"}}, oscar).status == 400);
}

BOOST_AUTO_TEST_CASE(an_enrolment_takes_the_place_of_the_same_machine_s_key_and_of_no_other) {
  open();
  const auto oscar = logged_in("oscar");
  const auto anna = logged_in("anna");
  const auto make = [&](const json& clients, bool read) {
    BOOST_TEST(post("/keys", {{"name", "office"}, {"clients", clients}, {"read", read}}, anna).status == 201);
  };
  const auto code = [&] { return post("/enrolments", {{"client_id", "office"}}, oscar); };
  const std::vector<std::pair<json, bool>> others{
      {{"office-vpn", "lab-*"}, true}, {{"office*"}, false}, {{"office"}, true}, {{"office", "lab"}, false}, {json::array(), true}};
  for (const auto& [clients, read] : others) {
    BOOST_TEST_CONTEXT(clients << read) {
      const auto before = code().body["code"];
      make(clients, read);
      const auto kept = keys[0];
      for (const auto& refused : {code(), post("/enrol", {{"code", before}})}) {
        BOOST_TEST(refused.status == 409);
        BOOST_TEST(refused.body["message"].get<std::string>().find("revoke it first") != std::string::npos);
      }
      BOOST_TEST((keys == std::vector{kept}));
      BOOST_TEST(ask({"DELETE", "/keys/office", "", "", "127.0.0.1", anna}).status == 200);
      BOOST_TEST(post("/enrol", {{"code", before}}).status == 200);  // it has stayed good
      BOOST_TEST(ask({"DELETE", "/keys/office", "", "", "127.0.0.1", anna}).status == 200);
    }
  }
  BOOST_TEST(get("/audit", anna).body.dump().find("key_replaced") == std::string::npos);
  make({"office"}, false);
  BOOST_TEST(post("/enrol", {{"code", code().body["code"]}}).status == 200);
  BOOST_REQUIRE(keys.size() == 1U);
  BOOST_TEST(keys[0].grant.groups.has_value());
  const auto row = get("/audit", anna).body["audit"][0];
  BOOST_TEST(row["action"] == "key_replaced");
  BOOST_TEST(row["target"] == "office");
}

BOOST_AUTO_TEST_CASE(what_was_done_stands_in_the_audit_log_without_secrets) {
  open();
  const auto anna = logged_in("anna");
  BOOST_TEST(post("/keys", {{"name", "office"}, {"clients", {"office"}}}, anna).status == 201);
  BOOST_TEST(post("/login", {{"user", "victor"}, {"password", "wrong password"}}).status == 401);
  const auto log = get("/audit", anna).body["audit"];
  std::set<std::string> actions;
  for (const auto& row : log)
    actions.insert(row["action"].get<std::string>() + " " + row["who"].get<std::string>() + " " + row["target"].get<std::string>());
  BOOST_TEST(actions.contains("key_added anna office"));
  BOOST_TEST(actions.contains("logged_in anna anna"));
  BOOST_TEST(actions.contains("log_in_failed - victor"));
  BOOST_TEST(log.dump().find("password") == std::string::npos);
  BOOST_TEST(log.dump().find("vs_new") == std::string::npos);
  FakeRequest page{"GET", "/audit", "limit=1", "", "127.0.0.1", anna};
  const auto first = ask(page).body;
  BOOST_TEST(first["audit"].size() == 1U);
  page.query = "limit=1&cursor=" + first["next"].get<std::string>();
  BOOST_TEST(ask(page).body["audit"][0]["id"] < first["audit"][0]["id"]);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

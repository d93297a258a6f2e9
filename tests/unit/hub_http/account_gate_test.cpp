#include "hub/http/account_gate.hpp"

#include <boost/test/unit_test.hpp>

#include "account_fixture.hpp"

namespace vpn_sentinel {
namespace {

using Headers = std::map<std::string, std::string>;

struct Gates : AccountApiFixture {
  /// 200: let in.
  [[nodiscard]] int pass(const Gate& gate, const FakeRequest& request) const {
    auto view = request.view();
    const auto refused = pass_gates({find_address(access), gate}, view);
    last = view.caller;
    return refused ? refused->status : 200;
  }
  [[nodiscard]] Gate data() const { return require_log_in(door, "/api/v1"); }
  [[nodiscard]] Gate api() const { return require_key_or_account(door); }
  static FakeRequest get(const std::string& path, Headers headers = {}) {
    headers.emplace("Host", "localhost");
    return {"GET", path, "", "", "127.0.0.1", std::move(headers)};
  }
  static FakeRequest report(Headers headers = {}) {
    headers.emplace("Host", "localhost");
    return {"POST", "/api/v1/keepalive", "", "{}", "127.0.0.1", std::move(headers)};
  }
  mutable Caller last;
};

BOOST_FIXTURE_TEST_SUITE(account_gate, Gates)

BOOST_AUTO_TEST_CASE(cookies_are_found_by_their_whole_name) {
  BOOST_TEST(cookie_value("a=1; vs_session=x; b=2", "vs_session") == "x");
  BOOST_TEST(cookie_value("vs_session=x", "vs_session") == "x");
  BOOST_TEST(cookie_value("  vs_session=x  ;", "vs_session") == "x");
  BOOST_TEST(cookie_value("vs_session=a=b", "vs_session") == "a=b");
  for (const auto* header : {"", ";", "=", "vs_session", "xvs_session=x", "vs_sessionx=x", "a=vs_session=x", "VS_SESSION=x"}) {
    BOOST_TEST_CONTEXT(header) { BOOST_TEST(cookie_value(header, "vs_session").empty()); }
  }
}

BOOST_AUTO_TEST_CASE(on_loopback_without_users_nobody_is_asked) {
  start([](AccountDoor& made) { made.open = true; });
  BOOST_TEST(pass(data(), get("/api/v1/clients")) == 200);
  BOOST_TEST(pass(data(), get("/dashboard")) == 200);
  auto rebound = get("/api/v1/clients");
  rebound.headers["Host"] = "evil.example";
  BOOST_TEST(pass(data(), rebound) == 421);
}

BOOST_AUTO_TEST_CASE(what_a_proxy_passes_on_is_not_open_though_it_comes_from_loopback) {
  access = std::make_shared<Access>(AccessRules{}, Access::Options{true, 16, 16, mono_now, {}});
  start([](AccountDoor& made) { made.open = true; });
  for (const auto* name : {"X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded"}) {
    BOOST_TEST_CONTEXT(name) {
      const Headers headers{{"Host", "127.0.0.1:8080"}, {name, "198.51.100.7"}};
      BOOST_TEST(pass(data(), get("/api/v1/clients", headers)) == 401);
      BOOST_TEST(pass(data(), get("/api/v1/live", headers)) == 401);
      BOOST_TEST(pass(data(), get("/dashboard", headers)) == 200);
      BOOST_TEST(pass(api(), get("/api/v1/clients", headers)) == 401);
      BOOST_TEST(pass(api(), report(headers)) == 401);
    }
  }
  auto elsewhere = get("/api/v1/clients");
  elsewhere.peer = "192.0.2.7";
  BOOST_TEST(pass(data(), elsewhere) == 401);
  BOOST_TEST(pass(api(), elsewhere) == 401);
  BOOST_TEST(pass(api(), report()) == 200);
}

BOOST_AUTO_TEST_CASE(elsewhere_nothing_is_open_also_without_users) {
  start();
  BOOST_TEST(pass(data(), get("/api/v1/clients")) == 401);
  BOOST_TEST(pass(data(), get("/api/v1/live")) == 401);
  BOOST_TEST(pass(data(), get("/dashboard")) == 200);
}

BOOST_AUTO_TEST_CASE(the_dashboards_password_counts_as_long_as_nobody_has_an_account) {
  start([](AccountDoor& made) { made.password = "p"; });
  const Headers basic{{"Authorization", "Basic dTpw"}};  // u:p
  BOOST_TEST(pass(data(), get("/dashboard")) == 401);
  BOOST_TEST(pass(data(), get("/api/v1/clients", basic)) == 200);
  const auto caller = last;
  BOOST_TEST(data().holds(caller));
  accounts.reset();
  open([](AccountDoor& made) { made.password = "p"; });
  BOOST_TEST(pass(data(), get("/api/v1/clients", basic)) == 401);
  BOOST_TEST(!data().holds(caller));
}

BOOST_AUTO_TEST_CASE(with_users_data_needs_a_log_in_also_on_loopback_and_ends_with_it) {
  open([](AccountDoor& made) { made.open = true; });
  BOOST_TEST(pass(data(), get("/api/v1/clients")) == 401);
  BOOST_TEST(pass(data(), get("/dashboard")) == 200);
  const auto victor = logged_in("victor");
  BOOST_TEST(pass(data(), get("/api/v1/clients", victor)) == 200);
  const auto caller = last;
  BOOST_TEST(data().holds(caller));
  BOOST_TEST(ask({"POST", "/logout", "", "", "127.0.0.1", victor}).status == 200);
  BOOST_TEST(!data().holds(caller));
  BOOST_TEST(pass(data(), get("/api/v1/clients", victor)) == 401);
}

BOOST_AUTO_TEST_CASE(probes_go_on_to_report_with_their_keys_and_on_open_loopback_without) {
  access = std::make_shared<Access>(AccessRules{}, Access::Options{true, 16, 16, mono_now, {}});
  open();
  BOOST_TEST(pass(api(), report()) == 200);
  BOOST_TEST(pass(api(), get("/api/v1/clients")) == 401);  // reading is for people who have logged in
  BOOST_TEST(pass(api(), get("/api/v1/clients", logged_in("victor"))) == 200);
  AccessRules rules;
  rules.keys = Keyring("k", {});
  access->replace(rules);
  BOOST_TEST(pass(api(), report()) == 401);
  BOOST_TEST(pass(api(), report({{"X-API-Key", "k"}})) == 200);
  BOOST_TEST(pass(api(), get("/api/v1/clients", {{"X-API-Key", "k"}})) == 200);
  BOOST_TEST(api().holds(last));
}

BOOST_AUTO_TEST_CASE(a_session_reports_nothing) {
  AccessRules rules;
  rules.keys = Keyring("k", {});
  access->replace(rules);
  open();
  BOOST_TEST(pass(api(), report(logged_in("anna"))) == 401);
}

BOOST_AUTO_TEST_CASE(a_token_reads_or_reports_by_its_scope) {
  AccessRules rules;
  rules.keys = Keyring("k", {});
  access->replace(rules);
  open();
  const auto make = [this](const nlohmann::json& scopes) {
    const auto answer = post("/tokens", {{"name", "t"}, {"scopes", scopes}, {"password", usual_password}}, logged_in("oscar"));
    return Headers{{"X-API-Key", answer.body["token"].get<std::string>()}};
  };
  const auto reads = make({"read"});
  const auto reports = make({"report"});
  BOOST_TEST(pass(api(), get("/api/v1/clients", reads)) == 200);
  BOOST_TEST(pass(api(), report(reads)) == 403);
  BOOST_TEST(pass(api(), report(reports)) == 200);
  BOOST_TEST(pass(api(), get("/api/v1/clients", reports)) == 403);
  BOOST_TEST(pass(api(), report({{"X-API-Key", "vst_wrong"}})) == 401);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

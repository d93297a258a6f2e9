#include "hub/http/api.hpp"

#include <boost/test/unit_test.hpp>

#include "fake_engine.hpp"
#include "fake_request.hpp"
#include "hub/http/health.hpp"
#include "hub/http/query.hpp"

namespace vpn_sentinel {
namespace {

struct Api {
  FakeEngine engine;
  Router router;
  std::vector<Response> answers;

  Api() {
    add_report_routes(router, "/api/v1", engine);
    add_read_routes(router, "/api/v1", engine);
  }
  void ask(const FakeRequest& request) {
    router.handle(request.view(), [this](Response response) { answers.push_back(std::move(response)); });
  }
  Response get(const std::string& path, const std::string& query = {}) {
    ask({.path = path, .query = query});
    return answers.back();
  }
  void post(const std::string& body) { ask({.method = "POST", .path = "/api/v1/keepalive", .body = body, .peer = "192.0.2.7"}); }
};

BOOST_FIXTURE_TEST_SUITE(api, Api)

BOOST_AUTO_TEST_CASE(the_prefix_follows_the_rule_of_the_original) {
  BOOST_TEST(api_prefix("/api/v1") == "/api/v1");
  BOOST_TEST(api_prefix("api/v1/") == "/api/v1");
  BOOST_TEST(api_prefix("//x//") == "/x");
  BOOST_TEST(api_prefix("/").empty());
  BOOST_TEST(api_prefix("").empty());
}

BOOST_AUTO_TEST_CASE(a_report_is_acknowledged_only_after_it_is_stored) {
  post(R"({"client_id":"office"})");
  BOOST_TEST(answers.empty());
  BOOST_TEST_REQUIRE(engine.submitted.size() == 1);
  BOOST_TEST(engine.submitted[0].first.report.client_id == "office");
  BOOST_TEST(engine.submitted[0].first.source_address == "192.0.2.7");
  engine.submitted[0].second(SubmitResult::stored);
  BOOST_TEST_REQUIRE(answers.size() == 1);
  BOOST_TEST(answers[0].status == 200);
  const auto json = nlohmann::json::parse(answers[0].body);
  BOOST_TEST(json["status"] == "ok");
  BOOST_TEST(json["message"] == "Keepalive received");
  BOOST_TEST(parse_rfc3339(json["server_time"].get<std::string>()).has_value());
}

BOOST_AUTO_TEST_CASE(a_packed_report_is_refused_by_the_name_of_its_coding) {
  for (const std::string path : {"keepalive", "events"}) {
    ask({.method = "POST", .path = "/api/v1/" + path, .body = "\x1f\x8b", .headers = {{"Content-Encoding", " identity, GZip"}}});
    BOOST_TEST(answers.back().status == 415);
    BOOST_TEST(answers.back().body.find("Content-Encoding: expected identity or none, got GZip") != std::string::npos);
    BOOST_TEST(header_in(answers.back(), "Accept-Encoding") == "identity");
  }
  for (const std::string coding : {"", "identity", "Identity, ,identity"}) {
    ask({.method = "POST", .path = "/api/v1/keepalive", .body = R"({"client_id":"a"})", .headers = {{"Content-Encoding", coding}}});
  }
  BOOST_TEST(engine.submitted.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_duplicate_is_acknowledged_because_it_is_stored_already) {
  post(R"({"client_id":"office"})");
  engine.submitted[0].second(SubmitResult::duplicate);
  BOOST_TEST(answers.at(0).status == 200);
}

BOOST_AUTO_TEST_CASE(a_report_that_was_not_stored_is_answered_with_503_and_when_to_try_again) {
  post(R"({"client_id":"office"})");
  engine.submitted[0].second(SubmitResult::store_failed);
  engine.full = true;
  post(R"({"client_id":"office"})");
  BOOST_TEST_REQUIRE(answers.size() == 2);
  for (const auto& answer : answers) {
    BOOST_TEST(answer.status == 503);
    BOOST_TEST(!header_in(answer, "Retry-After").empty());
  }
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_507_and_every_refusal_says_why_and_what_to_do) {
  for (int i = 0; i < 3; ++i) post(R"({"client_id":"office"})");
  engine.submitted[0].second(SubmitResult::store_full);
  engine.submitted[1].second(SubmitResult::store_read_only);
  engine.submitted[2].second(SubmitResult::store_failed);
  BOOST_TEST_REQUIRE(answers.size() == 3);
  const std::vector<std::pair<int, std::string>> expected{{507, "disk is full"}, {503, "may not write"}, {503, "log says why"}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    BOOST_TEST(answers[i].status == expected[i].first);
    BOOST_TEST(!header_in(answers[i], "Retry-After").empty());
    BOOST_TEST((nlohmann::json::parse(answers[i].body)["message"].get<std::string>().find(expected[i].second) != std::string::npos));
  }
}

BOOST_AUTO_TEST_CASE(a_new_client_without_room_is_507_and_the_setting_is_named) {
  for (int i = 0; i < 2; ++i) post(R"({"client_id":"office"})");
  engine.submitted[0].second(SubmitResult::too_many_clients);
  engine.submitted[1].second(SubmitResult::too_many_of_key);
  const std::vector<std::string> settings{"VPN_SENTINEL_SERVER_MAX_CLIENTS", "VPN_SENTINEL_SERVER_CLIENTS_PER_KEY"};
  for (std::size_t i = 0; i < settings.size(); ++i) {
    BOOST_TEST(answers.at(i).status == 507);
    BOOST_TEST(header_in(answers[i], "Retry-After") == "60");
    const auto json = nlohmann::json::parse(answers[i].body);
    BOOST_TEST(json["error"] == "Too many clients");
    BOOST_TEST((json["message"].get<std::string>().find(settings[i]) != std::string::npos));
  }
}

BOOST_AUTO_TEST_CASE(a_bad_report_is_refused_with_its_reason_and_never_submitted) {
  post("{}");
  BOOST_TEST(answers.at(0).status == 400);
  BOOST_TEST(nlohmann::json::parse(answers[0].body)["error"] == "No JSON data provided");
  post("{\"client_id\":");
  BOOST_TEST(answers.at(1).status == 400);
  BOOST_TEST(engine.submitted.empty());
}

BOOST_AUTO_TEST_CASE(status_has_the_original_shape_and_leaves_silent_clients_out) {
  engine.add(client_of("b", State::danger));
  engine.add(client_of("a", State::secure));
  engine.add(client_of("gone", State::offline));
  const auto json = nlohmann::json::parse(get("/api/v1/status").body);
  BOOST_TEST(json.size() == 2U);
  BOOST_TEST(json["a"].contains("dns_loc"));
  BOOST_TEST(json.contains("b"));
}

BOOST_AUTO_TEST_CASE(clients_lists_everybody_with_the_time_of_the_server) {
  engine.add(client_of("a", State::secure));
  engine.add(client_of("gone", State::offline));
  const auto json = nlohmann::json::parse(get("/api/v1/clients").body);
  BOOST_TEST(json["clients"].size() == 2U);
  BOOST_TEST(json["clients"][1]["state"] == "offline");
  BOOST_TEST(json.contains("server_time"));
}

BOOST_AUTO_TEST_CASE(one_client_is_found_by_its_id) {
  engine.add(client_of("a", State::secure));
  BOOST_TEST(nlohmann::json::parse(get("/api/v1/clients/a").body)["client_id"] == "a");
  BOOST_TEST(get("/api/v1/clients/b").status == 404);
}

BOOST_AUTO_TEST_CASE(groups_are_listed_apart_from_clients_with_their_members) {
  auto group = client_of("group:office", State::danger);
  group.rule = "quorum:2";
  group.members = {{"a", State::danger, WallTime{}, true}, {"b", State::offline, WallTime{}, false}};
  engine.add(group);
  engine.add(client_of("a", State::danger));
  BOOST_TEST(nlohmann::json::parse(get("/api/v1/clients").body)["clients"].size() == 1U);
  BOOST_TEST(!nlohmann::json::parse(get("/api/v1/status").body).contains("group:office"));
  const auto groups = nlohmann::json::parse(get("/api/v1/groups").body)["groups"];
  BOOST_TEST_REQUIRE(groups.size() == 1U);
  BOOST_TEST(groups[0]["client_id"] == "group:office");
  BOOST_TEST(groups[0]["rule"] == "quorum:2");
  BOOST_TEST(groups[0]["members"][1]["client_id"] == "b");
  BOOST_TEST(groups[0]["members"][1]["sees"] == false);
  BOOST_TEST(get("/api/v1/clients/group:office").status == 200);
}

BOOST_AUTO_TEST_CASE(history_is_bounded_and_only_of_known_clients) {
  engine.add(client_of("a", State::secure));
  BOOST_TEST(get("/api/v1/clients/a/history").status == 200);
  BOOST_TEST(engine.reader.asked.most == 100U);
  BOOST_TEST(get("/api/v1/clients/a/history", "limit=7").status == 200);
  BOOST_TEST(engine.reader.asked.most == 7U);
  for (const auto* limit : {"limit=0", "limit=1001", "limit=x", "limit=-1", "limit=99999999999999999999"}) {
    BOOST_TEST_CONTEXT(limit) { BOOST_TEST(get("/api/v1/clients/a/history", limit).status == 400); }
  }
  BOOST_TEST(get("/api/v1/clients/b/history").status == 404);
  engine.reader.works = false;
  BOOST_TEST(get("/api/v1/clients/a/history").status == 503);
}

BOOST_AUTO_TEST_CASE(gates_come_before_routes_also_for_unknown_paths_and_the_live_channel) {
  const auto broker = Broker::make();
  LiveFeed feed(*broker);
  const Gate closed = [](const Request&) { return std::optional<Response>(Response{401, "", "", {}}); };
  const auto routes = join_services({live_service({closed}, std::make_shared<Router>(), "/api/v1", feed)});
  const FakeRequest request{.path = "/nowhere"};
  routes.handle(request.view(), [this](Response response) { answers.push_back(std::move(response)); });
  BOOST_TEST(answers.at(0).status == 401);
  BOOST_TEST(routes.admit_live(FakeRequest{.path = "/api/v1/live"}.view()).refused->status == 401);
}

BOOST_AUTO_TEST_CASE(the_live_channel_is_at_one_path_only_and_says_so_to_plain_requests) {
  const auto broker = Broker::make();
  LiveFeed feed(*broker);
  const auto routes = join_services({live_service({}, std::make_shared<Router>(), "/api/v1", feed)});
  BOOST_TEST(!routes.admit_live(FakeRequest{.path = "/api/v1/live"}.view()).refused.has_value());
  BOOST_TEST(routes.admit_live(FakeRequest{.path = "/live"}.view()).refused->status == 404);
  const FakeRequest plain{.path = "/api/v1/live"};
  routes.handle(plain.view(), [this](Response response) { answers.push_back(std::move(response)); });
  BOOST_TEST(answers.at(0).status == 426);
}

BOOST_AUTO_TEST_CASE(a_store_that_fails_or_does_not_answer_is_no_healthy_one) {
  using Status = HealthComponent::Status;
  FakeEngine store;
  store.silent_for = std::chrono::seconds{10};
  BOOST_TEST((store_health(store).status == Status::ok));
  store.silent_for += std::chrono::milliseconds{1};
  BOOST_TEST(hangs(store));
  BOOST_TEST((store_health(store).status == Status::fail));
  BOOST_TEST(store_health(store).details == "the disk has not answered for 10 s");
  store.silent_for = {};
  store.stores = false;
  BOOST_TEST((store_health(store).status == Status::fail));
}

BOOST_AUTO_TEST_CASE(health_is_503_exactly_when_something_has_failed) {
  using Status = HealthComponent::Status;
  auto status = Status::ok;
  Router health;
  add_health_routes(health, [&] { return std::vector<HealthComponent>{{"store", status, "x"}, {"clients", Status::ok, "y"}}; });
  const auto ask_health = [&](const std::string& path) {
    Response answer;
    health.handle(FakeRequest{.path = path}.view(), [&](Response response) { answer = std::move(response); });
    return answer;
  };
  BOOST_TEST(ask_health("/health").status == 200);
  BOOST_TEST(nlohmann::json::parse(ask_health("/health").body)["components"]["store"]["status"] == "ok");
  status = Status::degraded;
  BOOST_TEST(ask_health("/health").status == 200);
  BOOST_TEST(nlohmann::json::parse(ask_health("/health").body)["status"] == "degraded");
  status = Status::fail;
  BOOST_TEST(ask_health("/health").status == 503);
  BOOST_TEST(ask_health("/health/ready").status == 503);
  BOOST_TEST(ask_health("/health/startup").status == 200);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

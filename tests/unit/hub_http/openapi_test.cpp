// Real answers of a running hub, held against the document that it serves.
#include "hub/http/openapi.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#include <thread>

#include "fake_engine.hpp"
#include "hub/http/account_routes.hpp"
#include "hub/http/alert_routes.hpp"
#include "hub/http/api.hpp"
#include "hub/http/care_routes.hpp"
#include "hub/http/channel_routes.hpp"
#include "hub/http/connections.hpp"
#include "hub/http/hub_route.hpp"
#include "hub/http/query.hpp"
#include "hub/http/rule_routes.hpp"
#include "hub/store/roll_up.hpp"
#include "running_hub.hpp"

namespace vpn_sentinel {
namespace {

using namespace test;

/// Those of accounts need a log-in first: account_hub_test.cpp holds them against the document.
bool is_plain_get(const json& item) { return item.contains("get") && !item["get"].contains("tags"); }

BOOST_FIXTURE_TEST_SUITE(openapi, RunningHub)

BOOST_AUTO_TEST_CASE(every_documented_get_is_answered_as_documented) {
  check(post(report(1, "secure", full_report)), "/keepalive", "post");
  check(post(report(2, "danger", danger_finding)), "/keepalive", "post");
  check(post(report(3, "secure", full_report)), "/keepalive", "post");
  check(post(report(4, "danger", danger_finding)), "/keepalive", "post");
  check(post("{}"), "/keepalive", "post");
  check(post_to("/events",
                R"({"reports":[)" + report(5, "danger", danger_finding + R"(,"group":"vpn")") + "," + report(5, "danger") + ",{}]}"),
        "/events", "post");
  check(post_to("/events", "{}"), "/events", "post");
  const auto batch = flow_batch(1);
  for (const auto& problem : checker.check(json::parse(batch), document["components"]["schemas"]["FlowBatch"])) BOOST_ERROR(problem);
  check(post_to("/connections", batch), "/connections", "post");
  check(post_to("/connections", batch), "/connections", "post");
  check(post_to("/connections", "{}"), "/connections", "post");
  for (const auto& [path, item] : document["paths"].items()) {
    if (is_plain_get(item)) check(ask(path, ""), path);
  }
  const auto length = [this](const std::string& path, const std::string& list) { return json::parse(body_of(ask(path, "")))[list].size(); };
  BOOST_TEST(length("/clients", "clients") == 1U);
  BOOST_TEST(length("/clients/{id}/reports", "reports") == 5U);
  BOOST_TEST(length("/clients/{id}/history", "changes") == 4U);
  // The second one of the client, and that of its group.
  BOOST_TEST(length("/incidents", "incidents") == 3U);
  BOOST_TEST(length("/groups", "groups") == 1U);
  BOOST_TEST(length("/connections/active", "flows") == 2U);
  BOOST_TEST(length("/connections/active", "clients") == 1U);
}

BOOST_AUTO_TEST_CASE(flows_that_were_taken_are_in_every_answer_about_connections_once_they_are_written) {
  check(post(report(1, "secure", full_report)), "/keepalive", "post");
  check(post_to("/connections", flow_batch(1)), "/connections", "post");
  hub.reset();  // writes what waits
  start();
  const auto history = ask("/connections/history", "?outside=true&client=office");
  check(history, "/connections/history");
  const auto flows = json::parse(body_of(history))["flows"];
  BOOST_TEST_REQUIRE(flows.size() == 1U);
  BOOST_TEST(flows[0]["program"] == "qbittorrent");
  BOOST_TEST(flows[0]["destination"] == "203.0.113.9");
  BOOST_TEST(flows[0]["way"] == "outside");
  BOOST_TEST(flows[0]["bytes_out"] == 700);
  const auto stats = ask("/connections/stats", "?hours=1");
  check(stats, "/connections/stats");
  const auto numbers = json::parse(body_of(stats));
  BOOST_TEST(numbers["totals"]["outside"]["bytes_out"] == 700);
  BOOST_TEST(!numbers.contains("kept_since"));
  // Whole minutes are added up.
  BOOST_TEST(parse_rfc3339(numbers["from"].get<std::string>())->time_since_epoch() % std::chrono::minutes{1} ==
             std::chrono::microseconds{0});
  BOOST_TEST(numbers["totals"]["tunnel"]["bytes_in"] == 5000);
  BOOST_TEST(numbers["top_processes"][0]["program"] == "curl");
  BOOST_TEST(numbers["top_countries"][0]["country"] == "NL");
  BOOST_TEST(numbers["gaps"]["lost"] == 3);
  const auto map = ask("/connections/map", "");
  check(map, "/connections/map");
  const auto arcs = json::parse(body_of(map))["arcs"];
  BOOST_TEST_REQUIRE(arcs.size() == 2U);
  BOOST_TEST(arcs[0]["outside"] == true);
  BOOST_TEST(arcs[0]["to"]["country"] == "US");
  BOOST_TEST(arcs[1]["from"]["country"] == "RO");
  // The same batch again, after a restart.
  check(post_to("/connections", flow_batch(1)), "/connections", "post");
  BOOST_TEST(json::parse(body_of(post_to("/connections", flow_batch(1))))["result"] == "duplicate");
}

BOOST_AUTO_TEST_CASE(a_hub_whose_file_of_flows_cannot_be_opened_takes_reports_and_says_what_is_wrong) {
  hub.reset();
  std::filesystem::remove(folder + "/data/flows.db");
  std::filesystem::create_directory(folder + "/data/flows.db");
  hub = std::make_unique<Hub>(config());
  BOOST_TEST(status_of(post(report(1, "secure", full_report))) == 200);
  while (body_of(ask("/connections/active", "")).find("cannot be opened") == std::string::npos) std::this_thread::yield();
  check(post_to("/connections", flow_batch(1)), "/connections", "post");
  BOOST_TEST(status_of(post_to("/connections", flow_batch(1))) == 503);
}

BOOST_AUTO_TEST_CASE(what_a_hub_did_is_in_its_metrics) {
  static_cast<void>(post(report(1, "danger", danger_finding)));
  static_cast<void>(post(report(1, "danger", danger_finding)));
  static_cast<void>(post("{}"));
  static_cast<void>(ask("/clients/{id}", ""));
  static_cast<void>(post_to("/connections", flow_batch(1)));
  static_cast<void>(post_to("/connections", flow_batch(1)));
  const auto text = body_of(ask("/metrics", ""));
  for (const auto* line : {R"(vpn_sentinel_reports_total{result="stored"} 1)", R"(vpn_sentinel_reports_total{result="duplicate"} 1)",
                           R"(vpn_sentinel_reports_total{result="rejected"} 1)", R"(vpn_sentinel_reports_waiting 0)",
                           R"(vpn_sentinel_acknowledgement_seconds_count 2)", R"(vpn_sentinel_clients{state="danger"} 1)",
                           R"(vpn_sentinel_client_state{client="office",state="danger"} 1)", R"(vpn_sentinel_store_works 1)",
                           R"(vpn_sentinel_flow_batches_total{result="taken"} 1)", R"(vpn_sentinel_flow_rows_total 2)",
                           R"(vpn_sentinel_flow_batches_total{result="duplicate"} 1)", R"(vpn_sentinel_flow_store_works 1)",
                           R"(vpn_sentinel_http_requests_total{route="connections",status="200"} 2)",
                           R"(vpn_sentinel_http_requests_total{route="keepalive",status="200"} 2)",
                           R"(vpn_sentinel_http_requests_total{route="keepalive",status="400"} 1)",
                           R"(vpn_sentinel_http_requests_total{route="clients",status="200"} 1)"}) {
    BOOST_TEST_CONTEXT(line << " in\n" << text) { BOOST_TEST(text.find(std::string(line) + "\n") != std::string::npos); }
  }
}

BOOST_AUTO_TEST_CASE(head_answers_as_get_without_a_body) {
  static_cast<void>(post(report(1, "danger", danger_finding)));
  const auto whole = ask("/status", "");
  auto peer = connect("api");
  peer.send("HEAD /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const auto head = peer.read_reply(false);
  BOOST_TEST(body_of(head).empty());
  for (const auto* name : {"ETag", "Content-Length", "Content-Type"}) BOOST_TEST(header_of(head, name) == header_of(whole, name));
}

BOOST_AUTO_TEST_CASE(what_is_documented_as_304_400_and_404_is_answered_so) {
  check(post(report(1, "danger", danger_finding)), "/keepalive", "post");
  for (const auto& [path, item] : document["paths"].items()) {
    if (!is_plain_get(item)) continue;
    const auto& responses = item["get"]["responses"];
    if (responses.contains("304")) {
      const auto again = ask(path, "", "If-None-Match: *\r\n");
      BOOST_TEST_CONTEXT(path) { BOOST_TEST(status_of(again) == 304); }
      check(again, path);
    }
    if (responses.contains("400")) {
      const auto refused = ask(path, "?limit=none");
      BOOST_TEST_CONTEXT(path) { BOOST_TEST(status_of(refused) == 400); }
      check(refused, path);
    }
    if (!responses.contains("404")) continue;
    client = "nobody";
    const bool by_parameter = path == "/incidents" || path == "/reliability" || path.starts_with("/connections/");
    const auto unknown = ask(path, by_parameter ? "?client=nobody" : "");
    client = "office";
    BOOST_TEST_CONTEXT(path) { BOOST_TEST(status_of(unknown) == 404); }
    check(unknown, path);
  }
}

BOOST_AUTO_TEST_CASE(every_documented_parameter_is_taken_and_no_other) {
  check(post(report(1, "danger", danger_finding + R"(,"group":"vpn")")), "/keepalive", "post");
  const std::map<std::string, std::string> values{{"limit", "1"},
                                                  {"after", "a"},
                                                  {"state", "danger"},
                                                  {"from", "2026-11-21T10:00:00Z"},
                                                  {"to", "2036-11-21T10:00:00%2B01:00"},
                                                  {"cursor", "1"},
                                                  {"kind", "connected"},
                                                  {"resolution", "day"},
                                                  {"client", "office"},
                                                  {"open", "true"},
                                                  {"group", "vpn"},
                                                  {"outside", "true"},
                                                  {"hours", "8760"},
                                                  {"period", "week"},
                                                  {"zone", "Europe/Berlin"},
                                                  {"month", "2026-11"},
                                                  {"channel", "telegram"}};
  for (const auto& [path, item] : document["paths"].items()) {
    if (!is_plain_get(item) || !item["get"].contains("parameters")) continue;
    for (const auto& each : item["get"]["parameters"]) {
      const auto name = checker.resolve(each)["name"].get<std::string>();
      if (name == "id") continue;
      const bool of_delivery = path == "/alerts" && name == "state";
      const auto reply = ask(path, "?" + name + "=" + (of_delivery ? "waiting" : values.at(name)));
      BOOST_TEST_CONTEXT(path << " " << name) { BOOST_TEST(status_of(reply) == 200); }
      check(reply, path);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_route_is_documented) {
  FakeEngine engine;
  const auto broker = Broker::make();
  LiveFeed feed(*broker);
  const auto api = std::make_shared<Router>();
  add_report_routes(*api, "", engine);
  add_read_routes(*api, "", engine);
  add_hub_route(*api, "", [] { return HubFacts(); });
  add_alert_routes(*api, "", engine, [] { return std::vector<ChannelStanding>(); });
  const FlowDoor flows;
  add_flow_report_route(*api, "", flows);
  add_flow_read_routes(*api, "", engine, flows);
  static_cast<void>(live_service({}, api, "", feed));
  Router health;
  add_health_routes(health, [] { return std::vector<HealthComponent>(); });
  const HubCounters counters;
  add_metrics_route(
      health, [] { return HubView(); }, counters);
  auto routes = api->list();
  for (const auto& route : health.list()) routes.push_back(route);
  const auto access = std::make_shared<Access>(AccessRules{}, Access::Options{});
  const auto accounts = Accounts::start(folder + "/accounts.db", {}).value();
  const auto door = std::make_shared<const AccountDoor>(AccountDoor{*accounts, access});
  for (const auto& route : care_service(door, engine, "", {}, require_key(access), {}).router->list()) routes.push_back(route);
  for (const auto& route : rule_service(door, engine, {}, "", {}, require_key(access)).router->list()) routes.push_back(route);
  ChannelTrials trials;
  for (const auto& route : channel_service(door, {{}, trials}, "", {}, require_key(access)).router->list()) routes.push_back(route);
  for (const auto& route : list_account_routes("")) routes.emplace_back(route.method, route.pattern);
  std::set<std::pair<std::string, std::string>> documented;
  for (const auto& [path, item] : document["paths"].items()) {
    for (const auto* method : {"get", "post", "put", "delete"}) {
      auto word = std::string(method);
      for (auto& c : word) c = static_cast<char>(c - 'a' + 'A');
      if (item.contains(method)) documented.emplace(word, path);
    }
  }
  for (const auto& [method, pattern] : routes) BOOST_TEST_CONTEXT(method << " " << pattern) {
      BOOST_TEST(documented.contains({method, pattern}));
    }
  BOOST_TEST(routes.size() == documented.size());
}

BOOST_AUTO_TEST_CASE(samples_of_all_kinds_fit_their_schema) {
  const auto start = parse_rfc3339("2026-11-21T10:00:00Z").value();
  Sample sample;
  for (const auto resolution : {Resolution::minute, Resolution::hour, Resolution::day}) {
    for (const auto& problem : checker.check(sample_json(sample, start, resolution), document["components"]["schemas"]["Sample"])) {
      BOOST_ERROR(problem);
    }
    sample.reports = 3;
    sample.time.at(0) = std::chrono::seconds{20};
    sample.exits = {"198.51.100.2"};
    sample.latencies = 2;
    sample.latency_sum = 3'000;
    sample.latency_max = 2'000;
    sample.traffic_time = std::chrono::seconds{20};
    sample.rx_bytes = 3;
    sample.handshakes = 2;
    sample.handshake_sum = sample.handshake_max = 5;
    sample.more_exits = true;
  }
}

BOOST_AUTO_TEST_CASE(the_checker_finds_what_does_not_fit) {
  const json schema = json::parse(R"({"type":"object","required":["a"],"additionalProperties":false,"properties":{
      "a":{"type":"integer","minimum":1},"b":{"type":"array","maxItems":1,"items":{"enum":["x"]}},"c":{"anyOf":[{"type":"null"},{"pattern":"^y$"}]},
      "t":{"type":"string","format":"date-time"},"u":{"type":"array","uniqueItems":true}}})");
  BOOST_TEST(checker.check(json::parse(R"({"a":1,"b":["x"],"c":null,"t":"2026-11-21T10:00:00Z"})"), schema).empty());
  for (const auto* wrong : {"[]", "{}", R"({"a":0})", R"({"a":1.5})", R"({"a":1,"d":1})", R"({"a":1,"b":["y"]})",
                            R"({"a":1,"b":["x","x"]})", R"({"a":1,"u":[1,1]})", R"({"a":1,"c":"z"})", R"({"a":1,"t":"now"})"}) {
    BOOST_TEST_CONTEXT(wrong) { BOOST_TEST(!checker.check(json::parse(wrong), schema).empty()); }
  }
  BOOST_TEST(!checker.check(1, json::parse(R"({"oneOf":[]})")).empty());
  const json with_condition = json::parse(R"({"dependentRequired":{"b":["a"]},"if":{"required":["a"]},"then":{"required":["c"]}})");
  for (const auto* right : {"{}", R"({"a":1,"c":1})", R"({"c":1})"}) BOOST_TEST(checker.check(json::parse(right), with_condition).empty());
  for (const auto* wrong : {R"({"a":1})", R"({"b":1})", R"({"b":1,"c":1})"}) {
    BOOST_TEST(!checker.check(json::parse(wrong), with_condition).empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

// Real answers of a running hub, held against the document that it serves.
#include "hub/http/openapi.hpp"

#include <sodium.h>
#include <stdlib.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <set>
#include <thread>

#include "fake_engine.hpp"
#include "hub/app/hub.hpp"
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
#include "json_schema.hpp"
#include "raw_client.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// Those of accounts need a log-in first: account_hub_test.cpp holds them against the document.
bool is_plain_get(const json& item) { return item.contains("get") && !item["get"].contains("tags"); }

struct RunningHub {
  std::string folder;
  json document = openapi_document("/api/v1");
  SchemaChecker checker{document};
  std::unique_ptr<Hub> hub;

  RunningHub() {
    BOOST_REQUIRE(sodium_init() >= 0);
    init_log(LogLevel::error);
    std::string name = (std::filesystem::temp_directory_path() / "openapi_test.XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
    start();
  }
  void start() {
    hub = std::make_unique<Hub>(config());
    // The file of flows is opened beside the rest.
    while (body_of(ask("/metrics", "")).find("\nvpn_sentinel_flow_store_works 1\n") == std::string::npos) std::this_thread::yield();
  }
  [[nodiscard]] HubConfig config() const {
    HubConfig config;
    config.api_prefix = "/api/v1";
    config.api_endpoints = config.health_endpoints = {Endpoint{IpAddress::v4({127, 0, 0, 1}), 0}};
    config.data_dir = folder + "/data";
    config.client_timeout = std::chrono::minutes{30};
    config.keep_reports = std::chrono::hours{24};
    config.metrics_clients = true;
    return config;
  }
  ~RunningHub() {
    hub.reset();
    std::filesystem::remove_all(folder);
  }
  RunningHub(const RunningHub&) = delete;
  RunningHub& operator=(const RunningHub&) = delete;

  [[nodiscard]] RawClient connect(const std::string& what) const {
    const auto start = hub->summary().find("http://", hub->summary().find(what + " ")) + 7;
    return RawClient(Endpoint::parse(hub->summary().substr(start, hub->summary().find('/', start) - start), 0).value());
  }

  /// The whole reply. Paths of the document that have servers of their own are the health listener's.
  std::string ask(const std::string& path, const std::string& query, const std::string& headers = {}) const {
    const bool own_server = document["paths"][path].contains("servers");
    auto full = (own_server ? "" : "/api/v1") + path;
    if (const auto id = full.find("{id}"); id != std::string::npos) full.replace(id, 4, client);
    auto peer = connect(own_server ? "health" : "api");
    peer.send("GET " + full + query + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
    return peer.read_reply(headers.find("If-None-Match") == std::string::npos);
  }

  std::string post(const std::string& body) const { return post_to("/keepalive", body); }

  std::string post_to(const std::string& path, const std::string& body) const {
    auto peer = connect("api");
    peer.send("POST /api/v1" + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return peer.read_reply();
  }

  void check(const std::string& reply, const std::string& path, const std::string& method = "get") const {
    const auto& responses = document["paths"][path][method]["responses"];
    const auto status = std::to_string(status_of(reply));
    BOOST_TEST_CONTEXT(method << " " << path << ": " << reply) {
      BOOST_TEST_REQUIRE(responses.contains(status));
      const auto& response = checker.resolve(responses[status]);
      const auto headers = response.value("headers", json::object());
      for (const auto& [name, header] : headers.items()) BOOST_TEST(!header_of(reply, name).empty());
      if (!response.contains("content")) {
        BOOST_TEST(body_of(reply).empty());
        return;
      }
      const auto type = header_of(reply, "Content-Type");
      const auto media = type.substr(0, type.find(';'));
      BOOST_TEST_REQUIRE(response["content"].contains(media));
      const auto body = media == "application/json" ? json::parse(body_of(reply)) : json(body_of(reply));
      for (const auto& problem : checker.check(body, response["content"][media]["schema"])) BOOST_ERROR(problem);
    }
  }

  std::string client = "office";
};

std::string report(int seq, const std::string& state, const std::string& more = {}) {
  return R"({"schema":2,"client_id":"office","boot_id":"b1","seq":)" + std::to_string(seq) + R"(,"timestamp":")" + to_rfc3339(wall_now()) +
         R"(","lease_s":60,"path":"tunnel","trigger":"change","client_version":"1.0.0","state":")" + state + "\"" + more + "}";
}

const std::string full_report =
    R"(,"public_ip":"198.51.100.2","location":{"country":"RO","city":"Bucharest"},"dns_test":{"location":"RO","colo":"OTP"},"findings":[],)"
    R"("tunnel":{"name":"wg0","kind":"wireguard","up":true,"since":"2026-11-21T10:00:00Z","rx_bytes":1,"tx_bytes":2,"handshake_age_s":3},)"
    R"("exit":{"v4":"198.51.100.2","v6":null,"asn":64500,"country":"RO","source":"cloudflare-trace"},)"
    R"("dns":{"verdict":"no_leak","reason":"EGRESS_IS_EXIT","egress":["198.51.100.2"]},)"
    R"("leak":{"counting":true,"since":"2026-11-21T10:00:00Z","packets":7,"bytes":900,"dns_packets":3,)"
    R"("destinations":[{"address":"203.0.113.53","protocol":"udp","port":53,"uid":0,"packets":3,"bytes":300}]},)"
    R"("kill_switch":{"mode":"armed","state":"armed","since":"2026-11-21T10:00:00Z","stopped_packets":1},)"
    R"("ruleset":{"verdict":"holds","changed_by":"nft, pid 7","changed_at":"2026-11-21T10:00:00Z"},)"
    R"("udp_exit":{"v4":"198.51.100.2"},"mtu":{"large_packets":"ok"},)"
    R"("peers":{"connected":1,"ports":[{"port":"udp/51820","told_by":"wireguard","connected":1,"unanswered":2,"why":"x"}],)"
    R"("list":[{"port":"udp/51820","from":"203.0.113.7:40000","key":"a","since":"2026-11-21T10:00:00Z","since_before":true,)"
    R"("rx_bytes":7,"tx_bytes":8}],"not_listed":1,"blocked_since":"2026-11-21T10:00:00Z","blocked_packets":3,"blocked_lost":0},)"
    R"("latency_ms":12.5,"tags":["home","nas-2"])";
const std::string danger_finding =
    R"(,"findings":[{"code":"default_route_outside","severity":"danger","since":"2026-11-21T10:00:00Z","evidence":{"table":254}}])";

/// One flow by the tunnel, one outside.
std::string flow_batch(int seq) {
  const auto now = to_rfc3339(wall_now());
  const auto times = R"("first":")" + now + R"(","last":")" + now + R"(",)";
  return R"({"client_id":"office","boot_id":"b1","seq":)" + std::to_string(seq) + R"(,"timestamp":")" + now +
         R"(","interval_s":10,"destinations":"full","sources":["sock_diag"],"countries":true,"exit_country":"RO",)"
         R"("why":"somebody hid","gaps":{"folded":0,"lost":3,"batches":1},"flows":[)"
         R"({"direction":"out","program":"curl","uid":1000,"container":"0123456789ab","protocol":"tcp","destination":"198.51.100.7",)"
         R"("port":443,"country":"NL","asn":64500,"organisation":"Example","interface":"wg0","way":"tunnel","bytes_out":900,)"
         R"("bytes_in":5000,"packets_out":9,"packets_in":10,)" +
         times + R"("opened":2,"closed":1,"open":1},)" +
         R"({"direction":"out","program":"qbittorrent","protocol":"udp","destination":"203.0.113.9","port":6881,"country":"US",)"
         R"("interface":"eth0","way":"outside","bytes_out":700,"bytes_in":0,)" +
         times + R"("opened":1,"open":1}]})";
}

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

BOOST_AUTO_TEST_CASE(a_report_fits_the_document_exactly_when_the_hub_takes_it) {
  const auto good = json::parse(report(1, "danger", danger_finding));
  const std::vector<std::pair<std::string, bool>> changes{{R"({})", true},
                                                          {R"({"seq":9223372036854775807})", true},
                                                          {R"({"seq":9223372036854775808})", false},
                                                          {R"({"seq":0})", false},
                                                          {R"({"seq":null})", false},
                                                          {R"({"lease_s":604800})", true},
                                                          {R"({"lease_s":604801})", false},
                                                          {R"({"lease_s":0})", false},
                                                          {R"({"boot_id":"B-1"})", true},
                                                          {R"({"boot_id":"a b"})", false},
                                                          {R"({"boot_id":""})", false},
                                                          {R"({"boot_id":null})", false},
                                                          {R"({"state":null})", false},
                                                          {R"({"state":null,"trigger":"stop"})", true},
                                                          {R"({"trigger":"Drop Table"})", false},
                                                          {R"({"latency_ms":86400000})", true},
                                                          {R"({"latency_ms":86400001})", false},
                                                          {R"({"findings":[{"code":"tunnel_down","severity":"danger"}]})", true},
                                                          {R"({"findings":[{"code":"Tunnel down","severity":"danger"}]})", false},
                                                          {R"({"schema":null})", false},
                                                          {R"({"schema":null,"boot_id":null,"state":null})", false},
                                                          {R"({"schema":null,"boot_id":null,"findings":null})", false},
                                                          {R"({"schema":null,"boot_id":null,"state":null,"findings":null})", true},
                                                          {R"({"schema":1,"boot_id":null,"seq":null,"state":null})", true}};
  int number = 1;
  for (const auto& [change, fits] : changes) {
    auto body = good;
    body["seq"] = ++number;
    body.merge_patch(json::parse(change));  // null takes a member away
    const auto reply = post(body.dump());
    BOOST_TEST_CONTEXT(change << ": " << reply) {
      BOOST_TEST(status_of(reply) == (fits ? 200 : 400));
      BOOST_TEST(checker.check(body, document["components"]["schemas"]["Report"]).empty() == fits);
    }
    check(reply, "/keepalive", "post");
  }
}

BOOST_AUTO_TEST_CASE(a_packed_report_is_answered_as_documented) {
  for (const std::string path : {"/keepalive", "/events"}) {
    auto peer = connect("api");
    peer.send("POST /api/v1" + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b");
    const auto reply = peer.read_reply();
    BOOST_TEST(status_of(reply) == 415);
    check(reply, path, "post");
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

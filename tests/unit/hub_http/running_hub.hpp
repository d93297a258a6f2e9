/// A whole hub, whose answers are held against the document of its API.
#pragma once

#include <sodium.h>
#include <stdlib.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "hub/app/hub.hpp"
#include "hub/http/openapi.hpp"
#include "json_schema.hpp"
#include "raw_client.hpp"

namespace vpn_sentinel::test {

using nlohmann::json;

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

inline std::string report(int seq, const std::string& state, const std::string& more = {}) {
  return R"({"schema":2,"client_id":"office","boot_id":"b1","seq":)" + std::to_string(seq) + R"(,"timestamp":")" + to_rfc3339(wall_now()) +
         R"(","lease_s":60,"path":"tunnel","trigger":"change","client_version":"1.0.0","state":")" + state + "\"" + more + "}";
}

inline const std::string full_report =
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
inline const std::string danger_finding =
    R"(,"findings":[{"code":"default_route_outside","severity":"danger","since":"2026-11-21T10:00:00Z","evidence":{"table":254}}])";

/// One flow by the tunnel, one outside.
inline std::string flow_batch(int seq) {
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

}  // namespace vpn_sentinel::test

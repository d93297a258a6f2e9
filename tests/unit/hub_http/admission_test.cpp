// Who may report to a whole hub, and how much, over real sockets.
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "hub/app/forget_request.hpp"
#include "hub/app/key_commands.hpp"
#include "hub/ingest/admission.hpp"
#include "hub_fixture.hpp"
#include "raw_client.hpp"

namespace vpn_sentinel {
namespace {

std::string key_header(const std::string& key) { return "X-API-Key: " + key + "\r\n"; }

std::string batch(std::size_t reports, const std::string& client = "office-1", const std::string& more = {}) {
  std::string body = R"({"reports":[)";
  for (std::size_t i = 0; i < reports; ++i) {
    body +=
        (i == 0 ? "" : ",") + (R"({"schema":2,"client_id":")" + client + R"(","boot_id":"b","seq":)") + std::to_string(i + 1) + "," + more +
        R"("timestamp":"2026-11-21T10:00:00Z","lease_s":30,"state":"warning","findings":[{"code":"dns_unverifiable","severity":"warning",)"
        R"("since":"2026-11-21T10:00:00Z","evidence":{"note":")" +
        std::string(1000, 'x') + "\"}}]}";
  }
  return body + "]}";
}

/// An open WebSocket that reads frames by hand (RFC 6455 5.2): the server's are not masked.
class LiveListener {
 public:
  explicit LiveListener(const Endpoint& server, const std::string& more = {}, const std::string& local = {}) : client_(server, local) {
    client_.send(get("/api/v1/live",
                     "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                         more));
    BOOST_REQUIRE(status_of(client_.read_reply(false)) == 101);
  }

  /// Reads until the close frame; its code, 0 when the connection ended without one.
  unsigned close_code() {
    while (true) {
      const auto [opcode, payload] = read_frame();
      if (opcode == closing && payload.size() >= 2) return byte(payload, 0) << 8U | byte(payload, 1);
      if (opcode == closing || opcode == none) return 0;
    }
  }
  /// A ping is answered, and nothing said goodbye before.
  bool is_open() {
    client_.send(std::string_view("\x89\x80\0\0\0\0", 6));
    while (true) {
      const auto opcode = read_frame().first;
      if (opcode == pong) return true;
      if (opcode == closing || opcode == none) return false;
    }
  }

 private:
  static constexpr unsigned none = 0;
  static constexpr unsigned closing = 8;
  static constexpr unsigned pong = 10;

  static unsigned byte(const std::string& text, std::size_t at) { return static_cast<unsigned char>(text.at(at)); }

  std::pair<unsigned, std::string> read_frame() {
    const auto head = client_.read_bytes(2);
    if (head.size() < 2) return {none, {}};
    std::size_t size = byte(head, 1);
    if (size >= 126) {
      const auto more = client_.read_bytes(size == 126 ? 2 : 8);
      size = 0;
      for (std::size_t i = 0; i < more.size(); ++i) size = size << 8U | byte(more, i);
    }
    return {byte(head, 0) & 15U, client_.read_bytes(size)};
  }

  RawClient client_;
};

BOOST_FIXTURE_TEST_SUITE(hub_admission, HubFolder)

BOOST_AUTO_TEST_CASE(a_large_batch_is_taken_at_its_path_and_nowhere_else) {
  Hub hub(config());
  const auto body = batch(200);
  BOOST_REQUIRE(body.size() > 200'000U);
  RawClient client(endpoint_of(hub, "api"));
  client.send(post_to("/api/v1/events", body));
  const auto reply = client.read_reply();
  BOOST_TEST(status_of(reply) == 200);
  std::size_t stored = 0;
  for (auto at = reply.find("\"stored\""); at != std::string::npos; at = reply.find("\"stored\"", at + 1)) ++stored;
  BOOST_TEST(stored == 200U);
  client.send(post_to("/api/v1/events", batch(2)));
  BOOST_TEST(body_of(client.read_reply()).find("duplicate") != std::string::npos);
  for (const auto* path : {"/api/v1/keepalive", "/api/v1/status", "/nowhere"}) {
    RawClient other(endpoint_of(hub, "api"));
    other.send(post_to(path, body));
    BOOST_TEST(status_of(other.read_reply()) == 413);
  }
  RawClient too_long(endpoint_of(hub, "api"));
  too_long.send("POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n");
  BOOST_TEST(status_of(too_long.read_reply()) == 413);
  RawClient dashboard(endpoint_of(hub, "dashboard"));
  dashboard.send(post_to("/api/v1/events", body));
  BOOST_TEST(status_of(dashboard.read_reply()) == 413);
}

BOOST_AUTO_TEST_CASE(a_large_batch_without_a_key_is_refused_before_its_body_is_sent) {
  auto with_key = config();
  with_key.api_key = "k";
  Hub hub(with_key);
  const std::string head = "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 500000\r\n";
  RawClient stranger(endpoint_of(hub, "api"));
  stranger.send(head + "\r\n");
  BOOST_TEST(status_of(stranger.read_reply()) == 401);
  RawClient probe(endpoint_of(hub, "api"));
  probe.send(head + key_header("k") + "\r\n");
  BOOST_TEST(status_of(probe.read_reply(false)) == 100);
}

BOOST_AUTO_TEST_CASE(a_large_batch_of_changes_passes_where_flows_have_to_wait) {
  auto limited = config();
  limited.rate_limit = 100;
  Hub hub(limited);
  const auto body = batch(55, "office-1", R"("trigger":"change",)");
  BOOST_REQUIRE(body.size() > max_report_bytes);
  RawClient client(endpoint_of(hub, "api"));
  const auto status = [&](const std::string& request) {
    client.send(request);
    return status_of(client.read_reply());
  };
  while (status(post_to("/api/v1/connections", "{}")) != 429) {
  }
  BOOST_TEST(status(post_to("/api/v1/events", body)) == 200);
}

BOOST_AUTO_TEST_CASE(a_large_body_of_unknown_length_is_refused) {
  Hub hub(config());
  RawClient client(endpoint_of(hub, "api"));
  client.send("POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n18000\r\n" + std::string(0x18000, ' '));
  BOOST_TEST(status_of(client.read_reply()) == 413);
}

BOOST_AUTO_TEST_CASE(a_key_that_is_added_or_revoked_counts_without_a_restart) {
  auto with_key = config();
  with_key.api_key = "shared";
  Hub hub(with_key);
  const auto key = add_key(with_key.data_dir, {"office", {"office-*"}, false}, wall_now()).value();
  RawClient client(endpoint_of(hub, "api"));
  const auto asked = [&](const std::string& request) {
    static_cast<void>(hub.turn());
    client.send(request);
    return client.read_reply();
  };
  BOOST_TEST(status_of(asked(post(R"({"client_id":"office-1"})", key_header(key)))) == 200);
  const auto refused = asked(post(R"({"client_id":"lab"})", key_header(key)));
  BOOST_TEST(status_of(refused) == 403);
  BOOST_TEST(body_of(refused) == "{\"error\":\"Authentication failed\",\"message\":\"this key may not report for client 'lab'\"}\n");
  BOOST_TEST(body_of(asked(post_to("/api/v1/events", batch(1, "lab"), key_header(key)))).find("may not report") != std::string::npos);
  BOOST_TEST(status_of(asked(get("/api/v1/clients", key_header(key)))) == 403);
  BOOST_TEST(status_of(asked(get("/api/v1/clients", key_header("shared")))) == 200);
  BOOST_REQUIRE(revoke_key(with_key.data_dir, "office").has_value());
  BOOST_TEST(status_of(asked(post(R"({"client_id":"office-1"})", key_header(key)))) == 403);
}

BOOST_AUTO_TEST_CASE(a_live_session_ends_with_the_key_that_opened_it_and_the_others_stay) {
  auto with_key = config();
  with_key.api_key = "shared";
  Hub hub(with_key);
  const auto old = add_key(with_key.data_dir, {"viewer", {"*"}, true}, wall_now()).value();
  static_cast<void>(hub.turn());
  LiveListener viewer(endpoint_of(hub, "api"), key_header(old));
  LiveListener owner(endpoint_of(hub, "api"), key_header("shared"));
  LiveListener page(endpoint_of(hub, "dashboard"));
  // One that is made anew under the same name is another key.
  BOOST_REQUIRE(revoke_key(with_key.data_dir, "viewer").has_value());
  static_cast<void>(add_key(with_key.data_dir, {"viewer", {"*"}, true}, wall_now()).value());
  static_cast<void>(hub.turn());
  BOOST_TEST(viewer.close_code() == 1008);
  with_key.api_key = "next";
  hub.apply_access(with_key);
  BOOST_TEST(owner.close_code() == 1008);
  BOOST_TEST(page.is_open());
}

BOOST_AUTO_TEST_CASE(a_live_session_ends_when_its_address_is_not_allowed_any_more) {
  auto changing = config();
  Hub hub(changing);
  LiveListener inside(endpoint_of(hub, "api"), {}, "127.0.0.2");
  LiveListener outside(endpoint_of(hub, "api"), {}, "127.0.0.3");
  changing.allowed = {IpPrefix::parse("127.0.0.2").value()};
  hub.apply_access(changing);
  BOOST_TEST(outside.close_code() == 1008);
  BOOST_TEST(inside.is_open());
  changing.api_key = "k";
  hub.apply_access(changing);
  BOOST_TEST(inside.close_code() == 1008);
}

BOOST_AUTO_TEST_CASE(a_live_session_ends_when_the_proxy_that_told_its_address_is_not_trusted_any_more) {
  auto proxied = config();
  proxied.trusted_proxies = {IpPrefix::parse("127.0.0.1").value()};
  proxied.api_key = "k";
  Hub hub(proxied);
  LiveListener behind(endpoint_of(hub, "api"), "X-Forwarded-For: 203.0.113.9\r\n" + key_header("k"));
  LiveListener direct(endpoint_of(hub, "api"), key_header("k"));
  proxied.trusted_proxies.clear();
  hub.apply_access(proxied);
  BOOST_TEST(behind.close_code() == 1008);
  BOOST_TEST(direct.is_open());
}

BOOST_AUTO_TEST_CASE(a_key_file_that_is_wrong_changes_nothing) {
  auto with_key = config();
  with_key.client_keys = {};
  const auto key = add_key(with_key.data_dir, {"office", {"*"}, false}, wall_now()).value();
  Hub hub(with_key);
  RawClient client(endpoint_of(hub, "api"));
  static_cast<void>(hub.turn());
  std::ofstream(with_key.data_dir + "/keys.jsonl") << "nonsense";
  static_cast<void>(hub.turn());
  client.send(post(R"({"client_id":"a"})", key_header(key)));
  BOOST_TEST(status_of(client.read_reply()) == 200);
  client.send(post(R"({"client_id":"a"})"));
  BOOST_TEST(status_of(client.read_reply()) == 401);
}

BOOST_AUTO_TEST_CASE(the_clients_address_behind_a_trusted_proxy_is_the_one_that_is_kept) {
  auto proxied = config();
  proxied.trusted_proxies = {IpPrefix::parse("127.0.0.1").value()};
  proxied.api_key = "k";
  Hub hub(proxied);
  RawClient client(endpoint_of(hub, "api"));
  // Two lines, as HAProxy leaves the client's and adds its own.
  client.send(post(R"({"client_id":"a"})", "X-Forwarded-For: 198.51.100.99\r\nX-Forwarded-For: 203.0.113.9\r\n" + key_header("k")));
  BOOST_TEST(status_of(client.read_reply()) == 200);
  client.send(get("/api/v1/clients/a", key_header("k")));
  BOOST_TEST(body_of(client.read_reply()).find("\"203.0.113.9\"") != std::string::npos);
  client.send(post(R"({"client_id":"a"})", "X-Forwarded-For: unknown\r\n" + key_header("k")));
  BOOST_TEST(status_of(client.read_reply()) == 400);
}

BOOST_AUTO_TEST_CASE(too_many_clients_are_refused_in_every_layout_and_a_removal_makes_room) {
  auto limited = config();
  limited.client_limits = {2, 0};
  {
    Hub hub(limited);
    RawClient client(endpoint_of(hub, "api"));
    const auto status = [&](const std::string& request) {
      client.send(request);
      return status_of(client.read_reply());
    };
    BOOST_TEST(status(post(R"({"client_id":"a"})")) == 200);
    BOOST_TEST(status(post_to("/api/v1/events", batch(1, "b"))) == 200);
    BOOST_TEST(status(post_to("/api/v1/events", batch(2, "c"))) == 507);
    const std::string nested = R"({"client_id":"d","vpn_info":{"ip":"198.51.100.2"},"dns_info":{"location":"RO"}})";
    const std::string flat = R"({"client_id":"d","public_ip":"198.51.100.2","location":{"country":"RO"}})";
    BOOST_TEST(status(post_to("//api/v1/keepalive", nested)) == 507);
    client.send(post(flat));
    const auto refused = client.read_reply();
    BOOST_TEST(status_of(refused) == 507);
    BOOST_TEST(body_of(refused).find("VPN_SENTINEL_SERVER_MAX_CLIENTS") != std::string::npos);
    BOOST_TEST(header_of(refused, "Retry-After") == "60");
    client.send(get("/api/v1/clients/d"));
    BOOST_TEST(status_of(client.read_reply()) == 404);
    BOOST_TEST(status(post(R"({"client_id":"a","public_ip":"198.51.100.3"})")) == 200);
  }
  Hub again(limited);
  RawClient client(endpoint_of(again, "api"));
  client.send(post(R"({"client_id":"e"})"));
  BOOST_TEST(status_of(client.read_reply()) == 507);
  // A command leaves its wish in the folder.
  BOOST_REQUIRE(leave_forget_request(limited.data_dir, "a").value());
  while (again.turn(), client.send(get("/api/v1/clients/a")), status_of(client.read_reply()) == 200) {
  }
  client.send(post(R"({"client_id":"e"})"));
  BOOST_TEST(status_of(client.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(that_new_clients_are_refused_is_logged_once) {
  auto limited = config();
  limited.client_limits = {1, 0};
  Hub hub(limited);
  set_log_level(LogLevel::warning);
  int told = 0;
  const LogWatch watch(
      [&told](LogLevel, std::string_view event, std::span<const LogField>) { told += event == "room_for_clients" ? 1 : 0; });
  RawClient client(endpoint_of(hub, "api"));
  for (const auto* const body : {R"({"client_id":"a"})", R"({"client_id":"b"})"}) {
    client.send(post(body));
    static_cast<void>(client.read_reply());
  }
  for (int i = 0; i < 2; ++i) static_cast<void>(hub.turn());
  BOOST_TEST(told == 1);
}

BOOST_AUTO_TEST_CASE(dashboard_and_health_pages_have_an_allow_list_and_a_rate_of_their_own) {
  auto limited = config();
  limited.health_endpoints = limited.api_endpoints;
  limited.dashboard_access = {{IpPrefix::parse("127.0.0.2").value()}, 3};
  limited.health_access = {{IpPrefix::parse("192.0.2.0/24").value()}, 2};
  Hub hub(limited);
  const auto status = [](RawClient& who, const std::string& path, const std::string& more = {}) {
    who.send(get(path, more));
    return status_of(who.read_reply());
  };
  RawClient stranger(endpoint_of(hub, "dashboard"));
  for (const auto* const path : {"/", "/api/v1/clients", "/api/v1/account", "/nowhere"}) BOOST_TEST(status(stranger, path) == 403);
  RawClient friendly(endpoint_of(hub, "dashboard"), "127.0.0.2");
  for (int i = 0; i < 3; ++i) BOOST_TEST(status(friendly, "/api/v1/clients") == 200);
  friendly.send(get("/api/v1/clients"));
  const auto refused = friendly.read_reply();
  BOOST_TEST(status_of(refused) == 429);
  BOOST_TEST(header_of(refused, "Retry-After") == "20");
  // The machine's own checks are not counted; what a proxy passes on is.
  RawClient health(endpoint_of(hub, "health"));
  for (int i = 0; i < 10; ++i) BOOST_TEST(status(health, i % 2 == 0 ? "/health" : "/health/ready") == 200);
  BOOST_TEST(status(health, "/metrics") == 403);
  const std::string proxied = "X-Forwarded-For: 192.0.2.7\r\n";
  BOOST_TEST(status(health, "/health", proxied) == 403);
  BOOST_TEST(status(health, "/health/startup", proxied) == 200);
  limited.trusted_proxies = {IpPrefix::parse("127.0.0.1").value()};
  limited.dashboard_access = {};
  hub.apply_access(limited);
  for (int i = 0; i < 10; ++i) BOOST_TEST(status(friendly, "/api/v1/clients") == 200);
  for (int i = 0; i < 2; ++i) BOOST_TEST(status(health, "/metrics", proxied) == 200);
  BOOST_TEST(status(health, "/metrics", proxied) == 429);
  BOOST_TEST(status(health, "/health", "X-Forwarded-For: 198.51.100.7\r\n") == 403);
  BOOST_TEST(status(health, "/health") == 403);
  RawClient api(endpoint_of(hub, "api"));
  BOOST_TEST(status(api, "/api/v1/clients", "X-Forwarded-For: 203.0.113.9\r\n") != 429);
}

BOOST_AUTO_TEST_CASE(the_rate_limit_of_the_api_is_its_own_and_can_be_changed) {
  auto limited = config();
  limited.rate_limit = 3;
  limited.health_endpoints = limited.api_endpoints;
  Hub hub(limited);
  RawClient client(endpoint_of(hub, "api"));
  const auto status = [&](RawClient& who, const std::string& path) {
    who.send(get(path));
    return status_of(who.read_reply());
  };
  for (int i = 0; i < 3; ++i) BOOST_TEST(status(client, "/nowhere") == 404);
  client.send(post("nonsense"));
  const auto refused = client.read_reply();
  BOOST_TEST(status_of(refused) == 429);
  BOOST_TEST(header_of(refused, "Retry-After") == "20");
  RawClient health(endpoint_of(hub, "health"));
  RawClient dashboard(endpoint_of(hub, "dashboard"));
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST(status(health, "/health") == 200);
    BOOST_TEST(status(dashboard, "/api/v1/clients") == 200);
  }
  limited.rate_limit = 0;
  hub.apply_access(limited);
  for (int i = 0; i < 10; ++i) BOOST_TEST(status(client, "/api/v1/clients") == 200);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

// The whole hub over real sockets: report in, acknowledged, shown, told live, kept over a restart.
#include "hub/app/hub.hpp"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/test/unit_test.hpp>

#include "hub_fixture.hpp"
#include "netns/base/fatal_error.hpp"
#include "raw_client.hpp"
#include "server_fixture.hpp"

namespace vpn_sentinel {
namespace {

/// One that nobody listens on at this moment.
std::uint16_t free_port() {
  boost::asio::io_context io;
  const boost::asio::ip::tcp::acceptor taken(io, {boost::asio::ip::address_v4::loopback(), 0}, false);
  return taken.local_endpoint().port();
}

const std::string report =
    R"({"client_id":"office","public_ip":"198.51.100.2","location":{"country":"RO"},"dns_test":{"location":"RO","colo":"OTP"}})";

BOOST_FIXTURE_TEST_SUITE(hub, HubFolder)

BOOST_AUTO_TEST_CASE(a_report_is_kept_shown_and_survives_a_restart) {
  {
    Hub first(config());
    RawClient client(endpoint_of(first, "api"));
    client.send(post(report));
    BOOST_TEST(status_of(client.read_reply()) == 200);
    client.send(get("/api/v1/clients/office"));
    BOOST_TEST(body_of(client.read_reply()).find("198.51.100.2") != std::string::npos);
  }
  Hub second(config());
  RawClient client(endpoint_of(second, "dashboard"));
  client.send(get("/api/v1/clients"));
  BOOST_TEST(body_of(client.read_reply()).find("\"client_id\":\"office\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_log_tells_once_that_exits_of_python_clients_are_not_compared_with_the_hubs_own_address) {
  set_log_level(LogLevel::warning);
  std::atomic<int> told{0};
  const LogWatch watch([&](LogLevel, std::string_view event, std::span<const LogField>) { told += event == "exit_not_compared" ? 1 : 0; });
  const auto ours = R"({"schema":2,"client_id":"new","boot_id":"b","seq":1,"state":"secure","lease_s":60})";
  const auto told_by = [&](const HubConfig& config) {
    told = 0;
    {
      Hub hub(config);
      RawClient client(endpoint_of(hub, "api"));
      client.send(post(ours));
      BOOST_TEST(status_of(client.read_reply()) == 200);
      BOOST_TEST(told.load() == 0);
      for (int i = 0; i < 2; ++i) {
        client.send(post(report));
        BOOST_TEST(status_of(client.read_reply()) == 200);
      }
    }
    return told.load();
  };
  auto with_address = config();
  with_address.public_addresses = {IpPrefix::parse("203.0.113.7/32").value()};
  BOOST_TEST(told_by(with_address) == 0);
  BOOST_TEST(told_by(config()) == 1);
}

BOOST_AUTO_TEST_CASE(the_key_is_asked_for_before_the_body_is_looked_at) {
  auto with_key = config();
  with_key.api_key = "k";
  Hub hub(with_key);
  RawClient client(endpoint_of(hub, "api"));
  client.send(post("nonsense"));
  BOOST_TEST(status_of(client.read_reply()) == 401);
  client.send(post("nonsense", "X-API-Key: wrong\r\n"));
  BOOST_TEST(status_of(client.read_reply()) == 403);
  client.send(post("nonsense", "Authorization: Bearer k\r\n"));
  BOOST_TEST(status_of(client.read_reply()) == 400);
  client.send(get("/nowhere"));
  BOOST_TEST(status_of(client.read_reply()) == 401);
}

BOOST_AUTO_TEST_CASE(the_dashboard_takes_no_reports) {
  Hub hub(config());
  RawClient client(endpoint_of(hub, "dashboard"));
  client.send(post(report));
  BOOST_TEST(status_of(client.read_reply()) == 404);
}

BOOST_AUTO_TEST_CASE(a_password_guards_page_data_and_live_channel) {
  auto with_password = config();
  with_password.dashboard_password = "p";
  Hub hub(with_password);
  RawClient client(endpoint_of(hub, "dashboard"));
  const std::string upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  for (const auto* page : {"/dashboard", "/favicon.svg", "/api/v1/clients", "/hub.json"}) {
    client.send(get(page));
    BOOST_TEST(status_of(client.read_reply()) == 401);
  }
  client.send(get("/api/v1/live", upgrade));
  BOOST_TEST(status_of(client.read_reply()) == 401);
  client.send(get("/dashboard", "Authorization: Basic dTpw\r\n"));  // u:p
  BOOST_TEST(status_of(client.read_reply()) == 200);
  client.send(get("/api/v1/live", upgrade + "Authorization: Basic dTpw\r\n"));
  BOOST_TEST(status_of(client.read_reply()) == 101);
}

BOOST_AUTO_TEST_CASE(joined_listeners_serve_everything_at_one_port_and_each_keeps_its_gates) {
  auto joined = config();
  joined.api_key = "k";
  joined.dashboard_password = "p";
  joined.api_endpoints = {Endpoint{IpAddress::v4({127, 0, 0, 1}), free_port()}};
  joined.dashboard_endpoints = joined.health_endpoints = joined.api_endpoints;
  Hub hub(joined);
  BOOST_TEST((endpoint_of(hub, "api") == endpoint_of(hub, "dashboard") && endpoint_of(hub, "api") == endpoint_of(hub, "health")));
  RawClient client(endpoint_of(hub, "api"));
  const std::string key = "X-API-Key: k\r\n";
  const std::string password = "Authorization: Basic dTpw\r\n";  // u:p
  const std::string upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  struct Row {
    std::string request;
    int status;
  };
  for (const auto& row :
       {Row{get("/health"), 200}, Row{get("/dashboard"), 401}, Row{get("/dashboard", key), 401}, Row{get("/dashboard", password), 200},
        Row{get("/hub.json", key), 401}, Row{get("/api/v1/clients"), 401}, Row{get("/api/v1/clients", key), 200},
        Row{get("/api/v1/clients", password), 200}, Row{get("/api/v1/clients", "X-API-Key: wrong\r\n"), 403}, Row{post(report), 401},
        Row{post(report, password), 401}, Row{post(report, key), 200}, Row{get("/nowhere"), 401}, Row{get("/nowhere", password), 401},
        Row{get("/nowhere", key), 404}, Row{get("/api/v1/live", upgrade), 401}, Row{get("/health", upgrade), 404}}) {
    BOOST_TEST_CONTEXT(row.request) {
      client.send(row.request);
      BOOST_TEST(status_of(client.read_reply()) == row.status);
    }
  }
  for (const auto& who : {key, password}) {
    RawClient page(endpoint_of(hub, "dashboard"));
    page.send(get("/api/v1/live", upgrade + who));
    BOOST_TEST(status_of(page.read_reply()) == 101);
  }
}

BOOST_AUTO_TEST_CASE(what_is_switched_off_does_not_listen_and_the_rest_works) {
  auto alone = config();
  alone.api_endpoints.clear();
  Hub hub(alone);
  BOOST_TEST(hub.summary().starts_with("dashboard http://"));
  BOOST_TEST(hub.summary().find(", ") == std::string::npos);
  RawClient client(endpoint_of(hub, "dashboard"));
  client.send(get("/hub.json"));
  BOOST_TEST(body_of(client.read_reply()).find("\"api_port\":0") != std::string::npos);
  client.send(post(report));
  BOOST_TEST(status_of(client.read_reply()) == 404);
}

BOOST_AUTO_TEST_CASE(a_second_hub_on_the_same_data_is_refused) {
  const Hub first(config());
  BOOST_CHECK_EXCEPTION(Hub{config()}, FatalError, [](const FatalError& error) { return error.exit_code() == 69; });
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_made_is_a_clear_end) {
  auto wrong = config();
  wrong.data_dir = "/proc/nowhere";
  BOOST_CHECK_EXCEPTION(Hub{wrong}, FatalError, [](const FatalError& error) { return error.exit_code() == 73; });
}

BOOST_AUTO_TEST_CASE(a_taken_port_is_a_clear_end) {
  const Hub first(config());
  auto taken = config();
  taken.data_dir += "2";
  taken.api_endpoints = {endpoint_of(first, "api")};
  BOOST_CHECK_EXCEPTION(Hub{taken}, FatalError, [](const FatalError& error) { return error.exit_code() == 69; });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

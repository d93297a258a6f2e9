#include "hub/app/healthcheck_command.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "certificates.hpp"
#include "hub_fixture.hpp"

namespace vpn_sentinel {
namespace {

using boost::asio::ip::tcp;

Endpoint at(std::string_view text) { return Endpoint::parse(text, 0).value(); }

/// Something that is no hub: answers one connection with `reply`, or with silence until the asker has gone.
struct Stranger {
  explicit Stranger(std::string reply) : thread([this, reply = std::move(reply)] { answer(reply); }) {}
  void answer(const std::string& reply) {
    tcp::socket peer(io);
    acceptor.accept(peer);
    boost::system::error_code ignored;
    boost::asio::write(peer, boost::asio::buffer(reply), ignored);
    peer.shutdown(tcp::socket::shutdown_send, ignored);
    std::array<char, 4096> room{};
    while (peer.read_some(boost::asio::buffer(room), ignored) > 0) {
    }
  }
  [[nodiscard]] HubConfig config() const {
    HubConfig config;
    config.health_endpoints = {Endpoint{IpAddress::v4({127, 0, 0, 1}), acceptor.local_endpoint().port()}};
    return config;
  }

  boost::asio::io_context io;
  tcp::acceptor acceptor{io, {boost::asio::ip::address_v4::loopback(), 0}};
  std::jthread thread;
};

std::string http(std::string_view status, std::string_view body) {
  return "HTTP/1.1 " + std::string(status) + "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

BOOST_AUTO_TEST_SUITE(healthcheck)

BOOST_AUTO_TEST_CASE(any_address_is_asked_by_loopback_and_another_one_as_it_stands) {
  HubConfig config;
  BOOST_TEST(!health_url(config).has_value());
  BOOST_TEST(healthcheck_command(config) == 1);
  const std::pair<const char*, const char*> table[]{{"0.0.0.0:8081", "http://127.0.0.1:8081/health/ready"},
                                                    {"[::]:8081", "http://[::1]:8081/health/ready"},
                                                    {"192.0.2.7:81", "http://192.0.2.7:81/health/ready"}};
  for (const auto& [endpoint, url] : table) {
    config.health_endpoints = {at(endpoint)};
    BOOST_TEST(health_url(config).value() == url);
  }
}

BOOST_AUTO_TEST_CASE(a_listener_that_is_shared_with_the_api_speaks_its_tls) {
  HubConfig config;
  config.tls = TlsFiles{"c", "k", "", ClientCertificates::off};
  config.api_endpoints = {at("0.0.0.0:5000")};
  config.health_endpoints = {at("0.0.0.0:8081")};
  BOOST_TEST(health_url(config).value().starts_with("http:"));
  config.health_endpoints = config.api_endpoints;
  BOOST_TEST(health_url(config).value() == "https://127.0.0.1:5000/health/ready");
  config.tls->clients = ClientCertificates::required;
  BOOST_TEST(healthcheck_command(config) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_hub_that_runs_is_healthy_and_one_that_has_ended_is_not, HubFolder) {
  auto asked = config();
  {
    auto served = config();
    served.health_endpoints = served.api_endpoints;
    served.health_endpoints.front().address = IpAddress::v4({127, 0, 0, 2});
    const Hub hub(served);
    asked.health_endpoints = {endpoint_of(hub, "health")};
    BOOST_TEST(healthcheck_command(asked) == 0);
  }
  BOOST_TEST(healthcheck_command(asked) == 1);
}

BOOST_AUTO_TEST_CASE(another_program_on_that_port_is_no_hub_whatever_its_status) {
  for (const auto& reply :
       {http("200 OK", "welcome"), http("200 OK", ""), http("200 OK", R"({"status":1})"), http("200 OK", R"(["ok"])"),
        http("503 Service Unavailable", R"({"status":"ok"})"), http("200 OK", R"({"status":"fail","message":"no disk"})"),
        http("302 Found", R"({"status":"ok"})"), std::string("SSH-2.0-x\r\n"), std::string()}) {
    const Stranger stranger(reply);
    BOOST_TEST(healthcheck_command(stranger.config()) == 1, reply);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

// The whole hub over HTTPS, asked as the probe asks.
#include <sodium.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/test/unit_test.hpp>
#include <optional>

#include "certificates.hpp"
#include "hub/app/hub.hpp"
#include "hub/app/open_files.hpp"
#include "netns/clients/http_client.hpp"
#include "raw_client.hpp"
#include "server_fixture.hpp"

namespace vpn_sentinel {
namespace {

struct HubFiles : Certificates {
  HubFiles() {
    BOOST_REQUIRE(sodium_init() >= 0);
    init_log(LogLevel::error);
  }
  [[nodiscard]] HubConfig config(ClientCertificates clients = ClientCertificates::off) const {
    HubConfig config;
    config.api_prefix = "/api/v1";
    config.api_endpoints = {Endpoint{IpAddress::v4({127, 0, 0, 1}), 0}};
    config.dashboard_endpoints = config.api_endpoints;
    config.health_endpoints = config.api_endpoints;
    config.data_dir = path("data");
    config.client_timeout = std::chrono::minutes{30};
    config.keep_reports = std::chrono::hours{24};
    config.tls = TlsFiles{path("server.pem"), path("server.key"), path("ca.pem"), clients};
    return config;
  }
};

/// "https://127.0.0.1:1234" of "api https://127.0.0.1:1234/api/v1, dashboard …".
std::string url_of(const Hub& hub, const std::string& what) {
  const auto start = hub.summary().find(what + " ") + what.size() + 1;
  return hub.summary().substr(start, hub.summary().find('/', start + 8) - start);
}

Endpoint endpoint_of(const Hub& hub, const std::string& what) {
  const auto url = url_of(hub, what);
  return Endpoint::parse(url.substr(url.find("//") + 2), 0).value();
}

/// Status and body, or the error's text.
std::pair<long, std::string> send(HttpRequest request) {
  boost::asio::io_context io;
  HttpClient client(io);
  std::pair<long, std::string> result;
  bool done = false;
  client.send(std::move(request), [&](Result<HttpResponse> reply) {
    result = reply ? std::pair{reply->status, reply->body} : std::pair{0L, reply.error().message};
    done = true;
  });
  static_cast<void>(eventually([&] {
    io.run_for(std::chrono::milliseconds{5});
    io.restart();
    return done;
  }));
  return result;
}

HttpRequest report_to(const Hub& hub, const HubFiles& files) {
  HttpRequest request;
  request.method = "POST";
  request.url = url_of(hub, "api") + "/api/v1/keepalive";
  request.headers = {{"Content-Type", "application/json"}};
  request.body =
      R"({"client_id":"office","public_ip":"198.51.100.2","location":{"country":"RO"},"dns_test":{"location":"RO","colo":"OTP"}})";
  request.ca_file = files.path("ca.pem");
  return request;
}

BOOST_FIXTURE_TEST_SUITE(hub_tls, HubFiles)

BOOST_AUTO_TEST_CASE(the_probes_client_reports_over_https_and_verifies_the_hub) {
  Hub hub(config());
  BOOST_TEST(url_of(hub, "api").starts_with("https://"));
  BOOST_TEST(url_of(hub, "dashboard").starts_with("https://"));
  BOOST_TEST(send(report_to(hub, *this)).first == 200);
  auto untrusting = report_to(hub, *this);
  untrusting.ca_file.clear();
  const auto [status, problem] = send(untrusting);
  BOOST_TEST(status == 0);
  BOOST_TEST(problem.find("certificate") != std::string::npos, problem);
}

BOOST_AUTO_TEST_CASE(a_hub_that_requires_certificates_takes_only_probes_that_show_one) {
  make("office", "/CN=office");
  Hub hub(config(ClientCertificates::required));
  BOOST_TEST(send(report_to(hub, *this)).first == 0);
  auto with = report_to(hub, *this);
  with.certificate_file = path("office.pem");
  with.key_file = path("office.key");
  BOOST_TEST(send(with).first == 200);
}

BOOST_AUTO_TEST_CASE(health_pages_stay_plain_and_tell_when_the_certificate_expires) {
  Hub hub(config());
  BOOST_TEST(url_of(hub, "health").starts_with("http://"));
  const auto health = [&] {
    HttpRequest request;
    request.url = url_of(hub, "health") + "/health";
    return send(request).second;
  };
  BOOST_TEST(health().find("expires in 29 days") != std::string::npos, health());
  make("short", "/CN=localhost", "-days 13 -addext subjectAltName=IP:127.0.0.1");
  copy("short.pem", "server.pem");
  hub.reload_tls();  // the key does not fit: nothing changes
  BOOST_TEST(health().find("expires in 29 days") != std::string::npos, health());
  BOOST_TEST(send(report_to(hub, *this)).first == 200);
  copy("short.key", "server.key");
  hub.reload_tls();
  BOOST_TEST(health().find("expires in 12 days") != std::string::npos, health());
  BOOST_TEST(health().find("degraded") != std::string::npos);
  BOOST_TEST(send(report_to(hub, *this)).first == 200);
}

BOOST_AUTO_TEST_CASE(a_certificate_that_has_expired_is_no_reason_to_be_restarted) {
  using Status = HealthComponent::Status;
  BOOST_TEST((certificate_health(std::chrono::days{14}).status == Status::ok));
  BOOST_TEST((certificate_health(std::chrono::days{14} - std::chrono::seconds{1}).status == Status::degraded));
  const auto expired = certificate_health(-std::chrono::days{3});
  BOOST_TEST((expired.status == Status::degraded));
  BOOST_TEST(expired.details.starts_with("expired 3 d"), expired.details);
}

BOOST_AUTO_TEST_CASE(health_pages_that_share_the_port_of_the_api_speak_tls) {
  auto joined = config();
  {
    boost::asio::io_context io;
    const boost::asio::ip::tcp::acceptor taken(io, {boost::asio::ip::address_v4::loopback(), 0}, false);
    joined.api_endpoints.front().port = taken.local_endpoint().port();
  }
  joined.dashboard_endpoints.clear();
  joined.health_endpoints = joined.api_endpoints;
  Hub hub(joined);
  RawClient client(endpoint_of(hub, "health"));
  BOOST_TEST(client.start_tls({path("ca.pem"), {}, {}}));
  client.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  BOOST_TEST(status_of(client.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(connections_are_limited_by_what_the_process_may_open) {
  BOOST_TEST(connections_within(1'000'000, 3) == wanted_connections);
  BOOST_TEST(connections_within(1024, 3) == 256U);
  BOOST_TEST(connections_within(100, 3) == 64U);
  BOOST_TEST(raise_open_files(1) >= 1024U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

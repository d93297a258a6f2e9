#include "hub/app/healthcheck_command.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "netns/base/text.hpp"
#include "netns/clients/http_client.hpp"

namespace vpn_sentinel {
namespace {

/// Less than the shortest time-out that the container files and manifests give the command (10 s).
constexpr std::chrono::seconds answer_patience{5};
constexpr std::size_t most_bytes_shown = 200;

Endpoint reachable(Endpoint endpoint) {
  if (endpoint.address.is_unspecified()) endpoint.address = IpAddress::parse(endpoint.address.is_v4() ? "127.0.0.1" : "::1").value();
  return endpoint;
}

/// As Hub joins them: the health pages stand behind the API's or the dashboard's TLS where they share a listener.
bool speaks_tls(const HubConfig& config) {
  return config.tls.has_value() &&
         (is_one_place(config.health_endpoints, config.api_endpoints) || is_one_place(config.health_endpoints, config.dashboard_endpoints));
}

Result<HttpResponse> get(const std::string& url) {
  boost::asio::io_context io{1};
  HttpClient client(io);
  HttpRequest request;
  request.url = url;
  request.timeout = answer_patience;
  // Its certificate names the hub as others call it, and who answers on this machine's own address needs no proof.
  request.verify = false;
  Result<HttpResponse> answer = fail(Error::Kind::timed_out, "there was no answer");
  client.send(std::move(request), [&](Result<HttpResponse> reply) {
    answer = std::move(reply);
    io.stop();
  });
  io.run_for(answer_patience + std::chrono::seconds{1});
  return answer;
}

int unhealthy(const std::string& why) {
  fmt::print("unhealthy: {}\n", without_control_characters(why));
  return 1;
}

}  // namespace

std::optional<std::string> health_url(const HubConfig& config) {
  if (config.health_endpoints.empty()) return std::nullopt;
  return fmt::format("{}://{}/health/ready", speaks_tls(config) ? "https" : "http", reachable(config.health_endpoints.front()).to_string());
}

int healthcheck_command(const HubConfig& config) {
  const auto url = health_url(config);
  if (!url) return unhealthy("the health pages are switched off (VPN_SENTINEL_SERVER_HEALTH_PORT=0): nobody can be asked");
  if (speaks_tls(config) && config.tls->clients == ClientCertificates::required) {
    return unhealthy("the health pages ask for a client certificate; give them a port of their own (VPN_SENTINEL_SERVER_HEALTH_PORT)");
  }
  const auto answer = get(*url);
  if (!answer) return unhealthy(answer.error().message);
  // Another program on that port is no hub.
  const auto body = nlohmann::json::parse(answer->body, nullptr, false);
  const bool is_hub = body.is_object() && body.contains("status") && body["status"].is_string();
  if (!is_hub) return unhealthy(fmt::format("{} is answered with status {} by something that is no hub", *url, answer->status));
  if (answer->status != 200 || body["status"] != "ok") {
    const auto message = body.contains("message") && body["message"].is_string() ? body["message"].get<std::string>() : std::string();
    return unhealthy(fmt::format("status {}: {}", answer->status, message.substr(0, most_bytes_shown)));
  }
  fmt::print("healthy: {} can take reports\n", *url);
  return 0;
}

}  // namespace vpn_sentinel

#include "probe/delivery/hub_channel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "netns/clients/name_look_up.hpp"
#include "probe/delivery/original_payload.hpp"

namespace vpn_sentinel {
namespace {

/// An answer to a batch has a sentence for each report that was refused.
constexpr std::size_t longest_batch_answer = 1024UL * 1024;

std::string url_of(std::string_view url, const HubAddress& hub, std::string_view leaf) {
  while (url.ends_with('/')) url.remove_suffix(1);
  std::string_view path = hub.api_path;
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.empty() ? fmt::format("{}/{}", url, leaf) : fmt::format("{}/{}/{}", url, path, leaf);
}

// An interface name may be any bytes; a report with a replaced character is better than none.
std::string text_of(const Report& report) { return encode(report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

std::string batch_of(const std::vector<Report>& reports) {
  std::string body = R"({"reports":[)";
  for (const auto& report : reports) body += (&report == reports.data() ? "" : ",") + text_of(report);
  return body + "]}";
}

}  // namespace

HubChannel::HubChannel(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, HubAddress hub, const std::string& url)
    : io_(io),
      http_(http),
      dns_(dns),
      hub_(std::move(hub)),
      url_(url_of(url, hub_, "keepalive")),
      batch_url_(url_of(url, hub_, "events")),
      flows_url_(url_of(url, hub_, "connections")),
      parsed_url_(HttpUrl::parse(url_)),
      name_(parsed_url_ ? parsed_url_->origin : "VPN_SENTINEL_URL") {}

HttpRequest HubChannel::request_to(const std::string& url) const {
  HttpRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"Content-Type", "application/json"}};
  if (!hub_.api_key.empty()) request.headers.emplace_back("X-API-Key", hub_.api_key);
  request.ca_file = hub_.ca_file;
  request.verify = hub_.verify;
  request.certificate_file = hub_.certificate_file;
  request.key_file = hub_.key_file;
  return request;
}

HttpRequest HubChannel::request_of(const std::vector<Report>& reports) const {
  const bool is_batch = reports.size() > 1;
  auto request = request_to(is_batch ? batch_url_ : url_);
  if (is_batch) request.most_bytes = longest_batch_answer;
  request.body = is_batch ? batch_of(reports) : hub_.schema == 1 ? original_payload(reports.front(), wall_now()) : text_of(reports.front());
  return request;
}

void HubChannel::post_flows(std::string packed, DeliveryPath path, const DeliveryPaths& ways, Handler handler) {
  auto request = request_to(flows_url_);
  request.headers.emplace_back("Content-Encoding", "gzip");
  request.body = std::move(packed);
  if (path == DeliveryPath::tunnel) return post_in_tunnel(std::move(request), ways, std::move(handler));
  request.timeout = hub_.timeout;
  request.open_socket = *ways.uplink;
  request.fresh_connection = false;
  // Apart from reports: none of them ever waits behind flows.
  request.channel = "hub flows";
  http_.send(std::move(request), std::move(handler));
}

void HubChannel::post(std::vector<Report> reports, DeliveryPath path, const DeliveryPaths& ways, Patience patience, Handler handler) {
  const auto now = wall_now();
  for (auto& report : reports) {
    report.path = to_string(path);
    report.sent_at = now;
  }
  auto request = request_of(reports);
  if (path == DeliveryPath::tunnel) return post_in_tunnel(std::move(request), ways, std::move(handler));
  request.timeout = patience == Patience::brief ? std::min(hub_.timeout, hub_.tunnel_timeout) : hub_.timeout;
  if (patience != Patience::full) request.connect_timeout = hub_.uplink_connect;
  request.open_socket = *ways.uplink;
  // Every client's uplink is the probe's own namespace, so all share the connections: a change is one round trip.
  request.fresh_connection = false;
  request.channel = "hub";
  http_.send(std::move(request), std::move(handler));
}

void HubChannel::post_in_tunnel(HttpRequest request, const DeliveryPaths& ways, Handler handler) {
  const auto deadline = mono_now() + hub_.tunnel_timeout;
  request.timeout = hub_.tunnel_timeout;
  request.open_socket = *ways.tunnel;
  request.bind_device = ways.tunnel_device;
  request.fresh_connection = true;  // a kept connection would prove nothing about the tunnel as it is now
  if (!parsed_url_ || parsed_url_->literal) {
    http_.send(std::move(request), std::move(handler));
    return;
  }
  auto send = [weak = weak_from_this(), deadline, request = std::move(request),
               handler = std::move(handler)](Result<std::vector<IpAddress>> addresses) mutable {
    const auto self = weak.lock();
    if (!self) return;
    if (!addresses) return handler(fail(addresses.error()));
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - mono_now());
    if (left <= std::chrono::milliseconds{0}) return handler(fail(Error::Kind::timed_out, "no time was left after the name was found"));
    request.resolved = std::move(*addresses);
    request.timeout = left;
    self->http_.send(std::move(request), std::move(handler));
  };
  look_up_name(io_, dns_, NameQuestion{parsed_url_->host, ways.resolvers, *ways.tunnel, deadline}, std::move(send));
}

}  // namespace vpn_sentinel

#include "probe/delivery/hub_channel.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "probe/delivery/name_look_up.hpp"

namespace vpn_sentinel {
namespace {

std::string keepalive_url(const HubAddress& hub) {
  std::string_view url = hub.url;
  while (url.ends_with('/')) url.remove_suffix(1);
  std::string_view path = hub.api_path;
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.empty() ? fmt::format("{}/keepalive", url) : fmt::format("{}/{}/keepalive", url, path);
}

}  // namespace

HubChannel::HubChannel(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, HubAddress hub)
    : io_(io), http_(http), dns_(dns), hub_(std::move(hub)), url_(keepalive_url(hub_)), parsed_url_(HttpUrl::parse(url_)) {}

HttpRequest HubChannel::request_of(const Report& report) const {
  HttpRequest request;
  request.method = "POST";
  request.url = url_;
  request.headers = {{"Content-Type", "application/json"}};
  if (!hub_.api_key.empty()) request.headers.emplace_back("X-API-Key", hub_.api_key);
  // An interface name may be any bytes; a report with a replaced character is better than none.
  request.body = encode(report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  request.ca_file = hub_.ca_file;
  request.verify = hub_.verify;
  request.certificate_file = hub_.certificate_file;
  request.key_file = hub_.key_file;
  return request;
}

void HubChannel::post(Report report, DeliveryPath path, const DeliveryPaths& ways, bool is_last, Handler handler) {
  report.path = to_string(path);
  report.sent_at = wall_now();
  auto request = request_of(report);
  if (path == DeliveryPath::tunnel) return post_in_tunnel(std::move(request), ways, std::move(handler));
  request.timeout = hub_.timeout;
  if (!is_last) request.connect_timeout = hub_.uplink_connect;
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

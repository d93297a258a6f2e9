/// One report to the hub over one path: name, request, answer. No order, no repetition: that is the sender's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"
#include "netns/clients/http_url.hpp"
#include "probe/delivery/delivery_path.hpp"
#include "probe/delivery/sender.hpp"

namespace vpn_sentinel {

class HubChannel : public std::enable_shared_from_this<HubChannel> {
 public:
  using Handler = std::function<void(Result<HttpResponse>)>;
  /// `http` and `dns` outlive the channel.
  HubChannel(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, HubAddress hub);

  /// `report.path` is set to `path`, `report.sent_at` to now. `ways` has the opener of `path`. `is_last`: there is no other path to be
  /// tried after it. The handler is called once, never from inside post(); not at all when the channel is gone.
  void post(Report report, DeliveryPath path, const DeliveryPaths& ways, bool is_last, Handler handler);
  void drop_connections() { http_.drop_connections(); }

 private:
  [[nodiscard]] HttpRequest request_of(const Report& report) const;
  void post_in_tunnel(HttpRequest request, const DeliveryPaths& ways, Handler handler);

  boost::asio::io_context& io_;
  HttpClient& http_;
  DnsClient& dns_;
  HubAddress hub_;
  std::string url_;
  Result<HttpUrl> parsed_url_;
};

}  // namespace vpn_sentinel

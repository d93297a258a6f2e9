/// One request to one hub over one path: name, request, answer. No order, no repetition: that is the sender's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

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
  /// `url`: one of `hub`'s.
  HubChannel(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, HubAddress hub, const std::string& url);

  /// With the uplink; the tunnel has its own time-out always.
  enum class Patience : std::uint8_t {
    full,           ///< there is no other path to be tried after it
    quick_connect,  ///< there is one
    brief,          ///< another hub is in use, this one is looked at only
  };

  /// One report, or several as a batch. Their `path` is set to `path`, `sent_at` to now. `ways` has the opener of `path`. The handler is
  /// called once, never from inside post(); not at all when the channel is gone.
  void post(std::vector<Report> reports, DeliveryPath path, const DeliveryPaths& ways, Patience patience, Handler handler);

  /// A flow batch as JSON, packed by gzip; as post() otherwise.
  void post_flows(std::string packed, DeliveryPath path, const DeliveryPaths& ways, Handler handler);

  /// Whether batches are worth trying.
  [[nodiscard]] bool takes_batches(MonoTime now) const noexcept { return hub_.schema > 1 && now >= batches_again_; }
  /// The hub was asked with a batch and knows nothing of it. It may be replaced by a newer one some day.
  void takes_no_batches(MonoTime now) noexcept { batches_again_ = now + std::chrono::hours{1}; }
  /// Scheme, host and port, to tell several hubs apart.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  [[nodiscard]] HttpRequest request_of(const std::vector<Report>& reports) const;
  [[nodiscard]] HttpRequest request_to(const std::string& url) const;
  void post_in_tunnel(HttpRequest request, const DeliveryPaths& ways, Handler handler);

  boost::asio::io_context& io_;
  HttpClient& http_;
  DnsClient& dns_;
  HubAddress hub_;
  std::string url_;
  std::string batch_url_;
  std::string flows_url_;
  Result<HttpUrl> parsed_url_;
  std::string name_;
  MonoTime batches_again_ = MonoTime::min();
};

}  // namespace vpn_sentinel

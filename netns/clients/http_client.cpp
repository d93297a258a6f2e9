#include "netns/clients/http_client.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <compare>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "netns/clients/curl_multi.hpp"
#include "netns/clients/http_transfer.hpp"

namespace vpn_sentinel {

/// Fresh requests share one multi handle, in which no connection outlives its transfer. Each persistent channel has its own, because
/// libcurl chooses a connection by host, port and TLS options and knows nothing of namespaces.
class HttpClient::Impl : public std::enable_shared_from_this<HttpClient::Impl> {
 public:
  explicit Impl(boost::asio::io_context& io) : io_(io) {}

  RequestId send(HttpRequest request, Handler handler);
  void cancel(RequestId id);
  void drop_connections();
  void close();

 private:
  using MultiPtr = std::shared_ptr<CurlMulti>;
  struct ChannelKey {
    std::string name;
    std::string device;
    std::optional<Family> family;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the comparison with literal 0 that is generated for a null pointer
    auto operator<=>(const ChannelKey&) const = default;
  };
  struct Running {
    RequestId id = 0;
    std::unique_ptr<HttpTransfer> transfer;
    MultiPtr multi;
    Handler handler;
  };

  MultiPtr make_multi();
  MultiPtr multi_for(const HttpRequest& request, bool fresh);
  RequestId post_error(Handler handler, Error error);
  void done(CURL* easy, CURLcode code);

  boost::asio::io_context& io_;
  MultiPtr fresh_;
  std::map<ChannelKey, MultiPtr> channels_;
  std::unordered_map<CURL*, Running> running_;  // keeps a dropped channel's multi handle until its last transfer has ended
  std::set<RequestId> refused_;                 // their errors are on the way
  RequestId last_id_ = 0;
  bool closed_ = false;
};

HttpClient::Impl::MultiPtr HttpClient::Impl::make_multi() {
  return std::make_shared<CurlMulti>(io_, [weak = weak_from_this()](CURL* easy, CURLcode code) {
    if (const auto self = weak.lock()) self->done(easy, code);
  });
}

HttpClient::Impl::MultiPtr HttpClient::Impl::multi_for(const HttpRequest& request, bool fresh) {
  auto& multi = fresh ? fresh_ : channels_[ChannelKey{request.channel, request.bind_device, request.family}];
  if (!multi) multi = make_multi();
  return multi;
}

HttpClient::RequestId HttpClient::Impl::post_error(Handler handler, Error error) {
  const auto id = *refused_.insert(++last_id_).first;
  boost::asio::post(io_, [weak = weak_from_this(), id, handler = std::move(handler), error = std::move(error)]() mutable {
    const auto self = weak.lock();
    if (self && !self->closed_ && self->refused_.erase(id) > 0) handler(fail(std::move(error)));
  });
  return id;
}

HttpClient::RequestId HttpClient::Impl::send(HttpRequest request, Handler handler) {
  const bool unnamed_path = request.channel.empty() && request.open_socket != nullptr;
  const bool fresh = request.fresh_connection || unnamed_path;
  auto multi = multi_for(request, fresh);
  auto transfer = HttpTransfer::make(std::move(request), fresh);
  if (!transfer) return post_error(std::move(handler), transfer.error());
  auto* easy = (*transfer)->handle();
  if (auto added = multi->add(easy); !added) return post_error(std::move(handler), added.error());
  running_.emplace(easy, Running{++last_id_, std::move(*transfer), std::move(multi), std::move(handler)});
  return last_id_;
}

void HttpClient::Impl::cancel(RequestId id) {
  refused_.erase(id);
  const auto found = std::ranges::find_if(running_, [id](const auto& entry) { return entry.second.id == id; });
  if (found == running_.end()) return;
  const auto running = std::move(found->second);
  running_.erase(found);
  running.multi->remove(running.transfer->handle());
}

void HttpClient::Impl::done(CURL* easy, CURLcode code) {
  const auto found = running_.find(easy);
  if (found == running_.end()) return;
  auto running = std::move(found->second);
  running_.erase(found);
  auto result = running.transfer->take_result(code);
  running.transfer.reset();  // the handler may run for long or send again: the memory is free by then
  running.handler(std::move(result));
}

void HttpClient::Impl::drop_connections() { channels_.clear(); }

void HttpClient::Impl::close() {
  closed_ = true;
  channels_.clear();
  for (auto& [easy, running] : std::exchange(running_, {})) running.multi->remove(easy);
  fresh_.reset();
}

HttpClient::HttpClient(boost::asio::io_context& io) : impl_(std::make_shared<Impl>(io)) {}

HttpClient::~HttpClient() { impl_->close(); }

HttpClient::RequestId HttpClient::send(HttpRequest request, Handler handler) { return impl_->send(std::move(request), std::move(handler)); }

void HttpClient::cancel(RequestId id) { impl_->cancel(id); }

void HttpClient::drop_connections() { impl_->drop_connections(); }

}  // namespace vpn_sentinel

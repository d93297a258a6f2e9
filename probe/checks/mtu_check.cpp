#include "probe/checks/mtu_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/clients/http_url.hpp"
#include "netns/clients/name_look_up.hpp"

namespace vpn_sentinel {
namespace {

/// Four packets of a usual tunnel, and less than any server's limit for headers (8 KiB and more).
constexpr std::size_t padding = 5600;
constexpr std::size_t most_urls = 3;

}  // namespace

/// One run. Of each service: a large request; when it stands still a small one; when that is answered the large one again.
class MtuCheck::Round : public std::enable_shared_from_this<Round> {
 public:
  Round(MtuCheck& check, MtuRequest request, Handler handler)
      : io_(check.io_), http_(check.http_), dns_(check.dns_), request_(std::move(request)), handler_(std::move(handler)) {
    if (request_.urls.size() > most_urls) request_.urls.resize(most_urls);
  }

  void next_url() {
    if (!handler_) return;
    if (place_ == request_.urls.size()) return finish(fail(last_error_));
    const auto url = HttpUrl::parse(request_.urls[place_]);
    if (!url) return give_up_url(url.error());
    url_ = *url;
    large_tries_ = 0;
    addresses_.clear();
    if (url_.literal && url_.literal->family() != request_.family) {
      ++place_;
      return next_url();
    }
    if (url_.literal) return ask(true);
    auto on_resolved = [self = shared_from_this()](const Result<std::vector<IpAddress>>& addresses) {
      if (!self->handler_) return;
      if (!addresses) return self->give_up_url(addresses.error());
      self->addresses_ = *addresses;
      self->ask(true);
    };
    NameQuestion question{url_.host, request_.resolvers, request_.open_socket, mono_now() + request_.patience, request_.family};
    cancel_name_ = look_up_name(io_, dns_, std::move(question), std::move(on_resolved));
  }

  void cancel() {
    handler_ = nullptr;
    request_.open_socket = nullptr;
    if (cancel_name_) cancel_name_();
    http_.cancel(transfer_);
  }

 private:
  void ask(bool large) {
    HttpRequest request;
    request.url = request_.urls[place_];
    request.timeout = request_.patience;
    request.most_bytes = 16 * 1024;
    request.open_socket = request_.open_socket;
    request.family = request_.family;
    request.resolved = addresses_;
    request.ca_file = request_.ca_file;
    request.progress = std::make_shared<HttpProgress>();
    if (large) request.headers.emplace_back("X-Padding", std::string(padding, 'x'));
    if (large) ++large_tries_;
    auto on_response = [self = shared_from_this(), large, progress = request.progress](const Result<HttpResponse>& response) {
      if (self->handler_) self->on_response(large, response, *progress);
    };
    transfer_ = http_.send(std::move(request), std::move(on_response));
  }

  void on_response(bool large, const Result<HttpResponse>& response, const HttpProgress& progress) {
    if (response) {
      if (large) return finish(MtuAnswer{MtuAnswer::Result::fine, url_.host});
      return large_tries_ < 2 ? ask(true) : give_up_url({Error::Kind::failed, url_.origin + ": it answers by turns"});
    }
    const bool stands_still = response.error().kind == Error::Kind::timed_out && progress.connected;
    if (!stands_still) return give_up_url(response.error());
    if (!progress.secured) return suspect_answers();
    if (!large) return give_up_url(response.error());
    if (large_tries_ == 2) return finish(MtuAnswer{MtuAnswer::Result::large_requests_lost, url_.host});
    ask(false);
  }

  void suspect_answers() {
    if (!silent_host_.empty() && silent_host_ != url_.host) return finish(MtuAnswer{MtuAnswer::Result::large_answers_lost, url_.host});
    silent_host_ = url_.host;
    give_up_url({Error::Kind::timed_out, url_.origin + ": it takes connections and answers no TLS handshake"});
  }

  void give_up_url(Error error) {
    last_error_ = std::move(error);
    ++place_;
    next_url();
  }

  /// The handler may stop or restart the check.
  void finish(Result<MtuAnswer> result) {
    request_.open_socket = nullptr;
    std::exchange(handler_, nullptr)(std::move(result));
  }

  boost::asio::io_context& io_;
  HttpClient& http_;
  DnsClient& dns_;
  MtuRequest request_;
  Handler handler_;  ///< empty: nobody waits any more
  CancelNameLookUp cancel_name_;
  HttpClient::RequestId transfer_ = 0;
  HttpUrl url_;
  std::vector<IpAddress> addresses_;
  std::string silent_host_;
  Error last_error_{Error::Kind::unavailable, "no service of this family is configured"};
  std::size_t place_ = 0;
  int large_tries_ = 0;
};

void MtuCheck::run(MtuRequest request, Handler handler) {
  stop();
  round_ = std::make_shared<Round>(*this, std::move(request), std::move(handler));
  boost::asio::post(io_, [round = round_] { round->next_url(); });
}

void MtuCheck::stop() {
  if (const auto round = std::exchange(round_, nullptr)) round->cancel();
}

}  // namespace vpn_sentinel

#include "probe/checks/udp_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/base/public_address.hpp"
#include "netns/clients/name_look_up.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// A server that is silent must leave time for the next one.
constexpr milliseconds longest_binding{2000};
constexpr std::uint16_t default_port = 3478;

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

}  // namespace

Result<StunServer> StunServer::parse(std::string_view text) {
  if (const auto literal = Endpoint::parse(text, default_port)) return StunServer{literal->address.to_string(), literal->port};
  const auto colon = text.find(':');
  StunServer server{std::string(text.substr(0, colon)), default_port};
  const auto digits = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), server.port);
  const bool port_is_good = colon == std::string_view::npos || (error == std::errc{} && end == digits.data() + digits.size());
  if (!is_host_name(server.host) || !port_is_good || server.port == 0) {
    return fail(Error::Kind::invalid, fmt::format("'{}' is no host with an optional port, such as stun.example:3478", text));
  }
  return server;
}

/// One run through the list of servers.
class UdpCheck::Round : public std::enable_shared_from_this<Round> {
 public:
  Round(UdpCheck& check, UdpRequest request, Handler handler)
      : io_(check.io_),
        stun_(check.stun_),
        dns_(check.dns_),
        request_(std::move(request)),
        handler_(std::move(handler)),
        deadline_(mono_now() + request_.timeout) {}

  void next_server() {
    if (!handler_) return;
    if (place_ == request_.servers.size() || left() <= milliseconds{0}) return finish(fail(last_error_));
    const auto& server = request_.servers[place_];
    if (const auto literal = IpAddress::parse(server.host)) {
      if (literal->family() == request_.family) return bind(*literal);
      // Meant for the other family's round; what the others answered is worth more.
      ++place_;
      return next_server();
    }
    auto on_resolved = [self = shared_from_this()](const Result<std::vector<IpAddress>>& addresses) {
      if (!self->handler_) return;
      if (!addresses) return self->give_up_server(addresses.error());
      self->bind(addresses->front());
    };
    NameQuestion question{server.host, request_.resolvers, request_.open_socket, mono_now() + std::min(left(), longest_binding),
                          request_.family};
    cancel_name_ = look_up_name(io_, dns_, std::move(question), std::move(on_resolved));
  }

  void cancel() {
    handler_ = nullptr;
    request_.open_socket = nullptr;
    if (cancel_name_) cancel_name_();
    stun_.cancel(binding_);
  }

 private:
  [[nodiscard]] milliseconds left() const { return std::chrono::duration_cast<milliseconds>(deadline_ - mono_now()); }

  void bind(const IpAddress& address) {
    StunOptions options;
    options.open_socket = request_.open_socket;
    options.timeout = std::min(longest_binding, std::max(left(), milliseconds{1}));
    auto on_bound = [self = shared_from_this()](const Result<StunAnswer>& answer) {
      if (self->handler_) self->on_bound(answer);
    };
    binding_ = stun_.bind({address, request_.servers[place_].port}, std::move(options), std::move(on_bound));
  }

  void on_bound(const Result<StunAnswer>& answer) {
    if (!answer) return give_up_server(answer.error());
    if (answer->mapped.address.family() != request_.family) {
      return give_up_server({Error::Kind::invalid, "it answered with an address of the other family"});
    }
    // A server inside the VPN, or a router that rewrites STUN, sees a private address: that says nothing about the Internet.
    if (!is_public_address(answer->mapped.address)) {
      return give_up_server({Error::Kind::invalid, fmt::format("it saw the private address {}", answer->mapped.address.to_string())});
    }
    finish(UdpAnswer{answer->mapped.address, request_.servers[place_].host});
  }

  void give_up_server(Error error) {
    last_error_ = {error.kind, fmt::format("{}: {}", request_.servers[place_].host, error.message)};
    ++place_;
    next_server();
  }

  /// The handler may stop or restart the check.
  void finish(Result<UdpAnswer> result) {
    request_.open_socket = nullptr;
    std::exchange(handler_, nullptr)(std::move(result));
  }

  boost::asio::io_context& io_;
  StunClient& stun_;
  DnsClient& dns_;
  UdpRequest request_;
  Handler handler_;  ///< empty: nobody waits any more
  MonoTime deadline_;
  CancelNameLookUp cancel_name_;
  StunClient::BindingId binding_ = 0;
  Error last_error_{Error::Kind::unavailable, "no STUN server of this family is configured"};
  std::size_t place_ = 0;
};

void UdpCheck::run(UdpRequest request, Handler handler) {
  stop();
  round_ = std::make_shared<Round>(*this, std::move(request), std::move(handler));
  boost::asio::post(io_, [round = round_] { round->next_server(); });
}

void UdpCheck::stop() {
  if (const auto round = std::exchange(round_, nullptr)) round->cancel();
}

}  // namespace vpn_sentinel

/// The hub's HTTP listeners: Boost.Asio and Beast used as parts, callbacks, N I/O threads with SO_REUSEPORT (measured: 1.3-1.5 times the
/// CPU of a raw epoll loop).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/http/keyring.hpp"
#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct Identity;

/// Who asks, as the gates found out; empty before they ran.
struct Caller {
  std::optional<IpAddress> address;                    ///< behind configured proxies the client's own; IPv4-mapped ones as IPv4
  std::optional<IpAddress> proxy;                      ///< the trusted one that told `address`; none when that is the peer's own
  std::shared_ptr<const KeyGrant> key;                 ///< what the key that was sent may do; null: no key was asked for
  KeyHash key_hash{};                                  ///< of that key
  std::shared_ptr<const Identity> identity = nullptr;  ///< of an account (hub/accounts/directory.hpp); null: it was not asked for
};

struct Request {
  std::string_view method;  ///< HEAD arrives as GET; the server leaves the body of the reply out
  std::string_view path;    ///< without query, leading slashes collapsed ("//api/v1" -> "/api/v1")
  std::string_view query;
  std::string_view body;
  std::string peer_address;
  std::function<std::string_view(std::string_view name)> header;  ///< empty when absent; names case-insensitive
  std::function<std::string(std::string_view name)> all_lines;    ///< of a header, joined by ", " (RFC 9110 5.3)
  Caller caller;

  /// Where the request came from, as text: the caller's address, without gates the peer's.
  [[nodiscard]] std::string source() const { return caller.address ? caller.address->to_string() : peer_address; }
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::size_t refused_reports = 0;  ///< of the request, for the counters; never sent
};

/// Answers once, from any thread; the connection may be gone by then (the answer is dropped).
using Respond = std::function<void(Response)>;

/// Whether a WebSocket may be opened, and for how long it may stay.
struct LiveAdmission {
  std::optional<Response> refused;
  /// Asked when Server::review_live() was called, on the connection's thread: does the peer still have what let it in? Null: it does.
  std::function<bool()> holds = {};
  /// It is closed then with close_renew: who still may opens another one. Null: never.
  std::optional<WallTime> until = {};
};

/// RFC 6455 7.4.2, a private code: what let the peer in has ended by itself, and is to be shown again.
inline constexpr std::uint16_t close_renew = 4001;

/// A WebSocket (RFC 6455) that was accepted by a route. Text messages only.
class LiveChannel {
 public:
  virtual ~LiveChannel() = default;
  /// From any thread. False: the peer is too slow (more than `max_pending` messages wait) and the channel is being closed.
  virtual bool send(std::shared_ptr<const std::string> text) = 0;
};

struct Routes {
  std::function<void(const Request&, Respond)> handle;
  /// Called when the headers of a request announce (Content-Length) a body longer than `max_body` and no longer than `large_body`; its
  /// body is empty then. Returns the Response that refuses, or nullopt to read the body. Null: all are refused with 413.
  std::function<std::optional<Response>(const Request&)> admit_large;
  /// Null: no WebSocket on this listener.
  std::function<LiveAdmission(const Request&)> admit_live;
  /// The channel is open. What the returned object holds (a subscription) lives until the channel closes.
  std::function<std::shared_ptr<void>(std::shared_ptr<LiveChannel>)> on_live;
};

class TlsCredentials;

/// What one peer may take of the server: every limit holds for each listener by itself.
struct ListenOptions {
  std::vector<Endpoint> endpoints;  ///< port 0 takes a free one
  std::size_t max_body = 64 * 1024;
  std::size_t large_body = 0;  ///< for requests that Routes::admit_large lets pass; at most max_body: there are none
  /// When they are all taken, those that do not get on with their first words and then the keep-alive connection that has been idle
  /// longest make room; 503 when all are busy.
  std::size_t max_connections = 10'000;
  /// From one IPv4 address or IPv6 /64, where room is made likewise among its own. Many probes may share one NAT.
  std::size_t max_per_address = 4096;
  /// Of unfinished bodies together; beyond it 503. A body that arrives with its headers is not counted.
  std::size_t max_waiting_body_bytes = 256 * 1024 * 1024;
  /// Who has said nothing for so long, or has begun a handshake or the headers of a request and not finished, makes room first.
  std::chrono::milliseconds unfinished_patience{1'000};
  std::chrono::milliseconds handshake_timeout{10'000};  ///< TLS: for all of the handshake
  std::chrono::milliseconds header_timeout{10'000};     ///< for all of the headers, however slowly they drip
  std::chrono::milliseconds body_timeout{30'000};       ///< for all of the body
  std::chrono::milliseconds idle_timeout{75'000};       ///< between two requests
  /// A route must have answered, and a reply must have made progress, within this time: 503 or the connection is closed.
  std::chrono::milliseconds reply_timeout{30'000};
  /// Bytes per second; a peer that takes a reply at less than this on average is cut off (after reply_timeout at the earliest).
  std::size_t slowest_reader = 16 * 1024;
  std::size_t max_pending = 4096;                       ///< messages that may wait for a slow WebSocket peer
  std::size_t max_pending_bytes = 32 * 1024 * 1024;     ///< and bytes; one message may always wait
  std::shared_ptr<const TlsCredentials> tls = nullptr;  ///< null: plain HTTP
};

class Server {
 public:
  virtual ~Server() = default;  ///< stop()
  /// Before run(). The Error names address, port and reason (in use, not permitted, not this machine's).
  [[nodiscard]] virtual Result<std::vector<Endpoint>> listen(ListenOptions options, Routes routes) = 0;
  virtual void run() = 0;  ///< starts the I/O threads and returns
  /// The rules of access have changed: WebSockets whose admission does not hold any more are closed with 1008. From any thread.
  virtual void review_live() = 0;
  virtual void stop() = 0;  ///< stops accepting, closes WebSockets with 1001, ends the threads

  /// Time limits are looked at once per `sweep_period`.
  [[nodiscard]] static std::unique_ptr<Server> make(unsigned threads, std::chrono::milliseconds sweep_period = std::chrono::seconds{1});
};

}  // namespace vpn_sentinel

/// HTTP(S) by libcurl's multi interface on an Asio loop. Sockets come from a SocketOpener, so a request leaves from the namespace that
/// its sender chose.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

/// How far a request came, also one that failed.
struct HttpProgress {
  bool connected = false;  ///< TCP
  bool secured = false;    ///< TLS; of plain HTTP the same as connected
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;  ///< http or https; user and password in it are refused (use a header)
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::string> wanted_headers;  ///< names whose values the response is to have, in any case of letters
  std::string body;
  std::chrono::milliseconds timeout{10'000};     ///< for everything: name, connection, reply; at least 1 ms
  std::chrono::milliseconds connect_timeout{0};  ///< of that, for name and connection with TLS; 0: no limit of its own
  std::size_t most_bytes = 64 * 1024;            ///< a longer reply is an error
  SocketOpener open_socket;                      ///< empty: the process's own namespace; must not call this client
  std::string bind_device;                       ///< SO_BINDTODEVICE on every socket, in the socket's namespace; empty: the routes decide
  std::optional<Family> family;                  ///< only addresses of this family
  std::vector<IpAddress> resolved;               ///< addresses of the URL's host; empty: the process's resolver is asked
  std::string ca_file;                           ///< PEM bundle that is trusted alone; empty: the system's
  bool verify = true;
  std::string certificate_file;  ///< PEM, with `key_file` (PEM, not encrypted): shown to a server that asks who comes; empty: none
  std::string key_file;
  /// A probe of a path must never ride on an old connection (a reused one tells about the old path): new connection, closed afterwards,
  /// no TLS resumption. False only for channels to the hub and to alert services.
  bool fresh_connection = true;
  /// Connections are kept and reused only within one channel (and one device and family). libcurl cannot see in which namespace a socket
  /// was made, so whoever gives an `open_socket` and wants reuse must name the path, for example "tunnel:TARGET"; with an opener and no
  /// name every request is fresh.
  std::string channel;
  std::shared_ptr<HttpProgress> progress;  ///< filled before the handler is called; null: nobody asks
};

struct HttpResponse {
  long status = 0;
  std::string body;
  std::string local_address;
  std::string remote_address;
  std::vector<std::pair<std::string, std::string>> headers;  ///< of wanted_headers those that came, named as there; at most 256 bytes each
  std::optional<std::chrono::seconds> retry_after;           ///< the header Retry-After in seconds (RFC 9110 10.2.3); a date is ignored
  std::chrono::microseconds elapsed{0};
};

/// Redirects are not followed, proxies of the environment are not used, HTTP/1.1 only. Used on the loop's thread only.
/// Errors: invalid (URL, method or header), timed_out, unreachable (no address, no route, refused, reset), not_found (no such device),
/// failed (TLS, reply too long or not HTTP), and whatever the opener said. Messages name scheme and host of the URL and nothing else of
/// it: the path may hold a token.
class HttpClient {
 public:
  using Handler = std::function<void(Result<HttpResponse>)>;
  using RequestId = std::uint64_t;  ///< 0 is no request
  explicit HttpClient(boost::asio::io_context& io);
  ~HttpClient();  ///< cancels what is under way without calling the handlers
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  /// The handler is called once, on the loop, never from inside send(). Any HTTP status is an answer; only transport trouble is an Error.
  RequestId send(HttpRequest request, Handler handler);
  /// Gives the request up: its socket and its opener are released, its handler is not called. Nothing happens when it has ended already.
  void cancel(RequestId id);
  /// Idle connections are closed: the next request dials anew (after a change of routes).
  void drop_connections();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace vpn_sentinel

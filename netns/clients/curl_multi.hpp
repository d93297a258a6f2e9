/// One libcurl multi handle on an Asio loop, by curl_multi_socket_action(3). It has its own connections, names and TLS sessions, which no
/// other multi handle shares.
#pragma once

#include <curl/curl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Made by make_shared; used on the loop's thread only.
class CurlMulti : public std::enable_shared_from_this<CurlMulti> {
 public:
  /// Called when a transfer has ended and is no longer part of the multi handle; may close() this object.
  using Done = std::function<void(CURL*, CURLcode)>;
  CurlMulti(boost::asio::io_context& io, Done done);
  ~CurlMulti();
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  /// Starts a transfer; Done is never called from inside. The handle stays the caller's.
  [[nodiscard]] Result<void> add(CURL* easy);
  /// Gives up a transfer without Done.
  void remove(CURL* easy);
  /// Closes all connections. No transfer may be left in it, and Done is not called any more.
  void close();

 private:
  struct Watch;
  using WatchPtr = std::shared_ptr<Watch>;

  static int on_socket(CURL* easy, curl_socket_t socket, int what, void* self, void* unused);
  static int on_timer(CURLM* multi, long milliseconds, void* self);
  int watch(curl_socket_t socket, int wanted);
  void arm(const WatchPtr& watch);
  void wait(const WatchPtr& watch, int bit);
  void ready(const WatchPtr& watch, int bit, const boost::system::error_code& error);
  void set_timer(long milliseconds);
  void act(curl_socket_t socket, int events);

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  std::uint64_t timer_round_ = 0;
  Done done_;
  CURLM* multi_ = nullptr;
  std::unordered_map<curl_socket_t, WatchPtr> watches_;
};

/// curl_global_init(3), once per process and only when the first request is made: OpenSSL's tables cost 2 MiB.
void init_curl();

}  // namespace vpn_sentinel

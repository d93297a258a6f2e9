/// A server on a free loopback port with a few routes that tests need.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "hub/http/server.hpp"
#include "raw_client.hpp"

namespace vpn_sentinel {

/// Routes: /echo answers with method, path, query and body; /later keeps its Respond in `waiting`; /big answers with 8 MiB; /throw
/// throws; /thread answers from another thread. The WebSocket is at /live.
class ServerFixture {
 public:
  explicit ServerFixture(ListenOptions options = {}, unsigned threads = 2);
  ~ServerFixture();

  [[nodiscard]] RawClient connect() const { return RawClient(endpoint_); }
  [[nodiscard]] RawClient connect_from(const std::string& address) const { return RawClient(endpoint_, address); }
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  Respond take_waiting();
  std::shared_ptr<LiveChannel> take_channel();
  void stop() { server_->stop(); }
  void destroy() { server_.reset(); }
  [[nodiscard]] bool subscription_gone();

 private:
  void handle(const Request& request, Respond respond);
  static LiveAdmission admit_live(const Request& request);

  Endpoint endpoint_;
  std::mutex mutex_;
  std::vector<Respond> waiting_;
  std::vector<std::thread> threads_;
  std::shared_ptr<LiveChannel> channel_;
  std::weak_ptr<void> subscription_;
  std::unique_ptr<Server> server_;
};

inline std::string get_request(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.1\r\nHost: hub\r\n\r\n"; }

/// Asks until it is true, for at most five seconds.
[[nodiscard]] bool eventually(const std::function<bool()>& condition);

}  // namespace vpn_sentinel

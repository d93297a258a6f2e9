/// Follows the clients of one target's VPN server. Asks on a helper thread, because lists of connections and a walk through /proc take
/// milliseconds; lives on the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/monitor/snapshot.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "netns/sockets/nflog.hpp"
#include "probe/serving/listen_port.hpp"
#include "probe/serving/look_at_ports.hpp"
#include "probe/serving/serving_state.hpp"

namespace vpn_sentinel {

class ServingWatch {
 public:
  /// Without ports nothing is ever asked. `on_news`: called on the loop after a look, or when packets were blocked; never from inside one
  /// of the functions below. Empty: nobody is told.
  ServingWatch(boost::asio::io_context& io, ServingPolicy policy, std::function<void()> on_news = {});
  ServingWatch(const ServingWatch&) = delete;
  ServingWatch& operator=(const ServingWatch&) = delete;
  ~ServingWatch() { detach(); }

  void attach(const NetNamespace& space);
  /// What was known of the clients is forgotten.
  void detach();
  /// Once a second or so: looks again when it is time (ten seconds, or `pause`; more where a look takes long, so that looking never takes
  /// more than a fiftieth of a processor).
  void refresh(const Snapshot& snapshot, std::chrono::milliseconds pause = std::chrono::seconds{10});

  [[nodiscard]] bool is_asked_for() const noexcept { return !policy_.ports.empty(); }
  [[nodiscard]] const ServingState& state() const noexcept { return state_; }
  /// The first look at the present namespace is awaited.
  [[nodiscard]] bool pending() const noexcept { return looker_ != nullptr && !looked_; }

 private:
  struct Looked {
    std::vector<PortLook> ports;
    std::chrono::milliseconds took{};
  };

  void take(const Looked& looked, std::chrono::milliseconds pause);
  void listen();
  void drain();

  boost::asio::io_context& io_;
  ServingPolicy policy_;
  std::function<void()> on_news_;
  boost::asio::steady_timer drain_timer_;
  ServingState state_;
  std::shared_ptr<PortLooker> looker_;  ///< also tells answers about an earlier namespace apart
  std::optional<SocketOpener> opener_;
  std::optional<NflogListener> blocked_;
  bool looking_ = false;
  bool looked_ = false;
  MonoTime next_look_{};
  MonoTime next_listen_{};
};

}  // namespace vpn_sentinel

/// Follows the connections of one target for the hub: looks at them every few seconds on a thread for it, and makes a batch of what came
/// in each interval. It begins after the first verdict and is in nobody's way. Lives on the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "netns/base/clock.hpp"
#include "probe/report/flow_batch.hpp"
#include "probe/watch/target_watch.hpp"

namespace vpn_sentinel {

class FlowWatch {
 public:
  /// The time between two looks, unless the interval is shorter. All looks of a loop together take a twentieth of a core at most: what
  /// takes longer is done less often.
  static constexpr std::chrono::milliseconds usual_pause{2'000};

  /// `on_batch`: everything in it but boot_id and seq; called on the loop, never from inside a function below. `watch` outlives this.
  FlowWatch(boost::asio::io_context& io, const TargetWatch& watch, std::chrono::milliseconds interval,
            std::function<void(FlowBatch)> on_batch);
  FlowWatch(const FlowWatch&) = delete;
  FlowWatch& operator=(const FlowWatch&) = delete;
  ~FlowWatch();

  /// After a change of the target: a namespace that is gone must not be held any longer.
  void follow();

 private:
  struct Looker;
  struct Looked;

  void wait(std::chrono::milliseconds pause);
  void tick();
  void look();
  void took(Looked looked);
  [[nodiscard]] FlowBatch blind_batch() const;
  void finish(FlowBatch batch);

  boost::asio::io_context& io_;
  const TargetWatch& watch_;
  const std::chrono::milliseconds interval_;
  std::function<void(FlowBatch)> on_batch_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<Looker> looker_;  ///< null: nothing can be looked at; also tells answers about an earlier namespace apart
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< for handlers that come after the end
  bool looking_ = false;
  MonoTime batch_began_ = mono_now();
};

}  // namespace vpn_sentinel

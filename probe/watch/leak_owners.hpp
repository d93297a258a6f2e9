/// Asks who sends what a leak meter has counted, at the moment in which it rings. On a helper thread: lists of sockets and a walk through
/// /proc take milliseconds. Used on the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/monitor/snapshot.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "probe/connections/leaking_programs.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

class LeakOwners {
 public:
  /// So long at most a leak that has just begun is not told, so that the first word of it has the name.
  static constexpr std::chrono::milliseconds patience{100};

  /// `on_news` is called on the loop when somebody was found, or nobody; never from inside one of the functions below.
  LeakOwners(boost::asio::io_context& io, const TargetPolicy& policy, std::function<void()> on_news);
  LeakOwners(const LeakOwners&) = delete;
  LeakOwners& operator=(const LeakOwners&) = delete;
  ~LeakOwners() { detach(); }

  void attach(SocketOpener inside);
  void detach();
  /// After `seen.packets` was filled: asks about destinations that are new, and again about those that go on and have nobody; fills
  /// programs and unattributed. What was found stays for as long as the leak does: the program may have ended.
  void follow(Observation& seen, const Snapshot& snapshot);
  /// Nobody has answered yet.
  [[nodiscard]] bool pending() const noexcept { return asking_ && answers_.empty(); }

 private:
  struct Answer {
    OutsideDestination destination;  ///< as counted when it was asked
    NamedPrograms named;
    MonoTime asked{};
    unsigned times = 0;
  };

  [[nodiscard]] std::vector<OutsideDestination> to_ask(const OutsideTraffic& leak, MonoTime now) const;
  [[nodiscard]] Answer* find(const OutsideDestination& destination);
  void ask(const Observation& seen, const Snapshot& snapshot, std::vector<OutsideDestination> destinations);
  void take(const std::vector<OutsideDestination>& destinations, const Result<std::vector<NamedPrograms>>& named);
  void fill(PacketsView& packets);
  void hold_back(Observation& seen, MonoTime now);

  boost::asio::io_context& io_;
  const TargetPolicy& policy_;
  std::function<void()> on_news_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<const SocketOpener> opener_;  ///< also tells answers about an earlier namespace apart
  std::vector<Answer> answers_;
  bool asking_ = false;
  bool told_ = false;  ///< the leak that goes on has been seen by others
  std::optional<MonoTime> began_;
};

}  // namespace vpn_sentinel

/// Tells who sends what a leak meter has counted. Where there is a tracer it has told that already, as it were with the packet. Else, and
/// where its word has to be confirmed, sock_diag is asked at the moment in which the meter rings. That on a helper thread: lists of sockets
/// and a walk through /proc take milliseconds. Used on the loop thread.
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
#include "probe/connections/program_tracer.hpp"
#include "probe/connections/traced_leaks.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/policy.hpp"
#include "probe/watch/tracer_keeper.hpp"

namespace vpn_sentinel {

class LeakOwners {
 public:
  /// So long at most a leak that has just begun is not told, so that the first word of it has the name. With a kill switch that is to
  /// close on danger it is told at once: a name is not worth packets.
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
    OutsideDestination destination;      ///< as counted when it was asked
    NamedPrograms named;                 ///< by sock_diag
    std::vector<OutsideProgram> traced;  ///< by the tracer
    std::string traced_doubt;            ///< why of some that the tracer saw nobody is named
    MonoTime asked{};
    unsigned times = 0;
    bool confirmed = false;  ///< it was asked about what the tracer saw
    [[nodiscard]] bool is_nobodys() const noexcept { return named.programs.empty() && traced.empty(); }
  };

  /// Hears the tracer first, whether or not somebody is being asked.
  [[nodiscard]] std::vector<LeakQuestion> to_ask(const OutsideTraffic& leak, MonoTime now);
  [[nodiscard]] Answer* find(const OutsideDestination& destination);
  void follow_tracer(const Observation& seen, const Snapshot& snapshot);
  void go_untraced(std::string why);
  void hear_tracer();
  [[nodiscard]] bool may_tell(const FlowRecord& record) const;
  [[nodiscard]] bool take_records();
  [[nodiscard]] std::vector<const TracedLeak*> traced_to(const OutsideDestination& destination) const;
  [[nodiscard]] TracedAnswer by_tracer(const OutsideDestination& destination) const;
  void ask(const Observation& seen, const Snapshot& snapshot, std::vector<LeakQuestion> questions);
  void take(const std::vector<LeakQuestion>& questions, const Result<std::vector<NamedPrograms>>& named);
  void fill(PacketsView& packets);
  [[nodiscard]] std::string why_not(const Answer& answer) const;
  void hold_back(Observation& seen, MonoTime now);

  boost::asio::io_context& io_;
  const TargetPolicy& policy_;
  std::function<void()> on_news_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<const SocketOpener> opener_;  ///< also tells answers about an earlier namespace apart
  TracerKeeper::Subscription subscription_;     ///< null: no tracer is wanted
  std::unique_ptr<ProgramTracer::Space> space_;
  std::string not_traced_;                    ///< why the tracer cannot watch this namespace; it is tried again
  MonoTime tried_{};                          ///< in vain
  std::shared_ptr<const FlowGround> ground_;  ///< of the newest look, while there is a tracer
  TracedLeaks traced_;
  MonoTime aged_{};
  std::vector<Answer> answers_;
  boost::asio::steady_timer look_timer_;
  MonoTime looked_{};        ///< when the tracer had it look again
  bool look_waits_ = false;  ///< for the pause to be over
  bool asking_ = false;
  bool told_ = false;  ///< the leak that goes on has been seen by others
  std::optional<MonoTime> began_;
};

}  // namespace vpn_sentinel

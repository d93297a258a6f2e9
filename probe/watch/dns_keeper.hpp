/// What is known about the DNS of one target: which resolver its programs use, from where that asks the Internet, and by which way its
/// packets go. Asked at start, after each change of the network or of the resolver, and every check_interval; what is under way then is
/// cancelled, so that no answer tells of an older network. The verdict is made anew with every look, from the newest routes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "netns/clients/dns_client.hpp"
#include "netns/monitor/snapshot.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/checks/answer_compare.hpp"
#include "probe/checks/egress_check.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/policy.hpp"
#include "probe/watch/resolver_watch.hpp"

namespace vpn_sentinel {

/// Absent: not known.
struct KnownExits {
  std::optional<IpAddress> v4;
  std::optional<IpAddress> v6;
};

class DnsKeeper {
 public:
  /// DNS packets outside, all that were counted without a gap since then; they begin at any number.
  struct CountedPackets {
    WallTime since{};
    std::uint64_t packets = 0;
    std::uint64_t passed = 0;  ///< that may leave so
  };
  /// nullopt: not everything is counted.
  [[nodiscard]] static std::optional<CountedPackets> counted_packets(const PacketsView& packets);
  /// Counts now; nullopt: not everything is counted.
  using CountPackets = std::function<std::optional<CountedPackets>()>;

  /// `on_news`: an answer came or failed to come, or the resolver changed; look again. `dns` and `policy` outlive the keeper.
  DnsKeeper(boost::asio::io_context& io, DnsClient& dns, const TargetPolicy& policy, std::function<void()> on_news);
  DnsKeeper(const DnsKeeper&) = delete;
  DnsKeeper& operator=(const DnsKeeper&) = delete;

  /// Asked at the begin and at the end of each round; else what the last look saw counts as both.
  void count_by(CountPackets count) { count_packets_ = std::move(count); }

  /// The namespace is there: its programs' resolver is followed until detach().
  void attach(ResolverSource source, const SocketOpener& inside);
  void detach();

  /// The tunnel works (again): everything is asked anew.
  void start(SocketOpener opener);
  /// There is no working tunnel: nothing is asked, nothing is known.
  void stop();
  /// Routes changed while the tunnel stayed: the old answers no longer count.
  void recheck();
  /// Everything is asked again; what is known stays until there are new answers.
  void check_now();
  /// Once a second.
  void refresh(MonoTime now) { resolvers_.refresh(now); }
  /// Nobody waits any longer: what has not answered counts as failed.
  void give_up() noexcept { given_up_ = true; }

  [[nodiscard]] bool pending() const noexcept { return opener_ && waiting_since_.has_value() && !given_up_; }
  /// Adds dns and dns_pending. `seen` has its tunnel, exit and whoami already.
  void fill(Observation& seen, const Snapshot& snapshot, RouteLookup& look_up);

 private:
  [[nodiscard]] bool is_on() const noexcept { return !policy_.offline && !policy_.egress_zone.empty() && policy_.egress_names > 0; }
  void on_resolvers();
  void forget();
  void run_in(std::chrono::milliseconds pause);
  void run();
  void on_part_done();
  [[nodiscard]] std::chrono::milliseconds timeout_of_one() const;
  [[nodiscard]] bool is_overdue() const;
  void tell_pending(Observation& seen) const;
  void follow_packets(const Observation& seen);
  void compare_counts();
  void follow_exits(const Observation& seen);
  void follow_ways(const Observation& seen, const Snapshot& snapshot, RouteLookup& look_up);

  const TargetPolicy& policy_;
  std::function<void()> on_news_;
  boost::asio::steady_timer timer_;
  ResolverWatch resolvers_;
  EgressCheck egress_check_;
  AnswerCompare compare_;

  CountPackets count_packets_;
  std::optional<CountedPackets> packets_;           ///< now; absent: not everything is counted
  std::optional<CountedPackets> packets_at_start_;  ///< of the round
  std::optional<std::uint64_t> packets_meanwhile_;  ///< of `answer_`; absent: not known

  std::optional<SocketOpener> opener_;  ///< absent while stopped
  int running_ = 0;                     ///< parts of the round under way
  int failed_rounds_ = 0;
  bool given_up_ = false;
  LivenessView liveness_ = LivenessView::off;  ///< at the last look
  std::optional<MonoTime> waiting_since_;      ///< asked for, and no answer yet; absent: answered, or not asked for
  std::string ways_;     ///< fingerprint of where names may go: a change means that answers may be of different networks
  bool judged_ = false;  ///< the present answer has had its first verdict
  EgressAnswer next_answer_;
  std::vector<AnswerDifference> next_differences_;
  KnownExits next_exits_;  ///< when the round began
  std::optional<EgressAnswer> answer_;
  std::vector<AnswerDifference> differences_;
  KnownExits answer_exits_;  ///< under which `answer_` was given
  KnownExits exits_;         ///< at the last look
  bool leaked_ = false;      ///< the last verdict was a leak: until there is another one it is not forgotten
};

}  // namespace vpn_sentinel

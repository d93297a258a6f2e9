/// What has to be asked through the tunnel: liveness each second, exit address and DNS egress at start, after each change of the network
/// and every check_interval. What is under way when the network changes is cancelled: an answer never tells of an older network. A check
/// that has not answered within check_timeout counts as failed until it does.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"
#include "probe/checks/liveness.hpp"
#include "probe/checks/whoami_check.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/exit_rounds.hpp"
#include "probe/watch/outside_facts.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

class Verifier {
 public:
  /// `on_news`: an answer came or failed to come; look again. `policy` outlives the verifier.
  Verifier(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, const TargetPolicy& policy, std::function<void()> on_news);

  /// The tunnel `device` works (again): what was known about an older network is forgotten, everything is asked anew. `outside`: the
  /// probe's own namespace is another one, so that the uplink's address can be learnt there.
  void start(SocketOpener opener, const std::string& device, bool has_v6, std::function<std::optional<std::uint64_t>()> read_rx_packets,
             bool outside = false);
  /// There is no working tunnel: nothing is asked, nothing is known.
  void stop();
  /// Routes changed while the tunnel stayed: exit and DNS are checked again soon; the old answers no longer count.
  void recheck(bool has_v6);

  /// `handler` gets each round trip of a liveness question. To be set before start().
  void on_round_trip(std::function<void(std::chrono::microseconds)> handler) { on_round_trip_ = std::move(handler); }
  /// Somebody wants to know now: everything is asked again. What is known stays until there are new answers.
  void check_now();

  /// Nobody waits any longer: what has not answered counts as failed.
  void give_up() noexcept { given_up_ = true; }

  /// Adds liveness, exit, uplink and whoami.
  void fill(Observation& seen) const;
  [[nodiscard]] bool liveness_pending() const noexcept;
  [[nodiscard]] bool checks_pending() const noexcept { return checks_due_ || running_ > 0; }
  /// Nothing of this changes how a finished check is judged, or not for the better: where the exit is, what the uplink's address is.
  [[nodiscard]] bool facts_pending() const noexcept { return exit_rounds_.is_locating() || (outside_ && outside_->pending()); }
  [[nodiscard]] std::optional<double> latency_ms() const noexcept { return latency_ms_; }

 private:
  void start_liveness(const std::string& device, std::function<std::optional<std::uint64_t>()> read_rx_packets);
  void on_liveness(const LivenessStreak& streak, std::optional<std::chrono::microseconds> round_trip);
  void check_in(std::chrono::milliseconds pause);
  void run_checks();
  void run_whoami_check();
  void on_exit(bool done);
  void on_facts();
  void note_exits();
  void follow_outside(bool outside);
  void on_outside();
  void on_whoami(const Result<WhoamiAnswer>& answer);
  void on_check_done();
  void forget();
  /// Of the round under way, or the last one, what is no failure.
  void keep_answers(std::optional<ExitView>& exit, std::optional<WhoamiView>& whoami) const;
  /// Family by family: what is settled replaces what was known, and the first word counts where nothing was. False: nothing did.
  bool take_exit(std::optional<ExitView>& exit) const;
  [[nodiscard]] bool fell_silent(Family family) const;
  [[nodiscard]] std::optional<PendingView> pending(std::optional<MonoTime> since) const;

  boost::asio::steady_timer timer_;
  const TargetPolicy& policy_;
  std::function<void()> on_news_;
  std::function<void(std::chrono::microseconds)> on_round_trip_;
  Liveness liveness_;
  boost::asio::io_context& io_;
  ExitRounds exit_rounds_;
  OutsideFacts::Subscription outside_;  ///< null while stopped, or when nothing is to be learnt there
  WhoamiCheck whoami_check_;

  std::optional<SocketOpener> opener_;     ///< absent while stopped
  bool has_v6_ = false;                    ///< IPv6 goes by the tunnel: its exit is asked for too
  int running_ = 0;                        ///< checks that have not answered
  bool checks_due_ = false;                ///< a round will begin soon
  bool retried_ = false;                   ///< the failure of the last round was tried again at once
  std::optional<MonoTime> no_exit_since_;  ///< asked for, and no answer or a failure only; absent: not asked for, or answered
  std::optional<MonoTime> no_whoami_since_;
  bool given_up_ = false;
  std::set<Family> answered_;              ///< families whose exit was told since the tunnel came up
  std::map<Family, IpAddress> exits_;      ///< the last ones that were settled
  std::map<Family, IpAddress> uplinks_;    ///< the last ones that were known
  std::optional<WhoamiView> next_whoami_;  ///< what the round under way has found so far
  std::optional<ExitView> exit_;
  std::optional<WhoamiView> whoami_;
  LivenessView liveness_view_ = LivenessView::off;
  MonoTime last_answer_{};
  std::optional<double> latency_ms_;
};

}  // namespace vpn_sentinel

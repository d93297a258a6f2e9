/// Follows one target: attaches to its namespace (and again after it was made anew), looks after every hint of the kernel and every
/// second, judges, and publishes what changed. Lives on the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"
#include "netns/monitor/monitor.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/connections/flow_way.hpp"
#include "probe/serving/serving_watch.hpp"
#include "probe/verdict/judge.hpp"
#include "probe/watch/baseline_keeper.hpp"
#include "probe/watch/dns_keeper.hpp"
#include "probe/watch/facts_keeper.hpp"
#include "probe/watch/kill_switch_keeper.hpp"
#include "probe/watch/leak_owners.hpp"
#include "probe/watch/namespace_follower.hpp"
#include "probe/watch/observe.hpp"
#include "probe/watch/packet_watch.hpp"
#include "probe/watch/path_checks.hpp"
#include "probe/watch/policy.hpp"
#include "probe/watch/publish_gate.hpp"
#include "probe/watch/ruleset_watch.hpp"
#include "probe/watch/socket_closer.hpp"
#include "probe/watch/verifier.hpp"

namespace vpn_sentinel {

class TargetWatch {
 public:
  struct Update {
    /// "start", "change" (another judgement), "check" (same judgement, new facts about exit or DNS), or "held": another judgement for the
    /// record only, because an improvement is not confirmed yet or the target flaps; see newest().
    std::string trigger;
    std::string cause;   ///< the kernel message or check that led to it, for people
    MonoTime noticed{};  ///< when the probe heard of it
  };
  using OnUpdate = std::function<void(const TargetWatch&, const Update&)>;

  TargetWatch(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, TargetPolicy policy, OnUpdate on_update);
  TargetWatch(const TargetWatch&) = delete;
  TargetWatch& operator=(const TargetWatch&) = delete;

  /// For the log. To be set before start().
  void on_kill_switch(std::function<void(const KillSwitchEvent&)> handler) { kill_switch_.on_event(std::move(handler)); }

  void start();
  /// Ends everything; nothing is published any more. To be destroyed in a later turn of the loop.
  void stop();

  [[nodiscard]] const TargetPolicy& policy() const noexcept { return policy_; }
  /// The newest look.
  [[nodiscard]] const Observation& seen() const noexcept { return seen_; }
  /// When that was, also when it saw nothing; before the first one, when the watch was made.
  [[nodiscard]] MonoTime looked_at() const noexcept { return looked_at_; }
  /// The judgement as last published; before the first publication the newest one. An improvement that is not yet confirmed is not in it.
  [[nodiscard]] const Verdict& verdict() const noexcept { return gate_.published() ? *gate_.published() : verdict_; }
  /// The judgement of the newest look, which may not be published (yet).
  [[nodiscard]] const Verdict& newest() const noexcept { return verdict_; }
  [[nodiscard]] bool has_published() const noexcept { return gate_.published().has_value(); }
  /// When the published state began.
  [[nodiscard]] WallTime state_since() const noexcept { return published_since_; }
  [[nodiscard]] std::optional<WallTime> tunnel_since() const noexcept { return tunnel_since_; }
  [[nodiscard]] std::optional<double> latency_ms() const noexcept { return verifier_.latency_ms(); }
  /// Sockets inside the namespace; absent while it is gone.
  [[nodiscard]] std::optional<SocketOpener> opener() const;
  /// Absent while it is gone. Whoever keeps it keeps a deleted namespace alive.
  [[nodiscard]] const std::optional<NetNamespace>& space() const noexcept { return namespace_; }
  /// Links, addresses, routes and rules as they are known now; null while it is gone.
  [[nodiscard]] const Snapshot* snapshot() const noexcept { return monitor_ ? &monitor_->snapshot() : nullptr; }
  /// False in sidecar mode: the probe lives in the watched namespace and has no way round the tunnel.
  [[nodiscard]] bool has_separate_uplink() const noexcept { return namespace_ && !namespace_->is_own(); }
  /// True while packets go by a tunnel that is up.
  [[nodiscard]] bool tunnel_carries() const noexcept { return tunnel_carries_; }
  /// What decides which way a connection goes, by the newest look; absent while the namespace is gone.
  [[nodiscard]] std::optional<FlowGround> flow_ground() const;
  /// Fresh statistics of the tunnel's link; absent when there is none.
  [[nodiscard]] std::optional<Link> tunnel_link() const;
  /// Absent while the namespace is gone.
  [[nodiscard]] std::optional<NamespaceIdentity> identity() const;
  /// Of the tunnel's program and its servers; absent until they were asked for.
  [[nodiscard]] const std::optional<TunnelFacts>& tunnel_facts() const noexcept { return facts_keeper_.facts(); }
  /// Who is connected to the target's own VPN server; asked for by the settings only.
  [[nodiscard]] const ServingWatch& serving() const noexcept { return serving_; }
  [[nodiscard]] const BaselineKeeper& baseline() const noexcept { return baseline_; }
  /// What would be pinned now; absent while the namespace cannot be looked at.
  [[nodiscard]] std::optional<Baseline> present_state() const;
  /// Nothing is awaited that could still change the verdict or what is told with it.
  [[nodiscard]] bool settled() const noexcept {
    return !follower_.is_searching() && !verifier_.liveness_pending() && !verifier_.checks_pending() && !verifier_.facts_pending() &&
           !dns_keeper_.pending() && !path_checks_.pending() && !facts_keeper_.pending() && !packet_watch_.pending() &&
           !leak_owners_.pending();
  }
  /// Asks everything again that is asked through the tunnel.
  void check_now() {
    verifier_.check_now();
    dns_keeper_.check_now();
    path_checks_.check_now();
  }
  /// Nobody waits any longer: a check that has not answered yet counts as failed.
  void give_up() {
    verifier_.give_up();
    dns_keeper_.give_up();
    look("check", mono_now());
  }

 private:
  void attach();
  void detach(Error reason, bool gone);
  void check_identity();
  /// Of the snapshot, different for each attachment.
  [[nodiscard]] std::uint64_t generation() const;
  [[nodiscard]] std::chrono::milliseconds out_of_step_for() const;
  void follow_namespace();
  void sweep();
  void sweep_in(std::chrono::milliseconds pause);
  void look(const std::string& cause, MonoTime noticed);
  void follow_kill_switch();
  void ask_about_stopped();
  void judge_look();
  void compare_with_baseline();
  void take_tunnel_facts();
  [[nodiscard]] VpnProgram vpn_program() const;
  void look_again_soon();
  void follow_resolvers();
  void follow_tunnel(const Observation& seen);
  void publish(const std::string& cause, MonoTime noticed);
  void wait_for_gate(MonoTime when, const std::string& cause);

  boost::asio::io_context& io_;
  TargetPolicy policy_;
  OnUpdate on_update_;
  boost::asio::steady_timer sweep_timer_;
  boost::asio::steady_timer relook_timer_;
  boost::asio::steady_timer gate_timer_;

  NamespaceFollower follower_;
  std::optional<NetNamespace> namespace_;
  std::unique_ptr<Monitor> monitor_;
  mutable std::optional<RouteLookup> look_up_;  ///< asking counts the questions
  std::uint64_t attachments_ = 0;
  bool pinned_is_read_ = false;  ///< since the namespace was attached
  std::optional<Error> blind_;
  bool gone_ = false;
  bool stopped_ = false;
  MonoTime looked_at_ = mono_now();

  Learnt learnt_;
  BaselineKeeper baseline_;
  Verifier verifier_;
  DnsKeeper dns_keeper_;
  PathChecks path_checks_;
  RulesetWatch ruleset_watch_;
  SocketCloser socket_closer_;
  FactsKeeper facts_keeper_;
  KillSwitchKeeper kill_switch_;
  PacketWatch packet_watch_;
  LeakOwners leak_owners_;
  ServingWatch serving_;
  std::uint64_t stopped_packets_ = 0;  ///< by the kill switch, at the last look
  MonoTime asked_about_stopped_{};     ///< when the VPN's program was asked because of them
  PublishGate gate_;
  Observation seen_;
  Verdict bare_;  ///< of the newest look, without regard to the kill switch
  Verdict verdict_;
  std::vector<Finding> exit_dangers_;  ///< of the last look through a tunnel
  Verdict recorded_;                   ///< as last told by an update, of whatever trigger
  std::uint32_t facts_index_ = 0;      ///< of the tunnel whose program was asked for; 0: none
  std::uint32_t tunnel_index_ = 0;     ///< of the tunnel that the verifier asks through; 0: none
  std::string ways_;                   ///< fingerprint of the look-ups: a change means that the exit may have changed
  bool tunnel_carries_ = false;
  WallTime state_since_{};
  WallTime published_since_{};
  std::optional<WallTime> tunnel_since_;
  std::uint32_t tunnel_since_index_ = 0;  ///< of the tunnel that is up since then
  std::string facts_;                     ///< exit and DNS as last published
};

}  // namespace vpn_sentinel

/// The targets of one process: those of the settings, and those that patterns find while it runs. A namespace that a pattern has found
/// stays a target when it goes away (namespace_gone) until forget_after is over.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "probe/watch/namespace_events.hpp"
#include "probe/watch/target_watch.hpp"

namespace vpn_sentinel {

/// Open files of a process with so many targets, at most.
[[nodiscard]] constexpr std::size_t open_files_for(std::size_t targets) {
  constexpr std::size_t beside_targets = 96;  // outbox, connections to the hub, log, and checks that run at the same time
  // namespace, monitor, look-ups, process; leak meter and its bell; kill switch and its; rules' events; liveness with one repetition
  constexpr std::size_t per_target = 11;
  return beside_targets + per_target * targets;
}

class TargetSet {
 public:
  struct Hooks {
    TargetWatch::OnUpdate on_update;
    std::function<void(const TargetWatch&)> on_added;      ///< before it is started
    std::function<void(const TargetWatch&)> on_forgotten;  ///< for the last time
    /// A namespace that matches and cannot be watched as well. overrun: the limit of open files; unavailable: its client id is taken;
    /// invalid: its name has control characters.
    std::function<void(const std::string& netns, const Error&)> on_refused;
    std::function<void(const TargetWatch&, const KillSwitchEvent&)> on_kill_switch{};  ///< empty: nobody is told
  };

  /// Raises the soft limit of open files to the hard one. Throws FatalError when `policies` need more. `http` and `dns` outlive the set.
  TargetSet(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, std::vector<TargetPolicy> policies, Hooks hooks);
  TargetSet(const TargetSet&) = delete;
  TargetSet& operator=(const TargetSet&) = delete;

  void start();
  /// Exit address, DNS and the other checks of all targets are made again, as after a change of the network.
  void check_now();

  [[nodiscard]] std::size_t size() const noexcept { return watches_.size(); }
  [[nodiscard]] const TargetWatch* find(const std::string& client_id) const;
  /// In the order of the client ids.
  void for_each(const std::function<void(const TargetWatch&)>& call) const;

 private:
  struct Entry {
    std::unique_ptr<TargetWatch> watch;
    bool by_pattern = false;
    std::optional<MonoTime> gone_since;  ///< of one found by a pattern
  };

  void add(const TargetPolicy& policy, bool by_pattern);
  void follow_patterns();
  void look_for_new();
  void on_event(const std::string& name);
  void retry_soon();
  void take_if_new(const std::string& name);
  void take(const TargetPolicy& pattern, const std::string& name);
  void refuse(const std::string& name, const Error& reason);
  void forget_in_time();
  void forget_old();

  boost::asio::io_context& io_;
  HttpClient& http_;
  DnsClient& dns_;
  Hooks hooks_;
  std::size_t most_targets_;
  std::vector<TargetPolicy> patterns_;
  std::map<std::string, Entry> watches_;  ///< by client id
  std::set<std::string> named_;           ///< namespaces below /run/netns that are targets
  std::set<std::string> refused_;         ///< told once each
  std::set<std::string> unfinished_;      ///< files on which a namespace may be mounted in a moment
  int retries_left_ = 0;
  NamespaceEvents::Subscription events_;
  boost::asio::steady_timer search_timer_;
  boost::asio::steady_timer retry_timer_;
  boost::asio::steady_timer forget_timer_;
};

}  // namespace vpn_sentinel

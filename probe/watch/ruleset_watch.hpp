/// What the whole ruleset of one target's namespace, ours or anyone's, does to packets that would leave outside the tunnel: read when the
/// target is attached, after each change that nf_tables tells of, and once a minute. Lives on the loop thread; a look takes about 2 µs for
/// each rule, with a pause of twenty times as long between two of them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netns/firewall/nft_socket.hpp"
#include "netns/firewall/ruleset_audit.hpp"
#include "netns/firewall/ruleset_events.hpp"
#include "netns/monitor/snapshot.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// What is asked of the ruleset: by which links outside the tunnel, and what may be reached there. `servers` are VPN servers that were
/// known before. Pure.
[[nodiscard]] audit::AuditQuestion audit_question(const Observation& seen, const Snapshot& snapshot, const TargetPolicy& policy,
                                                  const std::vector<IpAddress>& servers);

class RulesetWatch {
 public:
  /// `on_news`: the rules were changed and read again; look again. Never called from inside one of the functions below. `policy` outlives
  /// it.
  RulesetWatch(boost::asio::io_context& io, const TargetPolicy& policy, std::function<void()> on_news);
  RulesetWatch(const RulesetWatch&) = delete;
  RulesetWatch& operator=(const RulesetWatch&) = delete;
  ~RulesetWatch();

  void attach(const NetNamespace& space);
  /// What was seen is forgotten.
  void detach();
  /// Asks again when `seen` has other uplinks, servers or networks.
  void follow(const Observation& seen, const Snapshot& snapshot);
  /// Fills `seen.ruleset`.
  void fill(Observation& seen) const;

 private:
  struct Listener;

  void listen();
  void wait(const std::shared_ptr<Listener>& listener);
  void on_events();
  void look_in(std::chrono::milliseconds pause);
  void look();
  [[nodiscard]] Result<audit::Audit> ask();
  void compare(const audit::Audit& audit, std::uint32_t generation);

  boost::asio::io_context& io_;
  const TargetPolicy& policy_;
  std::function<void()> on_news_;
  boost::asio::steady_timer timer_;

  std::optional<NetNamespace> space_;
  std::optional<nft::Socket> socket_;
  std::shared_ptr<Listener> listener_;  ///< null: nobody tells of changes
  std::optional<audit::AuditQuestion> question_;
  std::vector<IpAddress> servers_;  ///< that were known since the namespace was attached
  std::uint32_t generation_ = 0;    ///< of the ruleset that was read last
  MonoTime not_before_{};
  std::optional<MonoTime> due_;  ///< the next look
  bool looked_ = false;
  bool held_ = false;                ///< at the last look that could be made
  bool changed_by_others_ = false;   ///< since the last look
  std::optional<RulesetView> view_;  ///< absent: not yet
};

}  // namespace vpn_sentinel

/// What outlives the process of a target's kill switch: with which rules it was armed, and that the user disarmed it. Two small files of
/// the data folder, shared by the daemon and the command "killswitch"; used by one thread at a time.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "netns/firewall/firewall_policy.hpp"

namespace vpn_sentinel {

[[nodiscard]] nlohmann::json to_json(const FirewallPolicy& policy);
/// invalid: which member is wrong, or the policy is none.
[[nodiscard]] Result<FirewallPolicy> firewall_policy_from_json(const nlohmann::json& value);

class KillSwitchRecord {
 public:
  /// `folder` empty: nothing is kept. `id` is a firewall id.
  KillSwitchRecord(std::string folder, const std::string& id);

  /// Of the last arming; empty: it is not known to be armed, or the file cannot be read.
  [[nodiscard]] std::optional<FirewallPolicy> policy() const;
  /// Those of its endpoints that were no VPN servers, but hubs.
  [[nodiscard]] std::vector<TunnelEndpoint> hubs() const;
  /// Does not wait for the disk.
  [[nodiscard]] Result<void> remember(const FirewallPolicy& policy, const std::vector<TunnelEndpoint>& hubs = {}) const;
  void forget_policy() const;

  /// Since when the user wants it to stay disarmed, whatever the settings say. Where that cannot be looked up it is what was known
  /// `before`.
  [[nodiscard]] std::optional<WallTime> disarmed(const std::optional<WallTime>& before = std::nullopt) const;
  [[nodiscard]] Result<void> mark_disarmed() const;
  /// not_permitted and others: the mark is still there.
  [[nodiscard]] Result<void> forget_disarmed() const;

 private:
  [[nodiscard]] nlohmann::json read() const;

  std::string policy_file_;
  std::string mark_file_;
};

}  // namespace vpn_sentinel

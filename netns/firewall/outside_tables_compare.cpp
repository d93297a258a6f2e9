#include "netns/firewall/outside_tables.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "netns/firewall/nft_dump.hpp"
#include "netns/firewall/outside_batch.hpp"

namespace vpn_sentinel {

Result<std::optional<std::string>> OutsideTables::judging() {
  const auto there = present();
  if (!there) return fail(there.error());
  for (const auto& table : *there) {
    const auto found = nft::read_ruleset(socket_, table.name, purpose());
    if (!found) return fail(found.error());
    const bool judges =
        std::any_of(found->chains.begin(), found->chains.end(), [](const nft::Chain& chain) { return chain.hook.has_value(); });
    if (judges) return std::optional(table.name.to_string());
  }
  return std::optional<std::string>();
}

Result<bool> OutsideTables::is_prepared(const FirewallPolicy& policy) {
  if (auto checked = check_policy(policy); !checked) return fail(checked.error());
  const auto there = present();
  if (!there) return fail(there.error());
  if (there->empty()) return false;
  for (const auto& ruleset : rulesets(policy, !policy.uplinks.empty(), 0)) {
    const bool exists =
        std::any_of(there->begin(), there->end(), [&](const nft::Table& table) { return table.name == ruleset.table.name; });
    // Where the kernel has no such table, prepare() made none.
    if (!exists && ruleset.table.name.family == nft::family_netdev) continue;
    const auto same = nft::verify_ruleset(socket_, without_hooks(ruleset), purpose());
    if (!same && is_difference(same.error())) return false;
    if (!same) return fail(same.error());
  }
  return there->size() == 1 || !policy.uplinks.empty();
}

Result<void> OutsideTables::compare(const nft::Ruleset& wanted) {
  auto same = nft::verify_ruleset(socket_, wanted, purpose());
  if (same || !is_difference(same.error()) || wanted.table.name.family != nft::family_netdev) return same;
  // A device that went away takes its place in the chain along on older kernels, and the last one the chain.
  auto there = wanted;
  bool all = true;
  for (auto& chain : there.chains) {
    if (!chain.hook) continue;
    auto devices = existing(chain.hook->devices);
    all = all && devices.size() == chain.hook->devices.size();
    chain.hook->devices = std::move(devices);
  }
  if (all) return same;
  const bool none = std::all_of(there.chains.begin(), there.chains.end(),
                                [](const nft::Chain& chain) { return !chain.hook || chain.hook->devices.empty(); });
  return nft::verify_ruleset(socket_, none ? without_hooks(there) : there, purpose());
}

Result<void> OutsideTables::compare(const std::vector<nft::Ruleset>& rulesets) {
  for (const auto& ruleset : rulesets) {
    if (auto same = compare(ruleset); !same) return same;
  }
  return {};
}

Result<void> OutsideTables::compare(const FirewallPolicy& policy) {
  if (auto checked = check_policy(policy); !checked) return checked;
  return compare(rulesets(policy, !policy.uplinks.empty(), 0));
}

Result<void> OutsideTables::check_owner(const std::vector<nft::Table>& tables) const {
  for (const auto& table : tables) {
    if (table.owner == 0 || table.owner == socket_.netlink.port) continue;
    return fail(Error::Kind::not_permitted,
                fmt::format("table {} belongs to another program that still runs (netlink port {})", table.name.to_string(), table.owner));
  }
  return {};
}

Result<bool> OutsideTables::adopt(const FirewallPolicy& policy) {
  if (auto checked = check_policy(policy); !checked) return fail(checked.error());
  auto judged = policy;  // as install() does
  if (egress_problem_) judged.uplinks.clear();
  auto wanted = rulesets(judged, !judged.uplinks.empty(), 0);
  const auto there = present();
  if (!there) return fail(there.error());
  // One too many (of uplinks that are not named any more) would go on dropping unseen.
  if (there->size() != wanted.size()) return false;
  if (auto ours = check_owner(*there); !ours) return fail(ours.error());
  const auto same = compare(wanted);
  if (!same && is_difference(same.error())) return false;
  if (!same) return fail(same.error());
  installed_ = std::move(wanted);
  prepared_.clear();
  flags_ = 0;
  policy_ = policy;
  egress_gap_ = policy.uplinks.empty() ? std::nullopt : egress_problem_;
  return true;
}

Result<void> OutsideTables::verify() {
  if (!is_installed()) return fail(Error::Kind::not_found, "no table was put in place");
  if (action_ == OutsideAction::count && has_egress() && devices_of(policy_) != elsewhere_) {
    return fail(Error::Kind::failed, "an uplink came, went away, or is another device by now");
  }
  return compare(installed_);
}

}  // namespace vpn_sentinel

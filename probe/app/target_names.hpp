/// Patterns such as name:vpn-*: which namespaces they stand for, and what their targets are called at the hub.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// The target of one namespace that the pattern in `pattern` matches. Its client id is the pattern's, "-", and what the pattern leaves open
/// (client_id "office", "vpn-*" and vpn-de: "office-de"); without a client id in the settings the default of the namespace. A part that is
/// no valid client id as it stands, and an id that `is_taken`, gets a short hash of the namespace's name, so that ids stay apart and
/// are the same after a restart.
[[nodiscard]] TargetPolicy target_of_pattern(const TargetPolicy& pattern, const std::string& name,
                                             const std::function<bool(const std::string&)>& is_taken);

/// Names below /run/netns, sorted; none when there is no such folder.
[[nodiscard]] std::vector<std::string> namespace_names();

/// `policies` with each pattern replaced by the namespaces that match now (none: nothing takes its place). What is a target by its own
/// name, or by an earlier pattern, is not taken again, and nothing that no setting could name (control characters).
[[nodiscard]] std::vector<TargetPolicy> expand_patterns(const std::vector<TargetPolicy>& policies);

}  // namespace vpn_sentinel

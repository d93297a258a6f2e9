/// The healthy state of a target, as lines in the words of ip(8): learnt from the first secure look, or pinned by the user into a file.
/// What differs from it later is told in words.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "netns/monitor/snapshot.hpp"
#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

struct Baseline {
  WallTime time{};
  std::string tunnel;              ///< name and kind, "wg0 (wireguard)"
  std::vector<std::string> rules;  ///< in the order in which the kernel asks them
  /// Without link-local ones and the ways to the VPN servers; none of tables with more than most_baseline_routes.
  std::vector<std::string> routes;
  std::size_t left_out = 0;  ///< routes of tables that are too large to be compared one by one; 0: `routes` has them all
  friend bool operator==(const Baseline&, const Baseline&) = default;
};

/// Larger tables belong to a routing daemon and change all the time.
inline constexpr std::size_t most_baseline_routes = 512;

[[nodiscard]] Baseline make_baseline(const Snapshot& snapshot, const Observation& seen);

/// What `now` has, lacks or has in another order than `healthy`, at most 32 lines of each kind.
[[nodiscard]] DriftView explain_drift(const Baseline& healthy, const Baseline& now, bool pinned);

[[nodiscard]] nlohmann::json to_json(const Baseline& baseline);
/// The Error names the member that is wrong.
[[nodiscard]] Result<Baseline> baseline_from_json(const nlohmann::json& value);

/// The file of one target in `folder`; empty without a folder.
[[nodiscard]] std::string baseline_file(const std::string& folder, const std::string& client_id);
/// not_found: there is none. A file has at most 1 MiB.
[[nodiscard]] Result<Baseline> read_baseline(const std::string& file);
/// Replaces the file in one step; makes its folder. Readable by the owner only: routes tell where a network is.
[[nodiscard]] Result<void> write_baseline(const std::string& file, const Baseline& baseline);

}  // namespace vpn_sentinel

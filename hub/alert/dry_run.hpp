/// What a rule would have told of the changes that the store knows. Pure.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "hub/alert/desk.hpp"

namespace vpn_sentinel {

/// One change as StoreReader::history() tells it.
struct PastChange {
  std::string client_id;
  std::string group;  ///< of the client now; the history does not know what it was
  bool by_group = false;
  nlohmann::json change;
};

struct DryRun {
  static constexpr std::size_t most_shown = 500;

  struct Message {
    WallTime at{};
    std::string client_id;  ///< empty: several together
    Notice::Kind kind{};
    std::string title;
  };
  std::vector<Message> would_have;  ///< the first most_shown, on one channel each
  std::size_t messages = 0;         ///< on all channels
};

/// As if the rule were the only one from the first change on, until `to`. Without mutes and windows. `changes`: in the order in which they
/// were noticed. Rules on latency, DNS and the hub's own trouble need reports, which a history of changes has not: they tell nothing.
[[nodiscard]] DryRun dry_run(const AlertRule& rule, const std::vector<std::string>& channels, const std::vector<PastChange>& changes,
                             WallTime to);

/// {"would_have":[{"at","client_id"|null,"kind","title"}],"messages"}
[[nodiscard]] nlohmann::json to_json(const DryRun& run);
/// Such a rule has nothing to say of changes.
[[nodiscard]] bool needs_reports(const AlertRule& rule) noexcept;

}  // namespace vpn_sentinel

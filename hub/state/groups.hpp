/// All groups of a fleet, and what changed about them. The engine's thread only.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hub/state/fleet.hpp"
#include "hub/state/group_rule.hpp"

namespace vpn_sentinel {

class Groups {
 public:
  /// A key that may report may name groups: more than this many are not kept, their members count as clients without a group.
  static constexpr std::size_t most_groups = 1'000;

  explicit Groups(GroupRules rules) : rules_(std::move(rules)) {}

  /// After the fleet was loaded, or taken back.
  void rebuild(const Fleet& fleet);
  /// Judges the groups of the clients that were touched, and those whose patience is over. Their new states are in the fleet, their ids
  /// (group_client_id) join `touched`.
  [[nodiscard]] std::vector<Change> judge(Fleet& fleet, std::set<std::string>& touched, WallTime now);
  /// The client is told by its group.
  [[nodiscard]] bool covers(const std::string& client_id) const { return group_of_.contains(client_id); }
  /// Empty when nobody is in it.
  [[nodiscard]] std::set<std::string> members_of(const std::string& group) const;
  [[nodiscard]] const GroupRule& rule_of(const std::string& group) const { return rules_.of(group); }
  /// Groups that nobody is in any more, by their ids: judge() has taken them out of the fleet, without a change. Once each.
  [[nodiscard]] std::vector<std::string> take_emptied() { return std::exchange(emptied_, {}); }
  /// Clients that are known no longer.
  void forget(const std::vector<std::string>& client_ids);
  /// When judge() has something to do although nobody reports.
  [[nodiscard]] std::optional<WallTime> next_alarm() const;

 private:
  void note(const std::string& client_id, const std::string& group, std::set<std::string>& affected);
  [[nodiscard]] std::optional<Change> judge_one(Fleet& fleet, const std::string& group, WallTime now);

  GroupRules rules_;
  std::map<std::string, std::string> group_of_;
  std::map<std::string, std::set<std::string>> members_;
  std::map<std::string, WallTime> again_;
  std::map<std::string, WallTime> disagrees_since_;
  std::vector<std::string> emptied_;
};

}  // namespace vpn_sentinel

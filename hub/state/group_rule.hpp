/// How the states of several probes that watch one VPN become one state. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct GroupRule {
  enum class Kind {
    any,     ///< one probe that sees it is enough
    all,     ///< every probe that sees anything must see it
    quorum,  ///< so many of them must
  };
  Kind kind = Kind::any;
  std::size_t quorum = 0;  ///< 0: more than half of those who see
  friend bool operator==(const GroupRule&, const GroupRule&) = default;
};

/// "any", "all", "quorum" (more than half), "quorum:2".
[[nodiscard]] Result<GroupRule> parse_group_rule(std::string_view text);
[[nodiscard]] std::string to_string(const GroupRule& rule);

/// The rule of every group.
struct GroupRules {
  GroupRule usual;
  std::map<std::string, GroupRule> named;
  [[nodiscard]] const GroupRule& of(const std::string& group) const {
    const auto found = named.find(group);
    return found == named.end() ? usual : found->second;
  }
};

/// Items such as "office=quorum:2"; one without a name is the rule of all other groups. An Error names the item.
[[nodiscard]] Result<GroupRules> parse_group_rules(const std::vector<std::string>& items);

}  // namespace vpn_sentinel

/// One state for several probes that watch the same VPN from different places. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/state/client_state.hpp"
#include "hub/state/group_rule.hpp"
#include "hub/state/incident.hpp"

namespace vpn_sentinel {

inline constexpr std::string_view group_prefix = "group:";
/// A group is kept, stored, shown and alerted like a client of this name; no client can be called so: their names have no ':'.
[[nodiscard]] std::string group_client_id(std::string_view group);

/// It could look: neither silent, nor without an answer from the kernel. Whoever sees a leak sees, whatever else could not be verified.
[[nodiscard]] bool sees(const ClientState& member);

struct GroupVerdict {
  State state = State::offline;
  std::vector<Finding> findings;
  std::vector<GroupMember> members;
  std::optional<WallTime> again;            ///< when to judge again although nobody reports: a disagreement is told once it has lasted
  std::optional<WallTime> disagrees_since;  ///< to be handed to the next judgement
};

/// Probes do not report in the same moment: as long as this a disagreement is none.
inline constexpr std::chrono::seconds disagreement_patience{10};

/// By `rule`, of the members that see: one blind probe raises no alarm. When nobody sees, the worst that is known, at least a warning;
/// offline when all are silent. A group in which one probe sees a broken tunnel and another does not is secure no longer than
/// disagreement_patience, one whose witness of a danger fell silent is not secure until that one is heard again, and neither is one of
/// which fewer members see than `all` or the quorum asks for (group_incomplete; as information when they are enough).
[[nodiscard]] GroupVerdict judge_group(const GroupRule& rule, const std::vector<const ClientState*>& members, WallTime now,
                                       const std::optional<WallTime>& disagrees_since = {});

/// The same when members whose lease has passed at `now` do not see, though nobody may tell yet that they are silent (Fleet::grant_grace).
[[nodiscard]] GroupVerdict judge_heard(const GroupRule& rule, const std::vector<const ClientState*>& members, WallTime now,
                                       const std::optional<WallTime>& disagrees_since = {});

/// How `group` is to be shown at `now` when that makes it worse than what is stored: the colour of a member that is not heard any more
/// must not pass for the present one. Nullopt: as it is.
[[nodiscard]] std::optional<ClientState> group_seen_at(const ClientState& group, const GroupRule& rule,
                                                       const std::vector<const ClientState*>& members, WallTime now);

/// What a member's report that came late adds to the history of its group. `agreeing`: how many of its `members`, this one with them, are
/// known to have been in a state as bad then. Too few of them make a warning, as a disagreement does. Nullopt: nothing, as when the
/// member could not see, or saw no harm.
[[nodiscard]] std::optional<PastStretch> group_stretch(std::string_view group, const GroupRule& rule, const PastStretch& member,
                                                       std::size_t members, std::size_t agreeing);

}  // namespace vpn_sentinel

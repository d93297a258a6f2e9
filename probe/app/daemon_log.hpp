/// Lines of the daemon's log that say more than an event's name: how grave it is, and what the user can do.
#pragma once

#include <string>
#include <string_view>

#include "netns/base/result.hpp"
#include "netns/daemon/log.hpp"
#include "probe/app/outbox_files.hpp"
#include "probe/verdict/judge.hpp"
#include "probe/watch/kill_switch_keeper.hpp"
#include "probe/watch/target_watch.hpp"
#include "probe/watch/tracer_keeper.hpp"

namespace vpn_sentinel {

/// The codes of its findings, "none" without any.
[[nodiscard]] std::string codes_of(const Verdict& verdict);
[[nodiscard]] LogLevel level_of(State state);

/// As TargetSet refuses: too many files, an id that another target has, a name that no setting could give.
[[nodiscard]] std::string_view refusal_hint(Error::Kind kind);
/// Without events the look each second tells of changes.
[[nodiscard]] std::string_view following_hint(Error::Kind kind);

void log_left_outbox(const LeftOutbox& left);
void log_kill_switch(const TargetWatch& watch, const KillSwitchEvent& event);
void log_tracer(const TracerKeeper::News& news);

}  // namespace vpn_sentinel

/// What the command line can do. Each function blocks until the command is done and returns the exit code.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "netns/daemon/settings.hpp"
#include "probe/app/probe_settings.hpp"

namespace vpn_sentinel {

/// Of some it is not known, while nothing worse was seen.
inline constexpr int exit_unknown = 3;
inline constexpr int exit_could_not_look = 4;

/// One look with everything that is asked through the tunnel, printed. 0 secure, 1 warning, 2 danger, 3 contained, 4 could not look.
[[nodiscard]] int check_command(const TargetPolicy& policy, bool json);
/// Prints each change until SIGINT or SIGTERM: 0.
[[nodiscard]] int watch_command(const std::vector<TargetPolicy>& policies, bool json);
enum class BaselineAction : std::uint8_t { show, pin, forget };
/// The healthy state that the user confirms, one file for each target below the data folder; a running daemon takes it up within a second.
/// Sends nothing. show: 0 nothing differs, 1 something differs, 2 none is pinned, 4 could not look. pin: 0 pinned, 2 refused because the
/// state is danger or contained, 4 could not look, or not at all of it: then `force` pins nonetheless. forget: 0. All: 73 the data folder
/// cannot be written.
[[nodiscard]] int baseline_command(TargetPolicy policy, BaselineAction action, bool force = false);
enum class KillSwitchAction : std::uint8_t { arm, disarm, status };
/// Without hub and without the daemon. arm: 0 armed and no canary left, 2 it does not hold. disarm: takes away all kill switches of the
/// target's namespace and leaves word for daemons, 0 nothing is held back any more, 2 somebody put it there again. status: 0 armed and no
/// canary left, 1 not armed, 2 changed or not holding. All: 4 could not look, or not change.
[[nodiscard]] int killswitch_command(TargetPolicy policy, KillSwitchAction action, bool json);
/// Disarms in every network namespace that has a name or a process. `folder`: where daemons look for the word; empty: nowhere.
[[nodiscard]] int killswitch_disarm_all(const std::string& folder, bool json);
struct ConnectionsWish {
  bool watch = false;    ///< go on and print what is new, until SIGINT or SIGTERM
  bool json = false;     ///< one object, with `watch` one per line
  bool outside = false;  ///< only what leaves outside the tunnel
};
/// The connections of the target's namespace: by which way, whose, how much. Sends nothing. 0 none is outside, 2 some are, 3 of some it is
/// not known while none is seen outside, 4 could not look (also: switched off, or no tunnel is known). With `watch` 0 at the end.
[[nodiscard]] int connections_command(const TargetPolicy& policy, const ConnectionsWish& wish);
struct PeersWish {
  bool watch = false;  ///< go on and print who comes and goes and what is blocked, until SIGINT or SIGTERM
  bool json = false;   ///< one object, with `watch` one per line
};
/// Who is connected to the ports of `listen`. 0 looked at all of them, 3 of some it cannot be told, 4 could not look (also: no port is
/// named). With `watch` 0 at the end.
[[nodiscard]] int peers_command(const TargetPolicy& policy, const PeersWish& wish);
/// What this machine offers, what it is for and how to get what is missing. 0 all is there, 1 something optional is missing, 4 the targets
/// cannot be watched. Changes nothing, and sends one question to each hub (which stores nothing of it), or nothing without `ask_hub`.
[[nodiscard]] int doctor_command(const ProbeConfig& config, bool json, bool ask_hub);
/// Asks the daemon of the data folder whether it looks, and prints its answer in one line. 0 it does, 1 it does not, hangs, or is not
/// there.
[[nodiscard]] int healthcheck_command(const std::string& data_dir);
/// The daemon. `reload` reads the settings anew (SIGHUP). 0 after SIGTERM; throws FatalError when it cannot start.
[[nodiscard]] int run_command(ProbeConfig config, const std::function<Result<ProbeConfig>()>& reload);

}  // namespace vpn_sentinel

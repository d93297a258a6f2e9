/// Probes that report under one name. Pure.
#pragma once

#include "hub/ingest/admission.hpp"
#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// A start of a probe that another one followed reports again, and lives: then two run at once (a mere restart never goes back). Beside a
/// probe all Python clients are one start; among themselves they are told by their source addresses, when these have taken turns more often
/// than an exit that changes. From then on `after` is what all see: the worst state, the findings of all, and duplicate_client_id, until
/// only one has been heard for a while.
void note_twins(const ClientState& before, const Admitted& admitted, ClientState& after);

/// It is one of those that take turns, and its exit is the one that it told before: that is no change of the exit.
[[nodiscard]] bool is_known_exit_of_twin(const ClientState& before, const Admitted& admitted);

/// A probe says that it stops. True: others under its name go on, and `after` is what they see. False: it was the only one, and `after` is
/// as it was.
[[nodiscard]] bool leave_to_twins(const ClientState* before, const Admitted& admitted, ClientState& after);

/// The hub could hear nobody until `now`: whoever was there may still be. `patience`: with each.
void keep_twins(ClientState& client, WallTime now, std::chrono::microseconds patience);

}  // namespace vpn_sentinel

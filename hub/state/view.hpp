/// How a client looks when the hub knows less of it than it should. Pure: nothing of this is stored.
#pragma once

#include <memory>

#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// A finding of the hub's own, with the severity of the table.
[[nodiscard]] Finding hub_finding(std::string_view code, WallTime since, nlohmann::json evidence);

/// It still has a colour although its lease has passed.
[[nodiscard]] bool is_overdue(const ClientState& client, WallTime now);
/// Offline since its lease passed.
[[nodiscard]] ClientState gone_silent(const ClientState& before);

/// What a reader is shown at `now`: the engine tells who is overdue at the latest after a second, unless it hangs, and an old colour must
/// not pass for the present one even then.
[[nodiscard]] std::shared_ptr<const ClientState> seen_at(std::shared_ptr<const ClientState> client, WallTime now);

/// What a report that could not be stored makes of a client: the worse of both states, and never secure. `shown`: what is shown of it so
/// far, null when it is unknown or silent.
[[nodiscard]] ClientState not_stored(ClientState reported, const ClientState* shown, WallTime now);

}  // namespace vpn_sentinel

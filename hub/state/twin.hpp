/// Two probes that report under one name. Pure.
#pragma once

#include "hub/ingest/admission.hpp"
#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// A start of a probe that another one followed reports again, and lives: then two run at once (a mere restart never goes back). From then
/// on `after` is what both see: the worse state, the findings of both, and duplicate_client_id, until one of them has been silent for a
/// while.
void note_twin(const ClientState& before, const Admitted& admitted, ClientState& after);

}  // namespace vpn_sentinel

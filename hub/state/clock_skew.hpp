/// How far the clocks of probe and hub differ. Pure.
#pragma once

#include "hub/ingest/admission.hpp"
#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// Notes the difference that this report shows in `after`, with the finding clock_skewed when it is large. A report may travel for
/// a while, so of the last minutes of one start of a probe the smallest difference counts. `before`: null for a new client.
void note_clock(const ClientState* before, const Admitted& admitted, ClientState& after);

}  // namespace vpn_sentinel

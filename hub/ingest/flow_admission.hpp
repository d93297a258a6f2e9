/// Bytes + now -> a batch of flows that may be stored, or a rejection. Pure.
#pragma once

#include <string_view>

#include "hub/ingest/admission.hpp"
#include "probe/report/flow_batch.hpp"

namespace vpn_sentinel {

/// A batch that passed every check, its times by the hub's clock.
struct AdmittedFlows {
  FlowBatch batch;
  WallTime received{};
};

/// 415: it is packed in another way than gzip; 413: it is too long, packed or unpacked; 400: it is no gzip, no JSON, or a field is wrong,
/// which the message names. `encoding`: the header Content-Encoding. Times are moved by what the clocks differ, as `sent_at` tells; none
/// is in the future then.
[[nodiscard]] tl::expected<AdmittedFlows, Rejection> admit_flows(std::string_view body, std::string_view encoding, WallTime now);

}  // namespace vpn_sentinel

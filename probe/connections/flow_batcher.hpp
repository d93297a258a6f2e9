/// From the flow table to what the hub is told: what came since the last time, added up by what flows have in common, no more of far ends
/// than the user wants. Pure. Used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "netns/base/clock.hpp"
#include "probe/connections/choose_sources.hpp"
#include "probe/connections/flow_table.hpp"
#include "probe/report/flow_batch.hpp"

namespace vpn_sentinel {

class FlowBatcher {
 public:
  /// Rows of a batch: packed it has to fit into most_packed_batch_bytes.
  static constexpr std::size_t usual_rows = 500;
  /// Of these, so many are for what others are folded into.
  static constexpr std::size_t rows_for_folded = 64;

  /// `most`: more than rows_for_folded.
  explicit FlowBatcher(DestinationDetail destinations, std::size_t most = usual_rows) : destinations_(destinations), most_(most) {}

  /// Flows that are there when the probe begins to look: what they did before is nobody's news.
  void begin(const std::vector<const KnownFlow*>& flows);
  /// `flows`: all that the table knows. Rows, gaps and `destinations` of a batch; the rest is the caller's. What stays on the loopback is
  /// left out, and what has no far end. When there are too many rows, those with fewest bytes are folded by way and protocol, never
  /// outside ones before others.
  [[nodiscard]] FlowBatch take(const std::vector<const KnownFlow*>& flows, const FlowLosses& losses);

 private:
  struct Told {
    FlowBytes bytes{};
    bool ended = false;
    bool seen = false;  ///< in the call under way
  };
  [[nodiscard]] FlowRow row_of(const KnownFlow& flow, Told& told, bool is_new) const;
  void fold(std::vector<FlowRow>& rows, FlowBatch& batch) const;

  DestinationDetail destinations_;
  std::size_t most_;
  std::map<std::uint64_t, Told> told_;  ///< by KnownFlow::id
  FlowLosses lost_;                     ///< as told
};

}  // namespace vpn_sentinel

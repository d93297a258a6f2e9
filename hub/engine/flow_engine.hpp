/// The one writer of flows, on a thread and in a file of its own: batches are added up in memory and written together every few seconds.
/// Nothing here ever waits for the engine of reports, nor the other way round.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "hub/ingest/flow_admission.hpp"
#include "hub/state/active_flows.hpp"
#include "hub/store/flow_store.hpp"

namespace vpn_sentinel {

/// What became of a batch.
enum class FlowResult : std::uint8_t {
  taken,
  duplicate,
  too_many,   ///< too much waits to be written
  not_taken,  ///< flows cannot be written
  disk_full
};

struct FlowEngineOptions {
  std::size_t queue_bound = 2'000;                      ///< batches that may wait
  std::size_t queue_rows = 200'000;                     ///< rows of these together, about 450 bytes each
  std::size_t queue_texts = 32U * 1024 * 1024;          ///< bytes of their texts together
  std::chrono::milliseconds write_pause{2'000};         ///< what is in memory for longer is written
  std::chrono::milliseconds maintenance_pause{30'000};  ///< between removals of what is old
  FlowRetention retention{};                            ///< its `now` means nothing
  std::function<WallTime()> now = wall_now;
  /// A sentence for the log: flows cannot be written, or can again. On the engine's thread.
  std::function<void(const std::string& problem)> on_trouble{};
};

class FlowEngine {
 public:
  /// Opens the read side on the caller's thread, then starts two threads: one writes, one reads.
  [[nodiscard]] static Result<std::unique_ptr<FlowEngine>> start(std::unique_ptr<FlowStore> store, FlowEngineOptions options = {});
  virtual ~FlowEngine() = default;  ///< takes and writes what is queued, then stops

  /// From any thread. False: the queue is full. `done` is called on the engine's thread when the batch is in memory, not in the file yet.
  [[nodiscard]] virtual bool submit(AdmittedFlows admitted, std::function<void(FlowResult)> done) = 0;
  /// As Engine::query(). What was taken is in the answers some seconds later.
  [[nodiscard]] virtual bool query(std::function<void(FlowReader&)> question) = 0;
  [[nodiscard]] virtual const ActiveFlows& active() const = 0;
  /// Rows that were taken, since the start; and whether they can be written.
  [[nodiscard]] virtual std::uint64_t taken_rows() const = 0;
  [[nodiscard]] virtual bool healthy() const = 0;
};

}  // namespace vpn_sentinel

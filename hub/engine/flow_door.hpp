/// Where the routes find the engine of flows, whose file is opened beside the reports. Any thread.
#pragma once

#include <atomic>

#include "hub/engine/flow_engine.hpp"

namespace vpn_sentinel {

class FlowDoor {
 public:
  /// Null: its file is not open yet, or cannot be opened.
  [[nodiscard]] FlowEngine* engine() const noexcept { return engine_; }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

  /// Once, either of them. The engine must live as long as anybody asks.
  void open(FlowEngine& engine) noexcept { engine_ = &engine; }
  void fail() noexcept { failed_ = true; }

 private:
  std::atomic<FlowEngine*> engine_{nullptr};
  std::atomic<bool> failed_{false};
};

}  // namespace vpn_sentinel

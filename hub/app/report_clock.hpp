/// Has the monthly report made when it is due. On the thread that turns the hub; the store is read on the reader's.
#pragma once

#include <memory>
#include <string>

#include "hub/alert/desk_keeper.hpp"
#include "hub/engine/engine.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class ReportClock {
 public:
  /// A report that could not be made is tried again after this.
  static constexpr std::chrono::seconds pause{60};

  /// Cheap when nothing is due. The engine outlives what was asked of it.
  void turn(const std::shared_ptr<DeskKeeper>& desk, Engine& engine, WallTime now, MonoTime mono);

 private:
  MonoTime next_{};
};

}  // namespace vpn_sentinel

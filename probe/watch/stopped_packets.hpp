/// What a kill switch stopped, without the canaries that were sent to prove it. Pure.
#pragma once

#include <vector>

#include "netns/firewall/kill_switch.hpp"
#include "netns/firewall/leak_counters.hpp"

namespace vpn_sentinel {

/// Counters go on for ever, and the tables forget to whom packets went; so it is added up step by step.
class StoppedPackets {
 public:
  /// Canaries that were sent since the last take(): needed where the tables have forgotten earlier ones meanwhile.
  void note(const std::vector<CanaryReport>& canaries);
  /// What the tables counted by now, with all destinations. True: more than canaries came since the last time.
  bool take(const LeakCounters& now);
  /// From nothing again.
  void restart() { *this = {}; }

  [[nodiscard]] const Traffic& sum() const noexcept { return stopped_; }

 private:
  Traffic stopped_;
  Traffic counted_;   ///< with canaries, when it was taken last
  Traffic canaries_;  ///< that the tables knew of then
  Traffic noted_;
};

}  // namespace vpn_sentinel

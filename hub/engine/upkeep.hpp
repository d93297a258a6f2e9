/// What the engine does for its store beside reports: old ones go, new ones become minutes, hours and days. The engine's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hub/engine/engine.hpp"
#include "hub/engine/writer.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class Upkeep {
 public:
  /// The engine as it is in this turn.
  struct Now {
    WallTime time{};
    bool healthy = true;        ///< the last transaction succeeded
    bool trusts_clock = true;   ///< things may go for their age
    std::uint64_t reports = 0;  ///< stored in this run
  };
  struct Outcome {
    std::vector<std::string> forgotten;  ///< clients that were offline for so long
    std::string sentence;                ///< for the log; empty: nothing new
  };

  explicit Upkeep(const EngineOptions& options);

  /// Reports become minutes, hours and days now and then; after a busy time in no more than a tenth of the engine's. That it fails is
  /// told by maintain(), which writes, too.
  void roll_up(Store& store, bool healthy);
  /// By time, however busy the hub is, and when the store asks. What is old goes slice by slice with reports in between, and never slower
  /// than new reports come.
  [[nodiscard]] Outcome maintain(Writer& writer, const Now& now);
  /// How soon there is more to do; nullopt: it has time.
  [[nodiscard]] std::optional<std::chrono::microseconds> pause(bool healthy) const;

 private:
  [[nodiscard]] bool is_due(Store& store, bool healthy) const;
  [[nodiscard]] Retention retention(const Now& now) const;

  std::chrono::hours keep_reports_;
  std::uint64_t most_bytes_;
  std::chrono::milliseconds maintenance_pause_;
  std::chrono::milliseconds roll_up_pause_;
  MonoTime last_maintenance_{};
  MonoTime next_roll_up_{};
  std::uint64_t counted_reports_ = 0;
  bool works_ = true;
  bool more_to_remove_ = false;
  bool more_to_roll_up_ = false;
};

}  // namespace vpn_sentinel

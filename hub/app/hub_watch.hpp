/// The hub's own trouble for rules of alerts: room on the disk, steps of the clock, the certificate.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class HubWatch {
 public:
  static constexpr std::chrono::seconds period{30};
  /// Less room than both for the data folder is trouble.
  static constexpr std::uint64_t least_bytes = 256ULL * 1024 * 1024;
  static constexpr double least_share = 0.05;
  /// A clock that was set by more makes times of reports doubtful, for so long.
  static constexpr std::chrono::minutes clock_step{10};
  static constexpr std::chrono::hours clock_doubted{1};

  struct Finding {
    std::string what;
    bool trouble = false;
    std::string sentence;
  };

  explicit HubWatch(std::string folder) : folder_(std::move(folder)) {}

  /// Nullopt: not yet time to look again. `certificate`: what is wrong with it; empty: nothing.
  [[nodiscard]] std::optional<std::vector<Finding>> look(WallTime now, MonoTime mono, const std::vector<std::string>& certificate);

 private:
  [[nodiscard]] Finding look_at_disk() const;
  [[nodiscard]] Finding look_at_clock(WallTime now, MonoTime mono);

  std::string folder_;
  MonoTime next_{};
  std::optional<std::pair<WallTime, MonoTime>> last_;
  std::optional<MonoTime> stepped_;
  std::string step_;
};

}  // namespace vpn_sentinel

/// The hub's own trouble for rules of alerts: room on the disk and for clients, steps of the clock, the certificate.
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
  /// Whoever is refused tries again: so long without, and there is room again.
  static constexpr std::chrono::minutes without_room_for{10};

  static constexpr auto room_for_clients = "room for clients";

  struct Finding {
    std::string what;
    bool trouble = false;
    std::string sentence;
  };

  explicit HubWatch(std::string folder) : folder_(std::move(folder)) {}

  /// Nullopt: not yet time to look again. `certificate`: what is wrong with it; empty: nothing. `without_room`: how many reports of new
  /// clients were refused so far.
  [[nodiscard]] std::optional<std::vector<Finding>> look(WallTime now, MonoTime mono, const std::vector<std::string>& certificate,
                                                         std::uint64_t without_room);

 private:
  [[nodiscard]] Finding look_at_disk() const;
  [[nodiscard]] Finding look_at_clock(WallTime now, MonoTime mono);
  [[nodiscard]] Finding look_at_room(std::uint64_t without_room, MonoTime mono);

  std::string folder_;
  MonoTime next_{};
  std::optional<std::pair<WallTime, MonoTime>> last_;
  std::optional<MonoTime> stepped_;
  std::string step_;
  std::uint64_t without_room_ = 0;
  std::optional<MonoTime> refused_;
};

}  // namespace vpn_sentinel

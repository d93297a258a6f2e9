/// The newest lines of the hub's own log, in memory and without secrets, for operators who look at the dashboard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/log/secret_mask.hpp"
#include "netns/base/clock.hpp"
#include "netns/daemon/log.hpp"

namespace vpn_sentinel {

struct LogLine {
  std::uint64_t id = 0;  ///< 1 for the first line since the start
  WallTime at{};
  LogLevel level = LogLevel::info;
  std::string event;
  std::vector<std::pair<std::string, std::string>> fields;
};

struct LogQuery {
  LogLevel least = LogLevel::debug;
  std::string text;          ///< in event, names or values, in any case of letters; empty: all
  std::uint64_t before = 0;  ///< only lines with a smaller id; 0: no limit
  std::uint64_t after = 0;   ///< only lines with a larger id
  std::size_t most = 100;    ///< 1 or more
};

/// Any thread.
class LogRing {
 public:
  static constexpr std::size_t most_lines = 5'000;
  static constexpr std::size_t most_bytes = std::size_t{2} * 1024 * 1024;
  static constexpr std::size_t most_fields = 32;      ///< of one line; others are left out
  static constexpr std::size_t longest_value = 1024;  ///< bytes; the rest is cut

  explicit LogRing(WallTime started = wall_now()) : started_(started) {}
  LogRing(const LogRing&) = delete;
  LogRing& operator=(const LogRing&) = delete;
  ~LogRing() = default;

  /// For lines from now on.
  void hide(SecretMask mask);
  void add(WallTime at, LogLevel level, std::string_view event, std::span<const LogField> fields);

  [[nodiscard]] WallTime started() const noexcept { return started_; }

  struct Page {
    std::vector<LogLine> lines;  ///< newest first
    bool more = false;           ///< older ones match, too
    std::uint64_t lost = 0;      ///< lines since the start that are not kept any more
  };
  [[nodiscard]] Page find(const LogQuery& query) const;

 private:
  void make_room();

  const WallTime started_;
  mutable std::mutex mutex_;
  SecretMask mask_;
  std::deque<LogLine> lines_;  ///< oldest first
  std::size_t bytes_ = 0;
  std::uint64_t last_id_ = 0;
};

}  // namespace vpn_sentinel

/// Bytes + identity + now -> an admitted report, or a rejection with its HTTP status and reason. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {

/// A report that passed every check and may be stored.
struct Admitted {
  Report report;
  std::string source_address;  ///< where the request came from, text form
  WallTime received{};         ///< hub's clock
  /// The hub's clock less the probe's when it sent this, the way included; absent when the report does not say.
  std::optional<std::chrono::microseconds> clock_skew{};
  /// The report's time lay ahead of the hub's clock and became `received`: each try to send it has another one.
  bool time_is_replaced = false;
  /// Name of the key that it came with; empty: the shared one, or none.
  std::string key = {};
};

struct Rejection {
  int status = 400;     ///< HTTP status
  std::string error;    ///< short, as in the Python original: "client_id is required"
  std::string message;  ///< a sentence that names field, value and what was expected; may be empty
  friend bool operator==(const Rejection&, const Rejection&) = default;
};

/// Largest body of one report, bytes.
inline constexpr std::size_t max_report_bytes = std::size_t{64} * 1024;

/// `body` is the JSON of one report, ours (schema 2) or the Python original's (nested or flat; see DESIGN section 6).
[[nodiscard]] tl::expected<Admitted, Rejection> admit(std::string_view body, std::string_view source_address, WallTime now);

}  // namespace vpn_sentinel

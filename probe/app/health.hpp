/// Whether the daemon does its work: that it looks, not what it sees. A danger that is told is a healthy daemon.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

namespace vpn_sentinel {

/// One target, as the daemon's loop sees it.
struct TargetHealth {
  std::string client_id;
  std::chrono::milliseconds since_look{0};  ///< the newest look, or the start
  bool gone = false;                        ///< the namespace does not exist: this was seen, and is told
  std::optional<std::string> blind;         ///< why it could not be looked at
};

/// A look comes each second; a container that an engine is asked for takes some.
inline constexpr std::chrono::seconds look_overdue{30};

/// The answer to `healthcheck`, one line: "healthy: …" or "unhealthy: …". Unhealthy is who is blind, for whatever reason, or has not
/// looked for longer than `look_overdue`. At most 1 KiB, without control characters. Pure.
[[nodiscard]] std::string health_line(std::span<const TargetHealth> targets);

/// True of a whole line (with its end) that says so. Pure.
[[nodiscard]] bool says_healthy(const std::string& line);

}  // namespace vpn_sentinel

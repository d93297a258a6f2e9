/// How many connections the process may hold: the limit of open files, RLIMIT_NOFILE of setrlimit(2).
#pragma once

#include <cstddef>

namespace vpn_sentinel {

/// What each listener would like to take.
inline constexpr std::size_t wanted_connections = 20'000;

/// Raises the soft limit towards the hard one, as far as `listeners` need it, and returns what holds now. Never lowers it.
[[nodiscard]] std::size_t raise_open_files(std::size_t listeners);

/// Connections for each of `listeners` (at least 1), so that all of them full still leave descriptors for the database, alerts and the
/// rest. Pure.
[[nodiscard]] std::size_t connections_within(std::size_t open_files, std::size_t listeners);

}  // namespace vpn_sentinel

/// Exit codes that both daemons and their commands have in common: those of sysexits.h.
#pragma once

namespace vpn_sentinel {

inline constexpr int exit_usage = 64;          ///< EX_USAGE
inline constexpr int exit_wrong_data = 65;     ///< EX_DATAERR
inline constexpr int exit_no_input = 66;       ///< EX_NOINPUT
inline constexpr int exit_unavailable = 69;    ///< EX_UNAVAILABLE
inline constexpr int exit_internal = 70;       ///< EX_SOFTWARE
inline constexpr int exit_cannot_create = 73;  ///< EX_CANTCREAT
inline constexpr int exit_not_printed = 74;    ///< EX_IOERR
inline constexpr int exit_config = 78;         ///< EX_CONFIG

}  // namespace vpn_sentinel

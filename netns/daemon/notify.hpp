/// sd_notify(3) for Type=notify units; every call is a no-op outside systemd.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace vpn_sentinel {

void notify_ready(const std::string& status);
/// For as long as the settings are read again; notify_ready() ends it.
void notify_reloading();
void notify_status(const std::string& status);
void notify_stopping();
void notify_watchdog();
/// How often systemd wants a sign of life (half of WATCHDOG_USEC), if at all.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_period();

}  // namespace vpn_sentinel

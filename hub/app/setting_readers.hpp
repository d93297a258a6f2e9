/// The parts of make_hub_config(). Each reads its settings into `config`; the Error names setting, value and what was expected.
#pragma once

#include "hub/app/hub_settings.hpp"

namespace vpn_sentinel {

[[nodiscard]] Result<void> read_tls(const Settings& settings, HubConfig& config);
/// It becomes part of every route.
[[nodiscard]] Result<void> read_api_path(const Settings& settings, HubConfig& config);
/// After keys and accounts, by which it is decided who may come.
[[nodiscard]] Result<void> read_listeners(const Settings& settings, bool has_ipv6, HubConfig& config);
/// Listeners at exactly the same place are joined into one. Where they share only a part, binding would fail later with "address in use",
/// which sends people looking for another program.
[[nodiscard]] Result<void> check_ports(const HubConfig& config, const Settings& settings);

[[nodiscard]] Result<void> read_telegram(const Settings& settings, HubConfig& config);
/// After read_telegram(): its settings are one of the channels.
[[nodiscard]] Result<void> read_alerts(const Settings& settings, HubConfig& config);
/// After read_alerts().
[[nodiscard]] Result<void> read_telegram_commands(const Settings& settings, HubConfig& config);
[[nodiscard]] Result<void> read_heartbeat(const Settings& settings, HubConfig& config);

}  // namespace vpn_sentinel

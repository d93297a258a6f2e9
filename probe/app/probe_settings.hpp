/// The probe's settings table and the typed configuration that it yields.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "netns/daemon/log.hpp"
#include "netns/daemon/settings.hpp"
#include "probe/delivery/sender.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::span<const SettingRow> probe_setting_rows();

struct ProbeConfig {
  std::vector<TargetPolicy> targets;  ///< at least one, client ids are unique
  HubAddress hub;
  bool to_all_hubs = false;              ///< each of hub.urls gets everything; else the first that answers
  OutboxBounds outbox;                   ///< for each hub that gets everything
  std::string hub_path;                  ///< "auto", "tunnel" or "uplink"
  std::chrono::milliseconds interval{};  ///< between keepalives
  std::chrono::seconds lease{};          ///< told to the hub with each report
  /// Between batches of connections; 0: they are told to nobody.
  std::chrono::milliseconds flow_interval{};
  std::string data_dir;
  LogLevel log_level = LogLevel::info;
  std::vector<Settings> settings;  ///< as read: those of all, then of each [[target]]
};

/// "HOST-NAMESPACE", valid as a client id.
[[nodiscard]] std::string default_client_id(const NamespaceRef& netns);
/// Typed values; the Error names the setting, its value, where it came from and what was expected.
[[nodiscard]] Result<ProbeConfig> make_probe_config(const LoadedSettings& loaded);
/// The settings whose values differ, by their environment names, each once; "[[target]]" when there are more or fewer targets.
[[nodiscard]] std::vector<std::string> changed_settings(const ProbeConfig& before, const ProbeConfig& now);
/// One target without a hub: for check and watch.
[[nodiscard]] Result<TargetPolicy> make_target_policy(const Settings& settings);

}  // namespace vpn_sentinel

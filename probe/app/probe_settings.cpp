#include "probe/app/probe_settings.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "probe/app/http_url.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_hubs = 8;
/// More often would cost more than it tells.
constexpr std::chrono::milliseconds shortest_flow_interval{1'000};

Result<void> read_hub_urls(const Settings& settings, ProbeConfig& config) {
  config.hub.urls = settings.list("url");
  for (const auto& url : config.hub.urls) {
    if (!is_http_url(url)) return wrong_setting(settings, "url", url, "an http:// or https:// URL such as http://hub.example:5000");
    if (std::ranges::count(config.hub.urls, url) > 1) return wrong_setting(settings, "url", url, "each hub once");
  }
  if (config.hub.urls.empty() || config.hub.urls.size() > most_hubs) {
    return wrong_setting(settings, "url", settings.text("url"), fmt::format("1 to {} URLs such as http://hub.example:5000", most_hubs));
  }
  const auto& mode = settings.text("hub_mode");
  if (mode != "first" && mode != "all") return wrong_setting(settings, "hub_mode", mode, "first or all");
  config.to_all_hubs = mode == "all";
  return {};
}

Result<void> read_client_certificate(const Settings& settings, HubAddress& hub) {
  hub.certificate_file = settings.text("tls_client_cert_path");
  hub.key_file = settings.text("tls_client_key_path");
  if (hub.certificate_file.empty() != hub.key_file.empty()) {
    const auto* const set = hub.key_file.empty() ? "tls_client_cert_path" : "tls_client_key_path";
    return wrong_setting(settings, set, settings.text(set), "certificate and key to be set together, or neither");
  }
  for (const auto* const key : {"tls_client_cert_path", "tls_client_key_path"}) {
    const auto& file = settings.text(key);
    if (!file.empty() && access(file.c_str(), R_OK) != 0) return wrong_setting(settings, key, file, "a readable PEM file");
  }
  return {};
}

Result<void> read_hub(const Settings& settings, ProbeConfig& config) {
  if (auto result = read_hub_urls(settings, config); !result) return result;
  config.hub.api_path = settings.text("api_path");
  config.hub.api_key = settings.text("api_key");
  config.hub.schema = static_cast<int>(settings.integer("schema"));
  config.hub.verify = !settings.boolean("allow_insecure");
  config.hub.timeout = settings.duration("timeout");
  config.hub.ca_file = settings.text("tls_cert_path");
  if (!config.hub.ca_file.empty() && access(config.hub.ca_file.c_str(), R_OK) != 0) {
    return wrong_setting(settings, "tls_cert_path", config.hub.ca_file, "a readable PEM file");
  }
  config.outbox.age = std::chrono::days{settings.integer("outbox_days")};
  config.outbox.bytes = static_cast<std::size_t>(settings.integer("outbox_mb")) * 1024 * 1024;
  if (auto read = read_client_certificate(settings, config.hub); !read) return read;
  config.hub_path = settings.text("hub_path");
  if (config.hub_path != "auto" && config.hub_path != "tunnel" && config.hub_path != "uplink") {
    return wrong_setting(settings, "hub_path", config.hub_path, "auto, tunnel or uplink");
  }
  return {};
}

/// Two targets of one name would overwrite each other at the hub.
Result<void> check_unique(const std::vector<TargetPolicy>& targets) {
  std::set<std::string> ids;
  for (const auto& target : targets) {
    if (!ids.insert(target.client_id).second) {
      return fail(Error::Kind::invalid,
                  fmt::format("client_id = '{}' is used by two targets: give each [[target]] its own", target.client_id));
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> changed_settings(const ProbeConfig& before, const ProbeConfig& now) {
  std::vector<std::string> names;
  const auto both = std::min(before.settings.size(), now.settings.size());
  for (const auto& row : probe_setting_rows()) {
    for (std::size_t i = 0; i < both; ++i) {
      if (before.settings[i].text(row.key) == now.settings[i].text(row.key)) continue;
      names.emplace_back(row.environment);
      break;
    }
  }
  if (before.settings.size() != now.settings.size()) names.emplace_back("[[target]]");
  return names;
}

Result<ProbeConfig> make_probe_config(const LoadedSettings& loaded) {
  ProbeConfig config;
  config.settings.push_back(loaded.global);
  config.settings.insert(config.settings.end(), loaded.targets.begin(), loaded.targets.end());
  if (auto result = read_hub(loaded.global, config); !result) return fail(result.error());
  config.interval = loaded.global.duration("interval");
  // Two intervals: one lost keepalive is no outage. The next one may first try a dead tunnel for its whole time.
  config.lease = std::chrono::ceil<std::chrono::seconds>(config.interval * 2 + config.hub.tunnel_timeout);
  config.flow_interval = loaded.global.duration("connections_interval");
  if (config.flow_interval > std::chrono::milliseconds{0}) config.flow_interval = std::max(config.flow_interval, shortest_flow_interval);
  config.data_dir = loaded.global.text("data_dir");
  const auto level = parse_log_level(loaded.global.text("log_level"));
  if (!level) return wrong_setting(loaded.global, "log_level", loaded.global.text("log_level"), "debug, info, warning or error");
  config.log_level = *level;
  const std::vector<Settings> only{loaded.global};
  for (const auto& settings : loaded.targets.empty() ? only : loaded.targets) {
    auto target = make_target_policy(settings);
    if (!target) return fail(target.error());
    config.targets.push_back(std::move(*target));
  }
  if (auto result = check_unique(config.targets); !result) return fail(result.error());
  return config;
}

}  // namespace vpn_sentinel

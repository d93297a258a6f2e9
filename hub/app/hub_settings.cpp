#include "hub/app/hub_settings.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "hub/accounts/account_file.hpp"
#include "hub/accounts/password.hpp"
#include "hub/app/key_file.hpp"
#include "hub/app/setting_readers.hpp"
#include "hub/http/client_address.hpp"
#include "netns/clients/http_url.hpp"

namespace vpn_sentinel {
namespace {

/// Of the status page.
constexpr std::size_t longest_title = 80;

/// "::ffff:192.0.2.0/120" means 192.0.2.0/24: that is how such a peer is seen.
Result<void> read_prefixes(const Settings& settings, std::string_view key, std::vector<IpPrefix>& prefixes) {
  for (const auto& item : settings.list(key)) {
    const auto prefix = IpPrefix::parse(item);
    if (!prefix) return wrong_setting(settings, key, item, "addresses or networks such as 192.0.2.7 or 192.0.2.0/24");
    prefixes.push_back(unmapped(*prefix));
  }
  return {};
}

Result<void> read_access(const Settings& settings, HubConfig& config) {
  config.rate_limit = static_cast<unsigned>(settings.integer("rate_limit"));
  config.client_limits.all = static_cast<std::size_t>(settings.integer("max_clients"));
  config.client_limits.per_key = static_cast<std::size_t>(settings.integer("clients_per_key"));
  config.dashboard_access.rate_limit = static_cast<unsigned>(settings.integer("dashboard_rate_limit"));
  config.health_access.rate_limit = static_cast<unsigned>(settings.integer("health_rate_limit"));
  return read_prefixes(settings, "allowed_ips", config.allowed)
      .and_then([&] { return read_prefixes(settings, "trusted_proxies", config.trusted_proxies); })
      .and_then([&] { return read_prefixes(settings, "dashboard_allowed_ips", config.dashboard_access.allowed); })
      .and_then([&] { return read_prefixes(settings, "health_allowed_ips", config.health_access.allowed); });
}

Result<void> read_client_keys(const Settings& settings, HubConfig& config) {
  config.data_dir = settings.text("data_dir");
  if (!config.data_dir.starts_with('/')) return wrong_setting(settings, "data_dir", config.data_dir, "an absolute path");
  auto keys = read_keys(key_file_path(config.data_dir));
  if (!keys) return fail(keys.error());
  config.client_keys = std::move(*keys);
  return {};
}

Result<void> read_forward_auth(const Settings& settings, HubConfig& config) {
  config.forward_auth_header = settings.text("forward_auth_header");
  if (auto read = read_prefixes(settings, "forward_auth_proxies", config.forward_auth_proxies); !read) return read;
  const bool token = std::ranges::all_of(config.forward_auth_header, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (!token)
    return wrong_setting(settings, "forward_auth_header", config.forward_auth_header, "the name of a header, such as Remote-User");
  if (config.forward_auth_header.empty() == config.forward_auth_proxies.empty()) return {};
  const bool header = !config.forward_auth_header.empty();
  return fail(Error::Kind::invalid, fmt::format("{} is set but {} is not: nobody could log in so; set both or neither",
                                                settings.name(header ? "forward_auth_header" : "forward_auth_proxies"),
                                                settings.name(header ? "forward_auth_proxies" : "forward_auth_header")));
}

/// After read_client_keys(), which reads the data folder.
Result<void> read_accounts(const Settings& settings, HubConfig& config) {
  config.admin_user = settings.text("admin_user");
  config.admin_password = settings.text("admin_password");
  config.session_limits.idle = std::chrono::minutes{settings.integer("session_idle_minutes")};
  config.session_limits.absolute = std::chrono::hours{24 * settings.integer("session_days")};
  if (!config.admin_user.empty() && !is_valid_user_name(config.admin_user)) {
    return wrong_setting(settings, "admin_user", config.admin_user, "1-64 characters out of A-Z a-z 0-9 . _ @ -");
  }
  if (config.admin_user.empty() != config.admin_password.empty()) {
    return fail(Error::Kind::invalid,
                fmt::format("{} and {} go together: set both or neither", settings.name("admin_user"), settings.name("admin_password")));
  }
  if (!config.admin_user.empty() && !is_valid_password(config.admin_password)) {
    return fail(Error::Kind::invalid, fmt::format("{} (from {}): expected {}", settings.name("admin_password"),
                                                  settings.origin("admin_password"), password_rule));
  }
  const auto users = has_accounts(config.data_dir);
  if (!users) return fail(users.error());
  config.has_users = *users;
  return read_forward_auth(settings, config);
}

Result<void> read_status_page(const Settings& settings, HubConfig& config) {
  for (const auto& item : settings.list("status_page")) {
    auto pick = parse_status_page_pick(item);
    if (!pick) return wrong_setting(settings, "status_page", item, pick.error().message);
    config.status_page.push_back(std::move(*pick));
  }
  config.status_page_title = settings.text("status_page_title");
  if (!config.status_page_title.empty() && config.status_page_title.size() <= longest_title) return {};
  return wrong_setting(settings, "status_page_title", config.status_page_title, fmt::format("1-{} bytes", longest_title));
}

Result<void> read_own_address(const Settings& settings, HubConfig& config) {
  const auto is_url = [](const std::string& text) { return HttpUrl::parse(text).has_value(); };
  for (const auto& url : settings.list("trace_urls")) {
    if (!is_url(url)) return wrong_setting(settings, "trace_urls", url, "http:// or https:// URLs");
  }
  const auto ipinfo = settings.text("ipinfo_url") == "none" ? std::string() : settings.text("ipinfo_url");
  if (!ipinfo.empty() && !is_url(ipinfo)) return wrong_setting(settings, "ipinfo_url", ipinfo, "an http:// or https:// URL, or none");
  if (!settings.boolean("own_address")) return {};
  config.trace_urls = settings.list("trace_urls");
  config.ipinfo_url = ipinfo;
  return {};
}

Result<void> read_rest(const Settings& settings, HubConfig& config) {
  const auto level = parse_log_level(settings.text("log_level"));
  if (!level) return wrong_setting(settings, "log_level", settings.text("log_level"), "debug, info, warning or error");
  config.log_level = *level;
  const auto& ca_file = settings.text("ca_file");
  if (!ca_file.empty() && access(ca_file.c_str(), R_OK) != 0) return wrong_setting(settings, "ca_file", ca_file, "a readable PEM file");
  config.ca_file = ca_file;
  config.connections_per_address = static_cast<std::size_t>(settings.integer("connections_per_address"));
  auto groups = parse_group_rules(settings.list("group_rules"));
  if (!groups) {
    return fail(Error::Kind::invalid,
                fmt::format("{} (from {}): {}", settings.name("group_rules"), settings.origin("group_rules"), groups.error().message));
  }
  config.groups = std::move(*groups);
  if (auto read = read_prefixes(settings, "public_addresses", config.public_addresses); !read) return read;
  config.client_timeout = std::chrono::minutes{settings.integer("client_timeout_minutes")};
  config.keep_reports = std::chrono::hours{24 * settings.integer("retention_days")};
  config.most_database_bytes = static_cast<std::uint64_t>(settings.integer("database_size_mb")) * 1024 * 1024;
  config.metrics_clients = settings.boolean("metrics_clients");
  config.badges = settings.list("badges");
  for (std::string_view pattern : config.badges) {
    const auto name = pattern.starts_with("group:") ? pattern.substr(6) : pattern;
    if (!is_valid_client_pattern(name)) return wrong_setting(settings, "badges", pattern, "client ids, 'office-*' or group:NAME");
  }
  if (auto read = read_status_page(settings, config).and_then([&] { return read_own_address(settings, config); }); !read) return read;
  const auto threads = static_cast<unsigned>(settings.integer("io_threads"));
  config.io_threads = threads != 0 ? threads : std::clamp(std::thread::hardware_concurrency(), 1U, 4U);
  return {};
}

}  // namespace

AccessRules access_rules(const HubConfig& config) {
  return {config.allowed, config.trusted_proxies, config.rate_limit, Keyring(config.api_key, config.client_keys)};
}

AccessRules access_rules(const HubConfig& config, const PageAccess& pages) {
  return {pages.allowed, config.trusted_proxies, pages.rate_limit, {}};
}

Result<HubConfig> make_hub_config(const Settings& settings, bool has_ipv6) {
  HubConfig config;
  config.api_key = settings.text("api_key");
  config.dashboard_password = settings.text("dashboard_password");
  auto result = read_tls(settings, config)
                    .and_then([&] { return read_api_path(settings, config); })
                    .and_then([&] { return read_client_keys(settings, config); })
                    .and_then([&] { return read_accounts(settings, config); })
                    .and_then([&] { return read_listeners(settings, has_ipv6, config); })
                    .and_then([&] { return check_ports(config, settings); })
                    .and_then([&] { return read_access(settings, config); })
                    .and_then([&] { return read_telegram(settings, config); })
                    .and_then([&] { return read_alerts(settings, config); })
                    .and_then([&] { return read_telegram_commands(settings, config); })
                    .and_then([&] { return read_heartbeat(settings, config); })
                    .and_then([&] { return read_rest(settings, config); });
  if (!result) return fail(result.error());
  return config;
}

}  // namespace vpn_sentinel

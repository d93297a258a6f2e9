/// The hub's settings: the table, and the checked configuration that comes from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hub/accounts/directory.hpp"
#include "hub/alert/channel.hpp"
#include "hub/alert/desk.hpp"
#include "hub/alert/telegram.hpp"
#include "hub/http/access.hpp"
#include "hub/http/status_page.hpp"
#include "hub/http/tls_credentials.hpp"
#include "hub/state/client_room.hpp"
#include "hub/state/group_rule.hpp"
#include "netns/base/ip.hpp"
#include "netns/daemon/log.hpp"
#include "netns/daemon/settings.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::span<const SettingRow> hub_setting_rows();

/// Of dashboard and health pages; keys and log-ins are those of the API.
struct PageAccess {
  std::vector<IpPrefix> allowed;  ///< empty: everybody
  unsigned rate_limit = 0;        ///< requests per minute; 0: no limit
};

struct HubConfig {
  std::string api_key;                  ///< shared by all; without it and client keys only loopback addresses
  std::vector<ClientKey> client_keys;   ///< from the key file
  std::string api_prefix;               ///< "/api/v1"
  std::vector<Endpoint> api_endpoints;  ///< empty: switched off; so for the other two
  std::vector<Endpoint> dashboard_endpoints;
  std::vector<Endpoint> health_endpoints;
  std::string dashboard_password;  ///< empty: no login, and then only loopback addresses
  bool has_users = false;          ///< somebody has an account: then the dashboard asks for a log-in, wherever it listens
  std::string admin_user;          ///< the first admin, made when there are no users; empty: by a one-time token
  std::string admin_password;
  SessionLimits session_limits;
  std::string forward_auth_header;  ///< empty: no proxy names users
  std::vector<IpPrefix> forward_auth_proxies;
  std::vector<IpPrefix> allowed;  ///< clients of the API; empty: everybody
  std::vector<IpPrefix> trusted_proxies;
  unsigned rate_limit = 0;  ///< requests per minute; 0: no limit
  PageAccess dashboard_access;
  PageAccess health_access;
  std::optional<TlsFiles> tls;  ///< of API and dashboard; nothing: plain HTTP
  std::size_t connections_per_address = 4096;
  ClientLimits client_limits;
  std::chrono::minutes client_timeout{};
  GroupRules groups;
  std::vector<IpPrefix> public_addresses;  ///< the hub's own, as the Internet sees them
  std::optional<TelegramOptions> telegram;
  bool telegram_commands = false;                   ///< the bot answers
  std::vector<std::string> telegram_command_chats;  ///< those that it answers; empty: the chats of alerts
  DeskSettings alerts = {.rules = {}};              ///< of the file; its channels are not named
  std::string alerts_warning;                       ///< about the alerts file; empty: none
  std::vector<ChannelConfig> channels;              ///< all, that of `telegram` too
  std::string heartbeat_url;                        ///< empty: none
  std::chrono::milliseconds heartbeat_interval{};
  std::string ca_file;  ///< of outgoing HTTPS
  std::string data_dir;
  std::chrono::hours keep_reports{};
  std::uint64_t most_database_bytes = 0;  ///< 0: no limit
  unsigned io_threads = 1;
  bool metrics_clients = false;             ///< /metrics names the clients
  std::vector<std::string> badges;          ///< clients whose badge everybody may see; empty: none
  std::vector<StatusPagePick> status_page;  ///< clients whose name and state everybody may see; empty: there is no such page
  std::string status_page_title;
  std::vector<std::string> trace_urls;  ///< who tells the hub's own address; empty: nobody is asked
  std::string ipinfo_url;
  LogLevel log_level = LogLevel::info;
};

[[nodiscard]] AccessRules access_rules(const HubConfig& config);
/// Behind the same proxies as the API.
[[nodiscard]] AccessRules access_rules(const HubConfig& config, const PageAccess& pages);

/// Checks every value, and that the values fit together: what would be unsafe is refused. The Error names setting, value and what was
/// expected. Reads the file of client keys, and certificate and key. `has_ipv6`: default addresses that the machine does not have are left
/// out; addresses that were asked for are not.
[[nodiscard]] Result<HubConfig> make_hub_config(const Settings& settings, bool has_ipv6);

/// Whether two services share their listeners: the same addresses in any order. Port 0 is a free port for each, and so never shared.
[[nodiscard]] bool is_one_place(const std::vector<Endpoint>& left, const std::vector<Endpoint>& right);

/// What is not safe about a dashboard that other machines reach without HTTPS; empty: nothing that the settings show. A trusted proxy may
/// speak it.
[[nodiscard]] std::string warning_of_plain_log_in(const std::vector<Endpoint>& dashboard, bool tls,
                                                  const std::vector<IpPrefix>& trusted_proxies);

/// When one has arrived so, whatever the settings let expect.
[[nodiscard]] std::string warning_of_arrived_plain_log_in();

/// True when a socket can be bound to ::1.
[[nodiscard]] bool machine_has_ipv6();

/// Names of the settings whose values differ.
[[nodiscard]] std::vector<std::string> differing_settings(const Settings& left, const Settings& right);

}  // namespace vpn_sentinel

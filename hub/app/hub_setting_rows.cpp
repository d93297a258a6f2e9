// The table of the hub's settings.
#include <array>

#include "hub/app/hub_settings.hpp"

namespace vpn_sentinel {
namespace {

using Type = SettingRow::Type;

constexpr std::array setting_rows{
    SettingRow{"api_key", "VPN_SENTINEL_API_KEY", Type::secret, "",
               "Key that probes send with their reports; without it and without client keys the API listens on loopback only"},
    SettingRow{"api_path", "VPN_SENTINEL_API_PATH", Type::text, "/api/v1", "Path of the API"},
    SettingRow{"api_port", "VPN_SENTINEL_SERVER_API_PORT", Type::integer, "5000", "Port of the API; 0 switches it off", 0, 65535},
    SettingRow{"bind", "VPN_SENTINEL_SERVER_BIND", Type::list, "", "Addresses of the API; empty: all with an API key, loopback without"},
    SettingRow{"allowed_ips", "VPN_SENTINEL_SERVER_ALLOWED_IPS", Type::list, "",
               "Addresses and networks (CIDR) that may use the API; empty: all"},
    SettingRow{"trusted_proxies", "VPN_SENTINEL_SERVER_TRUSTED_PROXIES", Type::list, "",
               "Addresses and networks (CIDR) of proxies whose X-Forwarded-For names the client; without it the header is ignored"},
    SettingRow{"rate_limit", "VPN_SENTINEL_SERVER_RATE_LIMIT", Type::integer, "6000",
               "API requests per minute, as many at once, of one address (IPv6: /64) and of one client key; "
               "each 4 KiB of a body count as one; 0: no limit",
               0, 6'000'000},
    SettingRow{"max_clients", "VPN_SENTINEL_SERVER_MAX_CLIENTS", Type::integer, "100000",
               "Clients that the hub knows at most; reports of new ones are refused then, those of known ones are taken; 0: no limit; "
               "a change needs a restart",
               0, 10'000'000},
    SettingRow{
        "clients_per_key", "VPN_SENTINEL_SERVER_CLIENTS_PER_KEY", Type::integer, "10000",
        "Of these, clients that one key has told first, the shared key like any other: raise it before a larger fleet with one key is "
        "upgraded; 0: no limit; a change needs a restart",
        0, 10'000'000},
    SettingRow{"dashboard_enabled", "VPN_SENTINEL_SERVER_WEB_DASHBOARD_ENABLED", Type::boolean, "true", "Serve the dashboard"},
    SettingRow{"dashboard_port", "VPN_SENTINEL_SERVER_DASHBOARD_PORT", Type::integer, "8080",
               "Port of the dashboard, may be the API's; 0 switches it off", 0, 65535},
    SettingRow{
        "dashboard_bind", "VPN_SENTINEL_DASHBOARD_BIND", Type::list, "",
        "Addresses of the dashboard; empty: all with users or a password, loopback without; elsewhere than on loopback it always asks "
        "for a log-in"},
    SettingRow{
        "dashboard_allowed_ips", "VPN_SENTINEL_DASHBOARD_ALLOWED_IPS", Type::list, "",
        "Addresses and networks (CIDR) that may open the dashboard, badges and the status page aside; empty: all; log-in and data are "
        "served by the API, too: see VPN_SENTINEL_SERVER_ALLOWED_IPS"},
    SettingRow{"dashboard_rate_limit", "VPN_SENTINEL_DASHBOARD_RATE_LIMIT", Type::integer, "6000",
               "Requests per minute, as many at once, of one address (IPv6: /64) to the dashboard; 0: no limit", 0, 6'000'000},
    SettingRow{"dashboard_password", "VPN_SENTINEL_DASHBOARD_PASSWORD", Type::secret, "",
               "Password of the dashboard, with any user name, as long as nobody has an account"},
    SettingRow{"admin_user", "VPN_SENTINEL_ADMIN_USER", Type::text, "",
               "Name of the first admin, who is made when there are no users yet; empty: whoever has the one-time token of the log"},
    SettingRow{"admin_password", "VPN_SENTINEL_ADMIN_PASSWORD", Type::secret, "", "Password of the first admin, 10 bytes or more"},
    SettingRow{"session_idle_minutes", "VPN_SENTINEL_SESSION_IDLE_MINUTES", Type::integer, "720",
               "Minutes without a request or an open page after which a log-in ends", 1, 525'600},
    SettingRow{"session_days", "VPN_SENTINEL_SESSION_DAYS", Type::integer, "30", "Days after which a log-in ends in any case", 1, 3650},
    SettingRow{"forward_auth_header", "VPN_SENTINEL_FORWARD_AUTH_HEADER", Type::text, "",
               "Header in which a proxy that has checked the user names him, such as Remote-User; he must be a user of the hub"},
    SettingRow{"forward_auth_proxies", "VPN_SENTINEL_FORWARD_AUTH_PROXIES", Type::list, "",
               "Addresses and networks (CIDR) of the proxies that may send that header; from others it is ignored"},
    SettingRow{"health_port", "VPN_SENTINEL_SERVER_HEALTH_PORT", Type::integer, "8081",
               "Port of the health pages, may be another's; 0 switches them off", 0, 65535},
    SettingRow{"health_bind", "VPN_SENTINEL_HEALTH_BIND", Type::list, "",
               "Addresses of the health pages; empty: all with an API key, loopback without"},
    SettingRow{
        "health_allowed_ips", "VPN_SENTINEL_HEALTH_ALLOWED_IPS", Type::list, "",
        "Addresses and networks (CIDR) that may ask for the health pages and /metrics; empty: all; /health/startup stays open, and the "
        "hub's own machine may ask for /health unless it is a trusted proxy; a proxy on this machine must send X-Forwarded-For"},
    SettingRow{"health_rate_limit", "VPN_SENTINEL_HEALTH_RATE_LIMIT", Type::integer, "600",
               "Requests per minute, as many at once, of one address (IPv6: /64) to the health pages, but for the hub's own machine; 0: no "
               "limit",
               0, 6'000'000},
    SettingRow{"client_timeout_minutes", "VPN_SENTINEL_CLIENT_TIMEOUT_MINUTES", Type::integer, "30",
               "Minutes of silence after which a client that names no lease is offline", 1, 10080},
    SettingRow{"group_rules", "VPN_SENTINEL_GROUP_RULES", Type::list, "any",
               "How probes of one group are judged together: any, all, quorum (more than half) or quorum:N; NAME=RULE for one group"},
    SettingRow{
        "public_addresses", "VPN_SENTINEL_SERVER_PUBLIC_ADDRESSES", Type::list, "",
        "The hub's own addresses as the Internet sees them (CIDR too): a client whose exit is one of them is not protected; empty: not "
        "compared here"},
    SettingRow{"telegram_bot_token", "TELEGRAM_BOT_TOKEN", Type::secret, "", "Token of the Telegram bot that sends the alerts"},
    SettingRow{"telegram_chat_id", "TELEGRAM_CHAT_ID", Type::text, "", "Telegram chat that gets the alerts"},
    SettingRow{"telegram_enabled", "VPN_SENTINEL_TELEGRAM_ENABLED", Type::text, "auto",
               "true, false or auto (when token and chat are given)"},
    SettingRow{
        "telegram_commands", "VPN_SENTINEL_TELEGRAM_COMMANDS", Type::text, "auto",
        "Whether the bot answers commands (/status, /client, /mute …) and its alerts have buttons: true, false or auto (when alerts go to "
        "Telegram); of several hubs with one bot only one can"},
    SettingRow{"telegram_command_chats", "VPN_SENTINEL_TELEGRAM_COMMAND_CHATS", Type::list, "",
               "Telegram chats (ids, or @name of public ones) that may ask, mute and acknowledge; empty: the chats that get the alerts"},
    SettingRow{"telegram_api_url", "VPN_SENTINEL_TELEGRAM_API_URL", Type::text, "https://api.telegram.org", "Address of the Bot API"},
    SettingRow{"alerts_file", "VPN_SENTINEL_ALERTS_FILE", Type::text, "/etc/vpn-sentinel/alerts.toml",
               "File with more channels of alerts, rules and maintenance windows; need not exist; SIGHUP reads it again"},
    SettingRow{"heartbeat_url", "VPN_SENTINEL_HEARTBEAT_URL", Type::secret, "",
               "Address that is asked by GET as long as the hub stores reports: whoever serves it notices when the hub is gone; "
               "SIGHUP reads it again"},
    SettingRow{"heartbeat", "VPN_SENTINEL_HEARTBEAT", Type::seconds, "60s", "Pause between two heartbeats; SIGHUP reads it again", 10,
               86'400},
    SettingRow{"ca_file", "VPN_SENTINEL_CA_FILE", Type::text, "", "CA bundle (PEM) for outgoing HTTPS; empty: the system's"},
    SettingRow{"data_dir", "VPN_SENTINEL_DATA_DIR", Type::text, "/var/lib/vpn-sentinel", "Folder of the database"},
    SettingRow{"retention_days", "VPN_SENTINEL_RETENTION_DAYS", Type::integer, "30", "Days after which reports are removed", 1, 3650},
    SettingRow{"database_size_mb", "VPN_SENTINEL_DATABASE_SIZE_MB", Type::integer, "2048",
               "Largest size of the database in MiB: the oldest reports go first, then minutes, hours; a quarter is for flows; 0: no limit",
               0, 16'777'216},
    SettingRow{"io_threads", "VPN_SENTINEL_IO_THREADS", Type::integer, "0", "Threads that serve HTTP; 0: one per core, at most 4", 0, 64},
    SettingRow{"metrics_clients", "VPN_SENTINEL_METRICS_CLIENTS", Type::boolean, "false",
               "Name each client with its state in /metrics, for everybody who reaches the health pages"},
    SettingRow{"badges", "VPN_SENTINEL_BADGES", Type::list, "",
               "Clients and groups (group:NAME) whose name and state everybody who reaches the API or the dashboard may see as a picture, "
               "/badge/ID.svg; 'office-*' stands for all that begin so; empty: none"},
    SettingRow{"status_page", "VPN_SENTINEL_STATUS_PAGE", Type::list, "",
               "Clients and groups (group:NAME, 'office-*') whose name and state everybody who reaches the API or the dashboard may see at "
               "/status-page; 'ID=Name' shows another name; empty: there is no such page"},
    SettingRow{"status_page_title", "VPN_SENTINEL_STATUS_PAGE_TITLE", Type::text, "Status", "Headline of that page"},
    SettingRow{"own_address", "VPN_SENTINEL_SERVER_OWN_ADDRESS", Type::boolean, "true",
               "Ask by which address the Internet sees the hub and where that is, for the dashboard only"},
    SettingRow{"trace_urls", "VPN_SENTINEL_TRACE_URLS", Type::list,
               "https://api.cloudflare.com/cdn-cgi/trace,https://www.cloudflare.com/cdn-cgi/trace,https://one.one.one.one/cdn-cgi/trace",
               "Services that tell that address, tried in order"},
    SettingRow{"ipinfo_url", "VPN_SENTINEL_IPINFO_URL", Type::text, "https://ipinfo.io/json",
               "ipinfo.io or a mirror: asked where that address is when no .mmdb file of the usual folders knows; none: nobody is"},
    SettingRow{"log_level", "VPN_SENTINEL_LOG_LEVEL", Type::text, "info",
               "debug, info, warning or error; SIGHUP reads it again from the file"},
    SettingRow{"tls_cert_path", "VPN_SENTINEL_TLS_CERT_PATH", Type::text, "",
               "Certificate chain (PEM) of the API and the dashboard, which then speak HTTPS; read again when it changes"},
    SettingRow{"tls_key_path", "VPN_SENTINEL_TLS_KEY_PATH", Type::text, "", "Private key (PEM, not encrypted) of the certificate"},
    SettingRow{"tls_client_ca_path", "VPN_SENTINEL_TLS_CLIENT_CA_PATH", Type::text, "", "CA (PEM) that signs client certificates"},
    SettingRow{"tls_client_cert", "VPN_SENTINEL_TLS_CLIENT_CERT", Type::text, "off",
               "Client certificates: off, optional or required (for the API and the dashboard)"},
    SettingRow{"connections_per_address", "VPN_SENTINEL_SERVER_CONNECTIONS_PER_ADDRESS", Type::integer, "4096",
               "Connections that one IPv4 address or IPv6 /64 may have at each listener", 1, 1000000},
};

}  // namespace

std::span<const SettingRow> hub_setting_rows() { return setting_rows; }

std::vector<std::string> differing_settings(const Settings& left, const Settings& right) {
  std::vector<std::string> names;
  for (const auto& row : setting_rows) {
    if (left.text(row.key) != right.text(row.key)) names.emplace_back(row.environment);
  }
  return names;
}

}  // namespace vpn_sentinel

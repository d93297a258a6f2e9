#include "hub/app/hub_settings.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include "hub/accounts/account_file.hpp"
#include "hub/accounts/password.hpp"
#include "hub/app/alerts_file.hpp"
#include "hub/app/key_file.hpp"
#include "hub/http/api.hpp"
#include "hub/http/client_address.hpp"
#include "netns/base/fd.hpp"
#include "netns/clients/http_url.hpp"

namespace vpn_sentinel {
namespace {

using Type = SettingRow::Type;

constexpr std::array rows{
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
    SettingRow{"dashboard_enabled", "VPN_SENTINEL_SERVER_WEB_DASHBOARD_ENABLED", Type::boolean, "true", "Serve the dashboard"},
    SettingRow{"dashboard_port", "VPN_SENTINEL_SERVER_DASHBOARD_PORT", Type::integer, "8080",
               "Port of the dashboard, may be the API's; 0 switches it off", 0, 65535},
    SettingRow{
        "dashboard_bind", "VPN_SENTINEL_DASHBOARD_BIND", Type::list, "",
        "Addresses of the dashboard; empty: all with users or a password, loopback without; elsewhere than on loopback it always asks "
        "for a log-in"},
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
               "Address that is asked by GET as long as the hub stores reports: whoever serves it notices when the hub is gone"},
    SettingRow{"heartbeat", "VPN_SENTINEL_HEARTBEAT", Type::seconds, "60s", "Pause between two heartbeats", 10, 86'400},
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
    SettingRow{"log_level", "VPN_SENTINEL_LOG_LEVEL", Type::text, "info", "debug, info, warning or error; SIGHUP reads it again"},
    SettingRow{"tls_cert_path", "VPN_SENTINEL_TLS_CERT_PATH", Type::text, "",
               "Certificate chain (PEM) of the API and the dashboard, which then speak HTTPS; read again when it changes"},
    SettingRow{"tls_key_path", "VPN_SENTINEL_TLS_KEY_PATH", Type::text, "", "Private key (PEM, not encrypted) of the certificate"},
    SettingRow{"tls_client_ca_path", "VPN_SENTINEL_TLS_CLIENT_CA_PATH", Type::text, "", "CA (PEM) that signs client certificates"},
    SettingRow{"tls_client_cert", "VPN_SENTINEL_TLS_CLIENT_CERT", Type::text, "off",
               "Client certificates: off, optional or required (for the API and the dashboard)"},
    SettingRow{"connections_per_address", "VPN_SENTINEL_SERVER_CONNECTIONS_PER_ADDRESS", Type::integer, "4096",
               "Connections that one IPv4 address or IPv6 /64 may have at each listener", 1, 1000000},
};

/// Of the status page.
constexpr std::size_t longest_title = 80;

std::string_view name_of(std::string_view key) { return std::ranges::find(rows, key, &SettingRow::key)->environment; }

tl::unexpected<Error> wrong(const Settings& settings, std::string_view key, std::string_view value, std::string_view expected) {
  return fail(Error::Kind::invalid, fmt::format("{} = '{}' (from {}): expected {}", name_of(key), value, settings.origin(key), expected));
}

std::vector<IpAddress> default_addresses(bool everywhere, bool has_ipv6) {
  std::vector<IpAddress> addresses;
  for (const auto* const text : everywhere ? std::array{"0.0.0.0", "::"} : std::array{"127.0.0.1", "::1"}) {
    const auto address = IpAddress::parse(text).value();
    if (address.is_v4() || has_ipv6) addresses.push_back(address);
  }
  return addresses;
}

/// Where one listener stands, and whether it may be reached from other machines.
struct ListenerKeys {
  std::string_view port;
  std::string_view bind;
  bool everywhere;          ///< by default
  std::string_view secret;  ///< the setting without which only loopback addresses are accepted; empty: none is needed
};

Result<std::vector<Endpoint>> read_endpoints(const Settings& settings, const ListenerKeys& keys, bool has_ipv6) {
  const auto port = static_cast<std::uint16_t>(settings.integer(keys.port));
  std::vector<IpAddress> addresses;
  for (const auto& item : settings.list(keys.bind)) {
    const auto address = IpAddress::parse(item);
    if (!address) return wrong(settings, keys.bind, item, "an IP address of this machine, such as 127.0.0.1, 0.0.0.0 or ::");
    if (!address->is_loopback() && !keys.secret.empty() && !keys.everywhere) {
      return fail(Error::Kind::invalid,
                  fmt::format("{} = '{}' (from {}): without {} only loopback addresses (127.0.0.1, ::1) are safe; "
                              "set {}, or bind to 127.0.0.1",
                              name_of(keys.bind), item, settings.origin(keys.bind), name_of(keys.secret), name_of(keys.secret)));
    }
    addresses.push_back(*address);
  }
  if (port == 0) return std::vector<Endpoint>{};
  if (addresses.empty()) addresses = default_addresses(keys.everywhere, has_ipv6);
  std::vector<Endpoint> endpoints;
  endpoints.reserve(addresses.size());
  for (const auto& address : addresses) endpoints.push_back({address, port});
  return endpoints;
}

bool asks_for_log_in(const HubConfig& config) {
  return config.has_users || !config.admin_user.empty() || !config.dashboard_password.empty();
}

Result<void> read_listeners(const Settings& settings, bool has_ipv6, HubConfig& config) {
  const bool has_key = !config.api_key.empty() || !config.client_keys.empty();
  auto api = read_endpoints(settings, {"api_port", "bind", has_key, "api_key"}, has_ipv6);
  if (!api) return fail(api.error());
  config.api_endpoints = std::move(*api);
  auto health = read_endpoints(settings, {"health_port", "health_bind", has_key, ""}, has_ipv6);
  if (!health) return fail(health.error());
  config.health_endpoints = std::move(*health);
  auto dashboard = read_endpoints(settings, {"dashboard_port", "dashboard_bind", asks_for_log_in(config), ""}, has_ipv6);
  if (!dashboard) return fail(dashboard.error());
  if (settings.boolean("dashboard_enabled")) config.dashboard_endpoints = std::move(*dashboard);
  return {};
}

bool overlap(const Endpoint& left, const Endpoint& right) {
  if (left.port != right.port || left.address.is_v4() != right.address.is_v4()) return false;
  return left.address == right.address || left.address.is_unspecified() || right.address.is_unspecified();
}

/// Listeners at exactly the same place are joined into one. Where they share only a part, binding would fail later with "address in use",
/// which sends people looking for another program.
Result<void> check_ports(const HubConfig& config, const Settings& settings) {
  constexpr std::array keys{"api_port", "dashboard_port", "health_port"};
  const std::array lists{&config.api_endpoints, &config.dashboard_endpoints, &config.health_endpoints};
  for (std::size_t i = 0; i < lists.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const auto& left = *lists.at(i);
      const auto& right = *lists.at(j);
      if (std::ranges::is_permutation(left, right)) continue;
      const bool collide = std::ranges::any_of(
          left, [&](const auto& one) { return std::ranges::any_of(right, [&](const auto& other) { return overlap(one, other); }); });
      if (!collide) continue;
      return wrong(settings, keys.at(i), settings.text(keys.at(i)),
                   fmt::format("another port than {}, or exactly the same addresses (one listener serves both then)", name_of(keys.at(j))));
    }
  }
  return {};
}

/// "::ffff:192.0.2.0/120" means 192.0.2.0/24: that is how such a peer is seen.
Result<void> read_prefixes(const Settings& settings, std::string_view key, std::vector<IpPrefix>& prefixes) {
  for (const auto& item : settings.list(key)) {
    const auto prefix = IpPrefix::parse(item);
    if (!prefix) return wrong(settings, key, item, "addresses or networks such as 192.0.2.7 or 192.0.2.0/24");
    prefixes.push_back(unmapped(*prefix));
  }
  return {};
}

Result<void> read_access(const Settings& settings, HubConfig& config) {
  config.rate_limit = static_cast<unsigned>(settings.integer("rate_limit"));
  return read_prefixes(settings, "allowed_ips", config.allowed).and_then([&] {
    return read_prefixes(settings, "trusted_proxies", config.trusted_proxies);
  });
}

Result<void> read_client_keys(const Settings& settings, HubConfig& config) {
  config.data_dir = settings.text("data_dir");
  if (!config.data_dir.starts_with('/')) return wrong(settings, "data_dir", config.data_dir, "an absolute path");
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
  if (!token) return wrong(settings, "forward_auth_header", config.forward_auth_header, "the name of a header, such as Remote-User");
  if (config.forward_auth_header.empty() == config.forward_auth_proxies.empty()) return {};
  const bool header = !config.forward_auth_header.empty();
  return fail(Error::Kind::invalid, fmt::format("{} is set but {} is not: nobody could log in so; set both or neither",
                                                name_of(header ? "forward_auth_header" : "forward_auth_proxies"),
                                                name_of(header ? "forward_auth_proxies" : "forward_auth_header")));
}

/// After read_client_keys(), which reads the data folder.
Result<void> read_accounts(const Settings& settings, HubConfig& config) {
  config.admin_user = settings.text("admin_user");
  config.admin_password = settings.text("admin_password");
  config.session_limits.idle = std::chrono::minutes{settings.integer("session_idle_minutes")};
  config.session_limits.absolute = std::chrono::hours{24 * settings.integer("session_days")};
  if (!config.admin_user.empty() && !is_valid_user_name(config.admin_user)) {
    return wrong(settings, "admin_user", config.admin_user, "1-64 characters out of A-Z a-z 0-9 . _ @ -");
  }
  if (config.admin_user.empty() != config.admin_password.empty()) {
    return fail(Error::Kind::invalid,
                fmt::format("{} and {} go together: set both or neither", name_of("admin_user"), name_of("admin_password")));
  }
  if (!config.admin_user.empty() && !is_valid_password(config.admin_password)) {
    return fail(Error::Kind::invalid,
                fmt::format("{} (from {}): expected {}", name_of("admin_password"), settings.origin("admin_password"), password_rule));
  }
  const auto users = has_accounts(config.data_dir);
  if (!users) return fail(users.error());
  config.has_users = *users;
  return read_forward_auth(settings, config);
}

/// "auto", "true" or "false".
Result<std::string> read_choice(const Settings& settings, std::string_view key) {
  auto wanted = settings.text(key);
  std::ranges::transform(wanted, wanted.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (wanted != "auto" && wanted != "true" && wanted != "false") return wrong(settings, key, wanted, "true, false or auto");
  return wanted;
}

bool is_chat(std::string_view text) {
  const bool named = text.starts_with('@');
  const auto rest = text.substr(named || text.starts_with('-') ? 1 : 0);
  return !rest.empty() && rest.size() <= 32 && std::ranges::all_of(rest, [&](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return (c >= '0' && c <= '9') || (named && letter);
  });
}

/// After read_channels().
Result<void> read_telegram_commands(const Settings& settings, HubConfig& config) {
  const auto wanted = read_choice(settings, "telegram_commands");
  if (!wanted) return fail(wanted.error());
  const bool possible =
      std::ranges::any_of(config.channels, [](const auto& channel) { return channel.kind == ChannelConfig::Kind::telegram; });
  if (*wanted == "true" && !possible) {
    return wrong(settings, "telegram_commands", *wanted, "alerts by Telegram to be on as well (TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID)");
  }
  config.telegram_commands = *wanted != "false" && possible;
  config.telegram_command_chats = settings.list("telegram_command_chats");
  for (const auto& chat : config.telegram_command_chats) {
    if (!is_chat(chat)) return wrong(settings, "telegram_command_chats", chat, "the number of a chat, such as -1001234567890, or @name");
  }
  return {};
}

Result<void> read_telegram(const Settings& settings, HubConfig& config) {
  const auto choice = read_choice(settings, "telegram_enabled");
  if (!choice) return fail(choice.error());
  const auto& wanted = *choice;
  const auto& token = settings.text("telegram_bot_token");
  const auto& chat = settings.text("telegram_chat_id");
  const bool complete = !token.empty() && !chat.empty();
  if (wanted == "true" && !complete) {
    return wrong(settings, "telegram_enabled", wanted, "TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID to be set as well");
  }
  if (wanted != "false" && !complete && (!token.empty() || !chat.empty())) {
    return fail(Error::Kind::invalid, fmt::format("{} is set but {} is not: alerts would silently not be sent; set both or neither",
                                                  name_of(token.empty() ? "telegram_chat_id" : "telegram_bot_token"),
                                                  name_of(token.empty() ? "telegram_bot_token" : "telegram_chat_id")));
  }
  const auto& url = settings.text("telegram_api_url");
  if (!url.starts_with("https://") && !url.starts_with("http://"))
    return wrong(settings, "telegram_api_url", url, "a URL such as https://…");
  if (wanted == "false" || !complete) return {};
  config.telegram = TelegramOptions{};
  config.telegram->api_url = url;
  config.telegram->bot_token = token;
  config.telegram->chat_id = chat;
  config.telegram->ca_file = settings.text("ca_file");
  return {};
}

/// After read_telegram(): its settings are one of the channels.
Result<void> read_alerts(const Settings& settings, HubConfig& config) {
  const auto& path = settings.text("alerts_file");
  auto file = read_alerts_file(path, settings.is_set("alerts_file"), read_environment());
  if (!file) {
    return fail(file.error().kind,
                fmt::format("{} (from {}): {}", name_of("alerts_file"), settings.origin("alerts_file"), file.error().message));
  }
  config.channels = std::move(file->channels);
  config.alerts = std::move(file->desk);
  config.alerts_warning = std::move(file->warning);
  config.alerts.join_wait = Desk::usual_join_wait;
  if (config.telegram) {
    if (std::ranges::find(config.channels, "telegram", &ChannelConfig::name) != config.channels.end()) {
      return fail(Error::Kind::invalid,
                  fmt::format("{}: channel 'telegram': {} makes a channel of that name; give this one another name, or "
                              "set {} to false",
                              path, name_of("telegram_bot_token"), name_of("telegram_enabled")));
    }
    config.channels.insert(config.channels.begin(), channel_of(*config.telegram));
  }
  std::vector<std::string> names;
  for (const auto& channel : config.channels) names.push_back(channel.name);
  return check_channels(config.alerts, names);
}

Result<ClientCertificates> read_client_certificates(const Settings& settings) {
  const auto& wanted = settings.text("tls_client_cert");
  if (wanted == "off") return ClientCertificates::off;
  if (wanted == "optional") return ClientCertificates::optional;
  if (wanted == "required") return ClientCertificates::required;
  return wrong(settings, "tls_client_cert", wanted, "off, optional or required");
}

tl::unexpected<Error> needs(const Settings& settings, std::string_view set, std::string_view missing, std::string_view why) {
  return fail(Error::Kind::invalid, fmt::format("{} = '{}' (from {}): {} is not set; {}", name_of(set), settings.text(set),
                                                settings.origin(set), name_of(missing), why));
}

Result<void> read_tls(const Settings& settings, HubConfig& config) {
  const auto clients = read_client_certificates(settings);
  if (!clients) return fail(clients.error());
  const TlsFiles files{settings.text("tls_cert_path"), settings.text("tls_key_path"), settings.text("tls_client_ca_path"), *clients};
  constexpr auto pair = "set both for HTTPS, neither for plain HTTP";
  if (files.key.empty() && !files.certificate.empty()) return needs(settings, "tls_cert_path", "tls_key_path", pair);
  if (files.certificate.empty() && !files.key.empty()) return needs(settings, "tls_key_path", "tls_cert_path", pair);
  constexpr auto who = "who comes would not be checked";
  const bool asks = *clients != ClientCertificates::off;
  if (asks && files.client_ca.empty()) return needs(settings, "tls_client_cert", "tls_client_ca_path", who);
  if (asks && files.certificate.empty()) return needs(settings, "tls_client_cert", "tls_cert_path", who);
  if (!asks && !files.client_ca.empty()) {
    return fail(Error::Kind::invalid, fmt::format("{} = '{}' (from {}): {} is off; set it to optional or required, or unset the CA",
                                                  name_of("tls_client_ca_path"), files.client_ca, settings.origin("tls_client_ca_path"),
                                                  name_of("tls_client_cert")));
  }
  if (files.certificate.empty()) return {};
  if (const auto checked = TlsCredentials::load(files); !checked) {
    const auto& message = checked.error().message;
    std::string_view key = "tls_cert_path";
    if (message.starts_with(files.client_ca + ":") && !files.client_ca.empty()) key = "tls_client_ca_path";
    if (message.starts_with(files.key + ":")) key = "tls_key_path";
    return fail(Error::Kind::invalid, fmt::format("{} (from {}): {}", name_of(key), settings.origin(key), message));
  }
  config.tls = files;
  return {};
}

Result<void> read_status_page(const Settings& settings, HubConfig& config) {
  for (const auto& item : settings.list("status_page")) {
    auto pick = parse_status_page_pick(item);
    if (!pick) return wrong(settings, "status_page", item, pick.error().message);
    config.status_page.push_back(std::move(*pick));
  }
  config.status_page_title = settings.text("status_page_title");
  if (!config.status_page_title.empty() && config.status_page_title.size() <= longest_title) return {};
  return wrong(settings, "status_page_title", config.status_page_title, fmt::format("1-{} bytes", longest_title));
}

Result<void> read_own_address(const Settings& settings, HubConfig& config) {
  const auto is_url = [](const std::string& text) { return HttpUrl::parse(text).has_value(); };
  for (const auto& url : settings.list("trace_urls")) {
    if (!is_url(url)) return wrong(settings, "trace_urls", url, "http:// or https:// URLs");
  }
  const auto ipinfo = settings.text("ipinfo_url") == "none" ? std::string() : settings.text("ipinfo_url");
  if (!ipinfo.empty() && !is_url(ipinfo)) return wrong(settings, "ipinfo_url", ipinfo, "an http:// or https:// URL, or none");
  if (!settings.boolean("own_address")) return {};
  config.trace_urls = settings.list("trace_urls");
  config.ipinfo_url = ipinfo;
  return {};
}

Result<void> read_rest(const Settings& settings, HubConfig& config) {
  const auto level = parse_log_level(settings.text("log_level"));
  if (!level) return wrong(settings, "log_level", settings.text("log_level"), "debug, info, warning or error");
  config.log_level = *level;
  const auto& ca_file = settings.text("ca_file");
  if (!ca_file.empty() && access(ca_file.c_str(), R_OK) != 0) return wrong(settings, "ca_file", ca_file, "a readable PEM file");
  config.ca_file = ca_file;
  config.heartbeat_url = settings.text("heartbeat_url");
  config.heartbeat_interval = settings.duration("heartbeat");
  if (!config.heartbeat_url.empty() && !HttpUrl::parse(config.heartbeat_url)) {
    return fail(Error::Kind::invalid, fmt::format("{} (from {}): expected a URL such as https://example.org/…, without user",
                                                  name_of("heartbeat_url"), settings.origin("heartbeat_url")));
  }
  config.connections_per_address = static_cast<std::size_t>(settings.integer("connections_per_address"));
  auto groups = parse_group_rules(settings.list("group_rules"));
  if (!groups) {
    return fail(Error::Kind::invalid,
                fmt::format("{} (from {}): {}", name_of("group_rules"), settings.origin("group_rules"), groups.error().message));
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
    if (!is_valid_client_pattern(name)) return wrong(settings, "badges", pattern, "client ids, 'office-*' or group:NAME");
  }
  if (auto read = read_status_page(settings, config).and_then([&] { return read_own_address(settings, config); }); !read) return read;
  const auto threads = static_cast<unsigned>(settings.integer("io_threads"));
  config.io_threads = threads != 0 ? threads : std::clamp(std::thread::hardware_concurrency(), 1U, 4U);
  return {};
}

/// The path becomes part of every route.
Result<void> read_api_path(const Settings& settings, HubConfig& config) {
  const auto& path = settings.text("api_path");
  const bool plain = std::ranges::all_of(path, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '_' || c == '.';
  });
  if (!plain) return wrong(settings, "api_path", path, "a path of letters, digits, '/', '-', '_' and '.', such as /api/v1");
  config.api_prefix = api_prefix(path);
  return {};
}

}  // namespace

AccessRules access_rules(const HubConfig& config) {
  return {config.allowed, config.trusted_proxies, config.rate_limit, Keyring(config.api_key, config.client_keys)};
}

std::span<const SettingRow> hub_setting_rows() { return rows; }

bool is_one_place(const std::vector<Endpoint>& left, const std::vector<Endpoint>& right) {
  return !left.empty() && left.front().port != 0 && std::ranges::is_permutation(left, right);
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
                    .and_then([&] { return read_rest(settings, config); });
  if (!result) return fail(result.error());
  return config;
}

bool machine_has_ipv6() {
  const Fd fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const auto length = Endpoint{IpAddress::parse("::1").value(), 0}.to_sockaddr(address);
  return fd && bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0;
}

std::vector<std::string> differing_settings(const Settings& left, const Settings& right) {
  std::vector<std::string> names;
  for (const auto& row : rows) {
    if (left.text(row.key) != right.text(row.key)) names.emplace_back(row.environment);
  }
  return names;
}

}  // namespace vpn_sentinel

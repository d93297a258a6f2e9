// Where the hub listens, by which certificate and path.
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "hub/app/setting_readers.hpp"
#include "hub/http/api.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

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
    if (!address) return wrong_setting(settings, keys.bind, item, "an IP address of this machine, such as 127.0.0.1, 0.0.0.0 or ::");
    if (!address->is_loopback() && !keys.secret.empty() && !keys.everywhere) {
      return fail(Error::Kind::invalid, fmt::format("{} = '{}' (from {}): without {} only loopback addresses (127.0.0.1, ::1) are safe; "
                                                    "set {}, or bind to 127.0.0.1",
                                                    settings.name(keys.bind), item, settings.origin(keys.bind), settings.name(keys.secret),
                                                    settings.name(keys.secret)));
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

bool overlap(const Endpoint& left, const Endpoint& right) {
  if (left.port != right.port || left.address.is_v4() != right.address.is_v4()) return false;
  return left.address == right.address || left.address.is_unspecified() || right.address.is_unspecified();
}

Result<ClientCertificates> read_client_certificates(const Settings& settings) {
  const auto& wanted = settings.text("tls_client_cert");
  if (wanted == "off") return ClientCertificates::off;
  if (wanted == "optional") return ClientCertificates::optional;
  if (wanted == "required") return ClientCertificates::required;
  return wrong_setting(settings, "tls_client_cert", wanted, "off, optional or required");
}

tl::unexpected<Error> needs(const Settings& settings, std::string_view set, std::string_view missing, std::string_view why) {
  return fail(Error::Kind::invalid, fmt::format("{} = '{}' (from {}): {} is not set; {}", settings.name(set), settings.text(set),
                                                settings.origin(set), settings.name(missing), why));
}

}  // namespace

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
      return wrong_setting(
          settings, keys.at(i), settings.text(keys.at(i)),
          fmt::format("another port than {}, or exactly the same addresses (one listener serves both then)", settings.name(keys.at(j))));
    }
  }
  return {};
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
                                                  settings.name("tls_client_ca_path"), files.client_ca,
                                                  settings.origin("tls_client_ca_path"), settings.name("tls_client_cert")));
  }
  if (files.certificate.empty()) return {};
  if (const auto checked = TlsCredentials::load(files); !checked) {
    const auto& message = checked.error().message;
    std::string_view key = "tls_cert_path";
    if (message.starts_with(files.client_ca + ":") && !files.client_ca.empty()) key = "tls_client_ca_path";
    if (message.starts_with(files.key + ":")) key = "tls_key_path";
    return fail(Error::Kind::invalid, fmt::format("{} (from {}): {}", settings.name(key), settings.origin(key), message));
  }
  config.tls = files;
  return {};
}

Result<void> read_api_path(const Settings& settings, HubConfig& config) {
  const auto& path = settings.text("api_path");
  const bool plain = std::ranges::all_of(path, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '_' || c == '.';
  });
  if (!plain) return wrong_setting(settings, "api_path", path, "a path of letters, digits, '/', '-', '_' and '.', such as /api/v1");
  config.api_prefix = api_prefix(path);
  return {};
}

std::string warning_of_plain_log_in(const std::vector<Endpoint>& dashboard, bool tls, const std::vector<IpPrefix>& trusted_proxies) {
  const bool reachable = std::ranges::any_of(dashboard, [](const Endpoint& each) { return !each.address.is_loopback(); });
  if (!reachable || tls || !trusted_proxies.empty()) return {};
  return "The dashboard is reached from other machines by plain HTTP: passwords and session cookies (without Secure) can be read on the "
         "way. "
         "Set VPN_SENTINEL_TLS_CERT_PATH and VPN_SENTINEL_TLS_KEY_PATH, or listen on loopback behind a proxy with HTTPS that "
         "VPN_SENTINEL_SERVER_TRUSTED_PROXIES names.";
}

std::string warning_of_arrived_plain_log_in() {
  return "Since the hub's start a log-in came from another machine by plain HTTP, at the dashboard or the API: its password could be read "
         "on "
         "the way. "
         "Let nobody reach the hub past the proxy with HTTPS (bind to loopback), and let that proxy send X-Forwarded-Proto; or set "
         "VPN_SENTINEL_TLS_CERT_PATH and VPN_SENTINEL_TLS_KEY_PATH.";
}

bool is_one_place(const std::vector<Endpoint>& left, const std::vector<Endpoint>& right) {
  return !left.empty() && left.front().port != 0 && std::ranges::is_permutation(left, right);
}

bool machine_has_ipv6() {
  const Fd fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const auto length = Endpoint{IpAddress::parse("::1").value(), 0}.to_sockaddr(address);
  return fd && bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0;
}

}  // namespace vpn_sentinel

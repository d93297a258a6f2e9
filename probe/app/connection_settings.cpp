#include "probe/app/connection_settings.hpp"

#include <fmt/format.h>

namespace vpn_sentinel {

Result<ConnectionsPolicy> make_connections_policy(const Settings& settings) {
  const auto wrong = [&settings](const char* key, const char* environment, const char* expected) {
    return fail(Error::Kind::invalid,
                fmt::format("{} = '{}' (from {}): expected {}", environment, settings.text(key), settings.origin(key), expected));
  };
  ConnectionsPolicy policy;
  const auto mode = parse_connections_mode(settings.text("connections"));
  if (!mode) return wrong("connections", "VPN_SENTINEL_CONNECTIONS", "auto, ebpf, sock_diag, conntrack, nflog or off");
  policy.mode = *mode;
  const auto destinations = parse_destination_detail(settings.text("destinations"));
  if (!destinations) return wrong("destinations", "VPN_SENTINEL_DESTINATIONS", "full, prefix, country or none");
  policy.destinations = *destinations;
  policy.nflog_group = static_cast<std::uint16_t>(settings.integer("nflog_group"));
  return policy;
}

}  // namespace vpn_sentinel

#include "probe/app/connection_settings.hpp"

namespace vpn_sentinel {

Result<ConnectionsPolicy> make_connections_policy(const Settings& settings) {
  ConnectionsPolicy policy;
  const auto mode = parse_connections_mode(settings.text("connections"));
  if (!mode) return wrong_setting(settings, "connections", settings.text("connections"), "auto, ebpf, sock_diag, conntrack, nflog or off");
  policy.mode = *mode;
  const auto destinations = parse_destination_detail(settings.text("destinations"));
  if (!destinations) return wrong_setting(settings, "destinations", settings.text("destinations"), "full, prefix, country or none");
  policy.destinations = *destinations;
  policy.nflog_group = static_cast<std::uint16_t>(settings.integer("nflog_group"));
  return policy;
}

}  // namespace vpn_sentinel

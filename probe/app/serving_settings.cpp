#include "probe/app/serving_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace vpn_sentinel {
namespace {

std::optional<std::uint16_t> parse_group(const std::string& text) {
  std::uint16_t group = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, group);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return group;
}

}  // namespace

Result<ServingPolicy> make_serving_policy(const Settings& settings) {
  ServingPolicy policy;
  for (const auto& item : settings.list("listen")) {
    const auto port = parse_listen_port(item);
    if (!port) return wrong_setting(settings, "listen", item, port.error().message);
    if (std::ranges::find(policy.ports, *port) != policy.ports.end()) return wrong_setting(settings, "listen", item, "each port once");
    policy.ports.push_back(*port);
  }
  if (policy.ports.size() > most_listen_ports) {
    return wrong_setting(settings, "listen", settings.text("listen"), fmt::format("at most {} ports", most_listen_ports));
  }
  const auto& group = settings.text("listen_nflog_group");
  if (group.empty()) return policy;
  policy.nflog_group = parse_group(group);
  if (!policy.nflog_group) return wrong_setting(settings, "listen_nflog_group", group, "a group from 0 to 65535, or nothing");
  if (policy.ports.empty()) {
    return wrong_setting(settings, "listen_nflog_group", group, "VPN_SENTINEL_LISTEN to name the ports");
  }
  return policy;
}

}  // namespace vpn_sentinel

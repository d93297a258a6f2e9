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
  const auto wrong = [&settings](const char* key, const char* environment, const std::string& value, const std::string& expected) {
    return fail(Error::Kind::invalid, fmt::format("{} = '{}' (from {}): expected {}", environment, value, settings.origin(key), expected));
  };
  ServingPolicy policy;
  for (const auto& item : settings.list("listen")) {
    const auto port = parse_listen_port(item);
    if (!port) return wrong("listen", "VPN_SENTINEL_LISTEN", item, port.error().message);
    if (std::ranges::find(policy.ports, *port) != policy.ports.end()) return wrong("listen", "VPN_SENTINEL_LISTEN", item, "each port once");
    policy.ports.push_back(*port);
  }
  if (policy.ports.size() > most_listen_ports) {
    return wrong("listen", "VPN_SENTINEL_LISTEN", settings.text("listen"), fmt::format("at most {} ports", most_listen_ports));
  }
  const auto& group = settings.text("listen_nflog_group");
  if (group.empty()) return policy;
  policy.nflog_group = parse_group(group);
  if (!policy.nflog_group)
    return wrong("listen_nflog_group", "VPN_SENTINEL_LISTEN_NFLOG_GROUP", group, "a group from 0 to 65535, or nothing");
  if (policy.ports.empty()) {
    return wrong("listen_nflog_group", "VPN_SENTINEL_LISTEN_NFLOG_GROUP", group, "VPN_SENTINEL_LISTEN to name the ports");
  }
  return policy;
}

}  // namespace vpn_sentinel

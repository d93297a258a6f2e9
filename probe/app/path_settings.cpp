#include "probe/app/path_settings.hpp"

#include <fmt/format.h>

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_servers = 8;

}  // namespace

Result<PathPolicy> make_path_policy(const Settings& settings) {
  PathPolicy policy;
  const auto items = settings.text("stun_servers") == "none" ? std::vector<std::string>{} : settings.list("stun_servers");
  for (const auto& item : items) {
    const auto server = StunServer::parse(item);
    if (!server) return wrong_setting(settings, "stun_servers", item, "hosts with an optional port, such as stun.example:3478");
    policy.stun_servers.push_back(*server);
  }
  if (policy.stun_servers.size() > most_servers) {
    return wrong_setting(settings, "stun_servers", settings.text("stun_servers"), fmt::format("at most {} servers", most_servers));
  }
  policy.large_packets = settings.boolean("large_packets");
  policy.latency_drop = static_cast<int>(settings.integer("latency_drop"));
  policy.latency_interval = settings.duration("latency_interval");
  return policy;
}

}  // namespace vpn_sentinel

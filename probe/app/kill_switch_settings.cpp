#include "probe/app/kill_switch_settings.hpp"

#include <netinet/in.h>

#include "netns/clients/http_url.hpp"

namespace vpn_sentinel {
namespace {

/// A name would need DNS, and no DNS is let out.
Result<std::vector<TunnelEndpoint>> hubs_of(const Settings& settings) {
  std::vector<TunnelEndpoint> hubs;
  for (const auto& text : settings.list("url")) {
    const auto url = HttpUrl::parse(text);
    if (url && url->literal) hubs.push_back({*url->literal, IPPROTO_TCP, url->port, 0});
  }
  if (!hubs.empty()) return hubs;
  return wrong_setting(settings, "kill_switch_allow_hub", "true",
                       "VPN_SENTINEL_URL with an address such as https://192.0.2.1:5000, because no name can be looked up while nothing "
                       "leaves");
}

}  // namespace

Result<KillSwitchPolicy> make_kill_switch_policy(const Settings& settings) {
  KillSwitchPolicy policy;
  const auto mode = parse_kill_switch_mode(settings.text("kill_switch"));
  if (!mode) return wrong_setting(settings, "kill_switch", settings.text("kill_switch"), "off, armed or on-danger");
  policy.mode = *mode;
  policy.protect = settings.boolean("kill_switch_protect");
  policy.disarm_on_stop = settings.boolean("disarm_on_stop");
  policy.folder = settings.text("data_dir") + "/killswitch";
  if (!settings.boolean("kill_switch_allow_hub")) return policy;
  auto hubs = hubs_of(settings);
  if (!hubs) return fail(hubs.error());
  policy.hubs = std::move(*hubs);
  return policy;
}

}  // namespace vpn_sentinel

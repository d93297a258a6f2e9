#include "hub/app/channel_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "hub/alert/channel_protocol.hpp"
#include "hub/alert/notice.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

std::string names_of(const HubConfig& config) {
  std::string names;
  for (const auto& channel : config.channels) names += fmt::format("{}{}", names.empty() ? "" : ", ", channel.name);
  return names.empty() ? "none" : names;
}

}  // namespace

int test_channel_command(const HubConfig& config, const std::string& name) {
  const auto channel = std::ranges::find(config.channels, name, &ChannelConfig::name);
  if (channel == config.channels.end()) {
    fmt::print(stderr, "vpn-sentinel-hub: there is no channel '{}'; there are: {}\n", name, names_of(config));
    return exit_usage;
  }
  const auto delivery = try_channel(*channel, test_notice(name, "the command line", wall_now()));
  if (delivery.kind != Delivery::Kind::delivered) {
    fmt::print(stderr, "vpn-sentinel-hub: channel '{}' did not take the message: {}\n", name, delivery.reason);
    return 1;
  }
  fmt::print("Channel '{}' took the message{}{}.\n", name, delivery.reason.empty() ? "" : "; ", delivery.reason);
  return 0;
}

}  // namespace vpn_sentinel

#include "hub/app/channel_commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "hub/alert/channel_config.hpp"
#include "hub/alert/channel_protocol.hpp"
#include "hub/alert/notice.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

std::string listed(const std::vector<ChannelConfig>& channels) {
  return channels.empty() ? "none" : fmt::format("{}", fmt::join(names_of(channels), ", "));
}

}  // namespace

int test_channel_command(const HubConfig& config, const std::string& name) {
  const auto channel = std::ranges::find(config.channels, name, &ChannelConfig::name);
  if (channel == config.channels.end()) {
    fmt::print(stderr, "vpn-sentinel-hub: there is no channel '{}'; there are: {}\n", name, listed(config.channels));
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

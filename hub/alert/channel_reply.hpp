/// What the answer of a service means for the message. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "hub/alert/channel.hpp"
#include "hub/alert/protocol.hpp"

namespace vpn_sentinel {

/// Of a channel of kind webhook, ntfy, discord, slack or apprise. `retry_after`: the header; a pause in the body counts more.
[[nodiscard]] Delivery read_channel_reply(ChannelConfig::Kind kind, long status, std::string_view body,
                                          std::optional<std::chrono::seconds> retry_after);

}  // namespace vpn_sentinel

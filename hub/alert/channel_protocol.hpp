/// The protocol of a channel, and one attempt with it for who wants to know whether it works.
#pragma once

#include <chrono>
#include <stop_token>

#include "hub/alert/channel.hpp"
#include "hub/alert/notice.hpp"
#include "hub/alert/protocol.hpp"

namespace vpn_sentinel {

[[nodiscard]] MakeProtocol make_protocol(const ChannelConfig& channel);

/// Longer than one attempt takes (ChannelConfig::timeout is at most that).
inline constexpr std::chrono::seconds try_limit{15};

/// Sends `notice` at once, beside whatever waits, and blocks until it is known what became of it: try_limit at most, or until `stop`. Any
/// thread.
[[nodiscard]] Delivery try_channel(const ChannelConfig& channel, const Notice& notice, const std::stop_token& stop = {});

}  // namespace vpn_sentinel

/// Which addresses can be seen on the Internet. Pure.
#pragma once

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// False for what no outside service can see a packet come from: private, shared (RFC 6598), loopback, link-local, multicast, reserved and
/// unspecified IPv4 (RFC 6890); all IPv6 but 2000::/3 (RFC 4291). The documentation ranges count as public: nobody has them, except
/// laboratories that stand for the Internet.
[[nodiscard]] bool is_public_address(const IpAddress& address) noexcept;

}  // namespace vpn_sentinel

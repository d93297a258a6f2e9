/// Networks within networks. Pure.
#pragma once

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// All of `part` lies in `network`.
[[nodiscard]] inline bool covers(const IpPrefix& network, const IpPrefix& part) {
  return network.length() <= part.length() && network.contains(part.address());
}

}  // namespace vpn_sentinel

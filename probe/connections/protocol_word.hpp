/// How flows name their protocol, to people and to the hub. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace vpn_sentinel {

/// "tcp", "udp", "icmp" of both families, else the number (IPPROTO_*).
[[nodiscard]] std::string protocol_word(std::uint8_t protocol);

}  // namespace vpn_sentinel

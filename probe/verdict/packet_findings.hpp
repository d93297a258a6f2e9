/// Findings about packets that were counted outside the tunnel. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "probe/verdict/finding.hpp"
#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

/// How much evidence tells of where packets went.
enum class EndDetail : std::uint8_t {
  full,
  network,   ///< the /24 or /48
  port,      ///< protocol and port
  protocol,  ///< that alone
};

/// process_outside, packets_outside, dns_packets_outside, packets_unjudged and packets_uncounted, of seen.packets.
[[nodiscard]] std::vector<Finding> judge_packets(const Observation& seen, EndDetail ends = EndDetail::full);
/// `findings` of `seen` as others may be told of them: evidence that names where packets went is cut; without any, where it is not what
/// `seen` shows any more.
[[nodiscard]] std::vector<Finding> with_ends_cut(std::vector<Finding> findings, const Observation& seen, EndDetail ends);

/// "203.0.113.7 UDP port 443, uid 1000: 3 packets, 120 bytes".
[[nodiscard]] std::string destination_text(const OutsideDestination& destination);

/// "curl (pid 4242, uid 1000, container 0123456789ab) to 203.0.113.7 TCP port 443".
[[nodiscard]] std::string program_text(const OutsideProgram& program);

}  // namespace vpn_sentinel

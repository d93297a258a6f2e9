#include "probe/connections/protocol_word.hpp"

#include <netinet/in.h>

namespace vpn_sentinel {

std::string protocol_word(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return "icmp";
    default:
      return std::to_string(protocol);
  }
}

}  // namespace vpn_sentinel

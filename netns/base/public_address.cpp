#include "netns/base/public_address.hpp"

namespace vpn_sentinel {

bool is_public_address(const IpAddress& address) noexcept {
  const auto bytes = address.bytes();
  if (!address.is_v4()) return (bytes[0] & 0xe0U) == 0x20;
  switch (bytes[0]) {
    case 0:
    case 10:
    case 127:
      return false;
    case 100:
      return (bytes[1] & 0xc0U) != 64;
    case 169:
      return bytes[1] != 254;
    case 172:
      return (bytes[1] & 0xf0U) != 16;
    case 192:
      return bytes[1] != 168;
    default:
      return bytes[0] < 224;
  }
}

}  // namespace vpn_sentinel

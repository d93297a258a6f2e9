#include "netns/sockets/sock_diag.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace vpn_sentinel {

Result<NetlinkSocket> open_diag(const SocketOpener& opener) {
  return open_netlink([&](int domain, int type, int) { return opener(domain, type, NETLINK_SOCK_DIAG); }, 0);
}

IpAddress diag_address(int family, const std::uint32_t (&words)[4]) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), words, bytes.size());
  static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (family == AF_INET) return IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  if (std::equal(mapped.begin(), mapped.end(), bytes.begin())) return IpAddress::v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  return IpAddress::v6(bytes);
}

}  // namespace vpn_sentinel

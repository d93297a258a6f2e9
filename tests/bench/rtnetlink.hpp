/// The four breaking requests as bytes, and a socket that sends them: without the milliseconds that starting ip(8) costs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/fd.hpp"
#include "netns/base/ip.hpp"

namespace vpn_sentinel {

using NetlinkRequest = std::vector<std::byte>;

/// ip link set … down
[[nodiscard]] NetlinkRequest link_down_request(std::uint32_t link_index);
/// ip route replace default via `gateway` dev … table `table`
[[nodiscard]] NetlinkRequest replace_default_request(const IpAddress& gateway, std::uint32_t link_index, std::uint32_t table);
/// ip rule del not fwmark `mark` table `table` priority `priority`
[[nodiscard]] NetlinkRequest delete_rule_request(std::uint32_t mark, std::uint32_t table, std::uint32_t priority);
/// ip address del `address`/`length` dev …
[[nodiscard]] NetlinkRequest delete_address_request(const IpAddress& address, std::uint8_t length, std::uint32_t link_index);

class RtnetlinkSocket {
 public:
  RtnetlinkSocket();
  /// Returns the time just before sendto(2). Throws FatalError when the kernel refuses.
  MonoTime carry_out(const NetlinkRequest& request) const;

 private:
  Fd fd_;
};

}  // namespace vpn_sentinel

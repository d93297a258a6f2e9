/// Asks for one link again (RTM_GETLINK), on a socket of its own so that the answer does not mix with events.
#pragma once

#include <cstdint>

#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/netlink_socket.hpp"
#include "netns/netlink/values.hpp"

namespace vpn_sentinel {

class LinkReader {
 public:
  [[nodiscard]] static Result<LinkReader> open(const SocketOpener& opener);
  /// not_found: no link has this index. Waits at most a second; the kernel needs 2 µs, or up to 20 ms while another process changes links.
  [[nodiscard]] Result<Link> read(std::uint32_t index);

 private:
  explicit LinkReader(NetlinkSocket socket) : socket_(std::move(socket)) {}
  [[nodiscard]] Result<Link> receive();

  NetlinkSocket socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace vpn_sentinel

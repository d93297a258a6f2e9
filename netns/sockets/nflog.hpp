/// Listens to one group of logged packets, of rules that somebody has made. The group's only listener: a second one is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/netlink_socket.hpp"
#include "netns/sockets/nflog_decode.hpp"

namespace vpn_sentinel {

/// Movable; used by one thread at a time.
class NflogListener {
 public:
  struct Heard {
    std::vector<LoggedPacket> packets;
    std::uint64_t lost = 0;  ///< packets that were not told because nobody read in time, as far as they can be counted
  };

  /// The first 128 bytes of each packet are copied. not_permitted: CAP_NET_ADMIN is missing, or another program listens to the group
  /// (ulogd); unavailable: the kernel has no nfnetlink_log.
  [[nodiscard]] static Result<NflogListener> open(const SocketOpener& opener, std::uint16_t group);
  /// Readable when something was logged; the kernel waits for no more packets before it tells.
  [[nodiscard]] int fd() const noexcept { return socket_.fd.get(); }
  /// What is waiting, at most `most` datagrams, so that the descriptor may stay readable.
  [[nodiscard]] Result<Heard> take(std::size_t most = 1024);

 private:
  explicit NflogListener(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
  std::optional<std::uint32_t> last_sequence_;
};

}  // namespace vpn_sentinel

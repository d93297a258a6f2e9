/// The kernel's table of connections (conntrack): read as a whole, and followed. It exists only where some rule of the namespace asks for
/// the state of connections (nft: `ct …`, iptables: `-m conntrack`, NAT); nothing here makes such a rule or switches anything on.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/netlink_socket.hpp"
#include "netns/sockets/conntrack_decode.hpp"

namespace vpn_sentinel {

struct ConntrackTable {
  std::vector<TrackedConnection> connections;
  std::size_t left_out = 0;   ///< wanted ones beyond `most`
  bool empty = true;          ///< the kernel told none at all, wanted or not
  std::size_t uncounted = 0;  ///< of `connections`: without packets and bytes, because accounting was off when they began
};
/// All families; `wanted` empty: all of them, else those that it is true of, so that others take no room. CAP_NET_ADMIN in the namespace
/// (not_permitted); unavailable: the kernel has no conntrack, or not nf_conntrack_netlink. Blocks: 1.2-1.8 µs each, `patience` at most.
[[nodiscard]] Result<ConntrackTable> list_tracked_connections(const SocketOpener& opener, std::size_t most,
                                                              std::chrono::milliseconds patience = std::chrono::seconds{3},
                                                              const std::function<bool(const TrackedConnection&)>& wanted = {});

/// net.netfilter.nf_conntrack_acct: without it connections have no packets and bytes. unavailable: the kernel has no conntrack.
[[nodiscard]] Result<bool> conntrack_counts(const NetNamespace& space);

/// Hears of each connection that begins or ends. Movable; used by one thread at a time.
class ConntrackEvents {
 public:
  struct Event {
    bool ended = false;  ///< with its last numbers; else it begins
    TrackedConnection connection;
  };
  struct Heard {
    std::vector<Event> events;
    bool lost = false;  ///< some were lost because nobody read in time: what is there must be read anew
  };

  /// not_permitted: CAP_NET_ADMIN is missing.
  [[nodiscard]] static Result<ConntrackEvents> open(const SocketOpener& opener);
  /// Readable when something was told.
  [[nodiscard]] int fd() const noexcept { return socket_.fd.get(); }
  /// What is waiting, `most` datagrams of one event each at most, so that the descriptor may stay readable.
  [[nodiscard]] Result<Heard> take(std::size_t most = 1024);

 private:
  explicit ConntrackEvents(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
};

}  // namespace vpn_sentinel

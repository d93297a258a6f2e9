/// Asks kernel and programs who is connected to a VPN server's ports. No log of any program is read, and nothing is switched on.
#pragma once

#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"
#include "netns/monitor/snapshot.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "netns/sockets/tunnel_programs.hpp"
#include "probe/serving/peer_sighting.hpp"

namespace vpn_sentinel {

/// What of a namespace decides who is whose client.
struct ServingGround {
  struct Tunnel {
    std::string name;
    std::string kind;  ///< "wireguard" or "tun"
  };
  std::vector<IpAddress> own;  ///< sorted
  std::vector<Tunnel> tunnels;
  std::size_t left_out = 0;  ///< tunnels beyond the first 16
};
/// Pure.
[[nodiscard]] ServingGround serving_ground(const Snapshot& snapshot);

/// Used by one thread at a time, not the loop's: a look blocks for a millisecond and more with many sockets (1.3 µs each), tracked
/// connections (1.5 µs each), processes (17 µs each, where there is a tun) and peers of WireGuard; ten seconds at most when programs hang.
class PortLooker {
 public:
  PortLooker(NetNamespace space, std::vector<ListenPort> ports);

  /// One for each port, in their order. `programs` as of read_tunnel_facts().
  [[nodiscard]] std::vector<PortLook> look(const ServingGround& ground, TunnelPrograms& programs, MonoTime not_before);

 private:
  NetNamespace space_;
  std::vector<ListenPort> ports_;
  bool tracks_ = false;  ///< the kernel has been seen to track connections here
};

}  // namespace vpn_sentinel

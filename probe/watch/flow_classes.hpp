/// Which packets the policy rules of a namespace tell apart: one representative for each set of rules that can apply to a packet. Pure.
/// Rules: ip-rule(8), linux/fib_rules.h.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "netns/monitor/snapshot.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

struct FlowClass {
  Flow flow;
  std::string whom;      ///< "mark 0x1", "uid 1000-1999", "TCP to port 443"; empty: what an ordinary program sends
  std::string selector;  ///< as words of ip-route(8) get
  bool bound = false;    ///< only sockets that are bound to one of the namespace's own addresses
};

struct FlowClasses {
  std::vector<FlowClass> classes;          ///< the ordinary one first; what the policy lets bypass is left out
  std::vector<std::string> unasked_rules;  ///< rules that may let packets out by what the kernel cannot be asked about, in words
  std::size_t left_out = 0;                ///< classes that this round leaves out, at least
  bool rotates = false;                    ///< another round has other classes
};

/// A number below `shares` for each round, without any rhythm: what takes turns by it is in step with nothing else that does.
[[nodiscard]] std::size_t turn_of(std::size_t round, std::size_t shares);

/// At most this many classes are asked for in one round: a VPN has one to four. Of more the simplest half is always asked for, and the
/// others in turn.
inline constexpr std::size_t most_flow_classes = 96;

/// `own_marks`: what the VPN puts on its own packets. The kernel asks a second time for a connected socket, with the address that the first
/// answer gave it: packets with an address of the tunnel are therefore a kind of their own where rules look at sources, and not `bound`.
/// `round`: which of those beyond the bound are asked for.
[[nodiscard]] FlowClasses flow_classes(const Snapshot& snapshot, Family family, std::uint32_t tunnel_index, const TargetPolicy& policy,
                                       const std::vector<MarkMatch>& own_marks, std::size_t round = 0);

/// Marks that exempt packets from the tunnel's own table ("not fwmark 51820 lookup 51820", as wg-quick and gluetun do): the VPN's own
/// packets carry them. The table counts as the tunnel's when a route in it leads into the tunnel and none outside.
[[nodiscard]] std::vector<MarkMatch> exempting_marks(const Snapshot& snapshot, std::uint32_t tunnel_index);

}  // namespace vpn_sentinel

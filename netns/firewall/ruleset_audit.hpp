/// Does the ruleset of a namespace, whoever made it, hold back what would leave outside the tunnel? Asked for packets that local programs
/// would send by an uplink to public addresses: TCP, UDP, echo requests and other protocols, of any user, the first packet of a connection,
/// without a mark and without a class of net_cls. Not asked: the VPN servers' addresses, local networks, ports of DHCP, neighbour
/// discovery, established connections, and what is no rule of nf_tables (BPF programs, traffic control, IPsec). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/firewall/ruleset_values.hpp"
#include "netns/firewall/ruleset_walk.hpp"

namespace vpn_sentinel::audit {

struct AuditQuestion {
  std::vector<Uplink> uplinks;  ///< at most 16; none: nothing can be decided
  bool v4 = true;               ///< packets of IPv4 can leave by them
  bool v6 = true;
  std::vector<IpPrefix> not_outside;  ///< local networks, and the VPN servers: may be reached
  std::vector<Numbers> users;         ///< may bypass the tunnel on purpose
  std::vector<std::string> legacy;    ///< tables of the old iptables, which are not in the ruleset
};

enum class AuditVerdict : std::uint8_t {
  holds,      ///< none of these packets gets out
  lets_out,   ///< some get out for certain
  undecided,  ///< some may
};

struct Audit {
  AuditVerdict verdict = AuditVerdict::undecided;
  std::vector<std::string> reasons;  ///< in words: what holds, what gets out by which rule, or what could not be decided; at most eight
  bool anything_held = false;        ///< of lets_out: some ordinary packets are held back
};

/// At most so many steps through rules are taken, in some 20 ms; what needs more is undecided.
inline constexpr std::size_t most_audit_steps = 60'000;

[[nodiscard]] Audit audit_ruleset(const Ruleset& ruleset, const AuditQuestion& question, std::size_t budget = most_audit_steps);

/// What happens to one packet of a program: `protocol` is IPPROTO_TCP, IPPROTO_UDP, or IPPROTO_ICMP for an echo request of either family.
[[nodiscard]] Fate fate_of(const Ruleset& ruleset, const AuditQuestion& question, const Uplink& uplink, const IpAddress& destination,
                           std::uint8_t protocol, std::uint16_t port, std::uint32_t user);

}  // namespace vpn_sentinel::audit

/// What the probe saw of one target at one moment: the judge's only input beside the policy.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "probe/verdict/dns_view.hpp"
#include "probe/verdict/exit_rule.hpp"
#include "probe/verdict/exit_view.hpp"
#include "probe/verdict/firewall_view.hpp"
#include "probe/verdict/path_view.hpp"

namespace vpn_sentinel {

/// The tunnel interface as rtnetlink shows it.
struct TunnelView {
  std::string name;
  std::string kind;
  std::uint32_t index = 0;
  bool up = false;              ///< IFF_UP, and not without carrier
  std::optional<bool> carrier;  ///< false: the program that owned it died
  bool has_address = false;     ///< any address beyond link-local
  friend bool operator==(const TunnelView&, const TunnelView&) = default;
};

/// The route that the kernel found for a packet, as it stands in its table.
struct RouteView {
  IpPrefix prefix;
  std::uint32_t table = 0;
  std::uint32_t metric = 0;
  std::uint8_t protocol = 0;  ///< RTPROT_*: who made it; 2 the kernel, 9 a router advertisement, 16 DHCP
  bool on_link = false;       ///< without a gateway: the whole prefix is said to be neighbours
  friend bool operator==(const RouteView&, const RouteView&) = default;
};

/// Which way a packet would take.
struct Way {
  enum class Kind { tunnel, outside, nowhere, local };
  Kind kind = Kind::nowhere;
  std::string device;  ///< empty for nowhere
  std::optional<IpAddress> gateway;
  std::string why_nowhere;         ///< "unreachable", "blackhole", "prohibit"
  std::optional<RouteView> route;  ///< absent where the kernel named none
  friend bool operator==(const Way&, const Way&) = default;
};

/// Packets that policy rules may treat alike.
struct FlowView {
  std::string whom;      ///< "mark 0x1", "uid 1000-1999", "TCP to port 443"; empty: what an ordinary program sends
  std::string selector;  ///< the same as words of ip-route(8) get: "mark 0x1 uid 1000 ipproto tcp dport 443"
  bool bound = false;    ///< only sockets that are bound to an own address: whoever binds there asks for that way
};

struct LookUp {
  IpAddress destination;
  std::size_t flow = 0;        ///< into Observation::flows; 0: the first ordinary one
  Result<Way> way;             ///< an Error: could not look
  bool representative = true;  ///< one of the addresses that stand for the whole Internet; else for what one route covers
  unsigned legs = 1;           ///< of so many next hops this is one; the kernel spreads packets over them
  std::string rule;            ///< the policy rule that led there, in the words of ip-rule(8); told for what leaves outside
  std::string allow = {};      ///< the settings that would allow it on purpose; told for what a rule lets out
};

/// Where the tunnel's own packets go: may be reached outside it.
struct EndpointView {
  IpAddress address;
  std::string source;         ///< "configured", "wireguard", "socket of openvpn", "host route"
  std::uint8_t protocol = 0;  ///< IPPROTO_*; 0: not known
  std::uint16_t port = 0;     ///< 0: not known
  std::uint32_t mark = 0;     ///< that the VPN puts on its packets to it; 0: none, or not known
  friend bool operator==(const EndpointView&, const EndpointView&) = default;
};

/// A connected subnet of an uplink with public addresses, small enough to be taken for a LAN: what goes to its neighbours leaves outside.
struct PublicSubnetView {
  IpPrefix prefix;
  std::string device;
  friend bool operator==(const PublicSubnetView&, const PublicSubnetView&) = default;
};

/// Packets that a policy rule sends to one of the tables that the user allows (allow_tables). An absent selector: any.
struct AllowedFlowView {
  Family family = Family::v4;
  std::uint32_t mark = 0;
  std::uint32_t mark_mask = 0;  ///< 0: any mark
  std::optional<std::pair<std::uint32_t, std::uint32_t>> uids;
  std::uint8_t protocol = 0;
  std::optional<std::pair<std::uint16_t, std::uint16_t>> source_ports;
  std::optional<std::pair<std::uint16_t, std::uint16_t>> destination_ports;
  std::optional<IpPrefix> source;
  std::optional<IpPrefix> destination;
  friend bool operator==(const AllowedFlowView&, const AllowedFlowView&) = default;
};

/// What differs from the healthy state, in words.
struct DriftView {
  std::vector<std::string> rules;
  std::vector<std::string> routes;
  std::string not_compared;  ///< why the routes could not be compared; empty: they were
  bool pinned = false;       ///< the healthy state was confirmed by the user
};

/// What lies around the uplinks and behind the tunnel, for the firewall.
struct SurroundingsView {
  std::string tunnel;                         ///< whose the next two are; empty: none was seen up yet
  std::uint16_t tunnel_type = 0;              ///< ARPHRD_*; 0: not known, or one that any link could have
  std::vector<IpPrefix> tunnel_networks;      ///< addresses and routes of the tunnel, when it was up last
  std::vector<IpPrefix> on_link;              ///< subnets of the uplinks
  std::vector<IpPrefix> neighbours;           ///< what else is spoken to on their links: routes without a gateway, and gateways
  std::vector<std::uint16_t> carrying_types;  ///< ETH_P_* by which an uplink was seen to carry another one (PPPoE, MACsec)
  std::vector<std::string> inner_devices;     ///< among `uplinks`: bridges that lead to no other machine
  /// Up, outside the tunnel, and none of `uplinks`: a port of a bridge, a link that lost its address. Programs can write frames to them.
  std::vector<std::string> bare_devices;
  friend bool operator==(const SurroundingsView&, const SurroundingsView&) = default;
};

enum class LivenessView { off, waiting, alive, stalled };

/// The address by which port 53 leaves, told by whoami.cloudflare.
struct WhoamiView {
  std::optional<IpAddress> egress;
  std::string server;
  std::string error;  ///< why there is no egress
};

/// A check that was asked for and has not answered yet.
struct PendingView {
  std::chrono::milliseconds waited{0};
  bool overdue = false;  ///< longer than a check may take, or nobody waits any longer: it counts as failed
};

struct Observation {
  WallTime time{};
  std::optional<Error> blind;  ///< the namespace could not be looked at, at all
  bool namespace_gone = false;
  std::chrono::milliseconds out_of_step_for{0};  ///< for so long the snapshot may lack what the kernel has; 0: it is complete
  std::string expected_tunnel;                   ///< configured or learnt name; empty when none was ever seen
  std::optional<TunnelView> tunnel;              ///< absent: no such interface
  bool uplink_lost = false;                      ///< there is an uplink interface and none is up with carrier
  std::chrono::milliseconds uplink_lost_for{0};
  bool abandoned = false;                  ///< the probe's own namespace had an uplink, and nothing but loopback is left in it
  std::vector<std::string> uplinks;        ///< names of the interfaces outside the tunnel
  std::vector<std::string> other_tunnels;  ///< that the settings mean by name or pattern and that are there, without `tunnel`
  SurroundingsView surroundings;
  std::vector<EndpointView> endpoints;
  /// Host routes outside the tunnel while it is not known which of them lead to VPN servers; empty once it is.
  std::vector<IpAddress> possible_endpoints;
  std::vector<AllowedFlowView> allowed_flows;
  std::vector<std::string> inexpressible_flows;  ///< rules to an allowed table that tell packets apart as nothing else can, in words
  std::vector<FlowView> flows;                   ///< empty: only ordinary packets were asked for
  std::vector<LookUp> look_ups;
  std::vector<PublicSubnetView> public_subnets;  ///< trusted as local without being named in the settings; at most four per link and family
  std::size_t not_asked = 0;                     ///< questions left out because there were too many
  std::vector<std::string> unasked_rules;        ///< rules that may let packets out and cannot be asked about, in words
  std::vector<std::string> other_tunnels_down;   ///< names or patterns that must be up too (all of several tunnels)
  std::string replaced;                          ///< how another interface took the tunnel's place, in words; empty: none did
  bool replaced_by_stranger = false;             ///< it has the tunnel's name and is of another kind
  std::optional<std::chrono::seconds> handshake_age;  ///< WireGuard's, when known
  /// How old the last handshake is that is known of a WireGuard program that does not tell any more. Present instead of handshake_age.
  std::optional<std::chrono::seconds> handshake_untold;
  bool never_shook_hands = false;  ///< WireGuard knows a server and has had no handshake at all
  DriftView drift;
  LivenessView liveness = LivenessView::off;
  std::chrono::milliseconds silent_for{0};  ///< since the last answer through the tunnel, when alive or stalled
  std::optional<ExitView> exit;             ///< absent: not asked for, or pending
  std::optional<PendingView> exit_pending;  ///< only without `exit`
  UplinkView uplink;
  bool uplink_by_target = false;         ///< the probe's own way out goes through the watched namespace
  std::vector<IpAddress> hub_addresses;  ///< public ones only; empty: not known, or the hub is in the local network
  ExitRules exit_rules;
  std::optional<WhoamiView> whoami;  ///< absent: not asked for, or pending
  std::optional<PendingView> whoami_pending;
  std::optional<DnsView> dns;  ///< absent: not asked for, or pending
  std::optional<PendingView> dns_pending;
  bool dns_leaked_before = false;  ///< while dns_pending: the verdict before was a leak
  std::optional<UdpView> udp;      ///< absent: not asked for, or no answer yet
  std::optional<LargePacketsView> large_packets;
  std::optional<LatencyDropView> latency_drop;  ///< absent: no drop, or not watched
  std::optional<PacketsView> packets;           ///< absent: not asked for, or not yet
  std::optional<KillSwitchView> kill_switch;    ///< absent: not asked for, or not yet
  bool require_kill_switch = false;             ///< the user relies on rules that hold packets back
  std::optional<RulesetView> ruleset;           ///< absent: not asked for, or not yet
};

}  // namespace vpn_sentinel

/// What the user wants of one target.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/firewall/kill_switch.hpp"
#include "netns/geo/exit_source.hpp"
#include "netns/geo/geo_database.hpp"
#include "netns/namespace/namespace_ref.hpp"
#include "netns/netlink/values.hpp"
#include "probe/checks/dns_verdict.hpp"
#include "probe/checks/udp_check.hpp"
#include "probe/connections/choose_sources.hpp"
#include "probe/serving/listen_port.hpp"
#include "probe/verdict/exit_rule.hpp"

namespace vpn_sentinel {

/// How many of several tunnels must be up.
enum class TunnelRule : std::uint8_t { any, all };

/// Packets whose mark equals `value` under `mask`.
struct MarkMatch {
  std::uint32_t value = 0;
  std::uint32_t mask = 0xffffffff;
  [[nodiscard]] bool matches(std::uint32_t mark) const noexcept { return (mark & mask) == (value & mask); }
  friend bool operator==(const MarkMatch&, const MarkMatch&) = default;
};

/// A VPN server as the settings name it.
struct VpnServer {
  IpAddress address;
  std::uint8_t protocol = 0;  ///< IPPROTO_*; 0: not named
  std::uint16_t port = 0;     ///< 0: not named
  friend bool operator==(const VpnServer&, const VpnServer&) = default;
};

/// What is asked beside the trace services, and what the answers must be.
struct ExitPolicy {
  std::size_t quorum = 2;                ///< so many operators must name the same exit
  std::vector<ExitSource> witnesses_v4;  ///< asked beside the trace services, the best first
  std::vector<ExitSource> witnesses_v6;
  std::vector<ExitSource> geolocation_v4;  ///< asked where a new exit is when no database knows; the best first
  std::vector<ExitSource> geolocation_v6;
  bool learn_uplink = true;  ///< ask the trace services outside the namespace for the uplink's address
  ExitRules rules;
  std::vector<std::string> hub_hosts;           ///< of the hub's URLs: names or addresses; empty: no hub
  std::shared_ptr<const GeoDatabase> database;  ///< null: none
};

/// The checks of the path itself.
struct PathPolicy {
  std::vector<StunServer> stun_servers;                ///< empty: UDP is not checked
  bool large_packets = false;                          ///< asked at the services of trace_urls
  int latency_drop = 0;                                ///< percent of the tunnel's round trip that must be missing; 0: not watched
  std::chrono::milliseconds latency_interval{10'000};  ///< between questions to liveness_server that are bound to nothing
};

/// Whether and how what is outside the tunnel is dropped.
struct KillSwitchPolicy {
  KillSwitchMode mode = KillSwitchMode::off;
  bool tend = false;            ///< put it in place and keep it there; false: only look at what is there
  bool protect = false;         ///< nobody else can change it while the probe runs
  bool disarm_on_stop = false;  ///< take it away at the end
  /// Where a sidecar's hubs are: they may be reached outside the tunnel of the probe's own namespace.
  std::vector<TunnelEndpoint> hubs;
  std::string folder;  ///< for what is remembered; empty: nothing is
};

/// The firewall's rules, whoever made them.
struct AuditPolicy {
  bool on = true;                      ///< they are read
  bool require_kill_switch = false;    ///< the user relies on rules that hold packets back
  bool close_leaking_sockets = false;  ///< connections outside are ended when the verdict turns to danger
};

/// How what leaves outside the tunnel is counted.
struct MeterPolicy {
  bool on = false;
  std::chrono::milliseconds poll{250};  ///< the counters are looked at as often while something leaves, or where the kernel does not ring
  /// What tells this probe from others that watch the same namespace; the same after a restart.
  std::string instance;
};

struct TargetPolicy {
  std::string client_id;
  std::string group;                           ///< of targets that watch the same VPN; empty: none
  std::vector<std::string> tags;               ///< the user's words for it, shown at the hub
  bool client_id_given = true;                 ///< false: client_id was made of host name and namespace
  NamespaceRef netns;                          ///< a pattern stands for many targets: see TargetSet
  std::vector<std::string> container_sockets;  ///< of the engines that are asked for container:, in order
  std::chrono::milliseconds forget_after{0};   ///< a pattern's namespace that has been gone so long is no target any more; 0: never
  std::vector<std::string> tunnels;            ///< names or patterns as of fnmatch(3); empty: found by kind and routes
  std::vector<VpnServer> endpoints;            ///< the VPN servers' own addresses: may be reached outside the tunnel
  std::vector<IpPrefix> local_networks;        ///< may leave by the uplink, beside the private ranges
  TunnelRule tunnel_rule = TunnelRule::any;
  /// What may bypass the tunnel on purpose. It hides nothing else: packets of other programs are judged as always.
  std::vector<UidRange> allow_uids;
  std::vector<MarkMatch> allow_marks;
  std::vector<std::uint32_t> allow_tables;  ///< only for packets that a rule sends there by mark, uid, protocol, port or address
  std::string baseline_folder;              ///< where the pinned healthy states of the targets are kept; empty: nowhere

  bool debounce = true;                               ///< improvements of a target that flaps wait until they have lasted
  bool offline = false;                               ///< kernel facts only: nothing is sent
  std::chrono::milliseconds liveness_interval{1000};  ///< 0: no liveness check
  Endpoint liveness_server;
  int liveness_failures = 3;
  std::vector<Endpoint> whoami_servers;  ///< empty: not checked
  std::vector<std::string> trace_urls;   ///< empty: not checked
  std::vector<Endpoint> resolvers;       ///< for the names in trace_urls and the hub's, asked inside the namespace
  std::string egress_zone;               ///< names below it tell who asks for them; empty: the programs' own resolver is not checked
  unsigned egress_names = 6;             ///< unique names of one check; 0: as above
  std::string akahelp_name;              ///< the second source; empty: none
  DnsAcceptance dns_accept;
  std::vector<std::string> dns_compare_names;  ///< asked by the programs' own resolver and by the first of `resolvers`; empty: not compared
  std::string ca_file;
  ExitPolicy exit;
  std::chrono::milliseconds check_interval{300'000};
  std::chrono::milliseconds check_timeout{10'000};
  PathPolicy path;
  KillSwitchPolicy kill_switch;
  AuditPolicy audit;
  MeterPolicy meter;
  ConnectionsPolicy connections;
  ServingPolicy serving;
};

}  // namespace vpn_sentinel

/// The report: the language both daemons speak (DESIGN section 6). A superset of the Python original's payload.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/boxed_optional.hpp"
#include "netns/base/clock.hpp"
#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

struct TunnelReport {
  std::string name;
  std::string kind;
  bool up = false;
  std::optional<WallTime> since;
  std::optional<std::uint64_t> rx_bytes;
  std::optional<std::uint64_t> tx_bytes;
  std::optional<std::uint32_t> handshake_age_s;
  friend bool operator==(const TunnelReport&, const TunnelReport&) = default;
};

struct ExitReport {
  std::optional<std::string> v4;
  std::optional<std::string> v6;
  std::optional<std::uint32_t> asn;
  std::optional<std::string> country;                   ///< alpha-2
  std::string source;                                   ///< hosts of the services that named it, "a.example, b.example"
  std::optional<std::uint32_t> sources = std::nullopt;  ///< how many independent services named it
  friend bool operator==(const ExitReport&, const ExitReport&) = default;
};

struct ResolverReport {
  std::string address;
  std::string route;  ///< "tunnel", "outside", "loopback", "nowhere", "unknown"
  friend bool operator==(const ResolverReport&, const ResolverReport&) = default;
};

struct DnsReport {
  std::string verdict;              ///< "no_leak", "leak", "unverifiable"
  std::string reason;               ///< code of the decision table; PORT_53_PATH_ONLY: the resolver of programs was not checked
  std::vector<std::string> egress;  ///< addresses from which the resolver of programs asks, else those from which port 53 leaves
  std::vector<ResolverReport> resolvers = {};
  friend bool operator==(const DnsReport&, const DnsReport&) = default;
};

/// The Python original's location and dns_test objects; empty strings are left out.
struct LocationReport {
  std::string country, city, region, org, timezone;
  friend bool operator==(const LocationReport&, const LocationReport&) = default;
};

/// Who sent where outside the tunnel.
struct LeakDestinationReport {
  std::string address;
  std::string protocol;               ///< "udp", "tcp", "icmp", "icmpv6", else its number
  std::optional<std::uint16_t> port;  ///< of UDP and TCP
  std::optional<std::uint32_t> uid;   ///< of the program that made the socket; absent: no socket
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const LeakDestinationReport&, const LeakDestinationReport&) = default;
};

/// What left outside the tunnel and was not allowed to. Numbers count from `since` on and never fall: a meter that begins anew has another
/// `since`.
struct LeakReport {
  bool counting = false;                            ///< false: nobody counts, the numbers are no proof of anything
  std::string why;                                  ///< not counting: why
  std::optional<WallTime> since;                    ///< counting since then, probe's clock
  std::uint64_t packets = 0;                        ///< all of it
  std::uint64_t bytes = 0;                          ///< of these packets
  std::uint64_t dns_packets = 0;                    ///< of these, to ports 53 and 853
  std::uint64_t v4_packets = 0;                     ///< other IPv4
  std::uint64_t v6_packets = 0;                     ///< other IPv6
  std::uint64_t endpoint_packets = 0;               ///< to the VPN server, and not the tunnel's own
  std::uint64_t local_packets = 0;                  ///< to local networks, which is allowed; not part of `packets`
  std::vector<LeakDestinationReport> destinations;  ///< those with most bytes, at most 20
  friend bool operator==(const LeakReport&, const LeakReport&) = default;
};

struct KillSwitchReport {
  std::string mode;               ///< "off", "armed", "on-danger"
  std::string state;              ///< "off", "armed" (proved: it holds), "changed", "unproven", "failed"
  std::string why;                ///< of changed, unproven, failed
  std::optional<WallTime> since;  ///< armed since
  std::uint64_t stopped_packets = 0;
  friend bool operator==(const KillSwitchReport&, const KillSwitchReport&) = default;
};

/// What all rules of the namespace together do to packets outside the tunnel.
struct RulesetReport {
  std::string verdict;                 ///< "holds", "lets_out", "undecided"
  std::string changed_by;              ///< who changed it last; empty: nobody since the probe looks
  std::optional<WallTime> changed_at;  ///< probe's clock
  friend bool operator==(const RulesetReport&, const RulesetReport&) = default;
};

/// By which addresses arbitrary UDP leaves.
struct UdpExitReport {
  std::optional<std::string> v4;
  std::optional<std::string> v6;
  friend bool operator==(const UdpExitReport&, const UdpExitReport&) = default;
};

struct MtuReport {
  std::string large_packets;  ///< "ok", "lost_requests", "lost_answers", "unknown"
  friend bool operator==(const MtuReport&, const MtuReport&) = default;
};

/// A port of a VPN server in the target's namespace.
struct ListenPortReport {
  std::string port;                         ///< "udp/51820"
  std::string told_by;                      ///< "wireguard", "sock_diag", "conntrack"
  std::optional<std::uint32_t> connected;   ///< absent: nobody tells
  std::optional<std::uint32_t> unanswered;  ///< UDP far ends now that were not answered, or not for long; absent: nobody tells
  std::string why;                          ///< nobody tells: why; else what is not seen, or nothing
  friend bool operator==(const ListenPortReport&, const ListenPortReport&) = default;
};

/// A client that is connected to such a port.
struct PeerReport {
  std::string port;
  std::string from;  ///< "198.51.100.7:40000", or as little as the user wants told: "198.51.100.0/24", "RO"; empty: nothing
  std::string key;   ///< its public key of WireGuard, where `from` is told in full
  std::optional<WallTime> since;
  bool since_before = false;              ///< it was there when the probe began to look
  std::optional<std::uint64_t> rx_bytes;  ///< of the server; absent: nobody counts
  std::optional<std::uint64_t> tx_bytes;
  friend bool operator==(const PeerReport&, const PeerReport&) = default;
};

/// The clients of VPN servers in the target's namespace.
struct PeersReport {
  std::optional<std::uint32_t> connected;  ///< to all ports; absent: of one of them nobody tells
  std::vector<ListenPortReport> ports;     ///< at most 16
  std::vector<PeerReport> list;            ///< those with most bytes, at most 20
  std::uint32_t not_listed = 0;            ///< connected, and not in `list`
  std::optional<WallTime> blocked_since;   ///< packets that firewall rules logged are counted since then; absent: nobody counts
  std::uint64_t blocked_packets = 0;
  std::uint64_t blocked_lost = 0;  ///< logged and not told, because there were too many
  friend bool operator==(const PeersReport&, const PeersReport&) = default;
};

/// Of one target.
inline constexpr std::size_t most_tags = 16;

struct Report {
  int schema = 2;                      ///< 1: the Python original's payload
  std::string client_id;               ///< 1-100 of [A-Za-z0-9._-]
  std::string boot_id;                 ///< random per start of the probe; empty in schema 1
  std::uint64_t seq = 0;               ///< 1, 2, … within boot_id; 0 in schema 1
  std::optional<WallTime> timestamp;   ///< when it was true, probe's clock
  std::optional<WallTime> sent_at;     ///< when this try to send it began, the same clock; absent in schema 1
  std::string group;                   ///< of targets that watch the same VPN: 1-64 of [A-Za-z0-9._-]; empty: none
  std::vector<std::string> tags = {};  ///< the user's own words for it, each 1-32 of [A-Za-z0-9._-], at most most_tags; for people only
  std::string client_version;
  std::optional<std::uint64_t> dropped;  ///< reports that this start of the probe had to give up unsent; absent: none
  std::optional<std::uint32_t> lease_s;  ///< the next report comes within; absent in schema 1
  std::string path;                      ///< "tunnel" or "uplink"; empty in schema 1
  std::string trigger;                   ///< "start", "change", "interval", "stop"
  std::optional<std::string> public_ip;
  std::optional<LocationReport> location;
  std::string dns_location, dns_colo;  ///< dns_test.location, dns_test.colo
  std::optional<State> state;          ///< absent in schema 1: the hub derives it
  std::vector<Finding> findings;
  std::optional<TunnelReport> tunnel;
  std::optional<ExitReport> exit;
  std::optional<DnsReport> dns;
  BoxedOptional<LeakReport> leak;               ///< absent: not looked at
  BoxedOptional<KillSwitchReport> kill_switch;  ///< absent: not asked for
  BoxedOptional<RulesetReport> ruleset;         ///< absent: not looked at
  BoxedOptional<UdpExitReport> udp_exit;
  BoxedOptional<MtuReport> mtu;
  BoxedOptional<PeersReport> peers;  ///< absent: not asked for
  std::optional<double> latency_ms;
  friend bool operator==(const Report&, const Report&) = default;
};

/// How long the report had waited when it was sent, measured by one clock; zero when it does not say.
[[nodiscard]] std::chrono::microseconds age_when_sent(const Report& report);

/// To the wire. Absent values are left out.
[[nodiscard]] nlohmann::json encode(const Report& report);
/// As in `leak.destinations`.
[[nodiscard]] nlohmann::json encode(const std::vector<LeakDestinationReport>& destinations);
/// From the wire: unknown keys are ignored, a bad field is an Error that names it. Limits: 100 findings, 32 levels
/// of nesting. Evidence is cut to 4 KiB for each finding (bound_evidence).
[[nodiscard]] Result<Report> decode_report(const nlohmann::json& json);

/// A client id as the Python original makes it: lower case, other characters become '-', runs squeezed, ends trimmed, at most 100.
[[nodiscard]] std::string sanitize_client_id(std::string_view text);
[[nodiscard]] bool is_valid_client_id(std::string_view text);
[[nodiscard]] bool is_valid_group(std::string_view text);
[[nodiscard]] bool is_valid_tag(std::string_view text);

}  // namespace vpn_sentinel

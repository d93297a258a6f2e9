/// Names the program behind each socket and counts what leaves by which interface, by BPF programs at the cgroup2 tree (leak.bpf.c). Linux
/// 5.10 and later; CAP_BPF and CAP_NET_ADMIN, and CAP_PERFMON for the names of programs. Nothing stays behind when the process ends in
/// whatever way: programs and maps go with their descriptors.
///
/// Seen are packets of sockets that user programs made: TCP, UDP, ICMP and raw, IPv4 and IPv6. Not seen are AF_PACKET, forwarded packets,
/// what the kernel sends by itself, and the answers of a TCP connection in TIME_WAIT. Several tracers work side by side.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ebpf/records.hpp"
#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

struct TracerSettings {
  std::string cgroup;                              ///< a folder of the cgroup2 tree; empty: its root, wherever it is mounted
  std::uint32_t most_spaces = 1024;                ///< watched namespaces
  std::uint32_t most_interfaces = 4096;            ///< of all of them together
  std::uint32_t most_endpoints = 4096;             ///< likewise
  std::uint32_t most_networks = 4096;              ///< likewise
  std::uint32_t urgent_ring_bytes = 256 * 1024;    ///< for leaks; raised to a power of two of at least a page; 184 bytes a record
  std::uint32_t routine_ring_bytes = 1024 * 1024;  ///< for everything else; likewise
  std::uint32_t own_priority = 0;                  ///< SO_PRIORITY of the probe's own packets, which are exempt; 0: none
  bool as_on_5_10 = false;                         ///< nothing newer than that kernel is used: for tests
};

/// A protocol and port at an address that may be reached outside the tunnel.
struct TracedEndpoint {
  IpAddress address;
  std::uint8_t protocol = 0;  ///< IPPROTO_*; 0 with port 0: everything to that address
  std::uint16_t port = 0;

  friend auto operator<=>(const TracedEndpoint&,
                          const TracedEndpoint&) = default;  // NOLINT(modernize-use-nullptr): taken for a 0 by clang-tidy 14
};

/// Packets that may pass beside the tunnel: those that have everything that is named here.
struct TracedAllowance {
  std::optional<Family> family{};  ///< empty: both
  std::uint8_t protocol = 0;       ///< IPPROTO_*; 0: any, and with ports UDP and TCP
  std::uint32_t mark = 0;          ///< compared under `mark_mask`
  std::uint32_t mark_mask = 0;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> uids{};  ///< first and last, as FlowPacket::uid
  std::optional<std::pair<std::uint16_t, std::uint16_t>> source_ports{};
  std::optional<std::pair<std::uint16_t, std::uint16_t>> destination_ports{};
  std::optional<IpPrefix> source{};
  std::optional<IpPrefix> destination{};
  friend bool operator==(const TracedAllowance&, const TracedAllowance&) = default;
};

/// What is inside and what may pass beside it, in one network namespace. The loopback is always inside.
struct WatchedSpace {
  static constexpr std::size_t most_allowed = 32;

  std::set<std::uint32_t> inside;          ///< indexes of the tunnels
  std::set<IpPrefix> networks;             ///< local networks, but for names: TCP and UDP ports 53 and 853 there are outside
  std::set<TracedEndpoint> endpoints;      ///< VPN servers
  std::set<std::uint32_t> inner{};         ///< indexes of devices that lead to no other machine: everything may leave by them
  std::vector<TracedAllowance> allowed{};  ///< wherever they go; of more than most_allowed the first ones count
  /// Packets outside are dropped (sendto(2) gets EPERM, a connection times out). Not a kill switch: AF_PACKET, forwarded packets and the
  /// kernel's own pass, everything passes when the probe ends, and a socket for which no memory could be had passes too.
  bool drop = false;

  friend bool operator==(const WatchedSpace&, const WatchedSpace&) = default;
};

/// What this kernel and these rights give. Each false is to be told.
struct TracerAbilities {
  bool names = false;          ///< owners have names (CAP_PERFMON)
  bool process_names = false;  ///< these are always of the process (the kernel's BTF is there); else SocketOwner::of_thread tells
  bool older_sockets = false;  ///< sockets that are older than watch() are counted, without an owner; else a SocketSurvey must find them
  bool senders = false;  ///< SocketOwner::several tells also of who only sends by a socket that another process connected (all but TCP)
  bool makers = false;   ///< owners of ICMP and raw sockets, and FlowEvent::closed (Linux 5.11)
  bool whole_machine = false;  ///< the cgroup tree was seen from its root
};

/// Since the start.
struct TracerLosses {
  std::uint64_t records = 0;    ///< a ring was full: the counts of the next record of the socket hold all the same
  std::uint64_t flows = 0;      ///< no memory for a socket: it is not counted
  std::uint64_t malformed = 0;  ///< records that could not be decoded

  friend bool operator==(const TracerLosses&, const TracerLosses&) = default;
};

/// Used on one thread.
class Tracer {
 public:
  /// unavailable: this build has no BPF programs, with what was missing for it.
  [[nodiscard]] static Result<void> built();

  /// Milliseconds. The error is one sentence with the remedy (tracer_error.hpp); unavailable also when the probe was built without BPF.
  [[nodiscard]] static Result<Tracer> start(const TracerSettings& settings);

  Tracer(Tracer&&) noexcept;
  Tracer& operator=(Tracer&&) noexcept;
  ~Tracer();

  [[nodiscard]] const TracerAbilities& abilities() const;

  /// The cookie of the namespace that `opener` makes sockets in; the key of everything here. Before Linux 5.14 a UDP socket is connected
  /// (to itself, nothing is sent) and the programs tell where.
  [[nodiscard]] Result<std::uint64_t> cookie_of(const SocketOpener& opener);

  /// Begins to watch, or replaces what was given before. Sockets made from now on have owners. no_space: more than the settings have room
  /// for; then everything is as before.
  [[nodiscard]] Result<void> watch(std::uint64_t netns, const WatchedSpace& space);
  void forget(std::uint64_t netns);

  /// Readable (epoll, poll) when a leak was recorded, or the other ring is half full.
  [[nodiscard]] int descriptor() const;
  /// Calls `take` for each record that waits, at most `most` of each ring; never blocks. True: more wait. `take` must not throw.
  bool drain(const std::function<void(const FlowRecord&)>& take, std::size_t most = 4096);
  /// To be called about once a second, then drain(): each socket tells its counts with its next packet. Without it only leaks, ends and
  /// the first packet of each socket are told.
  void tick();

  [[nodiscard]] TracerLosses losses() const;

 private:
  friend class SocketSurvey;
  struct State;
  explicit Tracer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace vpn_sentinel

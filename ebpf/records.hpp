/// What the BPF programs tell, as values. Pure. The layout is ebpf/flow_wire.h's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// How the owner of a socket is known.
enum class OwnerBy : std::uint8_t {
  made,       ///< it called socket(2), of ICMP and raw sockets; whoever sends may have inherited the descriptor
  connected,  ///< it called connect(2); likewise
  sent,       ///< it called sendto(2) with an address: the sender for certain, unless `several` or `unseen`
  held,       ///< it has a descriptor of the socket, found later (SocketSurvey); for certain only when not `several`
};

struct SocketOwner {
  std::uint32_t pid = 0;  ///< of the process, in the first pid namespace
  std::uint32_t uid = 0;  ///< in the first user namespace
  /// Of the process unless `of_thread`, at most 15 bytes, without control characters; empty: CAP_PERFMON is missing.
  std::string name;
  std::uint64_t cgroup = 0;  ///< the inode of its folder below the cgroup2 mount; 0: not known
  OwnerBy by = OwnerBy::made;
  /// More than one process connected, sent by or holds this socket: the one named is the last that called, or one of those that hold it.
  bool several = false;
  /// Of OwnerBy::sent: send(2) without an address may have sent by this socket too, and who calls that is not seen.
  bool unseen = false;
  bool of_thread = false;  ///< `name` is that of a thread at the call, and not of the first one of its process

  friend bool operator==(const SocketOwner&, const SocketOwner&) = default;
};

/// Where packets went.
enum class PacketWay : std::uint8_t {
  tunnel,   ///< by an interface of WatchedSpace::inside
  exempt,   ///< by another one, but allowed: WatchedSpace, the probe's own, neighbour discovery
  outside,  ///< by another one
  stopped,  ///< would have been outside, and was dropped
};

struct PacketCount {
  /// As handed to the device: a train of segments (GSO) counts once, and so does a datagram that is cut into fragments afterwards.
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  ///< of these, from the IP header on

  friend bool operator==(const PacketCount&, const PacketCount&) = default;
};

/// One socket and everything it has sent so far. Packets by the loopback are not counted.
struct SocketFlow {
  std::uint64_t netns = 0;           ///< cookie of its network namespace
  std::uint64_t socket = 0;          ///< cookie of the socket (SO_COOKIE, idiag_cookie); 0: not known
  std::optional<SocketOwner> owner;  ///< none: nobody knows
  PacketCount tunnel;
  PacketCount exempt;
  PacketCount outside;
  PacketCount stopped;
  bool closed = false;  ///< the last descriptor was closed

  friend bool operator==(const SocketFlow&, const SocketFlow&) = default;
};

/// One packet.
struct FlowPacket {
  Endpoint source;              ///< port 0: the protocol has none, or it is a later fragment
  Endpoint destination;         ///< likewise
  std::uint8_t protocol = 0;    ///< IPPROTO_*, behind IPv6 extension headers
  std::uint32_t interface = 0;  ///< index in the namespace, after routing
  std::uint32_t length = 0;     ///< bytes from the IP header on
  PacketWay way = PacketWay::tunnel;
  std::uint32_t mark = 0;
  std::uint32_t uid = 0;  ///< of its socket, in the user namespace of its network namespace

  friend bool operator==(const FlowPacket&, const FlowPacket&) = default;
};

enum class FlowEvent : std::uint8_t {
  packet_outside,    ///< packet 1, 2, 4, 8 … of this socket that went outside or was stopped
  first_since_tick,  ///< the first packet since Tracer::tick()
  closed,            ///< the last descriptor was closed; a TCP socket may still send what waits
  after_close,       ///< each packet after that
  established,       ///< TCP; only with a SocketSurvey
  ended,             ///< TCP: nothing will be sent any more; only with a SocketSurvey
};

struct FlowRecord {
  FlowEvent event = FlowEvent::packet_outside;
  SocketFlow flow;                   ///< with this packet counted
  std::optional<FlowPacket> packet;  ///< none: with closed, established and ended

  friend bool operator==(const FlowRecord&, const FlowRecord&) = default;
};

/// One descriptor of a socket in one process.
struct DescriptorHolder {
  std::uint64_t netns = 0;
  std::uint64_t socket = 0;  ///< cookie; 0: not given by the kernel yet (before Linux 5.12)
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint64_t cgroup = 0;
  bool v6 = false;            ///< AF_INET6, which may carry IPv4 too
  std::uint8_t protocol = 0;  ///< IPPROTO_*
  std::string name;

  friend bool operator==(const DescriptorHolder&, const DescriptorHolder&) = default;
};

/// invalid: not of the length, or with a number that is none of flow_wire.h's.
[[nodiscard]] Result<FlowRecord> decode_flow_record(std::span<const std::byte> bytes);
[[nodiscard]] Result<SocketFlow> decode_socket_flow(std::span<const std::byte> bytes);
[[nodiscard]] Result<DescriptorHolder> decode_socket_holder(std::span<const std::byte> bytes);

/// "connected", …: stable words for reports.
[[nodiscard]] std::string_view to_string(OwnerBy by);
[[nodiscard]] std::string_view to_string(PacketWay way);
[[nodiscard]] std::string_view to_string(FlowEvent event);

}  // namespace vpn_sentinel

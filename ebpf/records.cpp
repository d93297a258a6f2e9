#include "ebpf/records.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "ebpf/flow_wire.h"
#include "netns/base/text.hpp"

namespace vpn_sentinel {
namespace {

/// A copy, so that alignment does not matter.
template <typename Wire>
Result<Wire> wire_of(std::span<const std::byte> bytes) {
  if (bytes.size() != sizeof(Wire)) return fail(Error::Kind::invalid, "a record of the BPF programs has the wrong length");
  Wire wire;
  std::memcpy(&wire, bytes.data(), sizeof wire);
  return wire;
}

tl::unexpected<Error> unknown(const char* what) {
  return fail(Error::Kind::invalid, std::string("a record of the BPF programs has an unknown ") + what);
}

std::string name_of(const char (&comm)[VS_COMM]) {
  const auto* end = std::find(std::begin(comm), std::end(comm), '\0');
  return without_control_characters({comm, static_cast<std::size_t>(end - comm)});
}

PacketCount count_of(const vs_count& count) { return {count.packets, count.bytes}; }

OwnerBy owner_by(std::uint8_t how) {
  constexpr std::array known{OwnerBy::made, OwnerBy::connected, OwnerBy::sent, OwnerBy::held};
  return known[how - VS_HOW_MADE];
}

Result<SocketFlow> flow_of(const vs_flow& wire) {
  if (wire.how > VS_HOW_HELD) return unknown("way to know an owner");
  SocketFlow flow;
  flow.netns = wire.netns;
  flow.socket = wire.socket;
  flow.tunnel = count_of(wire.count[VS_TUNNEL]);
  flow.exempt = count_of(wire.count[VS_EXEMPT]);
  flow.outside = count_of(wire.count[VS_OUTSIDE]);
  flow.stopped = count_of(wire.count[VS_STOPPED]);
  flow.closed = (wire.flags & VS_SHUT) != 0;
  if (wire.how != VS_HOW_UNKNOWN) {
    const auto has = [&wire](unsigned flag) { return (wire.flags & flag) != 0; };
    flow.owner = SocketOwner{wire.pid,           wire.uid,        name_of(wire.comm), wire.cgroup,
                             owner_by(wire.how), has(VS_SEVERAL), has(VS_UNSEEN),     has(VS_THREAD)};
  }
  return flow;
}

IpAddress address_of(const std::uint8_t (&bytes)[16], bool v4) {
  if (v4) return IpAddress::v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  std::array<std::uint8_t, 16> whole;
  std::copy(std::begin(bytes), std::end(bytes), whole.begin());
  return IpAddress::v6(whole);
}

PacketWay way_of(std::uint8_t where) {
  constexpr std::array known{PacketWay::tunnel, PacketWay::exempt, PacketWay::outside, PacketWay::stopped};
  return known[where];
}

Result<FlowPacket> packet_of(const vs_record& wire) {
  if (wire.family != 4 && wire.family != 6) return unknown("family");
  if (wire.where >= VS_WHERES) return unknown("way");
  const bool v4 = wire.family == 4;
  return FlowPacket{{address_of(wire.source, v4), ntohs(wire.source_port)},
                    {address_of(wire.destination, v4), ntohs(wire.destination_port)},
                    wire.protocol,
                    wire.ifindex,
                    wire.length,
                    way_of(wire.where),
                    wire.mark,
                    wire.uid};
}

}  // namespace

Result<FlowRecord> decode_flow_record(std::span<const std::byte> bytes) {
  const auto wire = wire_of<vs_record>(bytes);
  if (!wire) return fail(wire.error());
  constexpr std::array known{FlowEvent::packet_outside, FlowEvent::first_since_tick, FlowEvent::closed,
                             FlowEvent::after_close,    FlowEvent::established,      FlowEvent::ended};
  if (wire->reason < VS_PACKET_OUTSIDE || wire->reason > VS_ENDED) return unknown("reason");
  auto flow = flow_of(wire->flow);
  if (!flow) return fail(flow.error());
  FlowRecord record{known[static_cast<std::size_t>(wire->reason - VS_PACKET_OUTSIDE)], std::move(*flow), std::nullopt};
  if (wire->family != 0) {
    auto packet = packet_of(*wire);
    if (!packet) return fail(packet.error());
    record.packet = *packet;
  }
  return record;
}

Result<SocketFlow> decode_socket_flow(std::span<const std::byte> bytes) {
  const auto wire = wire_of<vs_flow>(bytes);
  if (!wire) return fail(wire.error());
  return flow_of(*wire);
}

Result<DescriptorHolder> decode_socket_holder(std::span<const std::byte> bytes) {
  const auto wire = wire_of<vs_holder>(bytes);
  if (!wire) return fail(wire.error());
  if (wire->family != AF_INET && wire->family != AF_INET6) return unknown("family");
  return DescriptorHolder{wire->netns,
                          wire->socket,
                          wire->pid,
                          wire->uid,
                          wire->cgroup,
                          wire->family == AF_INET6,
                          static_cast<std::uint8_t>(wire->protocol),
                          name_of(wire->comm)};
}

std::string_view to_string(OwnerBy by) {
  constexpr std::array<std::string_view, 4> words{"made", "connected", "sent", "held"};
  return words.at(static_cast<std::size_t>(by));
}

std::string_view to_string(PacketWay way) {
  constexpr std::array<std::string_view, 4> words{"tunnel", "exempt", "outside", "stopped"};
  return words.at(static_cast<std::size_t>(way));
}

std::string_view to_string(FlowEvent event) {
  constexpr std::array<std::string_view, 6> words{"packet_outside", "first_since_tick", "closed", "after_close", "established", "ended"};
  return words.at(static_cast<std::size_t>(event));
}

}  // namespace vpn_sentinel

#include "netns/sockets/conntrack_decode.hpp"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "netns/netlink/attribute_cursor.hpp"
#include "netns/sockets/netfilter_socket.hpp"

namespace vpn_sentinel {
namespace {

struct Tuple {
  std::optional<IpAddress> source;
  std::optional<IpAddress> destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::optional<std::uint8_t> protocol;
  [[nodiscard]] bool is_whole() const { return source && destination && protocol && source->family() == destination->family(); }
};

std::optional<IpAddress> address_of(const Attribute& attribute, std::size_t size) {
  if (attribute.payload.size() != size) return std::nullopt;
  const auto address = IpAddress::from_bytes(attribute.payload);
  return address ? std::optional(*address) : std::nullopt;
}

void take_addresses(const Attribute& attribute, Tuple& tuple) {
  auto parts = attribute.nested();
  while (const auto part = parts.next()) {
    if (part->type == CTA_IP_V4_SRC) tuple.source = address_of(*part, 4);
    if (part->type == CTA_IP_V4_DST) tuple.destination = address_of(*part, 4);
    if (part->type == CTA_IP_V6_SRC) tuple.source = address_of(*part, 16);
    if (part->type == CTA_IP_V6_DST) tuple.destination = address_of(*part, 16);
  }
}

void take_protocol(const Attribute& attribute, Tuple& tuple) {
  auto parts = attribute.nested();
  while (const auto part = parts.next()) {
    if (part->type == CTA_PROTO_NUM) tuple.protocol = part->as<std::uint8_t>();
    if (part->type == CTA_PROTO_SRC_PORT) tuple.source_port = big_u16(*part).value_or(0);
    if (part->type == CTA_PROTO_DST_PORT) tuple.destination_port = big_u16(*part).value_or(0);
  }
}

Tuple tuple_of(const Attribute& attribute) {
  Tuple tuple;
  auto parts = attribute.nested();
  while (const auto part = parts.next()) {
    if (part->type == CTA_TUPLE_IP) take_addresses(*part, tuple);
    if (part->type == CTA_TUPLE_PROTO) take_protocol(*part, tuple);
  }
  return tuple;
}

void take_ends(const Tuple& tuple, TrackedDirection& direction) {
  direction.source = {*tuple.source, tuple.source_port};
  direction.destination = {*tuple.destination, tuple.destination_port};
}

/// True when both numbers are there.
bool take_counters(const Attribute& attribute, TrackedDirection& direction) {
  std::optional<std::uint64_t> packets;
  std::optional<std::uint64_t> bytes;
  auto parts = attribute.nested();
  while (const auto part = parts.next()) {
    if (part->type == CTA_COUNTERS_PACKETS) packets = big_u64(*part);
    if (part->type == CTA_COUNTERS_BYTES) bytes = big_u64(*part);
  }
  direction.packets = packets.value_or(0);
  direction.bytes = bytes.value_or(0);
  return packets && bytes;
}

void take_attribute(const Attribute& attribute, TrackedConnection& found) {
  switch (attribute.type) {
    case CTA_COUNTERS_ORIG:
      found.counted = take_counters(attribute, found.original);
      break;
    case CTA_COUNTERS_REPLY:
      (void)take_counters(attribute, found.reply);
      break;
    case CTA_MARK:
      found.mark = big_u32(attribute).value_or(0);
      break;
    case CTA_ZONE:
      found.zone = big_u16(attribute).value_or(0);
      break;
    case CTA_ID:
      found.id = big_u32(attribute).value_or(0);
      break;
    case CTA_STATUS:
      found.answered = (big_u32(attribute).value_or(0) & IPS_SEEN_REPLY) != 0;
      found.assured = (big_u32(attribute).value_or(0) & IPS_ASSURED) != 0;
      break;
    case CTA_TIMEOUT:
      if (const auto seconds = big_u32(attribute)) found.expires = std::chrono::seconds{*seconds};
      break;
    default:
      break;
  }
}

}  // namespace

Result<TrackedConnection> decode_tracked_connection(std::span<const std::byte> payload) {
  if (!take_header<nfgenmsg>(payload)) return fail(Error::Kind::invalid, "the connection's description is shorter than its header");
  TrackedConnection found;
  std::optional<Tuple> original;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == CTA_TUPLE_ORIG) {
      original = tuple_of(*attribute);
    } else if (attribute->type == CTA_TUPLE_REPLY) {
      if (const auto reply = tuple_of(*attribute); reply.is_whole()) take_ends(reply, found.reply);
    } else {
      take_attribute(*attribute, found);
    }
  }
  if (!original || !original->is_whole()) return fail(Error::Kind::invalid, "the connection has no whole original direction");
  found.protocol = *original->protocol;
  take_ends(*original, found.original);
  return found;
}

}  // namespace vpn_sentinel

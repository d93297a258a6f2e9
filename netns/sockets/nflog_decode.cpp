#include "netns/sockets/nflog_decode.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netinet/in.h>

#include <algorithm>

#include "netns/base/text.hpp"
#include "netns/netlink/attribute_cursor.hpp"
#include "netns/sockets/netfilter_socket.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t longest_prefix = 127;
constexpr std::size_t v4_header = 20;
constexpr std::size_t v6_header = 40;
constexpr int most_extension_headers = 8;

std::uint16_t u16_at(std::span<const std::byte> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8U | std::to_integer<unsigned>(bytes[at + 1]));
}
std::uint8_t u8_at(std::span<const std::byte> bytes, std::size_t at) { return std::to_integer<std::uint8_t>(bytes[at]); }

IpAddress address_at(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  return IpAddress::from_bytes(bytes.subspan(at, size)).value_or(IpAddress{});
}

void take_ports(std::span<const std::byte> bytes, std::size_t at, LoggedPacket& packet) {
  const bool has_ports = packet.protocol == IPPROTO_TCP || packet.protocol == IPPROTO_UDP || packet.protocol == IPPROTO_SCTP;
  if (!has_ports || bytes.size() < at + 4) return;
  packet.source.port = u16_at(bytes, at);
  packet.destination.port = u16_at(bytes, at + 2);
}

/// RFC 791.
bool take_v4(std::span<const std::byte> bytes, LoggedPacket& packet) {
  if (bytes.size() < v4_header) return false;
  const std::size_t header = (u8_at(bytes, 0) & 15U) * 4U;
  if (header < v4_header) return false;
  packet.bytes = u16_at(bytes, 2);
  packet.protocol = u8_at(bytes, 9);
  packet.source.address = address_at(bytes, 12, 4);
  packet.destination.address = address_at(bytes, 16, 4);
  const bool first_fragment = (u16_at(bytes, 6) & 0x1fffU) == 0;
  if (first_fragment) take_ports(bytes, header, packet);
  return true;
}

/// RFC 8200, section 4: hop-by-hop, routing, fragment, destination options.
bool take_v6(std::span<const std::byte> bytes, LoggedPacket& packet) {
  if (bytes.size() < v6_header) return false;
  packet.bytes = u16_at(bytes, 4) + static_cast<std::uint32_t>(v6_header);
  packet.source.address = address_at(bytes, 8, 16);
  packet.destination.address = address_at(bytes, 24, 16);
  auto next = u8_at(bytes, 6);
  auto at = v6_header;
  for (int i = 0; i < most_extension_headers; ++i) {
    const bool is_fragment = next == IPPROTO_FRAGMENT;
    if (!is_fragment && next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS) {
      packet.protocol = next;
      take_ports(bytes, at, packet);
      return true;
    }
    if (bytes.size() < at + 8) return true;
    next = u8_at(bytes, at);
    if (is_fragment && (u16_at(bytes, at + 2) & 0xfff8U) != 0) {
      packet.protocol = next;
      return true;
    }
    at += is_fragment ? 8 : (u8_at(bytes, at + 1) + std::size_t{1}) * 8;
  }
  return true;
}

bool take_packet(std::span<const std::byte> bytes, LoggedPacket& packet) {
  if (bytes.empty()) return false;
  const auto version = u8_at(bytes, 0) >> 4U;
  return version == 4 ? take_v4(bytes, packet) : version == 6 && take_v6(bytes, packet);
}

}  // namespace

Result<LoggedPacket> decode_logged_packet(std::span<const std::byte> payload) {
  if (!take_header<nfgenmsg>(payload)) return fail(Error::Kind::invalid, "the packet's description is shorter than its header");
  LoggedPacket packet;
  bool has_packet = false;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    switch (attribute->type) {
      case NFULA_PAYLOAD:
        has_packet = take_packet(attribute->payload, packet);
        break;
      case NFULA_IFINDEX_INDEV:
        packet.in_index = big_u32(*attribute).value_or(0);
        break;
      case NFULA_IFINDEX_OUTDEV:
        packet.out_index = big_u32(*attribute).value_or(0);
        break;
      case NFULA_UID:
        packet.uid = big_u32(*attribute);
        break;
      case NFULA_MARK:
        packet.mark = big_u32(*attribute).value_or(0);
        break;
      case NFULA_SEQ:
        packet.sequence = big_u32(*attribute);
        break;
      case NFULA_PREFIX:
        packet.prefix = without_control_characters(attribute->as_string().substr(0, longest_prefix));
        break;
      default:
        break;
    }
  }
  if (!has_packet) return fail(Error::Kind::invalid, "the packet's IP header is not there");
  return packet;
}

}  // namespace vpn_sentinel

// RTM_NEWLINK, RTM_DELLINK.
#include <linux/if_link.h>

#include "netns/base/text.hpp"
#include "netns/netlink/decode.hpp"
#include "netns/netlink/decode_detail.hpp"

namespace vpn_sentinel {
namespace {

using namespace decoding;

void read_link_info(Link& link, const Attribute& info) {
  auto attributes = info.nested();
  while (const auto attribute = attributes.next()) {
    if (attribute->type == IFLA_INFO_KIND) link.kind = attribute->as_string();
    if (attribute->type == IFLA_INFO_SLAVE_KIND) link.master_kind = attribute->as_string();
  }
}

void read_statistics(Link& link, const Attribute& attribute) {
  // Newer kernels append counters: what is known is the front.
  rtnl_link_stats64 statistics{};
  constexpr std::size_t needed = 4 * sizeof(std::uint64_t);
  if (attribute.payload.size() < needed) return;
  std::memcpy(&statistics, attribute.payload.data(), needed);
  link.rx_packets = statistics.rx_packets;
  link.tx_packets = statistics.tx_packets;
  link.rx_bytes = statistics.rx_bytes;
  link.tx_bytes = statistics.tx_bytes;
}

void read_link_attribute(Link& link, const Attribute& attribute) {
  switch (attribute.type) {
    case IFLA_IFNAME:
      // The kernel lets a name hold everything but blanks, '/' and ':' (dev_valid_name), and whoever owns a namespace names its links.
      link.name = without_control_characters(attribute.as_string().substr(0, longest_link_name));
      break;
    case IFLA_MTU:
      read_into(link.mtu, attribute);
      break;
    case IFLA_OPERSTATE:
      read_into(link.operstate, attribute);
      break;
    case IFLA_CARRIER:
      if (const auto carrier = attribute.as<std::uint8_t>()) link.carrier = *carrier != 0;
      break;
    case IFLA_LINKINFO:
      read_link_info(link, attribute);
      break;
    case IFLA_STATS64:
      read_statistics(link, attribute);
      break;
    case IFLA_MASTER:
      read_into(link.master, attribute);
      break;
    case IFLA_GROUP:
      read_into(link.group, attribute);
      break;
    default:
      break;
  }
}

}  // namespace

Result<Link> decode_link(std::span<const std::byte> payload) {
  const auto header = take_header<ifinfomsg>(payload);
  if (!header) return too_short("link");
  // A bridge port's message (AF_BRIDGE) has the same type: taking its "deleted" for the link's own would lose the link.
  if (header->ifi_family != AF_UNSPEC) return fail(Error::Kind::invalid, "the message is not about the link itself");
  if (header->ifi_index <= 0) return fail(Error::Kind::invalid, "the link has no index");
  Link link;
  link.index = static_cast<std::uint32_t>(header->ifi_index);
  link.type = header->ifi_type;
  link.flags = header->ifi_flags;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == IFLA_WIRELESS) return fail(Error::Kind::invalid, "a wireless event describes only a part of the link");
    read_link_attribute(link, *attribute);
  }
  if (link.name.empty()) return fail(Error::Kind::invalid, "the link has no name");
  return link;
}

bool tells_move_to_namespace(std::span<const std::byte> payload) {
  if (!take_header<ifinfomsg>(payload)) return false;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == IFLA_NEW_NETNSID) return true;
  }
  return false;
}

}  // namespace vpn_sentinel

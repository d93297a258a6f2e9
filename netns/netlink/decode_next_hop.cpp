// RTM_NEWNEXTHOP, RTM_DELNEXTHOP (linux/nexthop.h).
#include <linux/nexthop.h>

#include "netns/netlink/decode.hpp"
#include "netns/netlink/decode_detail.hpp"

namespace vpn_sentinel {
namespace {

using namespace decoding;

void read_group(NextHopObject& object, const Attribute& attribute) {
  auto rest = attribute.payload;
  while (const auto member = take_header<nexthop_grp>(rest)) {
    object.group.push_back(member->id);
    object.weights.push_back(member->weight);
  }
}

void read_object_attribute(NextHopObject& object, const Attribute& attribute) {
  switch (attribute.type) {
    case NHA_ID:
      read_into(object.id, attribute);
      break;
    case NHA_GROUP:
      read_group(object, attribute);
      break;
    case NHA_BLACKHOLE:
      object.blackhole = true;
      break;
    case NHA_OIF:
      read_into(object.hop.link_index, attribute);
      break;
    case NHA_GATEWAY:
      if (const auto family = family_of(object.family)) object.hop.gateway = address_of(attribute, *family);
      break;
    default:
      break;
  }
}

}  // namespace

Result<NextHopObject> decode_next_hop_object(std::span<const std::byte> payload) {
  const auto header = take_header<nhmsg>(payload);
  if (!header) return too_short("next hop");
  NextHopObject object;
  object.family = header->nh_family;
  object.protocol = header->nh_protocol;
  object.hop.flags = static_cast<std::uint8_t>(header->nh_flags);
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) read_object_attribute(object, *attribute);
  if (object.id == 0) return fail(Error::Kind::invalid, "the next hop object has no id");
  return object;
}

}  // namespace vpn_sentinel

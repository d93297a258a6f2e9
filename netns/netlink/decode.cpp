#include "netns/netlink/decode.hpp"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <limits>

#include "netns/netlink/decode_detail.hpp"

namespace vpn_sentinel {
namespace {

using namespace decoding;

IpAddress any_address(Family family) { return family == Family::v4 ? IpAddress{} : IpAddress::v6({}); }

/// RTA_VIA: a gateway of another family, such as an IPv6 gateway of an IPv4 route.
std::optional<IpAddress> via_of(const Attribute& attribute) {
  auto rest = attribute.payload;
  std::uint16_t family = 0;
  if (rest.size() < sizeof family) return std::nullopt;
  std::memcpy(&family, rest.data(), sizeof family);
  const auto known = family_of(family);
  if (!known) return std::nullopt;
  return address_of(Attribute{0, rest.subspan(sizeof family)}, *known);
}

void read_next_hop(NextHop& hop, const Attribute& attribute, Family family) {
  if (attribute.type == RTA_GATEWAY) hop.gateway = address_of(attribute, family);
  if (attribute.type == RTA_VIA) hop.gateway = via_of(attribute);
}

void read_multipath(Route& route, const Attribute& multipath) {
  NextHopCursor records{multipath.payload};
  while (const auto record = records.next()) {
    NextHop hop{record->link_index, std::nullopt, record->flags, record->weight};
    AttributeCursor attributes{record->attributes};
    while (const auto attribute = attributes.next()) read_next_hop(hop, *attribute, route.family);
    route.next_hops.push_back(hop);
  }
}

void read_route_attribute(Route& route, NextHop& single, const Attribute& attribute) {
  switch (attribute.type) {
    case RTA_TABLE:
      read_into(route.table, attribute);
      break;
    case RTA_PRIORITY:
      read_into(route.metric, attribute);
      break;
    case RTA_OIF:
      read_into(single.link_index, attribute);
      break;
    case RTA_MULTIPATH:
      read_multipath(route, attribute);
      break;
    case RTA_PREF:
      read_into(route.preference, attribute);
      break;
    case RTA_NH_ID:
      read_into(route.next_hop_id, attribute);
      break;
    default:
      read_next_hop(single, attribute, route.family);
      break;
  }
}

RouteAnswer answer_of_kind(RouteAnswer::Kind kind) {
  RouteAnswer answer;
  answer.kind = kind;
  return answer;
}

RouteAnswer::Kind answer_kind(unsigned type) {
  switch (type) {
    case RTN_LOCAL:
      return RouteAnswer::Kind::local;
    case RTN_BLACKHOLE:
      return RouteAnswer::Kind::blackhole;
    case RTN_PROHIBIT:
      return RouteAnswer::Kind::prohibit;
    case RTN_UNREACHABLE:
    case RTN_THROW:
      return RouteAnswer::Kind::unreachable;
    default:
      return RouteAnswer::Kind::device;  // unicast, broadcast, multicast, anycast: it leaves
  }
}

Result<RouteAnswer> answer_of_error(int code) {
  switch (code) {
    case ENETUNREACH:
    case EHOSTUNREACH:
      return answer_of_kind(RouteAnswer::Kind::unreachable);
    case EACCES:
      return answer_of_kind(RouteAnswer::Kind::prohibit);
    case EINVAL:
      return answer_of_kind(RouteAnswer::Kind::blackhole);
    case 0:
      return fail(Error::Kind::failed, "the kernel acknowledged a route look-up without an answer");
    default:
      return fail(system_error(code, "route look-up"));
  }
}

}  // namespace

Result<InterfaceAddress> decode_address(std::span<const std::byte> payload) {
  const auto header = take_header<ifaddrmsg>(payload);
  if (!header) return too_short("address");
  const auto family = family_of(header->ifa_family);
  if (!family) return foreign_family(header->ifa_family);
  if (header->ifa_prefixlen > address_bits(*family)) return fail(Error::Kind::invalid, "the prefix is longer than the address");
  std::optional<IpAddress> local;
  std::optional<IpAddress> peer;
  InterfaceAddress address{header->ifa_index, {}, header->ifa_prefixlen, header->ifa_scope, header->ifa_flags};
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == IFA_LOCAL) local = address_of(*attribute, *family);
    if (attribute->type == IFA_ADDRESS) peer = address_of(*attribute, *family);
    if (attribute->type == IFA_FLAGS) read_into(address.flags, *attribute);
  }
  if (!local && !peer) return fail(Error::Kind::invalid, "the message carries no address");
  address.address = local ? *local : *peer;
  return address;
}

Result<Route> decode_route(std::span<const std::byte> payload) {
  Route route;
  if (auto error = decode_route(payload, route)) return fail(std::move(*error));
  return route;
}

std::optional<Error> decode_route(std::span<const std::byte> payload, Route& route) {
  const auto header = take_header<rtmsg>(payload);
  if (!header) return too_short("route").value();
  const auto family = family_of(header->rtm_family);
  if (!family) return foreign_family(header->rtm_family).value();
  if (header->rtm_dst_len > address_bits(*family)) return Error{Error::Kind::invalid, "the prefix is longer than the address"};
  route.family = *family;
  route.table = header->rtm_table;
  route.protocol = header->rtm_protocol;
  route.scope = header->rtm_scope;
  route.type = header->rtm_type;
  route.flags = header->rtm_flags;
  route.tos = header->rtm_tos;
  std::optional<IpAddress> destination;
  std::optional<IpAddress> source;
  NextHop single;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == RTA_DST) {
      destination = address_of(*attribute, *family);
    } else if (attribute->type == RTA_SRC) {
      if (*family == Family::v6 && header->rtm_src_len != 0) source = address_of(*attribute, *family);
    } else {
      read_route_attribute(route, single, *attribute);
    }
  }
  // Without this check a damaged message about one host would read as a default route.
  if (!destination && header->rtm_dst_len != 0) return Error{Error::Kind::invalid, "the route has a prefix length but no destination"};
  route.destination = IpPrefix{destination.value_or(any_address(*family)), header->rtm_dst_len};
  if (source) route.source = IpPrefix{*source, header->rtm_src_len};
  if (route.next_hops.empty() && (single.link_index != 0 || single.gateway)) {
    // The low byte of rtm_flags is RTNH_F_* of the only next hop.
    single.flags = static_cast<std::uint8_t>(header->rtm_flags);
    route.next_hops.push_back(single);
  }
  return std::nullopt;
}

Result<int> decode_error_code(std::span<const std::byte> payload) {
  const auto code = take_header<int>(payload);
  if (!code) return too_short("error");
  if (*code > 0 || *code == std::numeric_limits<int>::min()) return fail(Error::Kind::invalid, "the error code is not a negative errno");
  return -*code;
}

Result<RouteAnswer> decode_route_answer(const NetlinkMessage& message) {
  if (message.type == NLMSG_ERROR) {
    const auto code = decode_error_code(message.payload);
    if (!code) return fail(code.error());
    return answer_of_error(*code);
  }
  if (message.type != RTM_NEWROUTE) return fail(Error::Kind::invalid, fmt::format("message type {} is no route answer", message.type));
  auto route = decode_route(message.payload);
  if (!route) return fail(route.error());
  return RouteAnswer{answer_kind(route->type), std::move(*route)};
}

}  // namespace vpn_sentinel

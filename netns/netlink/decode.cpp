#include "netns/netlink/decode.hpp"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <limits>

namespace vpn_sentinel {
namespace {

constexpr std::size_t longest_link_name = 15;  // IFNAMSIZ - 1

tl::unexpected<Error> too_short(std::string_view what) {
  return fail(Error::Kind::invalid, fmt::format("the {} message is shorter than its header", what));
}

std::optional<Family> family_of(unsigned family) {
  if (family == AF_INET) return Family::v4;
  if (family == AF_INET6) return Family::v6;
  return std::nullopt;
}

unsigned address_bits(Family family) { return family == Family::v4 ? 32 : 128; }

std::optional<IpAddress> address_of(const Attribute& attribute, Family family) {
  if (attribute.payload.size() * 8 != address_bits(family)) return std::nullopt;
  const auto address = IpAddress::from_bytes(attribute.payload);
  return address ? std::optional(*address) : std::nullopt;
}

IpAddress any_address(Family family) { return family == Family::v4 ? IpAddress{} : IpAddress::v6({}); }

template <typename Value>
void read_into(Value& field, const Attribute& attribute) {
  if (const auto value = attribute.as<Value>()) field = *value;
}

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

std::string link_kind(const Attribute& info) {
  auto attributes = info.nested();
  while (const auto attribute = attributes.next()) {
    if (attribute->type == IFLA_INFO_KIND) return std::string(attribute->as_string());
  }
  return {};
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
      link.name = attribute.as_string().substr(0, longest_link_name);
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
      link.kind = link_kind(attribute);
      break;
    case IFLA_STATS64:
      read_statistics(link, attribute);
      break;
    default:
      break;
  }
}

void read_next_hop(NextHop& hop, const Attribute& attribute, Family family) {
  if (attribute.type == RTA_GATEWAY) hop.gateway = address_of(attribute, family);
  if (attribute.type == RTA_VIA) hop.gateway = via_of(attribute);
}

void read_multipath(Route& route, const Attribute& multipath) {
  NextHopCursor records{multipath.payload};
  while (const auto record = records.next()) {
    NextHop hop{record->link_index, std::nullopt};
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
    default:
      read_next_hop(single, attribute, route.family);
      break;
  }
}

std::optional<IpPrefix> prefix_of(const Attribute& attribute, Family family, unsigned length) {
  const auto address = address_of(attribute, family);
  return address ? std::optional(IpPrefix{*address, length}) : std::nullopt;
}

void read_rule_attribute(Rule& rule, const fib_rule_hdr& header, const Attribute& attribute) {
  switch (attribute.type) {
    case FRA_PRIORITY:
      return read_into(rule.priority, attribute);
    case FRA_TABLE:
      return read_into(rule.table, attribute);
    case FRA_FWMARK:
      return read_into(rule.fwmark, attribute);
    case FRA_FWMASK:
      return read_into(rule.fwmask, attribute);
    case FRA_SUPPRESS_PREFIXLEN:
      return read_into(rule.suppress_prefix_length, attribute);
    case FRA_SRC:
      rule.source = prefix_of(attribute, rule.family, header.src_len);
      return;
    case FRA_DST:
      rule.destination = prefix_of(attribute, rule.family, header.dst_len);
      return;
    case FRA_IIFNAME:
      rule.input_interface = attribute.as_string().substr(0, longest_link_name);
      return;
    case FRA_OIFNAME:
      rule.output_interface = attribute.as_string().substr(0, longest_link_name);
      return;
    default:
      return;
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

Result<InterfaceAddress> decode_address(std::span<const std::byte> payload) {
  const auto header = take_header<ifaddrmsg>(payload);
  if (!header) return too_short("address");
  const auto family = family_of(header->ifa_family);
  if (!family) return fail(Error::Kind::invalid, fmt::format("address family {} is neither IPv4 nor IPv6", header->ifa_family));
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
  const auto header = take_header<rtmsg>(payload);
  if (!header) return too_short("route");
  const auto family = family_of(header->rtm_family);
  if (!family) return fail(Error::Kind::invalid, fmt::format("address family {} is neither IPv4 nor IPv6", header->rtm_family));
  if (header->rtm_dst_len > address_bits(*family)) return fail(Error::Kind::invalid, "the prefix is longer than the address");
  Route route{*family, {}, header->rtm_table, header->rtm_protocol, header->rtm_scope, header->rtm_type, 0, header->rtm_flags, {}};
  std::optional<IpAddress> destination;
  NextHop single;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == RTA_DST) destination = address_of(*attribute, *family);
    read_route_attribute(route, single, *attribute);
  }
  // Without this check a damaged message about one host would read as a default route.
  if (!destination && header->rtm_dst_len != 0) return fail(Error::Kind::invalid, "the route has a prefix length but no destination");
  route.destination = IpPrefix{destination.value_or(any_address(*family)), header->rtm_dst_len};
  if (route.next_hops.empty() && single != NextHop{}) route.next_hops.push_back(single);
  return route;
}

Result<Rule> decode_rule(std::span<const std::byte> payload) {
  const auto header = take_header<fib_rule_hdr>(payload);
  if (!header) return too_short("rule");
  const auto family = family_of(header->family);
  if (!family) return fail(Error::Kind::invalid, fmt::format("address family {} is neither IPv4 nor IPv6", header->family));
  if (header->src_len > address_bits(*family) || header->dst_len > address_bits(*family)) {
    return fail(Error::Kind::invalid, "the prefix is longer than the address");
  }
  Rule rule;
  rule.family = *family;
  rule.table = header->table;
  rule.action = header->action;
  rule.flags = header->flags;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) read_rule_attribute(rule, *header, *attribute);
  return rule;
}

Result<RouterOption> decode_router_option(std::span<const std::byte> payload) {
  const auto header = take_header<nduseroptmsg>(payload);
  if (!header || payload.empty()) return too_short("router option");
  return RouterOption{static_cast<std::uint32_t>(header->nduseropt_ifindex), std::to_integer<std::uint8_t>(payload.front())};
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

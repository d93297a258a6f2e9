#include "netns/netlink/request.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

namespace vpn_sentinel {
namespace {

/// The longest dump or link request: header and struct ifinfomsg.
constexpr std::size_t room = 64;
/// The longest question: header, struct rtmsg, two IPv6 addresses, mark, uid, protocol and two ports.
constexpr std::size_t question_room = 128;

template <typename Integer>
void put(nlmsghdr* header, std::uint16_t type, Integer value) {
  mnl_attr_put(header, type, sizeof value, &value);
}

/// What is not asked for is left out: kernels refuse attributes that they do not know only where they are used.
void put_flow(nlmsghdr* header, const Flow& flow) {
  if (flow.source) mnl_attr_put(header, RTA_SRC, flow.source->bytes().size(), flow.source->bytes().data());
  if (flow.mark != 0) put(header, RTA_MARK, flow.mark);
  if (flow.uid) put(header, RTA_UID, *flow.uid);
  if (flow.ip_protocol != 0) put(header, RTA_IP_PROTO, flow.ip_protocol);
  if (flow.source_port != 0) put(header, RTA_SPORT, htons(flow.source_port));
  if (flow.destination_port != 0) put(header, RTA_DPORT, htons(flow.destination_port));
}

template <typename Body>
nlmsghdr* put_request(std::byte* at, std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, const Body& body) {
  auto* header = mnl_nlmsg_put_header(at);
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header->nlmsg_seq = sequence;
  *static_cast<Body*>(mnl_nlmsg_put_extra_header(header, sizeof(Body))) = body;
  return header;
}

template <typename Body>
std::vector<std::byte> one_request(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, const Body& body) {
  std::vector<std::byte> bytes(room);
  bytes.resize(put_request(bytes.data(), type, flags, sequence, body)->nlmsg_len);
  return bytes;
}

std::vector<std::byte> family_dump(std::uint16_t type, int family, std::uint32_t sequence) {
  // struct rtmsg and struct fib_rule_hdr agree in size and in their first byte, the family.
  static_assert(sizeof(rtmsg) == sizeof(fib_rule_hdr));
  rtmsg body{};
  body.rtm_family = static_cast<unsigned char>(family);
  return one_request(type, NLM_F_DUMP, sequence, body);
}

}  // namespace

std::vector<std::byte> dump_request(DumpKind kind, std::uint32_t sequence) {
  switch (kind) {
    case DumpKind::links:
      return one_request(RTM_GETLINK, NLM_F_DUMP, sequence, ifinfomsg{});
    case DumpKind::addresses:
      return one_request(RTM_GETADDR, NLM_F_DUMP, sequence, ifaddrmsg{});
    case DumpKind::next_hop_objects:
      return one_request(RTM_GETNEXTHOP, NLM_F_DUMP, sequence, nhmsg{});
    case DumpKind::routes_v4:
      return family_dump(RTM_GETROUTE, AF_INET, sequence);
    case DumpKind::routes_v6:
      return family_dump(RTM_GETROUTE, AF_INET6, sequence);
    case DumpKind::rules_v4:
      return family_dump(RTM_GETRULE, AF_INET, sequence);
    case DumpKind::rules_v6:
      break;
  }
  return family_dump(RTM_GETRULE, AF_INET6, sequence);
}

std::vector<std::byte> link_request(std::uint32_t index, std::uint32_t sequence) {
  ifinfomsg body{};
  body.ifi_index = static_cast<int>(index);
  return one_request(RTM_GETLINK, 0, sequence, body);
}

std::vector<std::byte> route_requests(std::span<const RouteQuestion> questions, std::uint32_t first_sequence) {
  std::vector<std::byte> bytes(questions.size() * question_room);
  std::size_t used = 0;
  for (const auto& question : questions) {
    const auto address = question.destination.bytes();
    rtmsg body{};
    body.rtm_family = static_cast<unsigned char>(address_family(question.destination.family()));
    body.rtm_dst_len = static_cast<unsigned char>(address.size() * 8);
    if (question.flow.source) body.rtm_src_len = static_cast<unsigned char>(question.flow.source->bytes().size() * 8);
    body.rtm_tos = question.flow.tos;
    // Without RTM_F_LOOKUP_TABLE the kernel answers "table main" for every IPv4 route.
    body.rtm_flags = RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH;
    auto* header = put_request(bytes.data() + used, RTM_GETROUTE, 0, first_sequence++, body);
    mnl_attr_put(header, RTA_DST, address.size(), address.data());
    put_flow(header, question.flow);
    used += NLMSG_ALIGN(header->nlmsg_len);
  }
  bytes.resize(used);
  return bytes;
}

}  // namespace vpn_sentinel

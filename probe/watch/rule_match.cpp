#include "probe/watch/rule_match.hpp"

#include <linux/fib_rules.h>
#include <netinet/in.h>

#include <optional>

namespace vpn_sentinel {
namespace {

bool in(const std::optional<PortRange>& range, std::uint16_t port) { return !range || (port >= range->first && port <= range->last); }

std::uint8_t protocol_of(const Flow& flow) { return flow.ip_protocol != 0 ? flow.ip_protocol : static_cast<std::uint8_t>(IPPROTO_UDP); }

}  // namespace

bool is_inverted(const Rule& rule) { return (rule.flags & FIB_RULE_INVERT) != 0; }

bool has_mark(const Rule& rule) { return rule.fwmark != 0 || rule.fwmask != 0; }
std::uint32_t mask_of(const Rule& rule) { return rule.fwmask != 0 ? rule.fwmask : 0xffffffff; }

bool selects(const Rule& rule, const Flow& flow) {
  if (has_mark(rule) && (flow.mark & mask_of(rule)) != (rule.fwmark & mask_of(rule))) return false;
  if (rule.uids && (!flow.uid || *flow.uid < rule.uids->first || *flow.uid > rule.uids->last)) return false;
  if (rule.ip_protocol != 0 && rule.ip_protocol != protocol_of(flow)) return false;
  if (!in(rule.source_ports, flow.source_port) || !in(rule.destination_ports, flow.destination_port)) return false;
  if (rule.tos != 0 && rule.tos != flow.tos) return false;
  // A packet that has no source yet has the address 0.
  const auto source = flow.source.value_or(rule.family == Family::v4 ? IpAddress{} : IpAddress::v6({}));
  if (rule.source && rule.source->length() != 0 && !rule.source->contains(source)) return false;
  const bool by_interface = (!rule.input_interface.empty() && rule.input_interface != "lo") || !rule.output_interface.empty();
  return !by_interface && !rule.l3mdev && rule.tunnel_id == 0;
}

bool tells_apart(const Rule& rule) {
  return has_mark(rule) || rule.uids || rule.ip_protocol != 0 || rule.source_ports || rule.destination_ports || rule.tos != 0 ||
         (rule.source && rule.source->length() != 0);
}

bool can_be_asked(const Rule& rule) {
  const bool known_protocol = rule.ip_protocol == 0 || rule.ip_protocol == IPPROTO_UDP || rule.ip_protocol == IPPROTO_TCP ||
                              rule.ip_protocol == (rule.family == Family::v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
  return known_protocol && !rule.has_unknown;
}

bool applies(const Rule& rule, const Flow& flow, const IpAddress& destination) {
  if (rule.family != destination.family()) return false;
  const bool there = !rule.destination || rule.destination->length() == 0 || rule.destination->contains(destination);
  return (there && selects(rule, flow)) != is_inverted(rule);
}

}  // namespace vpn_sentinel

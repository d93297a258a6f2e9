// A rule in the words and the order of ip-rule(8).
#include <linux/fib_rules.h>
#include <netinet/in.h>

#include <iterator>

#include "netns/monitor/describe.hpp"
#include "netns/monitor/describe_detail.hpp"

namespace vpn_sentinel {
namespace {

using namespace describing;

template <typename... Values>
void add(std::string& text, fmt::format_string<Values...> format, Values&&... values) {
  fmt::format_to(std::back_inserter(text), format, std::forward<Values>(values)...);
}

std::string ip_protocol_text(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_ICMP:
      return "icmp";
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_ICMPV6:
      return "ipv6-icmp";
    default:
      return fmt::format("{}", protocol);
  }
}

void add_ports(std::string& text, std::string_view name, const std::optional<PortRange>& ports) {
  if (!ports) return;
  add(text, " {} {}", name, ports->first);
  if (ports->last != ports->first) add(text, "-{}", ports->last);
}

void add_mark(std::string& text, const Rule& rule) {
  constexpr std::uint32_t whole = 0xffffffffU;
  if (rule.fwmark == 0 && (rule.fwmask == 0 || rule.fwmask == whole)) return;
  add(text, " fwmark {:#x}", rule.fwmark);
  if (rule.fwmask != whole) add(text, "/{:#x}", rule.fwmask);
}

void add_selectors(std::string& text, const Rule& rule) {
  if (rule.source) text += " from " + destination_text(*rule.source);
  if (rule.destination) text += " to " + destination_text(*rule.destination);
  if (rule.tos != 0) add(text, " tos {:#x}", rule.tos);
  add_mark(text, rule);
  if (!rule.input_interface.empty()) text += " iif " + rule.input_interface;
  if (!rule.output_interface.empty()) text += " oif " + rule.output_interface;
  if (rule.uids) add(text, " uidrange {}-{}", rule.uids->first, rule.uids->last);
  if (rule.ip_protocol != 0) text += " ipproto " + ip_protocol_text(rule.ip_protocol);
  add_ports(text, "sport", rule.source_ports);
  add_ports(text, "dport", rule.destination_ports);
  if (rule.tunnel_id != 0) add(text, " tun_id {}", rule.tunnel_id);
  if (rule.has_unknown) text += " and something that is not known";
}

std::string action_text(const Rule& rule) {
  switch (rule.action) {
    case FR_ACT_TO_TBL:
      return rule.l3mdev ? "lookup [l3mdev-table]" : "lookup " + table_text(rule.table);
    case FR_ACT_GOTO:
      return fmt::format("goto {}", rule.go_to);
    case FR_ACT_NOP:
      return "nop";
    case FR_ACT_BLACKHOLE:
      return "blackhole";
    case FR_ACT_UNREACHABLE:
      return "unreachable";
    case FR_ACT_PROHIBIT:
      return "prohibit";
    default:
      return "unknown action";
  }
}

void add_suppressors(std::string& text, const Rule& rule) {
  if (rule.suppress_prefix_length >= 0) add(text, " suppress_prefixlength {}", rule.suppress_prefix_length);
  if (rule.suppress_group >= 0) add(text, " suppress_ifgroup {}", rule.suppress_group);
}

void add_realms(std::string& text, std::uint32_t realms) {
  if (realms == 0) return;
  text += " realms ";
  if (realms >> 16U != 0) add(text, "{}/", realms >> 16U);
  add(text, "{}", realms & 0xffffU);
}

}  // namespace

std::string describe_rule(const Rule& rule, std::string_view happened) {
  auto text = fmt::format("{}rule {}", family_prefix(rule.family), rule.priority);
  if ((rule.flags & FIB_RULE_INVERT) != 0) text += " not";
  const auto selectors = text.size();
  add_selectors(text, rule);
  if (text.size() == selectors) text += " from all";
  text += " " + action_text(rule);
  add_suppressors(text, rule);
  add_realms(text, rule.realms);
  return happened.empty() ? text : fmt::format("{} {}", text, happened);
}

}  // namespace vpn_sentinel

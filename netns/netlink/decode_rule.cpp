// RTM_NEWRULE, RTM_DELRULE.
#include <linux/fib_rules.h>

#include "netns/netlink/decode.hpp"
#include "netns/netlink/decode_detail.hpp"

namespace vpn_sentinel {
namespace {

using namespace decoding;

/// Linux 6.15; the headers may be older. A kernel that knows masks sends the full one with each single port.
constexpr std::uint16_t fra_sport_mask = 28;
constexpr std::uint16_t fra_dport_mask = 29;
constexpr std::uint16_t every_bit = 0xffff;

/// What the kernel sets and clears without a message, as links and target rules come and go.
constexpr std::uint32_t silent_flags = FIB_RULE_UNRESOLVED | FIB_RULE_IIF_DETACHED | FIB_RULE_OIF_DETACHED;
constexpr std::uint32_t known_flags = silent_flags | FIB_RULE_PERMANENT | FIB_RULE_INVERT | FIB_RULE_FIND_SADDR;

bool is_known_action(std::uint8_t action) {
  switch (action) {
    case FR_ACT_TO_TBL:
    case FR_ACT_GOTO:
    case FR_ACT_NOP:
    case FR_ACT_BLACKHOLE:
    case FR_ACT_UNREACHABLE:
    case FR_ACT_PROHIBIT:
      return true;
    default:
      return false;
  }
}

template <typename Record>
std::optional<Record> record_of(const Attribute& attribute) {
  if (attribute.payload.size() != sizeof(Record)) return std::nullopt;
  auto rest = attribute.payload;
  return take_header<Record>(rest);
}

bool read_ports(std::optional<PortRange>& ports, const Attribute& attribute) {
  const auto range = record_of<fib_rule_port_range>(attribute);
  if (range) ports = PortRange{range->start, range->end};
  return range.has_value();
}

bool read_uids(std::optional<UidRange>& uids, const Attribute& attribute) {
  const auto range = record_of<fib_rule_uid_range>(attribute);
  if (range) uids = UidRange{range->start, range->end};
  return range.has_value();
}

bool read_prefix(std::optional<IpPrefix>& prefix, const Attribute& attribute, Family family, unsigned length) {
  prefix = prefix_of(attribute, family, length);
  return prefix.has_value();
}

bool read_name(std::string& name, const Attribute& attribute) {
  name = attribute.as_string().substr(0, longest_link_name);
  return !name.empty();
}

bool read_flag(bool& flag, const Attribute& attribute) {
  const auto value = attribute.as<std::uint8_t>();
  flag = value && *value != 0;
  return value.has_value();
}

/// The only number of this message in network order.
bool read_tunnel_id(std::uint64_t& id, const Attribute& attribute) {
  if (attribute.payload.size() != sizeof id) return false;
  id = 0;
  for (const auto byte : attribute.payload) id = id << 8U | std::to_integer<std::uint64_t>(byte);
  return true;
}

/// False: the attribute is not known or damaged, so that it cannot be told whom the rule concerns.
bool read_rule_attribute(Rule& rule, const fib_rule_hdr& header, const Attribute& attribute) {
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
    case FRA_SUPPRESS_IFGROUP:
      return read_into(rule.suppress_group, attribute);
    case FRA_GOTO:
      return read_into(rule.go_to, attribute);
    case FRA_FLOW:
      return read_into(rule.realms, attribute);
    case FRA_PROTOCOL:
      return read_into(rule.protocol, attribute);
    case FRA_IP_PROTO:
      return read_into(rule.ip_protocol, attribute);
    case FRA_SRC:
      return read_prefix(rule.source, attribute, rule.family, header.src_len);
    case FRA_DST:
      return read_prefix(rule.destination, attribute, rule.family, header.dst_len);
    case FRA_IIFNAME:
      return read_name(rule.input_interface, attribute);
    case FRA_OIFNAME:
      return read_name(rule.output_interface, attribute);
    case FRA_UID_RANGE:
      return read_uids(rule.uids, attribute);
    case FRA_SPORT_RANGE:
      return read_ports(rule.source_ports, attribute);
    case FRA_DPORT_RANGE:
      return read_ports(rule.destination_ports, attribute);
    case FRA_L3MDEV:
      return read_flag(rule.l3mdev, attribute);
    case FRA_TUN_ID:
      return read_tunnel_id(rule.tunnel_id, attribute);
    case fra_sport_mask:
    case fra_dport_mask:
      return attribute.as<std::uint16_t>() == every_bit;
    case FRA_UNSPEC:
    case FRA_UNUSED2:
    case FRA_UNUSED3:
    case FRA_UNUSED4:
    case FRA_UNUSED5:
    case FRA_PAD:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<Rule> decode_rule(std::span<const std::byte> payload) {
  const auto header = take_header<fib_rule_hdr>(payload);
  if (!header) return too_short("rule");
  const auto family = family_of(header->family);
  if (!family) return foreign_family(header->family);
  if (header->src_len > address_bits(*family) || header->dst_len > address_bits(*family)) {
    return fail(Error::Kind::invalid, "the prefix is longer than the address");
  }
  Rule rule;
  rule.family = *family;
  rule.table = header->table;
  rule.action = header->action;
  rule.flags = header->flags & ~silent_flags;
  rule.tos = header->tos;
  rule.has_unknown = !is_known_action(header->action) || (header->flags & ~known_flags) != 0;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (!read_rule_attribute(rule, *header, *attribute)) rule.has_unknown = true;
  }
  // Without its address the prefix would read as "everybody".
  if ((header->src_len != 0 && !rule.source) || (header->dst_len != 0 && !rule.destination)) rule.has_unknown = true;
  return rule;
}

}  // namespace vpn_sentinel

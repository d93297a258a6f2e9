#include "netns/firewall/ruleset_xtables.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_owner.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "netns/firewall/nft_decode_expression.hpp"

namespace vpn_sentinel::audit {
namespace {

constexpr std::size_t most_extension_name_bytes = 64;
constexpr std::uint32_t unknown_state = 1U << 16;
constexpr std::uint32_t tracked_states = 0xf;  // invalid, established, related, new
constexpr std::uint16_t notrack_flag = 1;      // XT_CT_NOTRACK

/// One match or target: its structure is padded to a multiple of eight bytes.
struct Extension {
  std::string_view name;
  std::uint32_t revision = 0;
  std::span<const std::byte> info;
  template <typename Info>
  [[nodiscard]] std::optional<Info> as() const {
    if (info.size() < sizeof(Info)) return std::nullopt;
    Info value;
    std::memcpy(&value, info.data(), sizeof value);
    return value;
  }
};

/// False: not understood, and nothing was added.
using Decode = bool (*)(const Extension&, std::vector<Step>&);

bool always(const Extension&, std::vector<Step>&) { return true; }

bool owner(const Extension& extension, std::vector<Step>& steps) {
  const auto info = extension.as<xt_owner_match_info>();
  if (!info || extension.revision != 1 || (info->match & ~(XT_OWNER_UID | XT_OWNER_GID)) != 0) return false;
  if ((info->match & XT_OWNER_UID) != 0) {
    steps.emplace_back(FieldIn{Field::user, {{info->uid_min, info->uid_max}}, (info->invert & XT_OWNER_UID) != 0});
  }
  if ((info->match & XT_OWNER_GID) != 0) {
    steps.emplace_back(FieldIn{Field::group, {{info->gid_min, info->gid_max}}, (info->invert & XT_OWNER_GID) != 0});
  }
  return true;
}

bool mark(const Extension& extension, std::vector<Step>& steps) {
  const auto info = extension.as<xt_mark_mtinfo1>();
  if (!info || extension.revision != 1) return false;
  steps.emplace_back(MarkIs{info->mark, info->mask, info->invert != 0});
  return true;
}

/// The bits as nf_tables has them (NF_CT_STATE_BIT); those of translated connections are not known here.
std::uint32_t states_of(std::uint32_t mask) {
  auto states = mask & tracked_states;
  mask &= ~tracked_states;
  if ((mask & XT_CONNTRACK_STATE_UNTRACKED) != 0) states |= NF_CT_STATE_UNTRACKED_BIT;
  if ((mask & ~static_cast<std::uint32_t>(XT_CONNTRACK_STATE_UNTRACKED)) != 0) states |= unknown_state;
  return states;
}

bool conntrack(const Extension& extension, std::vector<Step>& steps) {
  const auto info = extension.as<xt_conntrack_mtinfo3>();
  if (!info || extension.revision != 3) return false;
  constexpr std::uint32_t known = XT_CONNTRACK_STATE | XT_CONNTRACK_STATE_ALIAS;
  if ((info->match_flags & XT_CONNTRACK_STATE) == 0 || (info->match_flags & ~known) != 0) return false;
  steps.emplace_back(StateIn{states_of(info->state_mask), (info->invert_flags & XT_CONNTRACK_STATE) != 0});
  return true;
}

bool state(const Extension& extension, std::vector<Step>& steps) {
  const auto info = extension.as<xt_state_info>();
  if (!info || extension.revision != 0) return conntrack(extension, steps);
  steps.emplace_back(StateIn{(info->statemask & tracked_states) | ((info->statemask & ~tracked_states) != 0 ? unknown_state : 0), false});
  return true;
}

bool address_type(const Extension& extension, std::vector<Step>& steps) {
  const auto info = extension.as<xt_addrtype_info_v1>();
  constexpr std::uint32_t limits = XT_ADDRTYPE_LIMIT_IFACE_IN | XT_ADDRTYPE_LIMIT_IFACE_OUT;
  if (!info || extension.revision != 1 || info->source != 0 || info->dest == 0 || (info->flags & limits) != 0) return false;
  steps.emplace_back(DestinationType{info->dest, (info->flags & XT_ADDRTYPE_INVERT_DEST) != 0});
  return true;
}

void add_ports(std::vector<Step>& steps, Field field, const std::uint16_t (&ports)[2], bool inverted) {
  if (ports[0] == 0 && ports[1] == 0xffff && !inverted) return;
  steps.emplace_back(FieldIn{field, {{ports[0], ports[1]}}, inverted});
}

template <typename Info>
bool ports(const Info& info, std::vector<Step>& steps) {
  add_ports(steps, Field::source_port, info.spts, (info.invflags & XT_TCP_INV_SRCPT) != 0);
  add_ports(steps, Field::destination_port, info.dpts, (info.invflags & XT_TCP_INV_DSTPT) != 0);
  return true;
}

bool tcp(const Extension& extension, std::vector<Step>& steps) {
  const auto info = extension.as<xt_tcp>();
  if (!info || extension.revision != 0) return false;
  steps.emplace_back(FieldIn{Field::protocol, {{IPPROTO_TCP, IPPROTO_TCP}}, false});
  if (info->flg_mask != 0 || info->option != 0) steps.emplace_back(MayEnd{"TCP flags"});
  return ports(*info, steps);
}

bool udp(const Extension& extension, std::vector<Step>& steps) {
  const auto info = extension.as<xt_udp>();
  if (!info || extension.revision != 0) return false;
  static_assert(XT_UDP_INV_SRCPT == XT_TCP_INV_SRCPT && XT_UDP_INV_DSTPT == XT_TCP_INV_DSTPT);
  steps.emplace_back(FieldIn{Field::protocol, {{IPPROTO_UDP, IPPROTO_UDP}}, false});
  return ports(*info, steps);
}

bool multiport(const Extension& extension, std::vector<Step>& steps) {
  const auto info = extension.as<xt_multiport_v1>();
  if (!info || extension.revision != 1 || info->count > XT_MULTI_PORTS || info->flags > XT_MULTIPORT_DESTINATION) return false;
  FieldIn step{info->flags == XT_MULTIPORT_SOURCE ? Field::source_port : Field::destination_port, {}, info->invert != 0};
  for (std::size_t i = 0; i < info->count; ++i) {
    const bool range = info->pflags[i] != 0 && i + 1 < info->count;
    const std::uint32_t first = info->ports[i];
    if (range) ++i;
    step.numbers.push_back({first, info->ports[i]});
  }
  steps.emplace_back(std::move(step));
  return true;
}

bool icmp(const Extension& extension, std::vector<Step>& steps) {
  const auto info = extension.as<ipt_icmp>();  // struct ip6t_icmp has the same members
  if (!info || extension.revision != 0 || (info->invflags & IPT_ICMP_INV) != 0) return false;
  if (info->type == 0xff) return true;
  steps.emplace_back(FieldIn{Field::icmp_type, {{info->type, info->type}}, false});
  if (info->code[0] != 0 || info->code[1] != 0xff) {
    steps.emplace_back(FieldIn{Field::icmp_code, {{info->code[0], info->code[1]}}, false});
  }
  return true;
}

bool drops(const Extension&, std::vector<Step>& steps) {
  steps.emplace_back(Decide{NF_DROP, {}});
  return true;
}

bool queues(const Extension&, std::vector<Step>& steps) {
  steps.emplace_back(Decide{NF_QUEUE, {}});
  return true;
}

bool neutral(const Extension&, std::vector<Step>& steps) {
  steps.emplace_back(Neutral{});
  return true;
}

bool translates_source(const Extension&, std::vector<Step>& steps) {
  steps.emplace_back(Translate{false});
  return true;
}

bool translates_destination(const Extension&, std::vector<Step>& steps) {
  steps.emplace_back(Translate{true});
  return true;
}

bool sets_mark(const Extension& extension, std::vector<Step>& steps) {
  const auto info = extension.as<xt_mark_tginfo2>();
  if (!info || extension.revision != 2) return false;
  steps.emplace_back(SetMarkTo{info->mark, info->mask});
  return true;
}

/// What the connection's mark is copied from or to; the packet's own mark may be another one then.
bool connection_mark(const Extension&, std::vector<Step>& steps) {
  constexpr std::uint8_t never_loaded = 15;
  steps.emplace_back(SetConntrackMark{});
  steps.emplace_back(SetMark{never_loaded});
  return true;
}

bool tracks(const Extension& extension, std::vector<Step>& steps) {
  const auto info = extension.as<std::uint16_t>();  // the flags come first in each revision of struct xt_ct_target_info
  if (!info) return false;
  steps.emplace_back((*info & notrack_flag) != 0 ? Step{NoTrack{}} : Step{Neutral{}});
  return true;
}

bool does_not_track(const Extension&, std::vector<Step>& steps) {
  steps.emplace_back(NoTrack{});
  return true;
}

struct Known {
  std::string_view name;
  Decode decode;
};

constexpr std::array matches{
    Known{"comment", always},        Known{"owner", owner}, Known{"mark", mark},  Known{"conntrack", conntrack},
    Known{"state", state},           Known{"tcp", tcp},     Known{"udp", udp},    Known{"multiport", multiport},
    Known{"addrtype", address_type}, Known{"icmp", icmp},   Known{"icmp6", icmp},
};

constexpr std::array targets{
    Known{"REJECT", drops},
    Known{"DROP", drops},
    Known{"NFQUEUE", queues},
    Known{"LOG", neutral},
    Known{"NFLOG", neutral},
    Known{"TRACE", neutral},
    Known{"TCPMSS", neutral},
    Known{"DSCP", neutral},
    Known{"TOS", neutral},
    Known{"TTL", neutral},
    Known{"HL", neutral},
    Known{"CHECKSUM", neutral},
    Known{"CLASSIFY", neutral},
    Known{"SET", neutral},
    Known{"AUDIT", neutral},
    Known{"IDLETIMER", neutral},
    Known{"SECMARK", neutral},
    Known{"CONNSECMARK", neutral},
    Known{"CONNMARK", connection_mark},
    Known{"MASQUERADE", translates_source},
    Known{"SNAT", translates_source},
    Known{"DNAT", translates_destination},
    Known{"REDIRECT", translates_destination},
    Known{"MARK", sets_mark},
    Known{"CT", tracks},
    Known{"NOTRACK", does_not_track},
};

}  // namespace

void decode_xtables(bool target, const Attribute& data, std::vector<Step>& steps) {
  static_assert(int{NFTA_MATCH_NAME} == int{NFTA_TARGET_NAME} && int{NFTA_MATCH_REV} == int{NFTA_TARGET_REV} &&
                int{NFTA_MATCH_INFO} == int{NFTA_TARGET_INFO});
  Extension extension;
  AttributeCursor attributes{data.nested()};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == NFTA_MATCH_NAME) extension.name = attribute->as_string();
    if (attribute->type == NFTA_MATCH_REV) extension.revision = nft::number32(*attribute).value_or(~0U);
    if (attribute->type == NFTA_MATCH_INFO) extension.info = attribute->payload;
  }
  const auto find = [&](const auto& known) {
    const auto place = std::find_if(known.begin(), known.end(), [&](const Known& one) { return one.name == extension.name; });
    return place != known.end() && place->decode(extension, steps);
  };
  if (target ? find(targets) : find(matches)) return;
  const std::string name(extension.name.substr(0, most_extension_name_bytes));
  steps.push_back(target ? Step{Anything{"-j " + name}} : Step{MayEnd{"-m " + name}});
}

}  // namespace vpn_sentinel::audit

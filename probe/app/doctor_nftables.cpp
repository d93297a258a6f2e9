#include <arpa/inet.h>
#include <endian.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <utility>

#include "netns/firewall/egress_support.hpp"
#include "probe/app/doctor.hpp"
#include "probe/app/doctor_netlink.hpp"

namespace vpn_sentinel {
namespace {

using Status = DoctorLine::Status;
// linux/netfilter/nf_tables.h and linux/netfilter.h of Linux 6.9 and 5.16; older headers lack them.
constexpr std::uint32_t table_flag_owner = 2;
constexpr std::uint32_t table_flag_persist = 4;
constexpr std::uint32_t netdev_egress = 1;
constexpr std::uint8_t family_inet = 1;
constexpr std::uint8_t family_netdev = 5;

/// Requests to nfnetlink, one after the other.
class Batch {
 public:
  nlmsghdr* add(std::uint16_t type, std::uint16_t flags, std::uint8_t family, std::uint16_t resource = 0) {
    finish();
    header_ = mnl_nlmsg_put_header(room_.data() + used_);
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header_->nlmsg_seq = ++sequence_;
    *static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header_, sizeof(nfgenmsg))) = {family, NFNETLINK_V0, htons(resource)};
    return header_;
  }
  [[nodiscard]] std::span<const std::byte> bytes() {
    finish();
    return std::span(room_).first(used_);
  }

 private:
  void finish() {
    if (header_ != nullptr) used_ += NLMSG_ALIGN(header_->nlmsg_len);
    header_ = nullptr;
  }
  alignas(nlmsghdr) std::array<std::byte, 1024> room_{};
  std::size_t used_ = 0;
  std::uint32_t sequence_ = 0;
  nlmsghdr* header_ = nullptr;
};

constexpr std::uint16_t nftables_type(unsigned message) { return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8U | message); }

/// A batch without an end is checked and thrown away (what 'nft --check' does): the kernel tells what it would accept, and nothing of it
/// exists at any time for anybody. The messages after the beginning have the numbers 2, 3, ….
void begin_without_end(Batch& batch) { batch.add(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES); }

nlmsghdr* add_table(Batch& batch, std::uint8_t family, const std::string& name) {
  auto* header = batch.add(nftables_type(NFT_MSG_NEWTABLE), NLM_F_CREATE | NLM_F_ACK, family);
  mnl_attr_put_strz(header, NFTA_TABLE_NAME, name.c_str());
  return header;
}

std::string table_name() { return fmt::format("vpn-sentinel-doctor-{}", ::getpid()); }

DoctorLine from_error(const DoctorTopic& topic, Error error) {
  if (error.kind == Error::Kind::not_permitted) error.message += " (CAP_NET_ADMIN is needed)";
  return doctor_line(kernel_group, topic, status_of(error), std::move(error.message));
}

/// The verdict is the first refusal of any message.
DoctorLine from_answer(const DoctorTopic& topic, const Result<KernelAnswer>& answer, std::string_view good) {
  if (!answer) return from_error(topic, answer.error());
  for (const auto& [sequence, code] : answer->codes) {
    if (code != 0) return from_error(topic, system_error(code, "the kernel answers"));
  }
  return doctor_line(kernel_group, topic, Status::ok, std::string(good));
}

Result<KernelAnswer> ask(const SocketOpener& own, Batch& batch, std::vector<std::uint32_t> answers) {
  const auto bytes = batch.bytes();
  return ask_kernel(own, {NETLINK_NETFILTER, bytes, std::move(answers), false, false});
}

DoctorLine tables_line(const SocketOpener& own, const DoctorTopic& topic) {
  Batch batch;
  batch.add(nftables_type(NFT_MSG_GETGEN), 0, AF_UNSPEC);
  return from_answer(topic, ask(own, batch, {1}), "nf_tables answers");
}

DoctorLine persist_line(const SocketOpener& own, const DoctorTopic& topic) {
  Batch batch;
  begin_without_end(batch);
  mnl_attr_put_u32(add_table(batch, family_inet, table_name()), NFTA_TABLE_FLAGS, htonl(table_flag_owner | table_flag_persist));
  return from_answer(topic, ask(own, batch, {2}), "the kernel would take such a table");
}

DoctorLine egress_line(const SocketOpener& own, const DoctorTopic& topic) {
  // It has the chain, and it would not be used.
  if (const auto gap = this_kernels_egress_gap()) return from_error(topic, *gap);
  Batch batch;
  begin_without_end(batch);
  add_table(batch, family_netdev, table_name());
  auto* chain = batch.add(nftables_type(NFT_MSG_NEWCHAIN), NLM_F_CREATE | NLM_F_ACK, family_netdev);
  mnl_attr_put_strz(chain, NFTA_CHAIN_TABLE, table_name().c_str());
  mnl_attr_put_strz(chain, NFTA_CHAIN_NAME, "egress");
  auto* hook = mnl_attr_nest_start(chain, NFTA_CHAIN_HOOK);
  mnl_attr_put_u32(chain, NFTA_HOOK_HOOKNUM, htonl(netdev_egress));
  mnl_attr_put_u32(chain, NFTA_HOOK_PRIORITY, 0);
  mnl_attr_put_strz(chain, NFTA_HOOK_DEV, "lo");
  mnl_attr_nest_end(chain, hook);
  mnl_attr_put_strz(chain, NFTA_CHAIN_TYPE, "filter");
  return from_answer(topic, ask(own, batch, {2, 3}), "the kernel would take such a chain");
}

DoctorLine bell_line(const SocketOpener& own, const DoctorTopic& topic) {
  Batch batch;
  begin_without_end(batch);
  add_table(batch, family_inet, table_name());
  auto* quota = batch.add(nftables_type(NFT_MSG_NEWOBJ), NLM_F_CREATE | NLM_F_ACK, family_inet);
  mnl_attr_put_strz(quota, NFTA_OBJ_TABLE, table_name().c_str());
  mnl_attr_put_strz(quota, NFTA_OBJ_NAME, "bell");
  mnl_attr_put_u32(quota, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_QUOTA));
  auto* data = mnl_attr_nest_start(quota, NFTA_OBJ_DATA);
  mnl_attr_put_u64(quota, NFTA_QUOTA_BYTES, htobe64(1));
  mnl_attr_nest_end(quota, data);
  return from_answer(topic, ask(own, batch, {2, 3}), "the kernel would tell of the first packet by itself");
}

DoctorLine conntrack_line(const SocketOpener& own, const DoctorTopic& topic) {
  Batch batch;
  batch.add(static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8U | IPCTNL_MSG_CT_GET_STATS), 0, AF_UNSPEC);
  return from_answer(topic, ask(own, batch, {1}), "connection tracking answers");
}

/// Without an attribute it asks for nothing (net/netfilter/nfnetlink_log.c), and no group is taken from anybody.
DoctorLine nflog_line(const SocketOpener& own, const DoctorTopic& topic) {
  constexpr std::uint16_t unlikely_group = 0xffff;
  Batch batch;
  batch.add(static_cast<std::uint16_t>(NFNL_SUBSYS_ULOG << 8U | NFULNL_MSG_CONFIG), NLM_F_ACK, AF_UNSPEC, unlikely_group);
  return from_answer(topic, ask(own, batch, {1}), "rules that log can be listened to");
}

DoctorLine unless_it_loads(const char* module, const DoctorTopic& topic, const std::function<DoctorLine()>& look) {
  if (may_ask(module)) return look();
  const bool ready = can_be_loaded(module);
  return doctor_line(kernel_group, topic, ready ? Status::ok : Status::could_not_look,
                     fmt::format("{} is not loaded{}; asking would load it", module,
                                 ready ? " and lies ready" : ", and whether it is installed cannot be seen"));
}

}  // namespace

DoctorWishes wishes_of(const std::vector<TargetPolicy>& targets) {
  const auto any = [&targets](const auto& wants) { return std::ranges::any_of(targets, wants); };
  const auto any_mode = [&any](ConnectionsMode mode) {
    return any([mode](const TargetPolicy& target) { return target.connections.mode == mode; });
  };
  DoctorWishes wishes;
  wishes.protect =
      any([](const TargetPolicy& target) { return target.kill_switch.protect && target.kill_switch.mode != KillSwitchMode::off; });
  wishes.traced = any([](const TargetPolicy& target) { return wants_tracer(target.connections.mode); });
  wishes.conntrack = any_mode(ConnectionsMode::automatic) || any_mode(ConnectionsMode::conntrack);
  wishes.nflog = any_mode(ConnectionsMode::nflog);
  return wishes;
}

std::vector<DoctorLine> nftables_lines(const SocketOpener& own, const DoctorWishes& wishes) {
  const DoctorTopic tables{"nftables",
                           "counting packets that leave outside the tunnel, the kill switch, and telling what the rules of others hold",
                           "leaks are judged by routes only; no kill switch", "modprobe nf_tables, and CAP_NET_ADMIN"};
  const DoctorTopic egress{"netdev egress", "counting and holding back forwarded and raw packets on the uplink, too",
                           "packets that no local socket of the namespace sends are not counted, and not held back",
                           "Linux 6.8, 6.6.20 or 6.1.80 or newer, and CAP_NET_ADMIN"};
  const DoctorTopic bell{"nftables quota", "being told of the first packet outside by the kernel, within a millisecond",
                         "the counters are looked at every VPN_SENTINEL_LEAK_POLL_MS", "modprobe nft_quota, and CAP_NET_ADMIN"};
  const DoctorTopic persist{
      "persistent tables",
      "a kill switch that others cannot flush (VPN_SENTINEL_KILL_SWITCH_PROTECT) and that stays when the probe is killed",
      "the kill switch is an ordinary table: 'nft flush ruleset' removes it", "Linux 6.9 or newer, and CAP_NET_ADMIN"};
  const DoctorTopic conntrack{"conntrack",
                              "the command 'connections' where eBPF is not to be had: short-lived connections, and bytes of UDP",
                              "connections that are shorter than a look, UDP that is sent without connect(2) and its bytes are not listed",
                              "modprobe nf_conntrack_netlink, and CAP_NET_ADMIN"};
  const DoctorTopic nflog{"nflog", "the command 'connections' with VPN_SENTINEL_CONNECTIONS=nflog: packets that rules log",
                          "nothing is listed: another source is needed", "modprobe nfnetlink_log, and CAP_NET_ADMIN"};
  constexpr std::string_view no_conntrack = "VPN_SENTINEL_CONNECTIONS wants no conntrack";
  constexpr std::string_view no_nflog = "VPN_SENTINEL_CONNECTIONS is not nflog";
  return {unless_it_loads("nf_tables", tables, [&] { return tables_line(own, tables); }),
          unless_it_loads("nf_tables", egress, [&] { return egress_line(own, egress); }),
          unless_it_loads("nf_tables", bell, [&] { return bell_line(own, bell); }),
          only_when(wishes.protect, "VPN_SENTINEL_KILL_SWITCH_PROTECT is off",
                    unless_it_loads("nf_tables", persist, [&] { return persist_line(own, persist); })),
          only_when(wishes.conntrack, no_conntrack,
                    unless_it_loads("nf_conntrack_netlink", conntrack, [&] { return conntrack_line(own, conntrack); })),
          only_when(wishes.nflog, no_nflog, unless_it_loads("nfnetlink_log", nflog, [&] { return nflog_line(own, nflog); }))};
}

}  // namespace vpn_sentinel

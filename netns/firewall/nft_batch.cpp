#include "netns/firewall/nft_batch.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <new>
#include <optional>

#include "netns/firewall/firewall_policy.hpp"
#include "netns/firewall/nft_encode_expression.hpp"
#include "netns/netlink/decode.hpp"

namespace vpn_sentinel::nft {
namespace {

// libnftnl writes without looking at the buffer's end. No message whose lengths were checked is longer than this.
constexpr std::size_t most_message_bytes = 16384;
constexpr std::size_t first_room = 65536;
constexpr std::size_t most_object_name = 255;
constexpr std::size_t most_chain_devices = 64;
constexpr std::size_t most_comment = 127;

template <auto Free>
struct FreeWith {
  template <typename Thing>
  void operator()(Thing* thing) const noexcept {
    Free(thing);
  }
};
template <typename Thing, auto Free>
using Owner = std::unique_ptr<Thing, FreeWith<Free>>;

template <typename Thing>
Thing* allocated(Thing* thing) {
  if (thing == nullptr) throw std::bad_alloc();
  return thing;
}

bool sane_name(const std::string& name) { return !name.empty() && name.size() <= most_object_name && name.find('\0') == std::string::npos; }

bool sane_hook(const std::optional<Hook>& hook) {
  return !hook ||
         (hook->devices.size() <= most_chain_devices && std::all_of(hook->devices.begin(), hook->devices.end(), [](const auto& device) {
            return sane_name(device) && device.size() <= most_device_name;
          }));
}

bool sane_rule(const Rule& rule) {
  return sane_name(rule.chain) && rule.comment.size() <= most_comment && rule.expressions.size() <= most_written_expressions &&
         std::all_of(rule.expressions.begin(), rule.expressions.end(), can_encode);
}

void set_hook(nftnl_chain* chain, const Hook& hook) {
  nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, hook.number);
  nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, hook.priority);
  nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, "filter");
  nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, hook.policy == Policy::accept ? NF_ACCEPT : NF_DROP);
  if (hook.devices.empty()) return;
  std::vector<const char*> devices;
  for (const auto& device : hook.devices) devices.push_back(device.c_str());
  devices.push_back(nullptr);
  nftnl_chain_set_array(chain, NFTNL_CHAIN_DEVICES, devices.data());
}

void set_comment(nftnl_rule* rule, const std::string& comment) {
  if (comment.empty()) return;
  const Owner<nftnl_udata_buf, nftnl_udata_buf_free> data{allocated(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN))};
  nftnl_udata_put_strz(data.get(), NFTNL_UDATA_RULE_COMMENT, comment.c_str());
  nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(data.get()), nftnl_udata_buf_len(data.get()));
}

}  // namespace

Batch::Batch(std::uint32_t first_sequence) : first_(first_sequence), buffer_(first_room) {
  nftnl_batch_begin(buffer_.data(), first_sequence);
  used_ = reinterpret_cast<const nlmsghdr*>(buffer_.data())->nlmsg_len;
}

void Batch::make_room() {
  if (buffer_.size() < used_ + most_message_bytes) buffer_.resize(std::max(used_ * 2, used_ + first_room));
}

bool Batch::begin_message(bool sane, std::string action) {
  if (!problem_.empty()) return false;
  if (!sane) problem_ = action + ": a name or a list in it is too long, or empty";
  if (used_ > most_batch_bytes) problem_ = fmt::format("{}: all rules together are longer than {} bytes", action, most_batch_bytes);
  if (!problem_.empty()) return false;
  actions_.push_back(std::move(action));
  make_room();
  return true;
}

template <typename Build>
void Batch::put(std::uint16_t type, std::uint8_t family, std::uint16_t flags, const Build& build) {
  auto* header = nftnl_nlmsg_build_hdr(buffer_.data() + used_, type, family, flags, last_sequence());
  build(header);
  last_message_ = used_;
  used_ += NLMSG_ALIGN(header->nlmsg_len);
}

void Batch::add(const Table& table) {
  if (!begin_message(sane_name(table.name.name), fmt::format("creating table {}", table.name.to_string()))) return;
  const Owner<nftnl_table, nftnl_table_free> message{allocated(nftnl_table_alloc())};
  nftnl_table_set_str(message.get(), NFTNL_TABLE_NAME, table.name.name.c_str());
  nftnl_table_set_u32(message.get(), NFTNL_TABLE_FLAGS, table.flags);
  put(NFT_MSG_NEWTABLE, table.name.family, NLM_F_CREATE, [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, message.get()); });
}

void Batch::add(const TableName& table, const Chain& chain) {
  const bool sane = sane_name(table.name) && sane_name(chain.name) && sane_hook(chain.hook);
  if (!begin_message(sane, fmt::format("creating chain '{}' in table {}", chain.name, table.to_string()))) return;
  const Owner<nftnl_chain, nftnl_chain_free> message{allocated(nftnl_chain_alloc())};
  nftnl_chain_set_str(message.get(), NFTNL_CHAIN_TABLE, table.name.c_str());
  nftnl_chain_set_str(message.get(), NFTNL_CHAIN_NAME, chain.name.c_str());
  if (chain.hook) set_hook(message.get(), *chain.hook);
  put(NFT_MSG_NEWCHAIN, table.family, NLM_F_CREATE, [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, message.get()); });
}

void Batch::add(const TableName& table, const Set& set) {
  const bool sane = sane_name(table.name) && sane_name(set.name);
  if (!begin_message(sane, fmt::format("creating set '{}' in table {}", set.name, table.to_string()))) return;
  const Owner<nftnl_set, nftnl_set_free> message{allocated(nftnl_set_alloc())};
  nftnl_set_set_str(message.get(), NFTNL_SET_TABLE, table.name.c_str());
  nftnl_set_set_str(message.get(), NFTNL_SET_NAME, set.name.c_str());
  // Within a batch a set has a number as well; that of the message is free.
  nftnl_set_set_u32(message.get(), NFTNL_SET_ID, static_cast<std::uint32_t>(actions_.size()));
  nftnl_set_set_u32(message.get(), NFTNL_SET_FLAGS, NFT_SET_EVAL | NFT_SET_TIMEOUT);
  nftnl_set_set_u32(message.get(), NFTNL_SET_KEY_TYPE, set.key_type);
  nftnl_set_set_u32(message.get(), NFTNL_SET_KEY_LEN, set.key_length);
  nftnl_set_set_u32(message.get(), NFTNL_SET_DESC_SIZE, set.size);
  nftnl_set_set_u64(message.get(), NFTNL_SET_TIMEOUT, set.timeout_ms);
  put(NFT_MSG_NEWSET, table.family, NLM_F_CREATE, [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, message.get()); });
}

void Batch::add_counter(const TableName& table, const std::string& name) {
  const bool sane = sane_name(table.name) && sane_name(name);
  if (!begin_message(sane, fmt::format("creating counter '{}' in table {}", name, table.to_string()))) return;
  const Owner<nftnl_obj, nftnl_obj_free> message{allocated(nftnl_obj_alloc())};
  nftnl_obj_set_str(message.get(), NFTNL_OBJ_TABLE, table.name.c_str());
  nftnl_obj_set_str(message.get(), NFTNL_OBJ_NAME, name.c_str());
  nftnl_obj_set_u32(message.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
  // Without an attribute of its data libnftnl leaves the nest out, which older kernels refuse.
  nftnl_obj_set_u64(message.get(), NFTNL_OBJ_CTR_PKTS, 0);
  nftnl_obj_set_u64(message.get(), NFTNL_OBJ_CTR_BYTES, 0);
  put(NFT_MSG_NEWOBJ, table.family, NLM_F_CREATE, [&](nlmsghdr* header) { nftnl_obj_nlmsg_build_payload(header, message.get()); });
}

void Batch::add_quota(const TableName& table, const std::string& name) {
  const bool sane = sane_name(table.name) && sane_name(name);
  if (!begin_message(sane, fmt::format("creating quota '{}' in table {}", name, table.to_string()))) return;
  const Owner<nftnl_obj, nftnl_obj_free> message{allocated(nftnl_obj_alloc())};
  nftnl_obj_set_str(message.get(), NFTNL_OBJ_TABLE, table.name.c_str());
  nftnl_obj_set_str(message.get(), NFTNL_OBJ_NAME, name.c_str());
  nftnl_obj_set_u32(message.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_QUOTA);
  nftnl_obj_set_u64(message.get(), NFTNL_OBJ_QUOTA_BYTES, 1);
  nftnl_obj_set_u32(message.get(), NFTNL_OBJ_QUOTA_FLAGS, 0);
  put(NFT_MSG_NEWOBJ, table.family, NLM_F_CREATE, [&](nlmsghdr* header) { nftnl_obj_nlmsg_build_payload(header, message.get()); });
}

void Batch::add(const TableName& table, const Rule& rule) {
  const bool sane = sane_name(table.name) && sane_rule(rule);
  if (!begin_message(sane, fmt::format("creating rule '{}' of chain '{}' in table {}", rule.comment, rule.chain, table.to_string()))) {
    return;
  }
  const Owner<nftnl_rule, nftnl_rule_free> message{allocated(nftnl_rule_alloc())};
  nftnl_rule_set_str(message.get(), NFTNL_RULE_TABLE, table.name.c_str());
  nftnl_rule_set_str(message.get(), NFTNL_RULE_CHAIN, rule.chain.c_str());
  for (const auto& expression : rule.expressions) nftnl_rule_add_expr(message.get(), encode_expression(expression));
  set_comment(message.get(), rule.comment);
  put(NFT_MSG_NEWRULE, table.family, NLM_F_CREATE | NLM_F_APPEND,
      [&](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, message.get()); });
}

void Batch::add(const Ruleset& ruleset) {
  const auto& name = ruleset.table.name;
  add(ruleset.table);
  for (const auto& counter : ruleset.counters) add_counter(name, counter);
  for (const auto& quota : ruleset.quotas) add_quota(name, quota);
  for (const auto& set : ruleset.sets) add(name, set);
  for (const auto& chain : ruleset.chains) add(name, chain);
  for (const auto& rule : ruleset.rules) add(name, rule);
}

void Batch::remove(const TableName& table) {
  if (!begin_message(sane_name(table.name), fmt::format("removing table {}", table.to_string()))) return;
  put(NFT_MSG_DELTABLE, table.family, 0, [&](nlmsghdr* header) { mnl_attr_put_strz(header, NFTA_TABLE_NAME, table.name.c_str()); });
}

void Batch::remove_rules(const TableName& table) {
  if (!begin_message(sane_name(table.name), fmt::format("removing the rules of table {}", table.to_string()))) return;
  put(NFT_MSG_DELRULE, table.family, 0, [&](nlmsghdr* header) { mnl_attr_put_strz(header, NFTA_RULE_TABLE, table.name.c_str()); });
}

Result<std::span<const std::byte>> Batch::finish() {
  if (actions_.empty() && problem_.empty()) problem_ = "the batch changes nothing";
  if (!problem_.empty()) return fail(Error::Kind::invalid, problem_);
  // The kernel answers a whole batch when it is done with it: one acknowledgement tells that it got to the end.
  reinterpret_cast<nlmsghdr*>(buffer_.data() + last_message_)->nlmsg_flags |= NLM_F_ACK;
  make_room();
  nftnl_batch_end(buffer_.data() + used_, last_sequence() + 1);
  used_ += reinterpret_cast<const nlmsghdr*>(buffer_.data() + used_)->nlmsg_len;
  return std::as_bytes(std::span(buffer_.data(), used_));
}

std::string_view Batch::action_of(std::uint32_t sequence) const noexcept {
  const auto place = sequence - first_ - 1;  // of what does not belong to the batch this is large
  return place < actions_.size() ? std::string_view(actions_[place]) : std::string_view();
}

namespace {

struct Answers {
  bool acknowledged = false;
  std::optional<Error> error;
};

void take_answer(const NetlinkMessage& message, const Batch& batch, std::string_view purpose, Answers& answers) {
  if (message.type != NLMSG_ERROR || message.sequence - batch.first_sequence() > batch.last_sequence() + 1 - batch.first_sequence()) return;
  const int code = decode_error_code(message.payload).value_or(EPROTO);
  if (code == 0) {
    answers.acknowledged = answers.acknowledged || message.sequence == batch.last_sequence();
    return;
  }
  // The first one is the cause, what follows its consequence.
  if (!answers.error) answers.error = nft_error(code, batch.action_of(message.sequence), purpose, message.payload, message.flags);
}

/// In a user namespace a socket has no more than net.core.wmem_max, half of which is the kernel's own need.
Error too_long_or(Error error, const Socket& socket, std::size_t bytes) {
  int room = 0;
  socklen_t length = sizeof room;
  if (::getsockopt(socket.netlink.fd.get(), SOL_SOCKET, SO_SNDBUF, &room, &length) != 0 || bytes + 32 < static_cast<std::size_t>(room)) {
    return error;
  }
  return {Error::Kind::no_space, fmt::format("the rules are {} bytes long and the socket takes {} (net.core.wmem_max)", bytes, room)};
}

}  // namespace

Result<void> commit(const Socket& socket, Batch& batch, std::string_view purpose) {
  const auto bytes = batch.finish();
  if (!bytes) return fail(bytes.error());
  if (auto sent = send_netlink(socket.netlink.fd.get(), *bytes); !sent) return fail(too_long_or(sent.error(), socket, bytes->size()));
  // All answers are waiting when sendto(2) has returned.
  Answers answers;
  std::array<std::byte, netlink_datagram_size> buffer;
  for (;;) {
    const auto datagram = receive_netlink(socket.netlink.fd.get(), buffer);
    if (datagram.outcome == Datagram::Outcome::empty) break;
    if (datagram.outcome == Datagram::Outcome::failed) return fail(system_error(datagram.code, "reading nf_tables' answers"));
    if (datagram.outcome != Datagram::Outcome::data) continue;
    MessageCursor messages{datagram.bytes};
    while (const auto message = messages.next()) take_answer(*message, batch, purpose, answers);
  }
  if (answers.error) return fail(*answers.error);
  if (!answers.acknowledged) return fail(Error::Kind::failed, "nf_tables did not confirm the change");
  return {};
}

}  // namespace vpn_sentinel::nft

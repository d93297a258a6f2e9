#include "netns/firewall/nft_dump.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <functional>

#include "netns/base/clock.hpp"
#include "netns/firewall/nft_decode.hpp"
#include "netns/netlink/decode.hpp"

namespace vpn_sentinel::nft {
namespace {

constexpr std::chrono::seconds patience{2};
constexpr int most_tries = 4;
constexpr std::size_t request_bytes = 1024;  // two names of at most 255 bytes

struct Text {
  std::uint16_t attribute = 0;
  const std::string* text = nullptr;
};
struct Question {
  std::uint16_t type = 0;  ///< NFT_MSG_GET*
  std::uint16_t flags = 0;
  std::uint8_t family = 0;
  std::array<Text, 2> texts{};
  std::string_view what;
  std::string_view purpose;
  std::uint32_t object_type = 0;  ///< NFT_OBJECT_*; 0: none is named
};

using Take = std::function<Result<void>(std::span<const std::byte> payload)>;

Result<std::vector<std::byte>> make_request(const Question& question, std::uint32_t sequence) {
  std::vector<std::byte> bytes(request_bytes);
  auto* header = mnl_nlmsg_put_header(bytes.data());
  header->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | question.type);
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | question.flags);
  header->nlmsg_seq = sequence;
  *static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg))) = {question.family, NFNETLINK_V0, 0};
  for (const auto& [attribute, text] : question.texts) {
    if (text == nullptr) continue;
    if (text->size() > 255) return fail(Error::Kind::invalid, fmt::format("{}: the name is longer than 255 bytes", question.what));
    mnl_attr_put_strz(header, attribute, text->c_str());
  }
  if (question.object_type != 0) mnl_attr_put_u32(header, NFTA_OBJ_TYPE, htonl(question.object_type));
  bytes.resize(header->nlmsg_len);
  return bytes;
}

enum class Progress { more, complete, disturbed };

Result<Progress> take_datagram(std::span<const std::byte> datagram, const Question& question, std::uint32_t sequence, const Take& take) {
  const bool dumps = (question.flags & NLM_F_DUMP) == NLM_F_DUMP;
  MessageCursor messages{datagram};
  while (const auto message = messages.next()) {
    if (message->sequence != sequence) continue;
    if ((message->flags & NLM_F_DUMP_INTR) != 0) return Progress::disturbed;
    if (message->type == NLMSG_ERROR || message->type == NLMSG_DONE) {
      const int code = decode_error_code(message->payload).value_or(EPROTO);
      if (code == 0) return Progress::complete;
      // These two are no answer of nf_tables: whoever may ask may read everything, and our questions are well-formed.
      const bool refused = code == EPERM || code == EINVAL;
      return fail(nft_error(code, refused ? std::string_view() : question.what, question.purpose, message->payload, message->flags));
    }
    if (auto taken = take(message->payload); !taken) return fail(taken.error());
    if (!dumps) return Progress::complete;
  }
  return Progress::more;
}

Result<Progress> ask_once(Socket& socket, const Question& question, MonoTime deadline, const Take& take) {
  const auto sequence = ++socket.sequence;
  const auto request = make_request(question, sequence);
  if (!request) return fail(request.error());
  if (auto sent = send_netlink(socket.netlink.fd.get(), *request); !sent) return fail(sent.error());
  std::array<std::byte, netlink_datagram_size> buffer;
  auto progress = Progress::more;
  const auto done =
      receive_answer(socket.netlink.fd.get(), buffer, deadline, question.what, [&](std::span<const std::byte> datagram) -> Result<bool> {
        const auto step = take_datagram(datagram, question, sequence, take);
        if (!step) return fail(step.error());
        progress = *step;
        return progress != Progress::more;
      });
  if (!done) return fail(done.error());
  return progress;
}

/// Calls `begin`, then `take` for each answer; both again when others changed something meanwhile.
Result<void> ask(Socket& socket, const Question& question, const std::function<void()>& begin, const Take& take) {
  const auto deadline = mono_now() + patience;
  for (int tries = 0; tries < most_tries; ++tries) {
    begin();
    const auto progress = ask_once(socket, question, deadline, take);
    if (!progress) return fail(progress.error());
    if (*progress == Progress::complete) return {};
    // What is left of the disturbed dump has another number and is passed over.
  }
  return fail(Error::Kind::timed_out, fmt::format("{}: others kept changing the rules meanwhile", question.what));
}

/// Takes those of our table and passes over others, which older kernels send along.
template <typename Value, typename Decode>
Result<std::vector<Value>> list_of(Socket& socket, const Question& question, const TableName& table, const Decode& decode) {
  std::vector<Value> values;
  const auto take = [&](std::span<const std::byte> payload) -> Result<void> {
    auto decoded = decode(payload);
    if (!decoded || !(decoded->table == table)) return {};
    if (values.size() == most_read_back) {
      return fail(Error::Kind::overrun, fmt::format("{}: more than {}", question.what, most_read_back));
    }
    values.push_back(std::move(decoded->value));
    return {};
  };
  if (auto done = ask(
          socket, question, [&] { values.clear(); }, take);
      !done)
    return fail(done.error());
  return values;
}

/// A table that went away between two questions is no error of its own: it has nothing.
template <typename Value>
Result<std::vector<Value>> none_if_gone(Result<std::vector<Value>> values) {
  if (!values && values.error().kind == Error::Kind::not_found) return std::vector<Value>{};
  return values;
}

Question about(const TableName& table, std::uint16_t type, std::uint16_t attribute, std::string_view what, std::string_view purpose) {
  return {type, NLM_F_DUMP, table.family, {{{attribute, &table.name}, {}}}, what, purpose};
}

}  // namespace

Result<std::vector<Table>> list_tables(Socket& socket, std::uint8_t family, std::string_view purpose) {
  const Question question{NFT_MSG_GETTABLE, NLM_F_DUMP, family, {}, "listing tables", purpose};
  std::vector<Table> tables;
  const auto take = [&](std::span<const std::byte> payload) -> Result<void> {
    auto table = decode_table(payload);
    if (!table || table->name.family != family) return {};
    if (tables.size() == most_read_back) return fail(Error::Kind::overrun, fmt::format("there are more than {} tables", most_read_back));
    tables.push_back(std::move(*table));
    return {};
  };
  if (auto done = ask(
          socket, question, [&] { tables.clear(); }, take);
      !done)
    return fail(done.error());
  return tables;
}

Result<std::optional<Table>> read_table(Socket& socket, const TableName& name, std::string_view purpose) {
  const Question question{NFT_MSG_GETTABLE, 0, name.family, {{{NFTA_TABLE_NAME, &name.name}, {}}}, "reading a table", purpose};
  std::optional<Table> found;
  const auto take = [&](std::span<const std::byte> payload) -> Result<void> {
    auto table = decode_table(payload);
    if (!table) return fail(table.error());
    found = std::move(*table);
    return {};
  };
  const auto done = ask(
      socket, question, [&] { found.reset(); }, take);
  if (!done && done.error().kind == Error::Kind::not_found) return std::nullopt;
  if (!done) return fail(done.error());
  return found;
}

Result<std::vector<Counter>> read_counters(Socket& socket, const TableName& name, std::string_view purpose) {
  return list_of<Counter>(socket, about(name, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, "listing counters", purpose), name, decode_counter);
}

Result<std::vector<std::string>> read_quotas(Socket& socket, const TableName& name, std::string_view purpose) {
  return list_of<std::string>(socket, about(name, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, "listing quotas", purpose), name, decode_quota);
}

Result<void> reset_quota(Socket& socket, const TableName& name, const std::string& quota, std::string_view purpose) {
  Question question{NFT_MSG_GETOBJ_RESET, 0, name.family, {}, "resetting a quota", purpose, NFT_OBJECT_QUOTA};
  question.texts = {{{NFTA_OBJ_TABLE, &name.name}, {NFTA_OBJ_NAME, &quota}}};
  return ask(
      socket, question, [] {}, [](std::span<const std::byte>) -> Result<void> { return {}; });
}

Result<std::vector<Element>> read_elements(Socket& socket, const TableName& name, const std::string& set, std::string_view purpose) {
  auto question = about(name, NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_TABLE, "listing destinations", purpose);
  question.texts[1] = {NFTA_SET_ELEM_LIST_SET, &set};
  const auto parts = list_of<std::vector<Element>>(
      socket, question, name, [](std::span<const std::byte> payload) { return decode_elements(payload, most_read_back); });
  if (!parts) return fail(parts.error());
  std::vector<Element> elements;
  for (const auto& part : *parts) {
    if (elements.size() + part.size() > most_read_back) return fail(Error::Kind::overrun, "a set has more destinations than it may have");
    elements.insert(elements.end(), part.begin(), part.end());
  }
  return elements;
}

Result<Ruleset> read_ruleset(Socket& socket, const TableName& name, std::string_view purpose) {
  const auto table = read_table(socket, name, purpose);
  if (!table) return fail(table.error());
  if (!*table) return fail(Error::Kind::not_found, fmt::format("table {} is gone", name.to_string()));
  auto chains =
      none_if_gone(list_of<Chain>(socket, about(name, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, "listing chains", purpose), name, decode_chain));
  if (!chains) return fail(chains.error());
  auto sets = none_if_gone(list_of<Set>(socket, about(name, NFT_MSG_GETSET, NFTA_SET_TABLE, "listing sets", purpose), name, decode_set));
  if (!sets) return fail(sets.error());
  const auto counters = none_if_gone(read_counters(socket, name, purpose));
  if (!counters) return fail(counters.error());
  auto quotas = none_if_gone(read_quotas(socket, name, purpose));
  if (!quotas) return fail(quotas.error());
  auto rules =
      none_if_gone(list_of<Rule>(socket, about(name, NFT_MSG_GETRULE, NFTA_RULE_TABLE, "listing rules", purpose), name, decode_rule));
  if (!rules) return fail(rules.error());
  Ruleset ruleset{**table, std::move(*chains), std::move(*sets), {}, std::move(*rules), std::move(*quotas)};
  for (const auto& counter : *counters) ruleset.counters.push_back(counter.name);
  return ruleset;
}

Result<void> verify_ruleset(Socket& socket, const Ruleset& wanted, std::string_view purpose) {
  std::optional<std::string> difference;
  for (int tries = 0; tries < 2; ++tries) {
    const auto found = read_ruleset(socket, wanted.table.name, purpose);
    if (!found) return fail(found.error());
    difference = first_difference(wanted, *found);
    if (!difference) return {};
  }
  return fail(Error::Kind::failed, fmt::format("table {} was changed: {}", wanted.table.name.to_string(), *difference));
}

}  // namespace vpn_sentinel::nft

#include "netns/firewall/nft_dump.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "netns/firewall/nft_decode.hpp"
#include "netns/firewall/nft_generation.hpp"
#include "netns/firewall/nft_question.hpp"

namespace vpn_sentinel::nft {
namespace {

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

/// `failed` means a difference.
Error unreadable(Error error) {
  if (error.kind == Error::Kind::failed) error.kind = Error::Kind::unavailable;
  return error;
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
  constexpr int most_tries = 8;
  for (int tries = 0; tries < most_tries; ++tries) {
    const auto before = settled_generation(socket, purpose);
    if (!before) return fail(before.error());
    const auto found = read_ruleset(socket, wanted.table.name, purpose);
    const auto after = read_generation(socket, purpose);
    if (!after) return fail(after.error());
    // What was read while somebody changed it never was so.
    if (*before != *after) continue;
    if (!found) return fail(unreadable(found.error()));
    const auto difference = first_difference(wanted, *found);
    if (!difference) return {};
    return fail(Error::Kind::failed, fmt::format("table {} was changed: {}", wanted.table.name.to_string(), *difference));
  }
  return fail(Error::Kind::timed_out, "comparing a table: others kept changing the rules meanwhile");
}

}  // namespace vpn_sentinel::nft

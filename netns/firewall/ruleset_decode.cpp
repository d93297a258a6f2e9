#include "netns/firewall/ruleset_decode.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

#include "netns/firewall/nft_decode.hpp"
#include "netns/firewall/nft_decode_expression.hpp"
#include "netns/firewall/nft_walk.hpp"

namespace vpn_sentinel::audit {
namespace {

using nft::number32;
using nft::number64;
using nft::value_bytes;

constexpr std::size_t most_devices = 256;
constexpr std::size_t most_fields = 16;    // NFT_REG32_COUNT
constexpr std::uint32_t flag_dormant = 1;  // NFT_TABLE_F_DORMANT

template <typename Value>
Result<Owned<Value>> owned(const Result<nft::TableName>& table, std::string owner, Value&& value, bool named) {
  if (!table) return fail(table.error());
  if (!named) return fail(Error::Kind::invalid, "the nf_tables message lacks a name");
  return Owned<Value>{*table, std::move(owner), std::forward<Value>(value)};
}

void take_device(const Attribute& device, Hook& hook) {
  if (device.type == NFTA_DEVICE_NAME && hook.devices.size() < most_devices) {
    hook.devices.emplace_back(device.as_string());
  } else {
    hook.more_devices = true;  // a pattern, or very many
  }
}

Hook decode_hook(const Attribute& nested) {
  Hook hook;
  hook.number = ~0U;
  AttributeCursor attributes{nested.nested()};
  while (const auto attribute = attributes.next()) {
    switch (attribute->type) {
      case NFTA_HOOK_HOOKNUM:
        hook.number = number32(*attribute).value_or(~0U);
        break;
      case NFTA_HOOK_PRIORITY:
        hook.priority = static_cast<std::int32_t>(number32(*attribute).value_or(0));
        break;
      case NFTA_HOOK_DEV:
        hook.devices.emplace_back(attribute->as_string());
        break;
      case NFTA_HOOK_DEVS: {
        AttributeCursor devices{attribute->nested()};
        while (const auto device = devices.next()) take_device(*device, hook);
        break;
      }
      default:
        break;
    }
  }
  return hook;
}

/// Counts and nothing else.
bool is_counter(const Attribute& expression) { return nft::expression_name(expression) == "counter"; }

bool has_conditions(const Attribute& list) {
  AttributeCursor expressions{list.nested()};
  while (const auto expression = expressions.next()) {
    if (!is_counter(*expression)) return true;
  }
  return false;
}

Element decode_element(const Attribute& nested, bool& unsteady) {
  Element element;
  AttributeCursor attributes{nested.nested()};
  while (const auto attribute = attributes.next()) {
    switch (attribute->type) {
      case NFTA_SET_ELEM_KEY:
        element.key = value_bytes(*attribute);
        break;
      case NFTA_SET_ELEM_KEY_END:
        element.last = value_bytes(*attribute);
        break;
      case NFTA_SET_ELEM_DATA:
        element.verdict = decode_verdict(*attribute);
        element.value = value_bytes(*attribute);
        break;
      case NFTA_SET_ELEM_FLAGS: {
        const auto flags = number32(*attribute).value_or(0);
        element.ends = (flags & NFT_SET_ELEM_INTERVAL_END) != 0;
        element.catch_all = (flags & NFT_SET_ELEM_CATCHALL) != 0;
        break;
      }
      case NFTA_SET_ELEM_EXPR:
        unsteady = unsteady || !is_counter(*attribute);
        break;
      case NFTA_SET_ELEM_EXPRESSIONS:
        unsteady = unsteady || has_conditions(*attribute);
        break;
      case NFTA_SET_ELEM_TIMEOUT:
      case NFTA_SET_ELEM_EXPIRATION:
        unsteady = true;
        break;
      default:
        break;
    }
  }
  return element;
}

/// nft(8) writes a range as two comparisons, of which neither says much alone.
void join_bounds(std::vector<Step>& steps) {
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    const auto* const first = std::get_if<Compare>(&steps[i]);
    const auto* const last = std::get_if<Compare>(&steps[i + 1]);
    if (first == nullptr || last == nullptr || first->word != last->word || first->value.size() != last->value.size()) continue;
    if (first->operation != NFT_CMP_GTE || last->operation != NFT_CMP_LTE) continue;
    steps[i] = Between{first->word, first->value, last->value, false};
    steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
}

void take_description(const Attribute& nested, Set& set) {
  AttributeCursor attributes{nested.nested()};
  while (const auto attribute = attributes.next()) {
    if (attribute->type != NFTA_SET_DESC_CONCAT) continue;
    AttributeCursor fields{attribute->nested()};
    while (const auto field = fields.next()) {
      AttributeCursor parts{field->nested()};
      while (const auto part = parts.next()) {
        if (part->type == NFTA_SET_FIELD_LEN && set.fields.size() < most_fields) set.fields.push_back(number32(*part).value_or(0));
      }
    }
  }
}

}  // namespace

std::optional<Decide> decode_verdict(const Attribute& data) {
  std::optional<Decide> verdict;
  AttributeCursor attributes{data.nested()};
  while (const auto attribute = attributes.next()) {
    if (attribute->type != NFTA_DATA_VERDICT) continue;
    AttributeCursor parts{attribute->nested()};
    std::string chain;
    while (const auto part = parts.next()) {
      if (part->type == NFTA_VERDICT_CHAIN) chain = part->as_string();
      if (part->type != NFTA_VERDICT_CODE) continue;
      if (const auto code = number32(*part)) verdict = Decide{static_cast<std::int32_t>(*code), {}};
    }
    if (verdict) verdict->chain = std::move(chain);
  }
  return verdict;
}

Result<Table> decode_table(std::span<const std::byte> payload) {
  Table table;
  const auto name = nft::walk_attributes(payload, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_TABLE_FLAGS) table.dormant = (number32(attribute).value_or(0) & flag_dormant) != 0;
  });
  if (!name) return fail(name.error());
  table.name = *name;
  return table;
}

Result<Owned<Chain>> decode_chain(std::span<const std::byte> payload) {
  Chain chain;
  auto policy = nft::Policy::accept;
  const auto table = nft::walk_attributes(payload, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_CHAIN_NAME) chain.name = attribute.as_string();
    if (attribute.type == NFTA_CHAIN_HOOK) chain.hook = decode_hook(attribute);
    if (attribute.type == NFTA_CHAIN_TYPE) chain.type = attribute.as_string();
    if (attribute.type == NFTA_CHAIN_POLICY && number32(attribute) == static_cast<std::uint32_t>(NF_DROP)) policy = nft::Policy::drop;
  });
  if (chain.hook) chain.hook->policy = policy;
  const bool named = !chain.name.empty();
  return owned(table, {}, std::move(chain), named);
}

Result<Owned<Rule>> decode_rule(std::span<const std::byte> payload) {
  Rule rule;
  std::string chain;
  const auto table = nft::walk_attributes(payload, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_RULE_CHAIN) chain = attribute.as_string();
    if (attribute.type == NFTA_RULE_USERDATA) rule.comment = nft::comment_of(attribute.payload);
    if (attribute.type == NFTA_RULE_HANDLE) rule.handle = number64(attribute).value_or(0);
    if (attribute.type != NFTA_RULE_EXPRESSIONS) return;
    AttributeCursor expressions{attribute.nested()};
    while (const auto expression = expressions.next()) decode_steps(*expression, rule.steps);
  });
  if (rule.steps.size() > most_steps) {
    rule.steps.resize(most_steps);
    rule.steps.back() = Anything{"a very long rule"};
  }
  join_bounds(rule.steps);
  const bool named = !chain.empty();
  return owned(table, std::move(chain), std::move(rule), named);
}

Result<Owned<Set>> decode_set(std::span<const std::byte> payload) {
  Set set;
  const auto table = nft::walk_attributes(payload, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case NFTA_SET_NAME:
        set.name = attribute.as_string();
        break;
      case NFTA_SET_FLAGS:
        set.flags = number32(attribute).value_or(0);
        break;
      case NFTA_SET_KEY_LEN:
        set.key_length = number32(attribute).value_or(0);
        break;
      case NFTA_SET_DATA_LEN:
        set.value_length = number32(attribute).value_or(0);
        break;
      case NFTA_SET_DESC:
        take_description(attribute, set);
        break;
      case NFTA_SET_EXPR:
        set.unsteady = set.unsteady || !is_counter(attribute);
        break;
      case NFTA_SET_EXPRESSIONS:
        set.unsteady = set.unsteady || has_conditions(attribute);
        break;
      default:
        break;
    }
  });
  set.unsteady = set.unsteady || (set.flags & (NFT_SET_TIMEOUT | NFT_SET_EVAL)) != 0;
  const bool named = !set.name.empty();
  return owned(table, {}, std::move(set), named);
}

Result<Owned<Elements>> decode_elements(std::span<const std::byte> payload) {
  Elements found;
  std::string set;
  const auto table = nft::walk_attributes(payload, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_SET_ELEM_LIST_SET) set = attribute.as_string();
    if (attribute.type != NFTA_SET_ELEM_LIST_ELEMENTS) return;
    AttributeCursor elements{attribute.nested()};
    while (const auto element = elements.next()) found.elements.push_back(decode_element(*element, found.unsteady));
  });
  const bool named = !set.empty();
  return owned(table, std::move(set), std::move(found), named);
}

Result<std::uint32_t> decode_generation(std::span<const std::byte> payload) {
  if (!take_header<nfgenmsg>(payload)) return fail(Error::Kind::invalid, "the nf_tables message is shorter than its header");
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type != NFTA_GEN_ID) continue;
    if (const auto generation = number32(*attribute)) return *generation;
  }
  return fail(Error::Kind::invalid, "the nf_tables message names no generation");
}

}  // namespace vpn_sentinel::audit

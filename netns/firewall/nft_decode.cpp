#include "netns/firewall/nft_decode.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cctype>
#include <type_traits>

#include "netns/firewall/nft_decode_expression.hpp"
#include "netns/firewall/nft_walk.hpp"
#include "netns/netlink/attribute_cursor.hpp"

namespace vpn_sentinel::nft {
namespace {

constexpr std::size_t most_devices = 256;
constexpr std::size_t most_error_text = 200;
constexpr std::uint8_t comment_type = 0;  // NFTNL_UDATA_RULE_COMMENT

template <typename Value>
Result<Owned<Value>> owned_or(const Result<TableName>& table, Value&& value, bool named, std::string_view kind) {
  if (!table) return fail(table.error());
  if (!named) return fail(Error::Kind::invalid, fmt::format("the message describes no {}", kind));
  return Owned<Value>{*table, std::forward<Value>(value)};
}

void take_devices(const Attribute& list, Hook& hook) {
  AttributeCursor devices{list.nested()};
  while (const auto device = devices.next()) {
    if (device->type == NFTA_DEVICE_NAME && hook.devices.size() < most_devices) hook.devices.emplace_back(device->as_string());
  }
  std::sort(hook.devices.begin(), hook.devices.end());
}

Hook decode_hook(const Attribute& nested) {
  Hook hook;
  AttributeCursor attributes{nested.nested()};
  while (const auto attribute = attributes.next()) {
    switch (attribute->type) {
      case NFTA_HOOK_HOOKNUM:
        hook.number = number32(*attribute).value_or(~0U);
        break;
      case NFTA_HOOK_PRIORITY:
        hook.priority = static_cast<std::int32_t>(number32(*attribute).value_or(0));
        break;
      case NFTA_HOOK_DEVS:
        take_devices(*attribute, hook);
        break;
      default:
        break;
    }
  }
  return hook;
}

void take_size(const Attribute& nested, Set& set) {
  AttributeCursor attributes{nested.nested()};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == NFTA_SET_DESC_SIZE) set.size = number32(*attribute).value_or(0);
  }
}

std::optional<Element> decode_element(const Attribute& nested) {
  Element element;
  AttributeCursor attributes{nested.nested()};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == NFTA_SET_ELEM_KEY) element.key = value_bytes(*attribute);
    if (attribute->type == NFTA_SET_ELEM_EXPR) element.traffic = decode_counter_expression(*attribute);
    if (attribute->type == NFTA_SET_ELEM_EXPRESSIONS) {
      AttributeCursor list{attribute->nested()};
      if (const auto first = list.next()) element.traffic = decode_counter_expression(*first);
    }
  }
  if (element.key.empty()) return std::nullopt;
  return element;
}

}  // namespace

std::string comment_of(std::span<const std::byte> data) {
  while (data.size() >= 2) {
    const auto type = std::to_integer<std::uint8_t>(data[0]);
    const auto length = std::to_integer<std::size_t>(data[1]);
    data = data.subspan(2);
    if (length > data.size()) return {};
    if (type == comment_type) return std::string(Attribute{0, data.first(length)}.as_string());
    data = data.subspan(length);
  }
  return {};
}

Result<Table> decode_table(std::span<const std::byte> payload) {
  Table table;
  const auto name = walk_attributes(payload, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_TABLE_FLAGS) table.flags = number32(attribute).value_or(0);
    if (attribute.type == NFTA_TABLE_HANDLE) table.handle = number64(attribute).value_or(0);
    if (attribute.type == NFTA_TABLE_OWNER) table.owner = number32(attribute).value_or(0);
  });
  if (!name) return fail(name.error());
  table.name = *name;
  return table;
}

Result<Owned<Chain>> decode_chain(std::span<const std::byte> payload) {
  Chain chain;
  Policy policy = Policy::accept;
  const auto table = walk_attributes(payload, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_CHAIN_NAME) chain.name = attribute.as_string();
    if (attribute.type == NFTA_CHAIN_HOOK) chain.hook = decode_hook(attribute);
    if (attribute.type == NFTA_CHAIN_POLICY && number32(attribute) == 0U) policy = Policy::drop;
  });
  if (chain.hook) chain.hook->policy = policy;
  const bool named = !chain.name.empty();
  return owned_or(table, std::move(chain), named, "chain");
}

Result<Owned<Rule>> decode_rule(std::span<const std::byte> payload) {
  Rule rule;
  const auto table = walk_attributes(payload, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_RULE_CHAIN) rule.chain = attribute.as_string();
    if (attribute.type == NFTA_RULE_USERDATA) rule.comment = comment_of(attribute.payload);
    if (attribute.type != NFTA_RULE_EXPRESSIONS) return;
    AttributeCursor list{attribute.nested()};
    while (const auto element = list.next()) {
      if (rule.expressions.size() == most_expressions) {
        rule.expressions.back() = Unknown{"more expressions"};
        return;
      }
      rule.expressions.push_back(decode_expression(*element));
    }
  });
  const bool named = !rule.chain.empty();
  return owned_or(table, std::move(rule), named, "rule");
}

Result<Owned<Set>> decode_set(std::span<const std::byte> payload) {
  Set set;
  const auto table = walk_attributes(payload, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case NFTA_SET_NAME:
        set.name = attribute.as_string();
        break;
      case NFTA_SET_KEY_TYPE:
        set.key_type = number32(attribute).value_or(0);
        break;
      case NFTA_SET_KEY_LEN:
        set.key_length = number32(attribute).value_or(0);
        break;
      case NFTA_SET_TIMEOUT:
        set.timeout_ms = number64(attribute).value_or(0);
        break;
      case NFTA_SET_DESC:
        take_size(attribute, set);
        break;
      default:
        break;
    }
  });
  const bool named = !set.name.empty();
  return owned_or(table, std::move(set), named, "set");
}

Result<Owned<Counter>> decode_counter(std::span<const std::byte> payload) {
  Counter counter;
  bool is_counter = false;
  const auto table = walk_attributes(payload, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_OBJ_NAME) counter.name = attribute.as_string();
    if (attribute.type == NFTA_OBJ_TYPE) is_counter = number32(attribute) == static_cast<std::uint32_t>(NFT_OBJECT_COUNTER);
    if (attribute.type == NFTA_OBJ_DATA) counter.traffic = decode_traffic(attribute);
  });
  const bool named = is_counter && !counter.name.empty();
  return owned_or(table, std::move(counter), named, "counter");
}

Result<Owned<std::string>> decode_quota(std::span<const std::byte> payload) {
  std::string name;
  bool is_quota = false;
  std::uint64_t bytes = 0;
  bool inverted = false;
  const auto table = walk_attributes(payload, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_OBJ_NAME) name = attribute.as_string();
    if (attribute.type == NFTA_OBJ_TYPE) is_quota = number32(attribute) == static_cast<std::uint32_t>(NFT_OBJECT_QUOTA);
    if (attribute.type != NFTA_OBJ_DATA) return;
    AttributeCursor parts{attribute.nested()};
    while (const auto part = parts.next()) {
      if (part->type == NFTA_QUOTA_BYTES) bytes = number64(*part).value_or(0);
      if (part->type == NFTA_QUOTA_FLAGS) inverted = (number32(*part).value_or(~0U) & static_cast<std::uint32_t>(NFT_QUOTA_F_INV)) != 0;
    }
  });
  const bool is_ours = is_quota && !name.empty() && bytes == 1 && !inverted;
  return owned_or(table, std::move(name), is_ours, "quota of one byte");
}

Result<Owned<std::vector<Element>>> decode_elements(std::span<const std::byte> payload, std::size_t most) {
  std::vector<Element> elements;
  const auto table = walk_attributes(payload, [&](const Attribute& attribute) {
    if (attribute.type != NFTA_SET_ELEM_LIST_ELEMENTS) return;
    AttributeCursor list{attribute.nested()};
    while (const auto one = list.next()) {
      if (elements.size() == most) return;
      if (auto element = decode_element(*one)) elements.push_back(std::move(*element));
    }
  });
  return owned_or(table, std::move(elements), true, "set");
}

std::string decode_error_text(std::span<const std::byte> payload, std::uint16_t flags) {
  const auto error = take_header<nlmsgerr>(payload);
  if (!error || (flags & NLM_F_ACK_TLVS) == 0) return {};
  // Without NLM_F_CAPPED the whole message that failed comes first.
  if ((flags & NLM_F_CAPPED) == 0) {
    const std::size_t body = error->msg.nlmsg_len > sizeof(nlmsghdr) ? error->msg.nlmsg_len - sizeof(nlmsghdr) : 0;
    payload = payload.subspan(std::min((body + 3) / 4 * 4, payload.size()));
  }
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type != NLMSGERR_ATTR_MSG) continue;
    std::string text(attribute->as_string().substr(0, most_error_text));
    std::erase_if(text, [](unsigned char c) { return std::isprint(c) == 0; });
    return text;
  }
  return {};
}

}  // namespace vpn_sentinel::nft

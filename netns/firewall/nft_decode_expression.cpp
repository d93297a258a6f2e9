#include "netns/firewall/nft_decode_expression.hpp"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <string_view>

namespace vpn_sentinel::nft {
namespace {

constexpr std::size_t most_value_bytes = 64;
constexpr std::size_t most_name_bytes = 64;
constexpr std::uint8_t no_word = 0xff;

std::uint8_t word_of(const Attribute& attribute) noexcept { return register_word(attribute).value_or(no_word); }

/// True when `take` knew every attribute.
template <typename Take>
bool each(const Attribute& data, const Take& take) {
  bool known = true;
  AttributeCursor attributes{data.nested()};
  while (const auto attribute = attributes.next()) known = take(*attribute) && known;
  return known;
}

Expression meta(const Attribute& data) {
  LoadMeta load{0, no_word};
  const bool known = each(data, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_META_KEY) load.key = number32(attribute).value_or(~0U);
    if (attribute.type == NFTA_META_DREG) load.word = word_of(attribute);
    return attribute.type == NFTA_META_KEY || attribute.type == NFTA_META_DREG;
  });
  if (!known || load.word == no_word) return Unknown{"meta"};
  return load;
}

Expression route(const Attribute& data) {
  LoadRoute load{0, no_word};
  const bool known = each(data, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_RT_KEY) load.key = number32(attribute).value_or(~0U);
    if (attribute.type == NFTA_RT_DREG) load.word = word_of(attribute);
    return attribute.type == NFTA_RT_KEY || attribute.type == NFTA_RT_DREG;
  });
  if (!known || load.word == no_word) return Unknown{"rt"};
  return load;
}

Expression payload(const Attribute& data) {
  LoadPayload load{0, 0, 0, no_word};
  const bool known = each(data, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case NFTA_PAYLOAD_DREG:
        load.word = word_of(attribute);
        return true;
      case NFTA_PAYLOAD_BASE:
        load.base = number32(attribute).value_or(~0U);
        return true;
      case NFTA_PAYLOAD_OFFSET:
        load.offset = number32(attribute).value_or(~0U);
        return true;
      case NFTA_PAYLOAD_LEN:
        load.length = number32(attribute).value_or(~0U);
        return true;
      default:
        return false;
    }
  });
  if (!known || load.word == no_word) return Unknown{"payload"};
  return load;
}

Expression extension(const Attribute& data) {
  LoadExtension load{0, 0, 0, no_word};
  const bool known = each(data, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case NFTA_EXTHDR_DREG:
        load.word = word_of(attribute);
        return true;
      case NFTA_EXTHDR_TYPE:
        load.type = attribute.as<std::uint8_t>().value_or(0);
        return true;
      case NFTA_EXTHDR_OFFSET:
        load.offset = number32(attribute).value_or(~0U);
        return true;
      case NFTA_EXTHDR_LEN:
        load.length = number32(attribute).value_or(~0U);
        return true;
      case NFTA_EXTHDR_OP:
        return number32(attribute) == static_cast<std::uint32_t>(NFT_EXTHDR_OP_IPV6);
      case NFTA_EXTHDR_FLAGS:
        return number32(attribute) == 0U;
      default:
        return false;
    }
  });
  if (!known || load.word == no_word) return Unknown{"exthdr"};
  return load;
}

Expression mask(const Attribute& data) {
  Mask mask;
  const bool known = each(data, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case NFTA_BITWISE_SREG:
      case NFTA_BITWISE_DREG:
        return word_of(attribute) == 0;
      case NFTA_BITWISE_LEN:
        return true;
      case NFTA_BITWISE_OP:
        return number32(attribute) == static_cast<std::uint32_t>(NFT_BITWISE_BOOL);
      case NFTA_BITWISE_MASK:
        mask.mask = value_bytes(attribute);
        return true;
      case NFTA_BITWISE_XOR: {
        const auto bytes = value_bytes(attribute);
        return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
      }
      default:
        return false;
    }
  });
  if (!known || mask.mask.empty()) return Unknown{"bitwise"};
  return mask;
}

Expression compare(const Attribute& data) {
  Compare compare;
  const bool known = each(data, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_CMP_SREG) return word_of(attribute) == 0;
    if (attribute.type == NFTA_CMP_OP) compare.operation = number32(attribute).value_or(~0U);
    if (attribute.type == NFTA_CMP_DATA) compare.value = value_bytes(attribute);
    return attribute.type == NFTA_CMP_OP || attribute.type == NFTA_CMP_DATA;
  });
  if (!known || compare.value.empty()) return Unknown{"cmp"};
  return compare;
}

Expression object(const Attribute& data) {
  std::uint32_t type = NFT_OBJECT_UNSPEC;
  std::string object;
  const bool known = each(data, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_OBJREF_IMM_TYPE) type = number32(attribute).value_or(NFT_OBJECT_UNSPEC);
    if (attribute.type == NFTA_OBJREF_IMM_NAME) object = attribute.as_string();
    return attribute.type == NFTA_OBJREF_IMM_TYPE || attribute.type == NFTA_OBJREF_IMM_NAME;
  });
  if (known && !object.empty() && type == NFT_OBJECT_COUNTER) return CountInto{object};
  if (known && !object.empty() && type == NFT_OBJECT_QUOTA) return RingOnce{object};
  return Unknown{"objref"};
}

Expression dynamic_set(const Attribute& data) {
  NoteIn note;
  bool counts = false;
  const bool known = each(data, [&](const Attribute& attribute) {
    switch (attribute.type) {
      case NFTA_DYNSET_SET_NAME:
        note.set = attribute.as_string();
        return true;
      case NFTA_DYNSET_SET_ID:  // names a set within the batch that makes both
        return true;
      case NFTA_DYNSET_OP:
        return number32(attribute) == static_cast<std::uint32_t>(NFT_DYNSET_OP_UPDATE);
      case NFTA_DYNSET_SREG_KEY:
        return word_of(attribute) == 0;
      case NFTA_DYNSET_TIMEOUT:
        note.timeout_ms = number64(attribute).value_or(0);
        return true;
      case NFTA_DYNSET_EXPR:
        counts = expression_name(attribute) == "counter";
        return counts;
      case NFTA_DYNSET_FLAGS:
        return (number32(attribute).value_or(~0U) & static_cast<std::uint32_t>(NFT_DYNSET_F_INV)) == 0;
      default:
        return attribute.type == NFTA_DYNSET_PAD;
    }
  });
  if (!known || !counts || note.set.empty()) return Unknown{"dynset"};
  return note;
}

Expression verdict(const Attribute& data) {
  std::optional<std::int32_t> code;
  std::string chain;
  AttributeCursor attributes{data.nested()};
  while (const auto attribute = attributes.next()) {
    if (attribute->type != NFTA_DATA_VERDICT) continue;
    each(*attribute, [&](const Attribute& part) {
      if (part.type == NFTA_VERDICT_CODE) {
        if (const auto number = number32(part)) code = static_cast<std::int32_t>(*number);
      }
      if (part.type == NFTA_VERDICT_CHAIN) chain = part.as_string();
      return true;
    });
  }
  if (code == NF_ACCEPT && chain.empty()) return Decide{Policy::accept};
  if (code == NF_DROP && chain.empty()) return Decide{Policy::drop};
  if (code == NFT_GOTO && !chain.empty()) return GoTo{chain};
  return Unknown{"verdict"};
}

Expression immediate(const Attribute& data) {
  bool is_verdict = false;
  LoadConstant load{{}, no_word};
  Expression decision = Unknown{"verdict"};
  each(data, [&](const Attribute& attribute) {
    if (attribute.type == NFTA_IMMEDIATE_DREG) {
      is_verdict = number32(attribute) == static_cast<std::uint32_t>(NFT_REG_VERDICT);
      load.word = word_of(attribute);
    }
    if (attribute.type == NFTA_IMMEDIATE_DATA) {
      load.value = value_bytes(attribute);
      decision = verdict(attribute);
    }
    return true;
  });
  if (is_verdict) return decision;
  if (load.word == no_word || load.value.empty()) return Unknown{"immediate"};
  return load;
}

Expression named_expression(std::string_view name, const Attribute& data) {
  if (name == "meta") return meta(data);
  if (name == "rt") return route(data);
  if (name == "payload") return payload(data);
  if (name == "exthdr") return extension(data);
  if (name == "bitwise") return mask(data);
  if (name == "cmp") return compare(data);
  if (name == "objref") return object(data);
  if (name == "dynset") return dynamic_set(data);
  if (name == "immediate") return immediate(data);
  return Unknown{std::string(name.substr(0, most_name_bytes))};
}

}  // namespace

std::optional<std::uint32_t> number32(const Attribute& attribute) noexcept {
  const auto number = attribute.as<std::uint32_t>();
  if (!number) return std::nullopt;
  return ntohl(*number);
}

std::optional<std::uint64_t> number64(const Attribute& attribute) noexcept {
  const auto number = attribute.as<std::uint64_t>();
  if (!number) return std::nullopt;
  return be64toh(*number);
}

std::optional<std::uint8_t> register_word(const Attribute& attribute) noexcept {
  const auto number = number32(attribute).value_or(0);
  if (number >= NFT_REG_1 && number <= NFT_REG_4) return static_cast<std::uint8_t>((number - NFT_REG_1) * 4);
  if (number >= NFT_REG32_00 && number <= NFT_REG32_15) return static_cast<std::uint8_t>(number - NFT_REG32_00);
  return std::nullopt;
}

std::string_view expression_name(const Attribute& expression) noexcept {
  AttributeCursor attributes{expression.nested()};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == NFTA_EXPR_NAME) return attribute->as_string();
  }
  return {};
}

Bytes value_bytes(const Attribute& attribute) {
  AttributeCursor attributes{attribute.nested()};
  while (const auto part = attributes.next()) {
    if (part->type != NFTA_DATA_VALUE || part->payload.size() > most_value_bytes) continue;
    const auto* begin = reinterpret_cast<const std::uint8_t*>(part->payload.data());
    return {begin, begin + part->payload.size()};
  }
  return {};
}

Traffic decode_traffic(const Attribute& attribute) noexcept {
  Traffic traffic;
  AttributeCursor attributes{attribute.nested()};
  while (const auto part = attributes.next()) {
    if (part->type == NFTA_COUNTER_PACKETS) traffic.packets = number64(*part).value_or(0);
    if (part->type == NFTA_COUNTER_BYTES) traffic.bytes = number64(*part).value_or(0);
  }
  return traffic;
}

Traffic decode_counter_expression(const Attribute& attribute) noexcept {
  if (expression_name(attribute) != "counter") return {};
  AttributeCursor attributes{attribute.nested()};
  while (const auto part = attributes.next()) {
    if (part->type == NFTA_EXPR_DATA) return decode_traffic(*part);
  }
  return {};
}

Expression decode_expression(const Attribute& attribute) {
  const auto name = expression_name(attribute);
  AttributeCursor attributes{attribute.nested()};
  while (const auto part = attributes.next()) {
    if (part->type == NFTA_EXPR_DATA) return named_expression(name, *part);
  }
  return Unknown{std::string(name.substr(0, most_name_bytes))};
}

}  // namespace vpn_sentinel::nft

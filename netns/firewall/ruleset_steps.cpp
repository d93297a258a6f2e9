#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "netns/firewall/nft_decode_expression.hpp"
#include "netns/firewall/ruleset_decode.hpp"
#include "netns/firewall/ruleset_xtables.hpp"

namespace vpn_sentinel::audit {
namespace {

using nft::number32;
using nft::register_word;
using nft::value_bytes;

constexpr std::size_t most_name_bytes = 64;

/// The attributes of an expression by their numbers.
class Parts {
 public:
  explicit Parts(const Attribute& data) {
    AttributeCursor attributes{data.nested()};
    while (const auto attribute = attributes.next()) {
      if (attribute->type < parts_.size()) parts_[attribute->type] = *attribute;
    }
  }
  [[nodiscard]] bool has(std::uint16_t type) const { return parts_.at(type).has_value(); }
  [[nodiscard]] std::optional<std::uint32_t> number(std::uint16_t type) const {
    return has(type) ? number32(*parts_.at(type)) : std::nullopt;
  }
  /// 0 where it is missing.
  [[nodiscard]] std::uint32_t number_or_0(std::uint16_t type) const { return number(type).value_or(0); }
  [[nodiscard]] std::optional<std::uint8_t> word(std::uint16_t type) const {
    return has(type) ? register_word(*parts_.at(type)) : std::nullopt;
  }
  [[nodiscard]] Bytes bytes(std::uint16_t type) const { return has(type) ? value_bytes(*parts_.at(type)) : Bytes{}; }
  [[nodiscard]] std::string text(std::uint16_t type) const { return has(type) ? std::string(parts_.at(type)->as_string()) : std::string(); }
  [[nodiscard]] const std::optional<Attribute>& get(std::uint16_t type) const { return parts_.at(type); }

 private:
  std::array<std::optional<Attribute>, 32> parts_{};
};

bool fits(std::uint8_t word, std::size_t length) { return length > 0 && word * 4U + length <= register_bytes; }

/// `key` is none where the message has none.
template <typename Key>
bool is_one_of(const Key& key, std::initializer_list<std::uint32_t> keys) {
  return std::any_of(keys.begin(), keys.end(), [&](std::uint32_t one) { return key == one; });
}

Step meta(const Parts& parts) {
  const auto key = parts.number(NFTA_META_KEY);
  if (parts.has(NFTA_META_SREG)) {
    const auto word = parts.word(NFTA_META_SREG);
    if (key == static_cast<std::uint32_t>(NFT_META_MARK) && word) return SetMark{*word};
    // The class of traffic control, its tracing and the kind of packet are none of ours.
    const bool harmless = is_one_of(key, {NFT_META_PRIORITY, NFT_META_NFTRACE});
    return harmless ? Step{Neutral{}} : Step{Anything{"meta set"}};
  }
  const auto word = parts.word(NFTA_META_DREG);
  if (!key || !word) return Anything{"meta"};
  return LoadMeta{*key, *word};
}

Step payload(const Parts& parts) {
  // What is written may be the destination.
  if (parts.has(NFTA_PAYLOAD_SREG)) return Anything{"payload set"};
  const auto base = parts.number(NFTA_PAYLOAD_BASE);
  const auto offset = parts.number(NFTA_PAYLOAD_OFFSET);
  const auto length = parts.number(NFTA_PAYLOAD_LEN);
  const auto word = parts.word(NFTA_PAYLOAD_DREG);
  if (!base || !offset || !length || !word || !fits(*word, *length)) return Anything{"payload"};
  return LoadPayload{*base, *offset, *length, *word};
}

Step bitwise(const Parts& parts) {
  const auto from = parts.word(NFTA_BITWISE_SREG);
  const auto to = parts.word(NFTA_BITWISE_DREG);
  const auto length = parts.number(NFTA_BITWISE_LEN);
  if (!from || !to || !length || !fits(*from, *length) || !fits(*to, *length)) return Anything{"bitwise"};
  Bitwise step{*from, *to, *length, parts.bytes(NFTA_BITWISE_MASK), parts.bytes(NFTA_BITWISE_XOR)};
  const bool plain = parts.number_or_0(NFTA_BITWISE_OP) == static_cast<std::uint32_t>(NFT_BITWISE_BOOL);
  if (!plain || step.mask.size() != *length || step.bits.size() != *length) {
    step.mask.clear();
    step.bits.clear();
  }
  return step;
}

Step byteorder(const Parts& parts) {
  const auto from = parts.word(NFTA_BYTEORDER_SREG);
  const auto to = parts.word(NFTA_BYTEORDER_DREG);
  const auto length = parts.number(NFTA_BYTEORDER_LEN);
  const auto size = parts.number(NFTA_BYTEORDER_SIZE);
  if (!from || !to || !length || !size || !fits(*from, *length) || !fits(*to, *length)) return Anything{"byteorder"};
  if ((*size != 2 && *size != 4 && *size != 8) || *length % *size != 0) return Anything{"byteorder"};
  return Swap{*from, *to, *length, *size};
}

Step compare(const Parts& parts) {
  const auto word = parts.word(NFTA_CMP_SREG);
  const auto operation = parts.number(NFTA_CMP_OP);
  auto value = parts.bytes(NFTA_CMP_DATA);
  if (!word || !operation || *operation > NFT_CMP_GTE || !fits(*word, value.size())) return MayEnd{"cmp"};
  return Compare{*word, *operation, std::move(value)};
}

Step range(const Parts& parts) {
  const auto word = parts.word(NFTA_RANGE_SREG);
  auto first = parts.bytes(NFTA_RANGE_FROM_DATA);
  auto last = parts.bytes(NFTA_RANGE_TO_DATA);
  if (!word || first.size() != last.size() || !fits(*word, first.size())) return MayEnd{"range"};
  const bool inverted = parts.number_or_0(NFTA_RANGE_OP) == static_cast<std::uint32_t>(NFT_RANGE_NEQ);
  return Between{*word, std::move(first), std::move(last), inverted};
}

Step look_up(const Parts& parts) {
  LookIn step{parts.text(NFTA_LOOKUP_SET), 0, LookIn::Into::nothing, 0, false};
  const auto word = parts.word(NFTA_LOOKUP_SREG);
  const auto flags = parts.number_or_0(NFTA_LOOKUP_FLAGS);
  if (step.set.empty() || !word || (flags & ~static_cast<std::uint32_t>(NFT_LOOKUP_F_INV)) != 0) return Anything{"lookup"};
  step.word = *word;
  step.inverted = flags != 0;
  if (!parts.has(NFTA_LOOKUP_DREG)) return step;
  const auto to = parts.word(NFTA_LOOKUP_DREG);
  step.into = to ? LookIn::Into::registers : LookIn::Into::verdict;
  step.to = to.value_or(0);
  if (!to && parts.number(NFTA_LOOKUP_DREG) != static_cast<std::uint32_t>(NFT_REG_VERDICT)) return Anything{"lookup"};
  return step;
}

Step conntrack(const Parts& parts) {
  const auto key = parts.number(NFTA_CT_KEY);
  if (parts.has(NFTA_CT_SREG)) {
    const bool harmless = is_one_of(key, {NFT_CT_HELPER, NFT_CT_EVENTMASK, NFT_CT_LABELS});
    if (key == static_cast<std::uint32_t>(NFT_CT_MARK)) return SetConntrackMark{};
    return harmless ? Step{Neutral{}} : Step{Anything{"ct set"}};
  }
  const auto word = parts.word(NFTA_CT_DREG);
  if (!key || !word) return Anything{"ct"};
  return LoadConntrack{*key, *word};
}

Step fib(const Parts& parts) {
  const auto word = parts.word(NFTA_FIB_DREG);
  if (!word) return MayEnd{"fib"};
  return LoadRoute{parts.number_or_0(NFTA_FIB_RESULT), parts.number_or_0(NFTA_FIB_FLAGS), *word};
}

Step immediate(const Parts& parts) {
  const auto& data = parts.get(NFTA_IMMEDIATE_DATA);
  if (!data) return Anything{"immediate"};
  if (const auto word = parts.word(NFTA_IMMEDIATE_DREG)) {
    auto value = value_bytes(*data);
    if (!fits(*word, value.size())) return Anything{"immediate"};
    return LoadConstant{std::move(value), *word};
  }
  const auto verdict = decode_verdict(*data);
  return verdict ? Step{*verdict} : Step{Anything{"immediate"}};
}

Step object(const Parts& parts) {
  switch (parts.number_or_0(NFTA_OBJREF_IMM_TYPE)) {
    case NFT_OBJECT_COUNTER:
    case NFT_OBJECT_CT_HELPER:
    case NFT_OBJECT_CT_TIMEOUT:
    case NFT_OBJECT_CT_EXPECT:
    case NFT_OBJECT_SECMARK:
      return Neutral{};
    case NFT_OBJECT_QUOTA:
    case NFT_OBJECT_LIMIT:
    case NFT_OBJECT_CONNLIMIT:
      return MayEnd{"quota or limit"};
    default:
      return Anything{"objref"};
  }
}

/// An expression that loads what is not known here; without a register it is something else.
Step unknown(std::string_view name, const Parts& parts, std::uint16_t register_number) {
  const auto word = parts.word(register_number);
  return word ? Step{LoadUnknown{*word, std::string(name)}} : Step{Anything{std::string(name)}};
}

/// The packets that are asked for leave as they are: what IPsec wraps is another packet afterwards, and asked about as that.
Step route(const Parts& parts) {
  const auto word = parts.word(NFTA_RT_DREG);
  if (word && parts.number(NFTA_RT_KEY) == static_cast<std::uint32_t>(NFT_RT_XFRM)) return LoadConstant{{0}, *word};
  return unknown("rt", parts, NFTA_RT_DREG);
}

Step named(std::string_view name, const Parts& parts) {
  if (name == "meta") return meta(parts);
  if (name == "payload") return payload(parts);
  if (name == "bitwise") return bitwise(parts);
  if (name == "byteorder") return byteorder(parts);
  if (name == "cmp") return compare(parts);
  if (name == "range") return range(parts);
  if (name == "lookup") return look_up(parts);
  if (name == "ct") return conntrack(parts);
  if (name == "fib") return fib(parts);
  if (name == "immediate") return immediate(parts);
  if (name == "objref") return object(parts);
  if (name == "counter" || name == "log" || name == "last") return Neutral{};
  if (name == "limit" || name == "quota" || name == "connlimit" || name == "dynset") return MayEnd{std::string(name)};
  if (name == "reject") return Decide{NF_DROP, {}};
  if (name == "queue") return Decide{NF_QUEUE, {}};
  if (name == "notrack") return NoTrack{};
  if (name == "masq") return Translate{false};
  if (name == "redir") return Translate{true};
  if (name == "nat") return Translate{parts.number(NFTA_NAT_TYPE) != static_cast<std::uint32_t>(NFT_NAT_SNAT)};
  if (name == "rt") return route(parts);
  if (name == "socket") return unknown(name, parts, NFTA_SOCKET_DREG);
  if (name == "numgen") return unknown(name, parts, NFTA_NG_DREG);
  if (name == "hash") return unknown(name, parts, NFTA_HASH_DREG);
  if (name == "xfrm") return unknown(name, parts, NFTA_XFRM_DREG);
  if (name == "osf") return unknown(name, parts, NFTA_OSF_DREG);
  if (name == "tunnel") return unknown(name, parts, NFTA_TUNNEL_DREG);
  // What is written into an option (the MSS) changes neither way nor verdict.
  if (name == "exthdr") return parts.has(NFTA_EXTHDR_SREG) ? Step{Neutral{}} : unknown(name, parts, NFTA_EXTHDR_DREG);
  return Anything{std::string(name.substr(0, most_name_bytes))};
}

}  // namespace

void decode_steps(const Attribute& expression, std::vector<Step>& steps) {
  const auto name = nft::expression_name(expression);
  // No data, as of "notrack", is an empty attribute.
  Attribute data{NFTA_EXPR_DATA, {}};
  AttributeCursor attributes{expression.nested()};
  while (const auto part = attributes.next()) {
    if (part->type == NFTA_EXPR_DATA) data = *part;
  }
  if (name == "match" || name == "target") {
    decode_xtables(name == "target", data, steps);
  } else {
    steps.push_back(named(name, Parts{data}));
  }
}

}  // namespace vpn_sentinel::audit

#include "netns/firewall/nft_encode_expression.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <new>
#include <type_traits>

namespace vpn_sentinel::nft {
namespace {

constexpr std::size_t most_value = 64;
constexpr std::size_t most_expression_name = 255;
constexpr std::uint8_t words = 16;

nftnl_expr* made(const char* name) {
  auto* expression = nftnl_expr_alloc(name);
  if (expression == nullptr) throw std::bad_alloc();
  return expression;
}

/// A word where one of the four long registers begins is named by that one, as the kernel does when it is asked.
std::uint32_t register_of(std::uint8_t word) {
  return word % 4 == 0 ? static_cast<std::uint32_t>(NFT_REG_1) + word / 4 : static_cast<std::uint32_t>(NFT_REG32_00) + word;
}

void set_bytes(nftnl_expr* expression, std::uint16_t attribute, const Bytes& bytes) {
  nftnl_expr_set(expression, attribute, bytes.data(), static_cast<std::uint32_t>(bytes.size()));
}

bool fits(const Bytes& bytes) { return !bytes.empty() && bytes.size() <= most_value; }
bool fits(const std::string& name) { return !name.empty() && name.size() <= most_expression_name; }

struct Checks {
  bool operator()(const LoadMeta& load) const { return load.word < words; }
  bool operator()(const LoadPayload& load) const { return load.word < words && load.length > 0 && load.length <= most_value; }
  bool operator()(const LoadExtension& load) const { return load.word < words && load.length > 0 && load.length <= most_value; }
  bool operator()(const LoadRoute& load) const { return load.word < words; }
  bool operator()(const LoadConstant& load) const { return load.word < words && fits(load.value); }
  bool operator()(const Mask& mask) const { return fits(mask.mask); }
  bool operator()(const Compare& compare) const { return fits(compare.value); }
  bool operator()(const CountInto& count) const { return fits(count.counter); }
  bool operator()(const RingOnce& ring) const { return fits(ring.quota); }
  bool operator()(const NoteIn& note) const { return fits(note.set); }
  bool operator()(const Decide&) const { return true; }
  bool operator()(const GoTo& jump) const { return fits(jump.chain); }
  bool operator()(const Unknown&) const { return false; }
};

struct Encoder {
  nftnl_expr* operator()(const LoadMeta& load) const {
    auto* expression = made("meta");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, load.key);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_META_DREG, register_of(load.word));
    return expression;
  }
  nftnl_expr* operator()(const LoadPayload& load) const {
    auto* expression = made("payload");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, register_of(load.word));
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, load.base);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, load.offset);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, load.length);
    return expression;
  }
  nftnl_expr* operator()(const LoadExtension& load) const {
    auto* expression = made("exthdr");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_DREG, register_of(load.word));
    nftnl_expr_set_u8(expression, NFTNL_EXPR_EXTHDR_TYPE, load.type);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_OFFSET, load.offset);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_LEN, load.length);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
    return expression;
  }
  nftnl_expr* operator()(const LoadRoute& load) const {
    auto* expression = made("rt");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_RT_KEY, load.key);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_RT_DREG, register_of(load.word));
    return expression;
  }
  nftnl_expr* operator()(const LoadConstant& load) const {
    auto* expression = made("immediate");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, register_of(load.word));
    set_bytes(expression, NFTNL_EXPR_IMM_DATA, load.value);
    return expression;
  }
  nftnl_expr* operator()(const Mask& mask) const {
    auto* expression = made("bitwise");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_SREG, register_of(0));
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_DREG, register_of(0));
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_LEN, static_cast<std::uint32_t>(mask.mask.size()));
    set_bytes(expression, NFTNL_EXPR_BITWISE_MASK, mask.mask);
    set_bytes(expression, NFTNL_EXPR_BITWISE_XOR, Bytes(mask.mask.size(), 0));
    return expression;
  }
  nftnl_expr* operator()(const Compare& compare) const {
    auto* expression = made("cmp");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_SREG, register_of(0));
    nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_OP, compare.operation);
    set_bytes(expression, NFTNL_EXPR_CMP_DATA, compare.value);
    return expression;
  }
  nftnl_expr* operator()(const CountInto& count) const {
    auto* expression = made("objref");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
    nftnl_expr_set_str(expression, NFTNL_EXPR_OBJREF_IMM_NAME, count.counter.c_str());
    return expression;
  }
  nftnl_expr* operator()(const RingOnce& ring) const {
    auto* expression = made("objref");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_QUOTA);
    nftnl_expr_set_str(expression, NFTNL_EXPR_OBJREF_IMM_NAME, ring.quota.c_str());
    return expression;
  }
  nftnl_expr* operator()(const NoteIn& note) const {
    auto* expression = made("dynset");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_DYNSET_SREG_KEY, register_of(0));
    nftnl_expr_set_u32(expression, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
    nftnl_expr_set_u64(expression, NFTNL_EXPR_DYNSET_TIMEOUT, note.timeout_ms);
    nftnl_expr_set_str(expression, NFTNL_EXPR_DYNSET_SET_NAME, note.set.c_str());
    auto* counter = made("counter");
    nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_PACKETS, 0);
    nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_BYTES, 0);
    nftnl_expr_set(expression, NFTNL_EXPR_DYNSET_EXPR, counter, 0);  // which frees it
    return expression;
  }
  nftnl_expr* operator()(const Decide& decide) const {
    auto* expression = made("immediate");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_VERDICT, decide.policy == Policy::accept ? NF_ACCEPT : NF_DROP);
    return expression;
  }
  nftnl_expr* operator()(const GoTo& jump) const {
    auto* expression = made("immediate");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_VERDICT, static_cast<std::uint32_t>(NFT_GOTO));
    nftnl_expr_set_str(expression, NFTNL_EXPR_IMM_CHAIN, jump.chain.c_str());
    return expression;
  }
  nftnl_expr* operator()(const Unknown&) const { throw std::bad_alloc(); }
};

}  // namespace

bool can_encode(const Expression& expression) noexcept { return std::visit(Checks{}, expression); }

nftnl_expr* encode_expression(const Expression& expression) { return std::visit(Encoder{}, expression); }

}  // namespace vpn_sentinel::nft

#include "netns/firewall/rule_writer.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <cstring>

namespace vpn_sentinel {
namespace {

using namespace nft;

constexpr std::size_t device_name_bytes = 16;  // IFNAMSIZ
struct IpField {
  std::uint32_t offset;
  std::uint32_t length;
};
constexpr IpField destination(Family family) { return family == Family::v4 ? IpField{16, 4} : IpField{24, 16}; }
constexpr IpField source(Family family) { return family == Family::v4 ? IpField{12, 4} : IpField{8, 16}; }
constexpr IpField hops(Family family) { return family == Family::v4 ? IpField{8, 1} : IpField{7, 1}; }

Bytes mask_of(std::size_t size, unsigned length) {
  Bytes mask(size, 0);
  for (std::size_t i = 0; i < size && length > i * 8; ++i) {
    const auto bits = std::min<std::size_t>(length - i * 8, 8);
    mask[i] = static_cast<std::uint8_t>(0xff << (8 - bits));
  }
  return mask;
}

}  // namespace

Bytes network_bytes(std::uint16_t value) { return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value & 0xff)}; }

Bytes host_bytes(std::uint32_t value) {
  Bytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

RuleWriter& RuleWriter::start(std::string_view chain) {
  rules_.push_back(Rule{std::string(chain), {}, {}});
  return *this;
}

RuleWriter& RuleWriter::add(Expression expression) {
  rules_.back().expressions.push_back(std::move(expression));
  return *this;
}

void RuleWriter::compare(std::uint32_t operation, Bytes value) { add(Compare{operation, std::move(value)}); }

RuleWriter& RuleWriter::is(Family family) {
  const bool v4 = family == Family::v4;
  // On the way out of a device there is no netfilter protocol, and for a local packet no Ethernet type on older kernels.
  if (family_ == family_netdev) {
    said_to_be(v4 ? ETH_P_IP : ETH_P_IPV6);
  } else {
    add(LoadMeta{NFT_META_NFPROTO, 0});
    compare(NFT_CMP_EQ, {static_cast<std::uint8_t>(v4 ? NFPROTO_IPV4 : NFPROTO_IPV6)});
  }
  return *this;
}

RuleWriter& RuleWriter::destination_is(const IpPrefix& prefix) {
  const auto field = destination(prefix.address().family());
  return address_is(prefix, field.offset, field.length);
}

RuleWriter& RuleWriter::source_is(const IpPrefix& prefix) {
  const auto field = source(prefix.address().family());
  return address_is(prefix, field.offset, field.length);
}

RuleWriter& RuleWriter::address_is(const IpPrefix& prefix, std::uint32_t offset, std::uint32_t length) {
  is(prefix.address().family());
  if (prefix.length() == 0) return *this;
  add(LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, offset, length, 0});
  if (prefix.length() < length * 8) add(Mask{mask_of(length, prefix.length())});
  const auto bytes = prefix.address().bytes();
  compare(NFT_CMP_EQ, Bytes(bytes.begin(), bytes.end()));
  return *this;
}

RuleWriter& RuleWriter::device_is(const std::string& name) {
  Bytes bytes(device_name_bytes, 0);
  std::copy_n(name.begin(), std::min(name.size(), device_name_bytes - 1), bytes.begin());
  add(LoadMeta{NFT_META_OIFNAME, 0});
  compare(NFT_CMP_EQ, std::move(bytes));
  return *this;
}

RuleWriter& RuleWriter::device_type_is(std::uint16_t type) {
  add(LoadMeta{NFT_META_OIFTYPE, 0});
  Bytes bytes(sizeof type);
  std::memcpy(bytes.data(), &type, sizeof type);
  compare(NFT_CMP_EQ, std::move(bytes));
  return *this;
}

RuleWriter& RuleWriter::is_for_ipsec() {
  add(LoadRoute{NFT_RT_XFRM, 0});
  compare(NFT_CMP_EQ, {1});
  return *this;
}

RuleWriter& RuleWriter::said_to_be(std::uint16_t type) {
  add(LoadMeta{NFT_META_PROTOCOL, 0});
  compare(NFT_CMP_EQ, network_bytes(type));
  return *this;
}

RuleWriter& RuleWriter::is_to_bridge_group() {
  add(LoadPayload{NFT_PAYLOAD_LL_HEADER, 0, ETH_ALEN, 0});
  add(Mask{{0xff, 0xff, 0xff, 0xff, 0xff, 0xf0}});
  compare(NFT_CMP_EQ, {0x01, 0x80, 0xc2, 0x00, 0x00, 0x00});
  return *this;
}

RuleWriter& RuleWriter::ethertype_is(std::uint16_t type) {
  add(LoadPayload{NFT_PAYLOAD_LL_HEADER, 12, 2, 0});
  compare(NFT_CMP_EQ, network_bytes(type));
  return *this;
}

RuleWriter& RuleWriter::tagged_type_is(std::uint16_t type) {
  add(LoadPayload{NFT_PAYLOAD_LL_HEADER, 16, 2, 0});
  compare(NFT_CMP_EQ, network_bytes(type));
  return *this;
}

RuleWriter& RuleWriter::version_is(Family family) {
  add(LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, 0, 1, 0}).add(Mask{{0xf0}});
  compare(NFT_CMP_EQ, {static_cast<std::uint8_t>(family == Family::v4 ? 0x40 : 0x60)});
  return *this;
}

RuleWriter& RuleWriter::meta_is(std::uint32_t key, std::uint32_t value) {
  add(LoadMeta{key, 0});
  compare(NFT_CMP_EQ, host_bytes(value));
  return *this;
}

RuleWriter& RuleWriter::meta_is(std::uint32_t key, std::uint32_t value, std::uint32_t mask) {
  if (mask == 0xffffffff) return meta_is(key, value);
  add(LoadMeta{key, 0}).add(Mask{host_bytes(mask)});
  compare(NFT_CMP_EQ, host_bytes(value & mask));
  return *this;
}

RuleWriter& RuleWriter::has_user() { return meta_is(NFT_META_SKUID, 0, 0); }

RuleWriter& RuleWriter::protocol_is(std::uint8_t protocol) {
  add(LoadMeta{NFT_META_L4PROTO, 0});
  compare(NFT_CMP_EQ, {protocol});
  return *this;
}

RuleWriter& RuleWriter::field_is(TransportField field, const Bytes& value) {
  add(LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, field.offset, field.length, 0});
  compare(NFT_CMP_EQ, value);
  return *this;
}

RuleWriter& RuleWriter::field_is_between(TransportField field, const Bytes& lowest, const Bytes& highest) {
  add(LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, field.offset, field.length, 0});
  compare(NFT_CMP_GTE, lowest);
  compare(NFT_CMP_LTE, highest);
  return *this;
}

RuleWriter& RuleWriter::field_is_without(TransportField field, const Bytes& mask) {
  add(LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, field.offset, field.length, 0}).add(Mask{mask});
  compare(NFT_CMP_EQ, Bytes(mask.size(), 0));
  return *this;
}

RuleWriter& RuleWriter::field_has(TransportField field, const Bytes& mask) {
  add(LoadPayload{NFT_PAYLOAD_TRANSPORT_HEADER, field.offset, field.length, 0}).add(Mask{mask});
  compare(NFT_CMP_NEQ, Bytes(mask.size(), 0));
  return *this;
}

RuleWriter& RuleWriter::port_is(std::uint16_t port) { return field_is(destination_port, network_bytes(port)); }

RuleWriter& RuleWriter::hops_are(Family family, std::uint8_t count) {
  const auto field = hops(family);
  add(LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, field.offset, field.length, 0});
  compare(NFT_CMP_EQ, {count});
  return *this;
}

RuleWriter& RuleWriter::is_later_fragment(Family family) {
  if (family == Family::v4) {
    add(LoadPayload{NFT_PAYLOAD_NETWORK_HEADER, 6, 2, 0}).add(Mask{{0x1f, 0xff}});
  } else {
    add(LoadExtension{IPPROTO_FRAGMENT, 2, 2, 0}).add(Mask{{0xff, 0xf8}});
  }
  compare(NFT_CMP_NEQ, {0, 0});
  return *this;
}

void RuleWriter::decide(Policy policy, std::string comment) {
  add(Decide{policy});
  rules_.back().comment = std::move(comment);
}

void RuleWriter::go_to(std::string_view chain, std::string comment) {
  add(GoTo{std::string(chain)});
  rules_.back().comment = std::move(comment);
}

}  // namespace vpn_sentinel

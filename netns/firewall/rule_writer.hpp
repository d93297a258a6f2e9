/// Writes rules of nf_tables as values, one condition after the other: a part of leak_rules. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/firewall/nft_values.hpp"

namespace vpn_sentinel {

/// Fields of a transport header, in bytes from its beginning.
struct TransportField {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};
inline constexpr TransportField source_port{0, 2};
inline constexpr TransportField destination_port{2, 2};
inline constexpr TransportField tcp_flags{13, 1};
inline constexpr TransportField both_ports{0, 4};
inline constexpr TransportField icmp_type{0, 1};

class RuleWriter {
 public:
  /// `family`: of the table that the rules are for; it decides how IPv4 is told from IPv6.
  explicit RuleWriter(std::uint8_t family) : family_(family) {}

  /// Begins a rule at the end of the chain; conditions follow, then what is done.
  RuleWriter& start(std::string_view chain);

  RuleWriter& is(Family family);
  /// Of the prefix's family, and its destination within it.
  RuleWriter& destination_is(const IpPrefix& prefix);
  RuleWriter& source_is(const IpPrefix& prefix);
  RuleWriter& device_is(const std::string& name);
  /// ARPHRD_*, of the device that it leaves by.
  RuleWriter& device_type_is(std::uint16_t type);
  /// The kernel will wrap the packet by IPsec, and asks about the result anew. Not at a device, where no route is known.
  RuleWriter& is_for_ipsec();
  /// ETH_P_*, as the sender told the kernel.
  RuleWriter& said_to_be(std::uint16_t type);
  /// ETH_P_*, as it stands in the Ethernet frame.
  RuleWriter& ethertype_is(std::uint16_t type);
  /// To 01:80:c2:00:00:00-0f (spanning tree, LACP, LLDP): no bridge passes it on (IEEE 802.1D, 7.12.6).
  RuleWriter& is_to_bridge_group();
  /// ETH_P_*, behind the tag of a VLAN.
  RuleWriter& tagged_type_is(std::uint16_t type);
  /// As it stands in the packet.
  RuleWriter& version_is(Family family);
  /// A value of four bytes in this machine's order: an interface index, a mark.
  RuleWriter& meta_is(std::uint32_t key, std::uint32_t value);
  /// The same for those of its bits that `mask` has.
  RuleWriter& meta_is(std::uint32_t key, std::uint32_t value, std::uint32_t mask);
  /// The packet belongs to a socket whose file somebody still has open: only so there is a user.
  RuleWriter& has_user();
  RuleWriter& protocol_is(std::uint8_t protocol);
  /// Later parts of a fragmented packet have payload at the place of this header, and it is compared.
  RuleWriter& field_is(TransportField field, const nft::Bytes& value);
  RuleWriter& field_is_between(TransportField field, const nft::Bytes& lowest, const nft::Bytes& highest);
  /// Those of its bits that `mask` has are all 0.
  RuleWriter& field_is_without(TransportField field, const nft::Bytes& mask);
  /// One of those at least is 1.
  RuleWriter& field_has(TransportField field, const nft::Bytes& mask);
  RuleWriter& port_is(std::uint16_t port);
  /// TTL or hop limit.
  RuleWriter& hops_are(Family family, std::uint8_t hops);
  /// A part of a fragmented packet that is not the first.
  RuleWriter& is_later_fragment(Family family);
  RuleWriter& add(nft::Expression expression);

  void decide(nft::Policy policy, std::string comment);
  void accept(std::string comment) { decide(nft::Policy::accept, std::move(comment)); }
  void go_to(std::string_view chain, std::string comment);

  [[nodiscard]] std::vector<nft::Rule> take() { return std::move(rules_); }

 private:
  RuleWriter& address_is(const IpPrefix& prefix, std::uint32_t offset, std::uint32_t length);
  void compare(std::uint32_t operation, nft::Bytes value);

  std::uint8_t family_;
  std::vector<nft::Rule> rules_;
};

/// In network order.
[[nodiscard]] nft::Bytes network_bytes(std::uint16_t value);
/// In this machine's order, as nf_tables keeps indexes, marks and user ids.
[[nodiscard]] nft::Bytes host_bytes(std::uint32_t value);

}  // namespace vpn_sentinel

/// What nf_tables holds, as plain values: the part of it that our own tables are made of (linux/netfilter/nf_tables.h, nft(8)). The same
/// values are sent to the kernel (nft_batch) and read back from it (nft_decode), so that both can be compared. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace vpn_sentinel::nft {

/// NFPROTO_INET and NFPROTO_NETDEV (linux/netfilter.h).
inline constexpr std::uint8_t family_inet = 1;
inline constexpr std::uint8_t family_netdev = 5;
/// NF_NETDEV_EGRESS, not in headers before Linux 5.16.
inline constexpr std::uint32_t netdev_egress = 1;

/// A name is at most 255 bytes (NFT_NAME_MAXLEN), a device's 15 (IFNAMSIZ).
struct TableName {
  std::uint8_t family = family_inet;
  std::string name;
  /// "inet vpn-sentinel-home-meter", as nft(8) writes it.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const TableName&, const TableName&) = default;
};

/// NFT_TABLE_F_*: OWNER since Linux 5.12, PERSIST since 6.9 (not in the headers of older systems).
inline constexpr std::uint32_t flag_owner = 2;
inline constexpr std::uint32_t flag_persist = 4;

struct Table {
  TableName name;
  std::uint32_t flags = 0;
  std::uint32_t owner = 0;   ///< netlink port of the socket that owns it; 0: nobody
  std::uint64_t handle = 0;  ///< the kernel gives each table of a namespace another one; 0: not read back
  friend bool operator==(const Table&, const Table&) = default;
};

/// NF_DROP and NF_ACCEPT are the policies of a chain.
enum class Policy : std::uint8_t { drop = 0, accept = 1 };

/// Where a base chain is called.
struct Hook {
  std::uint32_t number = 0;  ///< NF_INET_*, NF_NETDEV_*
  std::int32_t priority = 0;
  Policy policy = Policy::accept;
  std::vector<std::string> devices;  ///< of family netdev only, sorted
  friend bool operator==(const Hook&, const Hook&) = default;
};

struct Chain {
  std::string name;
  std::optional<Hook> hook;  ///< none: a chain that rules go to
  friend bool operator==(const Chain&, const Chain&) = default;
};

using Bytes = std::vector<std::uint8_t>;

/// Registers are counted in words of four bytes (0-15); what a longer value needs begins at the word.
struct LoadMeta {
  std::uint32_t key = 0;  ///< NFT_META_*
  std::uint8_t word = 0;
  friend bool operator==(const LoadMeta&, const LoadMeta&) = default;
};
struct LoadPayload {
  std::uint32_t base = 0;    ///< NFT_PAYLOAD_*_HEADER
  std::uint32_t offset = 0;  ///< bytes
  std::uint32_t length = 0;  ///< bytes
  std::uint8_t word = 0;
  friend bool operator==(const LoadPayload&, const LoadPayload&) = default;
};
/// A field of an IPv6 extension header; the rule ends where the packet has none of this type.
struct LoadExtension {
  std::uint8_t type = 0;     ///< IPPROTO_FRAGMENT, …
  std::uint32_t offset = 0;  ///< bytes
  std::uint32_t length = 0;  ///< bytes
  std::uint8_t word = 0;
  friend bool operator==(const LoadExtension&, const LoadExtension&) = default;
};
/// Of the route that the packet has; the rule ends where it has none.
struct LoadRoute {
  std::uint32_t key = 0;  ///< NFT_RT_*
  std::uint8_t word = 0;
  friend bool operator==(const LoadRoute&, const LoadRoute&) = default;
};
struct LoadConstant {
  Bytes value;
  std::uint8_t word = 0;
  friend bool operator==(const LoadConstant&, const LoadConstant&) = default;
};
/// Ands word 0 and what follows with the mask.
struct Mask {
  Bytes mask;
  friend bool operator==(const Mask&, const Mask&) = default;
};
/// The rule goes on when word 0 and what follows compares so.
struct Compare {
  std::uint32_t operation = 0;  ///< NFT_CMP_*
  Bytes value;
  friend bool operator==(const Compare&, const Compare&) = default;
};
/// Adds the packet to a named counter.
struct CountInto {
  std::string counter;
  friend bool operator==(const CountInto&, const CountInto&) = default;
};
/// The first packet that meets a named quota of one byte makes the kernel tell listeners so (NFNLGRP_NFTABLES). The rule ends at each
/// further one, until the quota is reset.
struct RingOnce {
  std::string quota;
  friend bool operator==(const RingOnce&, const RingOnce&) = default;
};
/// Adds the packet to the counter of the element whose key begins at word 0; makes the element. The rule ends here when the set is full.
struct NoteIn {
  std::string set;
  std::uint64_t timeout_ms = 0;
  friend bool operator==(const NoteIn&, const NoteIn&) = default;
};
struct Decide {
  Policy policy = Policy::accept;
  friend bool operator==(const Decide&, const Decide&) = default;
};
struct GoTo {
  std::string chain;
  friend bool operator==(const GoTo&, const GoTo&) = default;
};
/// Something that we never write: it makes a rule differ from each of ours.
struct Unknown {
  std::string name;
  friend bool operator==(const Unknown&, const Unknown&) = default;
};

using Expression = std::variant<LoadMeta, LoadPayload, LoadExtension, LoadRoute, LoadConstant, Mask, Compare, CountInto, RingOnce, NoteIn,
                                Decide, GoTo, Unknown>;

struct Rule {
  std::string chain;
  std::vector<Expression> expressions;
  std::string comment;  ///< at most 127 bytes, shown by "nft list ruleset"
  friend bool operator==(const Rule&, const Rule&) = default;
};

/// A set that rules fill, bounded by `size`; an element that is not met for `timeout_ms` goes.
struct Set {
  std::string name;
  std::uint32_t key_type = 0;  ///< how nft(8) shows the key: six bits for each part
  std::uint32_t key_length = 0;
  std::uint32_t size = 0;
  std::uint64_t timeout_ms = 0;
  friend bool operator==(const Set&, const Set&) = default;
};

struct Traffic {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const Traffic&, const Traffic&) = default;
};

struct Counter {
  std::string name;
  Traffic traffic;
  friend bool operator==(const Counter&, const Counter&) = default;
};

struct Element {
  Bytes key;
  Traffic traffic;
  friend bool operator==(const Element&, const Element&) = default;
};

/// One table with all that belongs to it. Rules stand in their order within each chain.
struct Ruleset {
  Table table;
  std::vector<Chain> chains;
  std::vector<Set> sets;
  std::vector<std::string> counters;
  std::vector<Rule> rules;
  std::vector<std::string> quotas{};  ///< each of one byte, see RingOnce
  friend bool operator==(const Ruleset&, const Ruleset&) = default;
};

/// What `found` has otherwise than `wanted`, as half a sentence ("rule 3 of chain 'outside' is not ours"); empty: nothing. The order of
/// chains, sets and counters means nothing, nor does who owns the table.
[[nodiscard]] std::optional<std::string> first_difference(const Ruleset& wanted, const Ruleset& found);

}  // namespace vpn_sentinel::nft

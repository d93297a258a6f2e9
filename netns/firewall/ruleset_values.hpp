/// The whole ruleset of a namespace as plain values, whoever made it: nft(8), iptables-nft or us (linux/netfilter/nf_tables.h). What a step
/// does that nobody here understands is a value, too: see Anything. Other than nft_values these are only read, never written. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "netns/firewall/nft_values.hpp"

namespace vpn_sentinel::audit {

/// Of all registers together (NFT_REG32_COUNT words).
inline constexpr std::size_t register_bytes = 64;

using Bytes = nft::Bytes;

/// Registers are counted in words of four bytes (0-15); what a longer value needs begins at the word.
struct LoadMeta {
  std::uint32_t key = 0;  ///< NFT_META_*
  std::uint8_t word = 0;
};
struct LoadPayload {
  std::uint32_t base = 0;    ///< NFT_PAYLOAD_*_HEADER
  std::uint32_t offset = 0;  ///< bytes
  std::uint32_t length = 0;  ///< bytes, 1-64
  std::uint8_t word = 0;
};
struct LoadConstant {
  Bytes value;
  std::uint8_t word = 0;
};
struct LoadConntrack {
  std::uint32_t key = 0;  ///< NFT_CT_*
  std::uint8_t word = 0;
};
/// What the routing table says about the packet (fib).
struct LoadRoute {
  std::uint32_t result = 0;  ///< NFT_FIB_RESULT_*
  std::uint32_t flags = 0;   ///< NFTA_FIB_F_*
  std::uint8_t word = 0;
};
/// Some value that is not known here; where the packet has none the rule ends.
struct LoadUnknown {
  std::uint8_t word = 0;
  std::string name;
};
/// (register & mask) ^ bits. Other operations (shifts) have an empty mask: the result is not known.
struct Bitwise {
  std::uint8_t from = 0;
  std::uint8_t to = 0;
  std::uint32_t length = 0;  ///< bytes, 1-64
  Bytes mask;
  Bytes bits;
};
/// Turns groups of `size` bytes round where this machine's order is not the network's.
struct Swap {
  std::uint8_t from = 0;
  std::uint8_t to = 0;
  std::uint32_t length = 0;  ///< bytes, 1-64
  std::uint32_t size = 0;    ///< 2, 4 or 8
};
/// The rule goes on when the register compares so.
struct Compare {
  std::uint8_t word = 0;
  std::uint32_t operation = 0;  ///< NFT_CMP_*
  Bytes value;
};
struct Between {
  std::uint8_t word = 0;
  Bytes first;
  Bytes last;
  bool inverted = false;
};
/// Looks for the register's value in a set; in a map it loads what stands there, or does the verdict.
struct LookIn {
  std::string set;
  std::uint8_t word = 0;
  enum class Into : std::uint8_t { nothing, registers, verdict };
  Into into = Into::nothing;
  std::uint8_t to = 0;
  bool inverted = false;
};
struct SetMark {
  std::uint8_t word = 0;
};
/// The mark becomes (mark & ~mask) ^ value.
struct SetMarkTo {
  std::uint32_t value = 0;
  std::uint32_t mask = 0xffffffff;
};
struct SetConntrackMark {};
/// The packet's connection is not tracked, when connection tracking has not seen it yet.
struct NoTrack {};
/// Does nothing that matters here: counts, logs, changes a field that nothing is decided by.
struct Neutral {};
/// The rule may end here, for reasons that are not known here (limits, quotas, time of day).
struct MayEnd {
  std::string name;
};
/// Accepts the packet in this chain, with another source, or another destination and so perhaps another way.
struct Translate {
  bool destination = false;
};
/// May do anything: let pass, drop, change, send a copy.
struct Anything {
  std::string name;
};
/// NF_DROP, NF_ACCEPT, NF_QUEUE, NFT_RETURN, NFT_JUMP, NFT_GOTO, NFT_BREAK, NFT_CONTINUE.
struct Decide {
  std::int32_t code = 0;
  std::string chain;  ///< of jump and goto
};

// Conditions of iptables (linux/netfilter/xt_*.h).
enum class Field : std::uint8_t { user, group, source_port, destination_port, protocol, icmp_type, icmp_code };
struct Numbers {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};
struct FieldIn {
  Field field = Field::user;
  std::vector<Numbers> numbers;  ///< one of them
  bool inverted = false;
};
struct MarkIs {
  std::uint32_t value = 0;
  std::uint32_t mask = 0;
  bool inverted = false;
};
struct StateIn {
  std::uint32_t states = 0;  ///< bits of NF_CT_STATE_BIT, and others that are not known here
  bool inverted = false;
};
/// What kind of address the destination is, one bit for each XT_ADDRTYPE_*.
struct DestinationType {
  std::uint32_t types = 0;
  bool inverted = false;
};

using Step = std::variant<LoadMeta, LoadPayload, LoadConstant, LoadConntrack, LoadRoute, LoadUnknown, Bitwise, Swap, Compare, Between,
                          LookIn, SetMark, SetMarkTo, SetConntrackMark, NoTrack, Neutral, MayEnd, Translate, Anything, Decide, FieldIn,
                          MarkIs, StateIn, DestinationType>;

struct Rule {
  std::uint64_t handle = 0;  ///< as "nft -a list ruleset" shows it
  std::string comment;
  std::vector<Step> steps;
};

struct Hook {
  std::uint32_t number = 0;  ///< NF_INET_*, NF_NETDEV_*
  std::int32_t priority = 0;
  nft::Policy policy = nft::Policy::accept;
  std::vector<std::string> devices;  ///< of family netdev
  bool more_devices = false;         ///< named in a way that is not understood here
};

struct Chain {
  std::string name;
  std::optional<Hook> hook;
  std::string type;  ///< "filter", "nat", "route"
  std::vector<Rule> rules;
};

struct Element {
  Bytes key;
  Bytes last;              ///< of a range of several fields; else empty
  bool ends = false;       ///< an interval ended before this key
  bool catch_all = false;  ///< stands for all that is in no other element
  std::optional<Decide> verdict;
  Bytes value;
};

struct Set {
  std::string name;
  std::uint32_t flags = 0;  ///< NFT_SET_*
  std::uint32_t key_length = 0;
  std::vector<std::uint32_t> fields;  ///< bytes of each field of the key, before padding to words
  std::uint32_t value_length = 0;     ///< of a map
  bool unsteady = false;              ///< packets or time change what is in it, or elements have conditions of their own
  std::vector<Element> elements;      ///< sorted by key
};

struct Table {
  nft::TableName name;
  bool dormant = false;
  std::vector<Chain> chains;
  std::map<std::string, Set, std::less<>> sets;
};

struct Ruleset {
  std::uint32_t generation = 0;  ///< changes with every transaction
  std::vector<Table> tables;
  /// Why a part of the ruleset that may matter is not here; empty: all is.
  std::string incomplete;
};

}  // namespace vpn_sentinel::audit

/// Changes of nf_tables that happen together or not at all: one batch of messages between NFNL_MSG_BATCH_BEGIN and _END, sent by one
/// sendto(2), which returns when the new rules judge packets (linux/netfilter/nfnetlink.h). libnftnl writes the messages. Building is pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/firewall/nft_socket.hpp"
#include "netns/firewall/nft_values.hpp"

namespace vpn_sentinel::nft {

/// The kernel takes a batch as one datagram, which must fit into the socket's send buffer. The largest policy needs 600 KB.
inline constexpr std::size_t most_batch_bytes = 1048576;

class Batch {
 public:
  /// Numbers its messages `first_sequence`, `first_sequence` + 1, …
  explicit Batch(std::uint32_t first_sequence);

  /// Creates the table, or leaves one of that name as it is.
  void add(const Table& table);
  void add(const TableName& table, const Chain& chain);
  void add(const TableName& table, const Set& set);
  void add_counter(const TableName& table, const std::string& name);
  /// Of one byte.
  void add_quota(const TableName& table, const std::string& name);
  /// Behind the rules that its chain has.
  void add(const TableName& table, const Rule& rule);
  /// The table with everything in it. A chain that a rule goes to must stand before the chain of that rule.
  void add(const Ruleset& ruleset);
  /// Takes the table away with everything in it; the batch fails (not_found) when there is none.
  void remove(const TableName& table);
  /// Takes all rules out of the table's chains.
  void remove_rules(const TableName& table);

  /// Ends the batch; called once. invalid: it became longer than most_batch_bytes, or a value has a name or list of impossible length. The
  /// bytes are valid as long as the batch.
  [[nodiscard]] Result<std::span<const std::byte>> finish();

  [[nodiscard]] std::uint32_t first_sequence() const noexcept { return first_; }
  /// That of the last message of a change, whose acknowledgement was asked for; after finish().
  [[nodiscard]] std::uint32_t last_sequence() const noexcept { return first_ + static_cast<std::uint32_t>(actions_.size()); }
  /// "creating rule 'DNS' in table inet x": what the message was for; empty: no message of this batch, or its frame.
  [[nodiscard]] std::string_view action_of(std::uint32_t sequence) const noexcept;

 private:
  [[nodiscard]] bool begin_message(bool sane, std::string action);
  void make_room();
  template <typename Build>
  void put(std::uint16_t type, std::uint8_t family, std::uint16_t flags, const Build& build);

  std::uint32_t first_;
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::size_t last_message_ = 0;
  std::vector<std::string> actions_;
  std::string problem_;
};

/// Sends the batch and reads the kernel's answers. not_permitted: CAP_NET_ADMIN is missing (the sentence says "… is needed in the namespace
/// to `purpose`"), or another program owns the table; unavailable: the kernel has no nf_tables, or not this part of it; else what the first
/// message that failed was for. After an Error nothing was changed.
[[nodiscard]] Result<void> commit(const Socket& socket, Batch& batch, std::string_view purpose);

}  // namespace vpn_sentinel::nft

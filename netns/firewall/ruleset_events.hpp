/// Who changes the rules of a namespace: what nf_tables tells its listeners about each transaction (NFNLGRP_NFTABLES,
/// linux/netfilter/nfnetlink.h). A message is a hint: what the rules do now is read again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/firewall/nft_values.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/netlink_socket.hpp"

namespace vpn_sentinel::audit {

/// One transaction.
struct RulesetChange {
  std::uint32_t generation = 0;
  std::uint32_t process = 0;           ///< whose number, as the host's threads are counted; 0: not told
  std::string program;                 ///< the name of that thread, at most 15 bytes, printable
  std::vector<nft::TableName> tables;  ///< that were touched, the first 16
  friend bool operator==(const RulesetChange&, const RulesetChange&) = default;
};

/// Puts together what several messages tell about one transaction; the last of them (NFT_MSG_NEWGEN) names who did it. Pure.
class ChangeReader {
 public:
  /// The transactions that end with this datagram.
  [[nodiscard]] std::vector<RulesetChange> take(std::span<const std::byte> datagram);
  /// Messages were lost.
  void forget() { begun_ = {}; }

 private:
  RulesetChange begun_;
};

/// True for a change of nothing but tables that a probe makes, by a program of this process's name: our own, or another probe's.
[[nodiscard]] bool is_own_change(const RulesetChange& change, std::uint32_t own_process, std::string_view own_program);

/// "nft (pid 4242: nft flush ruleset)", as far as it is known; "firewalld (gdbus, pid 4242: …)" where a thread has another name than its
/// process: the kernel tells of threads. Asks /proc, which knows nothing any more of who has ended; one of another name under this number
/// is another one.
[[nodiscard]] std::string describe_author(const RulesetChange& change);
/// "inet filter, ip nat".
[[nodiscard]] std::string describe_tables(const RulesetChange& change);

/// A socket that listens. Used by one thread at a time.
class RulesetEvents {
 public:
  /// not_permitted: CAP_NET_ADMIN is missing in the namespace; unavailable: no nfnetlink.
  [[nodiscard]] static Result<RulesetEvents> open(const SocketOpener& opener);
  /// To wait for; it stays this object's.
  [[nodiscard]] int fd() const noexcept { return socket_.fd.get(); }

  struct News {
    std::vector<RulesetChange> changes;  ///< at most 64 of one call
    bool lost = false;                   ///< there were more, and nobody knows whose
  };
  /// What has come; does not block. failed: the socket is of no more use.
  [[nodiscard]] Result<News> read();

 private:
  explicit RulesetEvents(NetlinkSocket socket) : socket_(std::move(socket)) {}

  NetlinkSocket socket_;
  ChangeReader reader_;
};

}  // namespace vpn_sentinel::audit

/// The kernel's word that a leak meter has counted its first packet, or that somebody took its tables away.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/netlink_socket.hpp"

namespace vpn_sentinel {

/// A socket of the group NFNLGRP_NFTABLES, which all changes of nf_tables in the namespace are told to. Movable.
class LeakBell {
 public:
  /// `id`: of the meter. not_permitted: CAP_NET_ADMIN is missing; unavailable: no nf_tables.
  [[nodiscard]] static Result<LeakBell> open(const SocketOpener& opener, std::string_view id);

  /// Readable when something was told.
  [[nodiscard]] int fd() const noexcept { return socket_.fd.get(); }
  /// Takes what is waiting, some hundred messages at most, so that the descriptor may stay readable. True: one of them was about the meter,
  /// or some were lost. An Error: the socket is of no more use.
  [[nodiscard]] Result<bool> take();

 private:
  LeakBell(NetlinkSocket socket, std::string table) : socket_(std::move(socket)), table_(std::move(table)) {}

  NetlinkSocket socket_;
  std::string table_;
};

/// Whether a datagram of that group tells of the table's quota, or of its end. Pure.
[[nodiscard]] bool rings_bell(std::span<const std::byte> datagram, std::string_view table);

}  // namespace vpn_sentinel

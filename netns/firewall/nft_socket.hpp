/// A NETLINK_NETFILTER socket of one network namespace, and what its errors mean (linux/netfilter/nfnetlink.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/netlink_socket.hpp"

namespace vpn_sentinel::nft {

/// Used by one thread at a time. A table that was made through it with flag_owner goes when it is closed.
struct Socket {
  NetlinkSocket netlink;
  std::uint32_t sequence = 0;  ///< the last one that was used
};

/// unavailable: the kernel has no nfnetlink. No capability is needed to open it, CAP_NET_ADMIN to ask anything.
[[nodiscard]] Result<Socket> open_nft(const SocketOpener& opener);

/// The index of a device in the socket's namespace; empty: there is none of this name.
[[nodiscard]] std::optional<std::uint32_t> device_index(const Socket& socket, const std::string& name) noexcept;

/// The Error for the kernel's code: `action` is what failed ("creating table inet x"), empty when the batch as a whole was refused;
/// `purpose` ends the sentence "CAP_NET_ADMIN is needed in the namespace to …". `payload` and `flags` of NLMSG_ERROR may have a text. Pure.
[[nodiscard]] Error nft_error(int code, std::string_view action, std::string_view purpose, std::span<const std::byte> payload = {},
                              std::uint16_t flags = 0);

}  // namespace vpn_sentinel::nft

/// Generic netlink (linux/genetlink.h): families have names, and the kernel gives each a number when it appears.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/netlink_socket.hpp"

namespace vpn_sentinel {

/// A NETLINK_GENERIC socket without groups.
[[nodiscard]] Result<NetlinkSocket> open_generic_netlink(const SocketOpener& opener);

/// A request with one string attribute: nlmsghdr, genlmsghdr, attribute. Pure.
[[nodiscard]] std::vector<std::byte> generic_request(std::uint16_t family, std::uint8_t command, std::uint8_t version, std::uint16_t flags,
                                                     std::uint32_t sequence, std::uint16_t attribute, std::string_view text);

/// The number in the reply to CTRL_CMD_GETFAMILY; `payload` is what follows struct nlmsghdr. Pure.
[[nodiscard]] Result<std::uint16_t> decode_family(std::span<const std::byte> payload);

/// Asks for the number of family `name`. unavailable: this kernel does not have it (ENOENT). It makes the kernel load the family's module
/// where there is one, as every program that asks does. Waits at most a second; usually some microseconds.
[[nodiscard]] Result<std::uint16_t> resolve_family(const NetlinkSocket& socket, std::string_view name);

}  // namespace vpn_sentinel

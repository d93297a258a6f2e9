/// What conntrack and nflog share: a NETLINK_NETFILTER socket (linux/netfilter/nfnetlink.h) and the requests to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/attribute_cursor.hpp"
#include "netns/netlink/netlink_socket.hpp"

namespace vpn_sentinel {

/// A number as netfilter writes it, in network order; absent when the attribute has another size.
[[nodiscard]] std::optional<std::uint16_t> big_u16(const Attribute& attribute) noexcept;
[[nodiscard]] std::optional<std::uint32_t> big_u32(const Attribute& attribute) noexcept;
[[nodiscard]] std::optional<std::uint64_t> big_u64(const Attribute& attribute) noexcept;

/// `groups`: bit N-1 for NFNLGRP_N.
[[nodiscard]] Result<NetlinkSocket> open_netfilter(const SocketOpener& opener, std::uint32_t groups);

/// nlmsghdr and nfgenmsg; put_attribute() adds to it.
[[nodiscard]] std::vector<std::byte> netfilter_request(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, std::uint8_t family,
                                                       std::uint16_t resource);
void put_attribute(std::vector<std::byte>& request, std::uint16_t type, std::span<const std::byte> value);

}  // namespace vpn_sentinel

/// What conntrack and nflog share: a NETLINK_NETFILTER socket (linux/netfilter/nfnetlink.h) and questions to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "netns/base/clock.hpp"
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

using TakeMessage = std::function<void(const NetlinkMessage& message)>;
/// Sends and reads until the kernel acknowledges or ends the dump; every other message goes to `take`. The code of the end: 0, or errno.
[[nodiscard]] Result<int> ask_netfilter(int fd, std::span<const std::byte> request, std::uint32_t sequence, MonoTime deadline,
                                        std::string_view what, const TakeMessage& take);

}  // namespace vpn_sentinel

/// Whose request it is when proxies stand between. Pure.
#pragma once

#include <span>
#include <string_view>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// ::ffff:192.0.2.7 (RFC 4291 2.5.5.2) is 192.0.2.7; every other address is itself.
[[nodiscard]] IpAddress unmapped(const IpAddress& address) noexcept;
/// The same for prefixes of at least 96 bits.
[[nodiscard]] IpPrefix unmapped(const IpPrefix& prefix) noexcept;

[[nodiscard]] bool is_one_of(const IpAddress& address, std::span<const IpPrefix> prefixes) noexcept;

/// The client behind `peer`. `forwarded_for` (X-Forwarded-For, all lines of it) counts only when the peer is a trusted proxy. It is read
/// from the right, which is what the nearest proxy wrote: the first address that is no trusted proxy is the client. What stands left of
/// it was written by the client and is not looked at. All trusted: the leftmost; no header: the peer. An entry that is read and is no
/// address (with or without a port), or more than 32 proxies, is an Error.
[[nodiscard]] Result<IpAddress> client_address(const IpAddress& peer, std::string_view forwarded_for, std::span<const IpPrefix> proxies);

}  // namespace vpn_sentinel

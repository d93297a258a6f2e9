/// What the parts of OutsideTables share: the families of its tables, and batches that are sent and keep the socket's numbers in step.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "netns/base/result.hpp"
#include "netns/firewall/leak_rules.hpp"
#include "netns/firewall/nft_batch.hpp"
#include "netns/firewall/nft_socket.hpp"

namespace vpn_sentinel {

inline constexpr std::array<std::uint8_t, 2> outside_families{nft::family_inet, nft::family_netdev};

/// What for, in words of errors.
[[nodiscard]] std::string_view purpose_of(OutsideAction action);
[[nodiscard]] nft::Batch next_batch(nft::Socket& socket);
[[nodiscard]] Result<void> commit_batch(nft::Socket& socket, nft::Batch& batch, std::string_view purpose);
/// That something is other than it should be, or gone; else it could not be looked at.
[[nodiscard]] bool is_difference(const Error& error);

}  // namespace vpn_sentinel

/// A STUN binding (RFC 8489): asks a server under which address and port our datagram reached it. Pure: no I/O and no state.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// A Binding request without attributes (RFC 8489 section 5): 20 bytes, of which the last 12 are the random transaction id.
using StunRequest = std::array<std::byte, 20>;

[[nodiscard]] StunRequest make_stun_request();

/// Whether the message is an answer to this very request: class success or error of the method Binding, magic cookie, all 12 bytes of the
/// transaction id, and a length that fits. Anything else is a stray or forged datagram, to be dropped while listening on.
[[nodiscard]] bool is_stun_answer(const StunRequest& request, std::span<const std::byte> message);

/// The address and port of XOR-MAPPED-ADDRESS, or of MAPPED-ADDRESS as servers of RFC 3489 send it. `message` must be an answer to the
/// request. unavailable: the server refused, with its error code; invalid: no address, or broken attributes.
[[nodiscard]] Result<Endpoint> read_stun_answer(const StunRequest& request, std::span<const std::byte> message);

}  // namespace vpn_sentinel

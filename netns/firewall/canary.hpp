/// One harmless packet that must not get out: the proof that a kill switch holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/firewall/firewall_policy.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

enum class CanaryOutcome : std::uint8_t {
  held,        ///< the firewall refused it (EPERM); KillSwitch::prove() says so only of our own
  no_way_out,  ///< there is no route by this device, or it is down: nothing can leave, and the firewall was not asked
  left,        ///< it left: the kill switch does not hold
  refused,     ///< somebody refused it, and our tables noted nothing: what they would do is not known. Also when they had no room for it
  may_leave,   ///< it was not sent: it might leave, and on purpose
};

/// By which way a canary is sent: send_canary() or send_packet_canary().
enum class CanaryKind : std::uint8_t { socket, packet_socket };

/// Where it is sent: an address for documentation (RFC 5737, RFC 3849) and the port discard (9), which nobody answers.
[[nodiscard]] Endpoint canary_destination(Family family);
/// Another such address (RFC 5737, 3849, 9637) where the policy might let a canary of the user `uid` out to that one: local networks, VPN
/// servers, and what may leave on purpose. What is not known of a canary (its source) counts as asked for. Empty: to all of them. Pure.
[[nodiscard]] std::optional<Endpoint> canary_destination(Family family, const FirewallPolicy& policy, CanaryKind kind, std::uint32_t uid);
/// True for all that these give.
[[nodiscard]] bool is_canary_destination(const IpAddress& address, std::uint16_t port);

/// Sends one byte by UDP from a socket that is bound to the device, as a program would that evades the tunnel. not_found: there is no such
/// device; not_permitted: SO_BINDTODEVICE was refused (CAP_NET_RAW before Linux 5.7). What a kill switch stopped is in its counters.
[[nodiscard]] Result<CanaryOutcome> send_canary(const SocketOpener& opener, const std::string& device, const Endpoint& destination);

/// The same byte as an IPv4 packet that is written to the device itself (AF_PACKET), to all stations, from 0.0.0.0: if it leaves, nobody
/// forwards it. `refused`: it did not get through the device's hooks or queue. not_permitted: CAP_NET_RAW is missing.
[[nodiscard]] Result<CanaryOutcome> send_packet_canary(const SocketOpener& opener, const std::string& device, const Endpoint& destination);

}  // namespace vpn_sentinel

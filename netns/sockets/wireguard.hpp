/// What a WireGuard interface says about itself, whether the kernel or a program such as wireguard-go runs it. Private and preshared keys
/// have no place in these values, and nothing that read them on the way keeps them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// A client has one peer, a large server some thousands; an answer with more is an Error (overrun).
inline constexpr std::size_t most_wireguard_peers = 10'000;
inline constexpr std::size_t most_allowed_ips = 100'000;  ///< of all peers together
inline constexpr std::size_t wireguard_key_size = 32;     ///< bytes, WG_KEY_LEN of linux/wireguard.h

struct WireGuardPeer {
  std::string public_key;                  ///< base64, as wg(8) prints it
  std::optional<Endpoint> endpoint;        ///< absent until it is configured or the peer has called
  std::optional<WallTime> last_handshake;  ///< absent: none since the interface was made
  std::uint64_t rx_bytes = 0;              ///< counts keepalives and handshakes, which the interface's own counters do not
  std::uint64_t tx_bytes = 0;
  std::vector<IpPrefix> allowed_ips;
  std::uint16_t persistent_keepalive = 0;  ///< seconds; 0: off
  friend bool operator==(const WireGuardPeer&, const WireGuardPeer&) = default;
};

struct WireGuardDevice {
  std::string name;
  std::string public_key;         ///< base64; empty when a program runs the interface: its protocol tells the private key only
  std::uint32_t fwmark = 0;       ///< of the encrypted packets; 0: none
  std::uint16_t listen_port = 0;  ///< 0: not bound yet
  std::vector<WireGuardPeer> peers;
  friend bool operator==(const WireGuardDevice&, const WireGuardDevice&) = default;
};

/// The newest handshake of any peer.
[[nodiscard]] std::optional<WallTime> newest_handshake(const WireGuardDevice& device);

/// How old the newest handshake is. A session with traffic renews its keys every 120 s and drops everything 180 s after a handshake
/// (REKEY_AFTER_TIME and REJECT_AFTER_TIME of the protocol), so more than 180 s means that the peer does not answer or that nothing is
/// being sent: without persistent keepalive an idle tunnel is old and healthy. Absent: no handshake yet, or its time lies more than 5 s in
/// the future (the clock was set back: the age is not known). A clock that was set forward makes it too old until the next handshake.
[[nodiscard]] std::optional<std::chrono::seconds> handshake_age(const WireGuardDevice& device, WallTime now);

/// A server is known (a peer has an endpoint), and no peer has had a handshake since the interface was made: nothing has ever gone through.
[[nodiscard]] bool never_shook_hands(const WireGuardDevice& device);

/// Base64 (RFC 4648) of a public key.
[[nodiscard]] std::string key_text(std::span<const std::byte, wireguard_key_size> key);

}  // namespace vpn_sentinel

#include "netns/sockets/wireguard.hpp"

#include <algorithm>
#include <string_view>

namespace vpn_sentinel {
namespace {

/// Two clocks that are read one after the other may differ a little; more means that the clock was set.
constexpr std::chrono::seconds clock_tolerance{5};

}  // namespace

std::optional<WallTime> newest_handshake(const WireGuardDevice& device) {
  std::optional<WallTime> newest;
  for (const auto& peer : device.peers) {
    if (peer.last_handshake) newest = newest ? std::max(*newest, *peer.last_handshake) : *peer.last_handshake;
  }
  return newest;
}

std::optional<std::chrono::seconds> handshake_age(const WireGuardDevice& device, WallTime now) {
  const auto newest = newest_handshake(device);
  if (!newest || *newest > now + clock_tolerance) return std::nullopt;
  return std::max(std::chrono::seconds{0}, std::chrono::floor<std::chrono::seconds>(now - *newest));
}

bool never_shook_hands(const WireGuardDevice& device) {
  const auto has_endpoint = [](const WireGuardPeer& peer) { return peer.endpoint.has_value(); };
  return std::ranges::any_of(device.peers, has_endpoint) && !newest_handshake(device);
}

std::string key_text(std::span<const std::byte, wireguard_key_size> key) {
  static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < key.size(); at += 3) {
    const auto byte = [&](std::size_t i) { return at + i < key.size() ? std::to_integer<std::uint32_t>(key[at + i]) : 0U; };
    const std::uint32_t bits = byte(0) << 16U | byte(1) << 8U | byte(2);
    for (unsigned part = 0; part < 4; ++part) {
      text += at + part <= key.size() ? alphabet[bits >> (18U - 6U * part) & 0x3fU] : '=';
    }
  }
  return text;
}

}  // namespace vpn_sentinel

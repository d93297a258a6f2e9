/// What is told of the clients of a VPN server at one moment. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"
#include "probe/serving/listen_port.hpp"

namespace vpn_sentinel {

/// Who tells of a port's clients.
enum class PeerSource : std::uint8_t {
  wireguard,  ///< the kernel's WireGuard or a program such as wireguard-go: who shook hands within the last three minutes
  sock_diag,  ///< TCP connections that the kernel lists
  conntrack,  ///< UDP far ends with which packets went to and fro: nobody has checked who they are
};
[[nodiscard]] std::string_view to_string(PeerSource source);

/// Of the server's side. Of WireGuard with what it adds to packets, of TCP the stream alone, of conntrack packets with IP headers.
struct PeerBytes {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  friend bool operator==(const PeerBytes&, const PeerBytes&) = default;
};

struct PeerSighting {
  Endpoint far;                      ///< where it sends from; port 0: WireGuard does not know yet
  std::string public_key{};          ///< of WireGuard, base64: the same client wherever it calls from
  std::uint64_t cookie = 0;          ///< of TCP, the kernel's name of the connection
  std::optional<PeerBytes> bytes{};  ///< of the connection; of WireGuard since its interface was made; absent: not counted
  bool connected = true;             ///< false: known to WireGuard, and silent
  friend bool operator==(const PeerSighting&, const PeerSighting&) = default;
};

/// All that one look told of one port.
struct PortLook {
  ListenPort port;
  PeerSource source = PeerSource::conntrack;
  std::vector<PeerSighting> peers{};
  std::size_t left_out = 0;                 ///< peers beyond what a look keeps
  std::optional<std::size_t> unanswered{};  ///< UDP far ends now that were not answered, or not for long; absent: nobody tells
  std::string cannot_look{};                ///< nobody tells who is connected, and why: a half sentence; empty: `peers` are all
  std::string note{};                       ///< what is not seen, or not as usual; a half sentence, or empty
};

}  // namespace vpn_sentinel

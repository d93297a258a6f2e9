/// The ports on which VPN servers wait for their clients (the setting `listen`). Pure.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

inline constexpr std::size_t most_listen_ports = 16;

struct ListenPort {
  std::uint8_t protocol = 0;  ///< IPPROTO_UDP or IPPROTO_TCP
  std::uint16_t port = 0;     ///< never 0
  /// "udp/51820"
  [[nodiscard]] std::string to_string() const;
  friend auto operator<=>(const ListenPort&, const ListenPort&) = default;  // NOLINT(modernize-use-nullptr): taken for a 0 by clang-tidy 14
};

/// "udp/51820" or "tcp/1194", nothing else. invalid: what was expected.
[[nodiscard]] Result<ListenPort> parse_listen_port(std::string_view text);

/// The settings `listen` and `listen_nflog_group`.
struct ServingPolicy {
  std::vector<ListenPort> ports;               ///< each once; empty: nobody looks for clients
  bool follow = false;                         ///< all the time, for reports; false: only whoever asks for them looks
  std::optional<std::uint16_t> nflog_group{};  ///< that rules of the user log to; absent: no group is listened to
};

}  // namespace vpn_sentinel

/// By which ports DNS is asked in the clear, or may be told apart at least: 53 (RFC 1035) and 853 (RFC 7858 over TLS, RFC 9250 over QUIC).
/// Pure.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>

namespace vpn_sentinel {

inline constexpr std::uint16_t dns_port = 53;
inline constexpr std::uint16_t dns_over_tls_port = 853;
inline constexpr std::array<std::uint16_t, 2> dns_ports{dns_port, dns_over_tls_port};

[[nodiscard]] constexpr bool is_dns_port(std::uint16_t port) noexcept { return port == dns_port || port == dns_over_tls_port; }
/// `protocol`: IPPROTO_*.
[[nodiscard]] constexpr bool is_dns(std::uint8_t protocol, std::uint16_t port) noexcept {
  return (protocol == IPPROTO_UDP || protocol == IPPROTO_TCP) && is_dns_port(port);
}

}  // namespace vpn_sentinel

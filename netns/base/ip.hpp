/// IP addresses, prefixes and endpoints as values. Text forms follow RFC 5952 for IPv6.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

enum class Family : std::uint8_t { v4 = 4, v6 = 6 };

/// AF_INET or AF_INET6.
[[nodiscard]] int address_family(Family family) noexcept;

class IpPrefix;

class IpAddress {
 public:
  /// 0.0.0.0
  constexpr IpAddress() = default;
  [[nodiscard]] static IpAddress v4(std::array<std::uint8_t, 4> bytes) noexcept;
  [[nodiscard]] static IpAddress v6(const std::array<std::uint8_t, 16>& bytes) noexcept;
  /// 4 or 16 bytes in network order; anything else is an error.
  [[nodiscard]] static Result<IpAddress> from_bytes(std::span<const std::byte> bytes);
  /// inet_pton(3) forms only; no zone, no port.
  [[nodiscard]] static Result<IpAddress> parse(std::string_view text);

  [[nodiscard]] Family family() const noexcept { return family_; }
  [[nodiscard]] bool is_v4() const noexcept { return family_ == Family::v4; }
  /// Network order, 4 or 16 bytes; valid as long as the address.
  [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return {bytes_.data(), is_v4() ? 4U : 16U}; }
  [[nodiscard]] std::string to_string() const;

  [[nodiscard]] bool is_loopback() const noexcept;
  [[nodiscard]] bool is_unspecified() const noexcept;
  /// fe80::/10 or 169.254.0.0/16.
  [[nodiscard]] bool is_link_local() const noexcept;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;  // NOLINT(modernize-use-nullptr): taken for a 0 by clang-tidy 14

 private:
  friend class IpPrefix;  // masks in place: a full table of routes is many prefixes

  Family family_ = Family::v4;
  std::array<std::uint8_t, 16> bytes_{};
};

/// An address and a prefix length, host bits cleared.
class IpPrefix {
 public:
  /// 0.0.0.0/0
  constexpr IpPrefix() = default;
  /// `length` is cut to 32 or 128.
  IpPrefix(IpAddress address, unsigned length) noexcept;
  /// "198.51.100.0/24"; a bare address is a host prefix.
  [[nodiscard]] static Result<IpPrefix> parse(std::string_view text);

  [[nodiscard]] const IpAddress& address() const noexcept { return address_; }
  [[nodiscard]] unsigned length() const noexcept { return length_; }
  [[nodiscard]] bool contains(const IpAddress& address) const noexcept;
  /// All host bits set: of an IPv4 subnet the broadcast address.
  [[nodiscard]] IpAddress last() const noexcept;
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const IpPrefix&, const IpPrefix&) = default;  // NOLINT(modernize-use-nullptr): as above

 private:
  IpAddress address_;
  unsigned length_ = 0;
};

/// Address and port; the port 0 means "not given".
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  /// "198.51.100.2:51820", "[2001:db8::1]:53"; without a port `default_port` is taken.
  [[nodiscard]] static Result<Endpoint> parse(std::string_view text, std::uint16_t default_port);
  [[nodiscard]] std::string to_string() const;
  /// Fills `storage` and returns the length for connect(2).
  socklen_t to_sockaddr(sockaddr_storage& storage) const noexcept;
  [[nodiscard]] static Result<Endpoint> from_sockaddr(const sockaddr_storage& storage);

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;  // NOLINT(modernize-use-nullptr): as above
};

}  // namespace vpn_sentinel

#include "netns/base/ip.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>

namespace vpn_sentinel {
namespace {

template <typename Number>
bool read_number(std::string_view text, Number& value) {
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end && !text.empty();
}

/// Four numbers from 0 to 255 without leading zeros, as inet_pton(3) takes them: every report has several.
bool read_v4(std::string_view text, std::span<std::uint8_t, 4> bytes) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && (at >= text.size() || text[at++] != '.')) return false;
    const auto begin = at;
    unsigned value = 0;
    for (; at < text.size() && at - begin < 3 && text[at] >= '0' && text[at] <= '9'; ++at) {
      value = value * 10 + static_cast<unsigned>(text[at] - '0');
    }
    const bool leading_zero = at - begin > 1 && text[begin] == '0';
    if (at == begin || leading_zero || value > 255) return false;
    bytes[i] = static_cast<std::uint8_t>(value);
  }
  return at == text.size();
}

}  // namespace

int address_family(Family family) noexcept { return family == Family::v4 ? AF_INET : AF_INET6; }

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) noexcept {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) noexcept {
  IpAddress address;
  address.family_ = Family::v6;
  address.bytes_ = bytes;
  return address;
}

Result<IpAddress> IpAddress::from_bytes(std::span<const std::byte> bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) {
    return fail(Error::Kind::invalid, fmt::format("an IP address has 4 or 16 bytes, not {}", bytes.size()));
  }
  IpAddress address;
  address.family_ = bytes.size() == 4 ? Family::v4 : Family::v6;
  std::memcpy(address.bytes_.data(), bytes.data(), bytes.size());
  return address;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  if (std::array<std::uint8_t, 4> bytes{}; read_v4(text, bytes)) return v4(bytes);
  IpAddress address;
  const std::string copy(text.substr(0, INET6_ADDRSTRLEN + 1));
  if (text.size() <= INET6_ADDRSTRLEN && text.find('\0') == std::string_view::npos) {
    address.family_ = Family::v6;
    if (inet_pton(AF_INET6, copy.c_str(), address.bytes_.data()) == 1) return address;
  }
  return fail(Error::Kind::invalid, fmt::format("'{}' is not an IPv4 or IPv6 address", copy));
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4()) {
    // By hand: inet_ntop() goes through a format string, and every report has a few addresses.
    char* end = text.data();
    for (const auto byte : bytes()) {
      if (end != text.data()) *end++ = '.';
      end = std::to_chars(end, text.data() + text.size(), byte).ptr;
    }
    return {text.data(), end};
  }
  inet_ntop(address_family(family_), bytes_.data(), text.data(), text.size());
  return text.data();
}

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes_[0] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto byte) { return byte == 0; }) && bytes_[15] == 1;
}

bool IpAddress::is_unspecified() const noexcept {
  return std::ranges::all_of(bytes(), [](auto byte) { return byte == 0; });
}

bool IpAddress::is_link_local() const noexcept {
  if (is_v4()) return bytes_[0] == 169 && bytes_[1] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0U) == 0x80;
}

IpPrefix::IpPrefix(IpAddress address, unsigned length) noexcept
    : address_(address), length_(std::min(length, address.is_v4() ? 32U : 128U)) {
  auto& bytes = address_.bytes_;
  const unsigned whole = length_ / 8;
  if (whole == bytes.size()) return;
  bytes[whole] = static_cast<std::uint8_t>(bytes[whole] & ~(0xffU >> length_ % 8));
  std::fill(bytes.begin() + whole + 1, bytes.end(), std::uint8_t{0});
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return fail(address.error());
  const unsigned most = address->is_v4() ? 32 : 128;
  unsigned length = most;
  if (slash != std::string_view::npos && (!read_number(text.substr(slash + 1), length) || length > most)) {
    return fail(Error::Kind::invalid, fmt::format("'{}': the prefix length must be a number from 0 to {}", text, most));
  }
  return IpPrefix{*address, length};
}

bool IpPrefix::contains(const IpAddress& address) const noexcept {
  return address.family() == address_.family() && IpPrefix{address, length_}.address_ == address_;
}

IpAddress IpPrefix::last() const noexcept {
  auto address = address_;
  const unsigned whole = length_ / 8;
  const unsigned size = address.is_v4() ? 4 : 16;
  if (whole == size) return address;
  auto& bytes = address.bytes_;
  bytes[whole] = static_cast<std::uint8_t>(bytes[whole] | 0xffU >> length_ % 8);
  std::fill(bytes.begin() + whole + 1, bytes.begin() + size, std::uint8_t{0xff});
  return address;
}

std::string IpPrefix::to_string() const { return fmt::format("{}/{}", address_.to_string(), length_); }

Result<Endpoint> Endpoint::parse(std::string_view text, std::uint16_t default_port) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return fail(Error::Kind::invalid, fmt::format("'{}': the closing ']' is missing", text));
    host = text.substr(1, close - 1);
    port = text.substr(close + 1);
  } else if (std::ranges::count(text, ':') == 1) {
    host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':'));
  }
  const auto address = IpAddress::parse(host);
  if (!address) return fail(address.error());
  Endpoint endpoint{*address, default_port};
  if (!port.empty() && (port.front() != ':' || !read_number(port.substr(1), endpoint.port) || endpoint.port == 0)) {
    return fail(Error::Kind::invalid, fmt::format("'{}': the port must be a number from 1 to 65535", text));
  }
  return endpoint;
}

std::string Endpoint::to_string() const {
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port) : fmt::format("[{}]:{}", address.to_string(), port);
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& storage) const noexcept {
  std::memset(&storage, 0, sizeof storage);
  if (address.is_v4()) {
    auto& in = reinterpret_cast<sockaddr_in&>(storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes().data(), 4);
    return sizeof in;
  }
  auto& in = reinterpret_cast<sockaddr_in6&>(storage);
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  std::memcpy(&in.sin6_addr, address.bytes().data(), 16);
  return sizeof in;
}

Result<Endpoint> Endpoint::from_sockaddr(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
    return Endpoint{IpAddress::v4(bytes), ntohs(in.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(storage);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return Endpoint{IpAddress::v6(bytes), ntohs(in.sin6_port)};
  }
  return fail(Error::Kind::invalid, fmt::format("address family {} is neither IPv4 nor IPv6", storage.ss_family));
}

}  // namespace vpn_sentinel

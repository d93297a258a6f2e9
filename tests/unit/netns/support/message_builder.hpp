/// Netlink messages as bytes, by hand: deliberately not through the library that the code under test uses.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

using Bytes = std::vector<std::byte>;

inline Bytes bytes_of(std::initializer_list<unsigned> values) {
  Bytes bytes;
  for (const auto value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

inline Bytes text_of(std::string_view text, bool terminated = true) {
  Bytes bytes(text.size() + (terminated ? 1 : 0));
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

template <typename Value>
Bytes value_of(const Value& value) {
  Bytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// In network order: 4 or 16 bytes.
inline Bytes address_bytes(std::string_view text) {
  const auto address = IpAddress::parse(text).value();
  const auto bytes = std::as_bytes(address.bytes());
  return {bytes.begin(), bytes.end()};
}

inline void pad(Bytes& bytes) { bytes.resize((bytes.size() + 3) / 4 * 4); }

/// The payload of a message: a fixed header and attributes.
class Payload {
 public:
  Payload() = default;
  template <typename Header>
  explicit Payload(const Header& header) : bytes_(value_of(header)) {
    pad(bytes_);
  }

  Payload& add(unsigned type, const Bytes& content) {
    append(nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + content.size()), static_cast<std::uint16_t>(type)}, content);
    return *this;
  }
  Payload& add(unsigned type, std::uint32_t number) { return add(type, value_of(number)); }
  Payload& add(unsigned type, std::string_view text) { return add(type, text_of(text)); }

  /// Any record that begins with its own header, padded to 4 bytes.
  template <typename Header>
  Payload& append(const Header& header, const Bytes& content) {
    const auto head = value_of(header);
    bytes_.insert(bytes_.end(), head.begin(), head.end());
    bytes_.insert(bytes_.end(), content.begin(), content.end());
    pad(bytes_);
    return *this;
  }

  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  operator std::span<const std::byte>() const { return bytes_; }

 private:
  Bytes bytes_;
};

/// A whole message with its nlmsghdr.
inline Bytes message_of(std::uint16_t type, const Payload& payload, std::uint16_t flags = 0, std::uint32_t sequence = 0) {
  const auto& body = payload.bytes();
  auto bytes = value_of(nlmsghdr{static_cast<std::uint32_t>(sizeof(nlmsghdr) + body.size()), type, flags, sequence, 0});
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

}  // namespace vpn_sentinel

/// What the decoders share; for netns/netlink alone.
#pragma once

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/netlink/attribute_cursor.hpp"

namespace vpn_sentinel::decoding {

inline constexpr std::size_t longest_link_name = 15;  // IFNAMSIZ - 1

inline tl::unexpected<Error> too_short(std::string_view what) {
  return fail(Error::Kind::invalid, fmt::format("the {} message is shorter than its header", what));
}

inline tl::unexpected<Error> foreign_family(unsigned family) {
  return fail(Error::Kind::invalid, fmt::format("address family {} is neither IPv4 nor IPv6", family));
}

inline std::optional<Family> family_of(unsigned family) {
  if (family == AF_INET) return Family::v4;
  if (family == AF_INET6) return Family::v6;
  return std::nullopt;
}

inline unsigned address_bits(Family family) { return family == Family::v4 ? 32 : 128; }

inline std::optional<IpAddress> address_of(const Attribute& attribute, Family family) {
  if (attribute.payload.size() * 8 != address_bits(family)) return std::nullopt;
  if (family == Family::v4) {
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), attribute.payload.data(), bytes.size());
    return IpAddress::v4(bytes);
  }
  std::array<std::uint8_t, 16> bytes;
  std::memcpy(bytes.data(), attribute.payload.data(), bytes.size());
  return IpAddress::v6(bytes);
}

inline std::optional<IpPrefix> prefix_of(const Attribute& attribute, Family family, unsigned length) {
  const auto address = address_of(attribute, family);
  return address ? std::optional(IpPrefix{*address, length}) : std::nullopt;
}

/// False: the payload has not the size of `Value`, and `field` is as it was.
template <typename Value>
bool read_into(Value& field, const Attribute& attribute) {
  const auto value = attribute.as<Value>();
  if (value) field = *value;
  return value.has_value();
}

}  // namespace vpn_sentinel::decoding

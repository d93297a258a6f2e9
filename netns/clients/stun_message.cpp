#include "netns/clients/stun_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "netns/base/random.hpp"

namespace vpn_sentinel {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t stun_header_size = 20;
constexpr std::size_t id_at = 4;  // with the magic cookie, which is secret-free but must be repeated too
constexpr std::uint16_t binding_request = 0x0001;
constexpr std::uint16_t binding_success = 0x0101;
constexpr std::uint16_t binding_error = 0x0111;
constexpr std::uint32_t magic_cookie = 0x2112A442;
constexpr std::uint16_t mapped_address = 0x0001;
constexpr std::uint16_t error_code = 0x0009;
constexpr std::uint16_t xor_mapped_address = 0x0020;

std::uint16_t read16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8U | std::to_integer<unsigned>(bytes[at + 1]));
}

/// The value of the first attribute of this type (RFC 8489 section 14: values are padded to four bytes). invalid: an attribute that runs
/// over the message's end.
Result<std::optional<Bytes>> find_attribute(Bytes message, std::uint16_t type) {
  std::size_t at = stun_header_size;
  const auto end = stun_header_size + read16(message, 2);
  while (at < end) {
    if (end - at < 4) return fail(Error::Kind::invalid, "an attribute is cut off");
    const std::size_t length = read16(message, at + 2);
    if (length > end - at - 4) return fail(Error::Kind::invalid, "an attribute is longer than the message");
    if (read16(message, at) == type) return message.subspan(at + 4, length);
    at += 4 + ((length + 3) & ~std::size_t{3});
  }
  return std::nullopt;
}

/// RFC 8489 section 14.1: a zero byte, the family, the port, the address.
Result<Endpoint> read_address(Bytes value, Bytes mask) {
  if (value.size() < 4) return fail(Error::Kind::invalid, "the mapped address is cut off");
  const auto family = std::to_integer<unsigned>(value[1]);
  const std::size_t length = family == 1 ? 4 : 16;
  if ((family != 1 && family != 2) || value.size() != 4 + length) {
    return fail(Error::Kind::invalid, fmt::format("the mapped address has family {} and {} bytes", family, value.size()));
  }
  std::vector<std::byte> plain(value.begin() + 2, value.end());
  for (std::size_t i = 0; i < 2; ++i) plain[i] ^= mask[i];
  for (std::size_t i = 0; i < length; ++i) plain[i + 2] ^= mask[i];
  const auto address = IpAddress::from_bytes(Bytes{plain}.subspan(2));
  if (!address) return fail(address.error());
  return Endpoint{*address, read16(plain, 0)};
}

/// RFC 8489 section 14.8: the hundreds in three bits, the rest in a byte.
Error refusal(Bytes value) {
  if (value.size() < 4) return {Error::Kind::invalid, "an error without a code"};
  const auto code = (std::to_integer<unsigned>(value[2]) & 7U) * 100 + std::to_integer<unsigned>(value[3]) % 100;
  return {Error::Kind::unavailable, fmt::format("it refused with error {}", code)};
}

}  // namespace

StunRequest make_stun_request() {
  StunRequest request{};
  request[1] = std::byte{binding_request};
  for (std::size_t i = 0; i < 4; ++i) request[id_at + i] = static_cast<std::byte>(magic_cookie >> (24 - 8 * i));
  fill_random(std::span{request}.subspan(id_at + 4));
  return request;
}

bool is_stun_answer(const StunRequest& request, Bytes message) {
  if (message.size() < stun_header_size) return false;
  const auto type = read16(message, 0);
  const auto length = read16(message, 2);
  return (type == binding_success || type == binding_error) && length % 4 == 0 && stun_header_size + length <= message.size() &&
         std::ranges::equal(message.subspan(id_at, stun_header_size - id_at), std::span{request}.subspan(id_at));
}

Result<Endpoint> read_stun_answer(const StunRequest& request, Bytes message) {
  if (read16(message, 0) == binding_error) {
    const auto code = find_attribute(message, error_code);
    if (!code) return fail(code.error());
    return fail(refusal(code->value_or(Bytes{})));
  }
  const auto hidden = find_attribute(message, xor_mapped_address);
  if (!hidden) return fail(hidden.error());
  // Port and address are masked with cookie and id, so that no router on the way "corrects" them.
  if (*hidden) return read_address(**hidden, Bytes{request}.subspan(id_at));
  const auto plain = find_attribute(message, mapped_address);
  if (!plain) return fail(plain.error());
  static constexpr std::array<std::byte, 16> no_mask{};
  if (*plain) return read_address(**plain, no_mask);
  return fail(Error::Kind::invalid, "it names no address");
}

}  // namespace vpn_sentinel

/// Random secrets, and the form in which they are kept. Pure but for the kernel's randomness; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace vpn_sentinel {

/// 256 random bits as base64url (RFC 4648 5) without padding: 43 characters.
[[nodiscard]] std::string random_secret();

/// SHA-256 as 64 hexadecimal digits: how a secret of at least 100 random bits is kept. Whoever has the hash cannot search for it, so that a
/// slow or salted one would add nothing.
[[nodiscard]] std::string hash_secret(std::string_view secret);

/// `characters` random ones of the alphabet of RFC 4648 6 (5 bits each), in groups of four: "ABCD-2345". For people to type.
[[nodiscard]] std::string random_code(std::size_t characters);
/// A code as it was typed, without dashes and spaces, in capitals.
[[nodiscard]] std::string plain_code(std::string_view typed);

/// RFC 4648 6, without padding.
[[nodiscard]] std::string to_base32(std::string_view bytes);
[[nodiscard]] std::string to_base64url(std::string_view bytes);
/// RFC 4648 4, with padding: what HTTP's Basic wants.
[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Nullopt: something else than base64url without padding.
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);

/// RFC 2104 with SHA-256: 32 bytes.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view text);
/// The time tells nothing but the lengths.
[[nodiscard]] bool is_same_secret(std::string_view left, std::string_view right) noexcept;

}  // namespace vpn_sentinel

/// One-time codes of an authenticator (RFC 6238: SHA-1, 30 s, six digits). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

/// Of what replaces a lost authenticator once: 60 random bits.
inline constexpr std::size_t recovery_code_characters = 12;

/// RFC 4226 5.3 with `digits` 6 to 8.
[[nodiscard]] std::string hotp(std::string_view secret, std::uint64_t counter, unsigned digits = 6);

/// The 30 s since 1970 that are under way.
[[nodiscard]] std::int64_t totp_step(WallTime now);

/// The step whose code it is: the one under way, the one before or the one after (RFC 6238 5.2), and later than `last_used`, so that a code
/// that was seen over a shoulder opens nothing. All three are compared.
[[nodiscard]] std::optional<std::int64_t> matching_step(std::string_view secret, std::string_view code, WallTime now,
                                                        std::int64_t last_used);

/// 160 random bits (RFC 4226 4, R6).
[[nodiscard]] std::string make_totp_secret();
/// What authenticators read from a QR code. `user` needs no escapes but for '@', which may stand in a path.
[[nodiscard]] std::string otpauth_uri(std::string_view secret, std::string_view user);

}  // namespace vpn_sentinel

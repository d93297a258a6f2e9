/// Access tokens of API users: JSON Web Tokens (RFC 7519) in compact form, signed with HS256 (RFC 7515, RFC 7518 3.2). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

struct AccessClaims {
  std::int64_t user_id = 0;
  std::string user;
  std::string family;  ///< of the refresh token that it came with
  WallTime issued{};   ///< whole seconds
  WallTime expires{};
  friend bool operator==(const AccessClaims&, const AccessClaims&) = default;
};

/// True for "eyJ….….…" of a reasonable length: worth a look.
[[nodiscard]] bool looks_like_jwt(std::string_view text) noexcept;

[[nodiscard]] std::string make_jwt(std::string_view key, const AccessClaims& claims);

/// The claims of a token that this key has signed. The signature comes first; what is in it is read afterwards. Any other algorithm than
/// HS256 ("none" above all), another issuer, a missing claim, or a token from the future or past its end is nullopt.
[[nodiscard]] std::optional<AccessClaims> read_jwt(std::string_view key, std::string_view token, WallTime now);

/// Header and payload of a token with a right HS256 signature, decoded; nullopt otherwise.
struct SignedText {
  std::string header;
  std::string payload;
};
[[nodiscard]] std::optional<SignedText> verify_hs256(std::string_view key, std::string_view token);

}  // namespace vpn_sentinel

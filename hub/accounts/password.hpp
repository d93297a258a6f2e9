/// Passwords of people: argon2id (RFC 9106) by libsodium.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vpn_sentinel {

inline constexpr std::size_t shortest_password = 10;
inline constexpr std::size_t longest_password = 1024;
inline constexpr std::string_view password_rule = "10-1024 bytes";

/// What one hash costs; libsodium's "interactive" is about 0.1 s.
struct PasswordCost {
  unsigned long long operations = 2;
  std::size_t memory = std::size_t{64} * 1024 * 1024;
};

[[nodiscard]] bool is_valid_password(std::string_view password) noexcept;

/// "$argon2id$v=19$…" with a random salt. Throws std::bad_alloc when there is no memory for it. Slow: see PasswordCost.
[[nodiscard]] std::string hash_password(std::string_view password, const PasswordCost& cost);
/// Slow likewise; false for whatever is no hash.
[[nodiscard]] bool password_matches(const std::string& hash, std::string_view password);

}  // namespace vpn_sentinel

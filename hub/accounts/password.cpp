#include "hub/accounts/password.hpp"

#include <sodium.h>

#include <array>
#include <new>

namespace vpn_sentinel {

bool is_valid_password(std::string_view password) noexcept {
  return password.size() >= shortest_password && password.size() <= longest_password;
}

std::string hash_password(std::string_view password, const PasswordCost& cost) {
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  if (crypto_pwhash_str_alg(hash.data(), password.data(), password.size(), cost.operations, cost.memory, crypto_pwhash_ALG_ARGON2ID13) !=
      0) {
    throw std::bad_alloc();
  }
  return hash.data();
}

bool password_matches(const std::string& hash, std::string_view password) {
  return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

}  // namespace vpn_sentinel

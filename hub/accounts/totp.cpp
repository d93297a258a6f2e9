#include "hub/accounts/totp.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <span>

#include "hub/accounts/secrets.hpp"
#include "netns/base/random.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::chrono::seconds period{30};
constexpr std::size_t secret_bytes = 20;

}  // namespace

std::string hotp(std::string_view secret, std::uint64_t counter, unsigned digits) {
  std::array<unsigned char, 8> message{};
  for (auto byte = message.rbegin(); byte != message.rend(); ++byte, counter >>= 8U) *byte = static_cast<unsigned char>(counter & 0xffU);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()), message.data(), message.size(), mac.data(), &size);
  const std::size_t offset = mac.at(size - 1) & 15U;
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = (number << 8U) | mac.at(offset + i);
  number &= 0x7fffffffU;
  std::uint32_t modulus = 1;
  for (unsigned i = 0; i < digits; ++i) modulus *= 10;
  return fmt::format("{:0{}}", number % modulus, digits);
}

std::int64_t totp_step(WallTime now) { return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()) / period; }

std::optional<std::int64_t> matching_step(std::string_view secret, std::string_view code, WallTime now, std::int64_t last_used) {
  std::optional<std::int64_t> found;
  const auto current = totp_step(now);
  for (auto step = current - 1; step <= current + 1; ++step) {
    const bool same = is_same_secret(hotp(secret, static_cast<std::uint64_t>(step)), code);
    if (same && step > last_used) found = step;
  }
  return found;
}

std::string make_totp_secret() {
  std::string secret(secret_bytes, '\0');
  fill_random(std::as_writable_bytes(std::span(secret)));
  return secret;
}

std::string otpauth_uri(std::string_view secret, std::string_view user) {
  return fmt::format("otpauth://totp/VPN%20Sentinel:{}?secret={}&issuer=VPN%20Sentinel&algorithm=SHA1&digits=6&period=30", user,
                     to_base32(secret));
}

}  // namespace vpn_sentinel

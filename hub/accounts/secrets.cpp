#include "hub/accounts/secrets.hpp"

#include <sodium.h>

#include <array>
#include <cstdint>
#include <span>

#include "netns/base/random.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::string_view base32_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr int base64url = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::string random_secret() {
  std::array<char, 32> random{};
  fill_random(std::as_writable_bytes(std::span(random)));
  return to_base64url({random.data(), random.size()});
}

std::string hash_secret(std::string_view secret) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), bytes_of(secret), secret.size());
  std::string hex(2 * hash.size() + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  hex.pop_back();
  return hex;
}

std::string random_code(std::size_t characters) {
  std::string code;
  for (std::size_t i = 0; i < characters; ++i) {
    if (i > 0 && i % 4 == 0) code += '-';
    code += base32_letters.at(random_u64() % base32_letters.size());
  }
  return code;
}

std::string plain_code(std::string_view typed) {
  std::string plain;
  for (const char c : typed) {
    if (c == '-' || c == ' ') continue;
    plain += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return plain;
}

std::string to_base32(std::string_view bytes) {
  std::string text;
  std::uint32_t waiting = 0;
  unsigned bits = 0;
  for (const char byte : bytes) {
    waiting = ((waiting << 8U) | static_cast<unsigned char>(byte)) & 0xfffU;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += base32_letters.at((waiting >> (bits - 5)) & 31U);
  }
  if (bits > 0) text += base32_letters.at((waiting << (5 - bits)) & 31U);
  return text;
}

namespace {

std::string base64_text(std::string_view bytes, int variant) {
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes_of(bytes), bytes.size(), variant);
  text.pop_back();  // its zero at the end
  return text;
}

}  // namespace

std::string to_base64url(std::string_view bytes) { return base64_text(bytes, base64url); }

std::string to_base64(std::string_view bytes) { return base64_text(bytes, sodium_base64_VARIANT_ORIGINAL); }

std::optional<std::string> from_base64url(std::string_view text) {
  std::string bytes(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(), text.size(), nullptr, &size, nullptr,
                        base64url) != 0) {
    return std::nullopt;
  }
  bytes.resize(size);
  return bytes;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  crypto_auth_hmacsha256_state state;
  std::string mac(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256_init(&state, bytes_of(key), key.size());
  crypto_auth_hmacsha256_update(&state, bytes_of(text), text.size());
  crypto_auth_hmacsha256_final(&state, reinterpret_cast<unsigned char*>(mac.data()));
  return mac;
}

bool is_same_secret(std::string_view left, std::string_view right) noexcept {
  return left.size() == right.size() && sodium_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace vpn_sentinel

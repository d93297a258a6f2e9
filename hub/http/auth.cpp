#include "hub/http/auth.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <utility>

#include "hub/http/reply.hpp"
#include "hub/http/target.hpp"
#include "netns/base/random.hpp"

namespace vpn_sentinel {
namespace {

/// A secret as its keyed hash. Hashes have one length, so that the time of a comparison tells nothing about the secret's.
class HashedSecret {
 public:
  explicit HashedSecret(std::string_view secret) {
    fill_random(std::as_writable_bytes(std::span(key_)));
    hash_ = hash(secret);
  }

  [[nodiscard]] bool matches(std::string_view given) const {
    const auto other = hash(given);
    return sodium_memcmp(hash_.data(), other.data(), hash_.size()) == 0;
  }

 private:
  using Hash = std::array<unsigned char, crypto_generichash_BYTES>;

  [[nodiscard]] Hash hash(std::string_view text) const {
    Hash result{};
    crypto_generichash(result.data(), result.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(), key_.data(),
                       key_.size());
    return result;
  }

  std::array<unsigned char, crypto_generichash_KEYBYTES> key_{};
  Hash hash_{};
};

/// What follows "Bearer " or "Basic " in the Authorization header; empty for another scheme.
std::string_view credentials(const Request& request, std::string_view scheme) {
  auto value = request.header("Authorization");
  if (!equal_ignoring_case(value.substr(0, scheme.size()), scheme)) return {};
  value.remove_prefix(scheme.size());
  if (!value.starts_with(' ')) return {};
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

/// The password of "base64(user:password)"; nullopt when it is none.
std::optional<std::string> basic_password(std::string_view encoded) {
  std::string decoded(encoded.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(decoded.data()), decoded.size(), encoded.data(), encoded.size(), nullptr, &size,
                        nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
    return std::nullopt;
  }
  decoded.resize(size);
  const auto colon = decoded.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return decoded.substr(colon + 1);
}

}  // namespace

Gate allow_addresses(std::vector<IpPrefix> prefixes) {
  return [prefixes = std::move(prefixes)](const Request& request) -> std::optional<Response> {
    const auto peer = IpAddress::parse(request.peer_address);
    if (peer && std::ranges::any_of(prefixes, [&](const auto& prefix) { return prefix.contains(*peer); })) return std::nullopt;
    return error_response(403, "Access denied", "Your IP address is not authorized");
  };
}

Gate require_key(const std::string& key) {
  return [secret = HashedSecret(key)](const Request& request) -> std::optional<Response> {
    auto given = request.header("X-API-Key");
    if (given.empty()) given = credentials(request, "Bearer");
    if (given.empty()) {
      auto response = error_response(401, "Authentication required", "X-API-Key header is required");
      response.headers.emplace_back("WWW-Authenticate", "Bearer");
      return response;
    }
    if (!secret.matches(given)) return error_response(403, "Authentication failed", "Invalid API key");
    return std::nullopt;
  };
}

Gate require_password(const std::string& password) {
  return [secret = HashedSecret(password)](const Request& request) -> std::optional<Response> {
    const auto given = basic_password(credentials(request, "Basic"));
    if (given && secret.matches(*given)) return std::nullopt;
    auto response = error_response(401, "Authentication required", "Log in with any user name and the dashboard password");
    response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"VPN Sentinel\", charset=\"UTF-8\"");
    return response;
  };
}

Gate require_loopback_host() {
  return [](const Request& request) -> std::optional<Response> {
    if (is_loopback_host(request.header("Host"))) return std::nullopt;
    return error_response(421, "Misdirected request", "Open this address as localhost, 127.0.0.1 or [::1]");
  };
}

Gate refuse_other_sites() {
  return [](const Request& request) -> std::optional<Response> {
    const auto origin = request.header("Origin");
    if (origin.empty() || is_same_origin(origin, request.header("Host"))) return std::nullopt;
    return error_response(403, "Access denied", "Requests from pages of other sites are refused");
  };
}

std::optional<Response> pass_gates(const std::vector<Gate>& gates, const Request& request) {
  for (const auto& gate : gates) {
    if (auto refused = gate(request)) return refused;
  }
  return std::nullopt;
}

}  // namespace vpn_sentinel

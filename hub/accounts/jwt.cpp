#include "hub/accounts/jwt.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hub/accounts/secrets.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

constexpr std::size_t longest_token = 2048;
constexpr std::string_view issuer = "vpn-sentinel-hub";
/// Clocks of one machine that are set back a little.
constexpr std::chrono::seconds slack{60};

std::int64_t seconds_of(WallTime time) { return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count(); }

std::optional<std::int64_t> number_at(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}

std::optional<std::string> text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

/// Within the years that a WallTime can hold.
std::optional<WallTime> time_at(const json& object, const char* key) {
  const auto seconds = number_at(object, key);
  if (!seconds || *seconds < 0 || *seconds > 253'402'300'799) return std::nullopt;
  return WallTime{std::chrono::seconds{*seconds}};
}

}  // namespace

bool looks_like_jwt(std::string_view text) noexcept {
  return text.starts_with("eyJ") && text.size() <= longest_token && std::ranges::count(text, '.') == 2;
}

std::string make_jwt(std::string_view key, const AccessClaims& claims) {
  const json payload{{"iss", issuer},
                     {"sub", claims.user},
                     {"uid", claims.user_id},
                     {"sid", claims.family},
                     {"iat", seconds_of(claims.issued)},
                     {"exp", seconds_of(claims.expires)}};
  const auto text = to_base64url(R"({"alg":"HS256","typ":"JWT"})") + "." + to_base64url(payload.dump());
  return text + "." + to_base64url(hmac_sha256(key, text));
}

std::optional<SignedText> verify_hs256(std::string_view key, std::string_view token) {
  if (token.size() > longest_token || std::ranges::count(token, '.') != 2) return std::nullopt;
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  const auto signature = from_base64url(token.substr(last + 1));
  if (!signature || !is_same_secret(*signature, hmac_sha256(key, token.substr(0, last)))) return std::nullopt;
  auto header = from_base64url(token.substr(0, first));
  auto payload = from_base64url(token.substr(first + 1, last - first - 1));
  if (!header || !payload) return std::nullopt;
  const auto parsed = json::parse(*header, nullptr, false);
  if (!parsed.is_object() || text_at(parsed, "alg") != "HS256" || parsed.contains("crit")) return std::nullopt;
  return SignedText{std::move(*header), std::move(*payload)};
}

std::optional<AccessClaims> read_jwt(std::string_view key, std::string_view token, WallTime now) {
  const auto text = verify_hs256(key, token);
  if (!text) return std::nullopt;
  const auto payload = json::parse(text->payload, nullptr, false);
  if (!payload.is_object() || text_at(payload, "iss") != issuer) return std::nullopt;
  const auto user = text_at(payload, "sub");
  const auto user_id = number_at(payload, "uid");
  const auto family = text_at(payload, "sid");
  const auto issued = time_at(payload, "iat");
  const auto expires = time_at(payload, "exp");
  if (!user || !user_id || !family || !issued || !expires) return std::nullopt;
  if (now >= *expires || *issued > now + slack) return std::nullopt;
  return AccessClaims{*user_id, *user, *family, *issued, *expires};
}

}  // namespace vpn_sentinel

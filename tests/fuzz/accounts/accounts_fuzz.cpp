// Raw bytes -> a JWT, a Cookie header, a body of the accounts' API, and codes as people type them. Whatever the text, no token is believed
// that the key has not signed, a cookie's value is a part of its header, and a refusal is the client's fault, told in clean JSON.
#include <sodium.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "hub/accounts/jwt.hpp"
#include "hub/accounts/secrets.hpp"
#include "hub/accounts/totp.hpp"
#include "hub/http/account_body.hpp"
#include "hub/http/account_gate.hpp"

using namespace vpn_sentinel;

namespace {

/// Aborts, so that libFuzzer and the replaying runner both see it.
void require(bool condition) {
  if (!condition) std::abort();
}

const WallTime now = parse_rfc3339("2026-11-21T10:15:30Z").value();

void judge_token(std::string_view text) {
  require(!read_jwt("a key that nobody guesses", text, now));
  static_cast<void>(looks_like_jwt(text));
  // The same as header and payload of a token whose signature is right.
  const auto dot = text.find('.');
  const auto head = text.substr(0, dot);
  const auto rest = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  const auto inner = to_base64url(head) + "." + to_base64url(rest);
  const auto claims = read_jwt("k", inner + "." + to_base64url(hmac_sha256("k", inner)), now);
  if (claims) require(claims->expires > now);
}

void judge_cookie(std::string_view text) {
  for (const bool secure : {false, true}) {
    const auto value = cookie_value(text, cookie_name(secure));
    require(value.empty() || (value.data() >= text.data() && value.data() + value.size() <= text.data() + text.size()));
    require(value.find(';') == std::string_view::npos);
  }
}

void judge_body(std::string_view text) {
  Request request;
  request.body = text;
  request.header = [](std::string_view) { return std::string_view("application/json"); };
  AccountBody body(request, {"name", "clients", "read", "expires_days"});
  const auto name = body.text("name", 1, 64);
  const auto clients = body.texts("clients", 4);
  static_cast<void>(body.flag("read"));
  const auto days = body.number("expires_days", 1, 3650);
  if (body.refusal()) {
    require(body.refusal()->status == 400 || body.refusal()->status == 413);
    require(nlohmann::json::parse(body.refusal()->body).contains("error"));
    return;
  }
  require(!name.empty() && name.size() <= 64 && clients.size() <= 4);
  require(!days || (*days >= 1 && *days <= 3650));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int ready = sodium_init();
  require(ready >= 0);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  judge_token(text);
  judge_cookie(text);
  judge_body(text);
  require(plain_code(text).size() <= text.size());
  require(from_base64url(to_base64url(text)) == text);
  return 0;
}

#include "hub/http/account_gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/accounts/jwt.hpp"
#include "hub/accounts/secrets.hpp"
#include "hub/accounts/token_prefix.hpp"
#include "hub/http/client_address.hpp"
#include "hub/http/reply.hpp"
#include "hub/http/target.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::string_view bearer = "Bearer";

/// As require_key() reads it.
std::string_view given_key(const Request& request) {
  if (const auto key = request.header("X-API-Key"); !key.empty()) return key;
  auto value = request.header("Authorization");
  if (!equal_ignoring_case(value.substr(0, bearer.size()), bearer)) return {};
  value.remove_prefix(bearer.size());
  if (!value.starts_with(' ')) return {};
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

bool is_account_token(std::string_view key) { return key.starts_with(api_token_prefix) || looks_like_jwt(key); }

bool comes_from(const Request& request, const std::vector<IpPrefix>& proxies) {
  if (proxies.empty()) return false;
  const auto peer = IpAddress::parse(request.peer_address);
  return peer && is_one_of(unmapped(*peer), proxies);
}

std::string_view session_secret(const AccountDoor& door, const Request& request) {
  return cookie_value(request.header("Cookie"), cookie_name(is_secure(door, request)));
}

Response may_not(std::string_view what) {
  return error_response(403, "Access denied", fmt::format("This account or token may not {}", what));
}

/// Nullopt: it may pass.
std::optional<Response> check_rights(const Identity& identity, const Request& request) {
  if (request.method == "GET" || request.method == "OPTIONS") {
    return identity.scopes.read ? std::nullopt : std::optional(may_not("read"));
  }
  return identity.scopes.report && identity.may_act_as(Role::operator_) ? std::nullopt : std::optional(may_not("report"));
}

std::optional<Response> let_in(const AccountDoor& door, Request& request) {
  auto identity = identify(door, request);
  if (!identity) return log_in_required();
  if (auto refused = check_rights(*identity, request)) return refused;
  request.caller.identity = std::make_shared<const Identity>(std::move(*identity));
  return std::nullopt;
}

/// A session or a proxy's user reads; reports come with a key or a token.
bool reads_by_account(const AccountDoor& door, const Request& request) {
  if (has_account_token(request)) return true;
  return request.method == "GET" && given_key(request).empty() && identify(door, request).has_value();
}

bool is_open_without_key(const AccountDoor& door) { return door.access->options().open_without_keys && door.access->rules()->keys.empty(); }

}  // namespace

bool is_secure(const AccountDoor& door, const Request& request) {
  if (door.tls) return true;
  return equal_ignoring_case(request.header("X-Forwarded-Proto"), "https") && comes_from(request, door.access->rules()->trusted_proxies);
}

bool is_open_to(const AccountDoor& door, const Request& request) { return door.open && is_own_machine(request); }

std::string_view cookie_name(bool secure) noexcept { return secure ? "__Host-vs_session" : "vs_session"; }

std::string_view cookie_value(std::string_view header, std::string_view name) noexcept {
  while (!header.empty()) {
    auto pair = header.substr(0, header.find(';'));
    header.remove_prefix(std::min(pair.size() + 1, header.size()));
    pair.remove_prefix(std::min(pair.find_first_not_of(" \t"), pair.size()));
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
    auto value = pair.substr(equals + 1);
    while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
    return value;
  }
  return {};
}

std::string session_cookie(std::string_view secret, bool secure, std::chrono::seconds lifetime) {
  return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", cookie_name(secure), secret,
                     secret.empty() ? 0 : lifetime.count(), secure ? "; Secure" : "");
}

bool has_account_token(const Request& request) { return is_account_token(given_key(request)); }

std::optional<Identity> identify(const AccountDoor& door, const Request& request) {
  if (const auto key = given_key(request); is_account_token(key)) {
    return key.starts_with(api_token_prefix) ? door.accounts.by_token(key) : door.accounts.by_jwt(key);
  }
  if (!door.forward_auth_header.empty() && comes_from(request, door.forward_auth_proxies)) {
    const auto name = request.header(door.forward_auth_header);
    // Of two lines one may be the client's own, which the proxy let through.
    if (request.all_lines(door.forward_auth_header) != name) return std::nullopt;
    if (!name.empty()) return door.accounts.by_name(name);
  }
  const auto secret = session_secret(door, request);
  return secret.empty() ? std::nullopt : door.accounts.by_session(secret);
}

std::optional<Response> refuse_role(const Identity& identity, Role least, bool reads) {
  if (identity.may_act_as(least) && (reads ? identity.scopes.read : identity.scopes.manage)) return std::nullopt;
  return error_response(403, "Access denied",
                        fmt::format("This needs the role {}, and of a token the scope {}", to_string(least), reads ? "read" : "manage"));
}

std::optional<Response> refuse_foreign_page(const Identity& identity, const Request& request) {
  if (identity.csrf.empty() || is_same_secret(identity.csrf, request.header("X-CSRF-Token"))) return std::nullopt;
  return error_response(403, "CSRF token missing or wrong", "X-CSRF-Token: expected the csrf of GET /session");
}

Gate require_role_to_change(std::shared_ptr<const AccountDoor> door, Role least, Gate to_read) {
  return [door = std::move(door), least, to_read = std::move(to_read)](Request& request) -> std::optional<Response> {
    if (request.method == "GET" || request.method == "OPTIONS") return to_read(request);
    auto identity = identify(*door, request);
    if (!identity) return log_in_required();
    if (auto refused = refuse_role(*identity, least, false)) return refused;
    if (auto refused = refuse_foreign_page(*identity, request)) return refused;
    request.caller.identity = std::make_shared<const Identity>(std::move(*identity));
    return std::nullopt;
  };
}

Response log_in_required() { return error_response(401, "Log-in required", "Log in, or send an API token"); }

Gate require_key_or_account(std::shared_ptr<const AccountDoor> door) {
  const auto key = require_key(door->access);
  Gate::Holds holds = [door, key](const Caller& caller) {
    if (caller.identity) return door->accounts.holds(*caller.identity);
    return key.holds(caller) && (caller.key || !door->accounts.has_users());
  };
  auto pass = [door = std::move(door), key](Request& request) -> std::optional<Response> {
    if (reads_by_account(*door, request)) return let_in(*door, request);
    if (request.method == "GET" && is_open_without_key(*door) && door->accounts.has_users()) return log_in_required();
    return key(request);
  };
  return {std::move(pass), std::move(holds)};
}

Gate require_log_in(std::shared_ptr<const AccountDoor> door, std::string data_path) {
  const auto before = door->password.empty() ? require_loopback_host() : require_password(door->password, door->access);
  Gate::Holds holds = [door](const Caller& caller) {
    return caller.identity ? door->accounts.holds(*caller.identity) : !door->accounts.has_users();
  };
  auto pass = [door = std::move(door), before, data_path = std::move(data_path) + "/"](Request& request) -> std::optional<Response> {
    const bool by_account = door->accounts.has_users() || (door->password.empty() && !is_open_to(*door, request));
    if (!by_account) return before(request);
    if (!request.path.starts_with(data_path)) return std::nullopt;
    return let_in(*door, request);
  };
  return {std::move(pass), std::move(holds)};
}

}  // namespace vpn_sentinel

#include "hub/http/auth.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "hub/http/client_address.hpp"
#include "hub/http/events.hpp"
#include "hub/http/reply.hpp"
#include "hub/http/target.hpp"
#include "hub/ingest/batch.hpp"
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

/// Whole seconds, rounded up.
std::string seconds_until(std::chrono::nanoseconds wait) {
  return std::to_string(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count()));
}

Response too_many(std::string_view error, std::string_view message, std::chrono::nanoseconds wait) {
  auto response = error_response(429, error, message);
  response.headers.emplace_back("Retry-After", seconds_until(wait));
  return response;
}

Response too_many_requests(std::chrono::nanoseconds wait) {
  return too_many("Rate limit exceeded", "Too many requests. Please try again later.", wait);
}

Response too_many_logins(std::chrono::nanoseconds wait) {
  return too_many("Too many failed logins", "This address sent too many wrong keys or passwords. Please try again later.", wait);
}

Response key_missing() {
  auto response = error_response(401, "Authentication required", "X-API-Key header is required");
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Response password_missing() {
  auto response = error_response(401, "Authentication required", "Log in with any user name and the dashboard password");
  response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"VPN Sentinel\", charset=\"UTF-8\"");
  return response;
}

Response not_own_machine() {
  auto response =
      error_response(401, "Authentication required",
                     "Without users and keys the hub answers its own machine only, and no proxy; make a user (vpn-sentinel-hub user "
                     "add NAME admin) or a key (vpn-sentinel-hub key add NAME)");
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

std::optional<Response> check_loopback_host(const Request& request) {
  if (!is_own_machine(request)) return not_own_machine();
  if (is_loopback_host(request.header("Host"))) return std::nullopt;
  return error_response(421, "Misdirected request", "Open this address as localhost, 127.0.0.1 or [::1]");
}

const IpAddress& address_of(const Request& request) {
  if (!request.caller.address) throw std::logic_error("a gate that needs the client's address stands before find_address");
  return *request.caller.address;
}

void note_failure(const Access& access, LoginBrake& logins, std::string_view what, const IpAddress& address) {
  if (logins.failed(address, access.options().now()) && access.options().on_refused) access.options().on_refused(what, address);
}

/// A secret that people choose can be guessed: while the brake holds, nobody learns whether a guess was right, unless the secret was used
/// from this address before.
std::optional<Response> pass_brake(Access& access, LoginBrake& logins, std::string_view what, bool right, const IpAddress& address,
                                   Response (*refusal)()) {
  const auto now = access.options().now();
  if (const auto wait = logins.wait(address, now); wait && !(right && logins.knows(address, now))) return too_many_logins(*wait);
  if (right) {
    logins.succeeded(address, now);
    return std::nullopt;
  }
  note_failure(access, logins, what, address);
  return refusal();
}

/// What is worth less than a report, and reports of what went on as it was. The reports are looked at only when there is no room for all.
std::optional<std::chrono::nanoseconds> charge(Access& access, const BucketKey& who, const Request& request) {
  const bool flows = request.method == "POST" && request.path.ends_with("/connections");
  // A large one is asked for by its headers first, and charged for what it is when it is here.
  const bool batch = request.method == "POST" && request.path.ends_with(events_path("")) && !request.body.empty();
  const auto wait = access.charge(who, request.body.size(), flows || batch ? Urgency::low : Urgency::high);
  return wait && batch && tells_changes(request.body) ? access.charge(who, request.body.size(), Urgency::middle) : wait;
}

Response key_wrong() { return error_response(403, "Authentication failed", "Invalid API key"); }

std::optional<Response> check_grant(Access& access, const Request& request, const KeyGrant& grant) {
  if (grant.is_shared()) return std::nullopt;  // its holders are limited by their addresses
  if (const auto wait = charge(access, bucket_of(std::string_view(grant.name)), request)) return too_many_requests(*wait);
  if (request.method == "GET" && !grant.may_read) {
    return error_response(403, "Authentication failed", "this key may report but not read; keys made with --read may");
  }
  return std::nullopt;
}

std::optional<Response> check_key(Access& access, Request& request) {
  const auto rules = access.rules();
  if (rules->keys.empty() && access.options().open_without_keys) return check_loopback_host(request);
  auto given = request.header("X-API-Key");
  if (given.empty()) given = credentials(request, "Bearer");
  if (given.empty()) return key_missing();
  const auto hash = hash_key(given);
  auto grant = rules->keys.find(hash);
  if (!grant || grant->is_shared()) {
    auto refused = pass_brake(access, access.api_logins(), "api", grant != nullptr, address_of(request), key_wrong);
    if (refused) return refused;
  }
  if (auto refused = check_grant(access, request, *grant)) return refused;
  request.caller.key = std::move(grant);
  request.caller.key_hash = hash;
  return std::nullopt;
}

/// A key that was taken away, or made anew with the same name, opens nothing any more; one that may read less neither.
bool key_holds(const Access& access, const Caller& caller) {
  const auto rules = access.rules();
  if (!caller.key) return rules->keys.empty() && access.options().open_without_keys;
  const auto grant = rules->keys.find(caller.key_hash);
  return grant && (grant->is_shared() || grant->may_read);
}

}  // namespace

bool is_own_machine(const Request& request, const std::vector<IpAddress>& own) {
  constexpr std::array<std::string_view, 4> of_proxies{"X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded"};
  const auto peer = IpAddress::parse(request.peer_address);
  const bool here = peer && (unmapped(*peer).is_loopback() || std::ranges::find(own, unmapped(*peer)) != own.end());
  return here && std::ranges::all_of(of_proxies, [&](std::string_view name) { return request.all_lines(name).empty(); });
}

Gate find_address(std::shared_ptr<const Access> access) {
  Gate::Holds holds = [access](const Caller& caller) {
    return !caller.proxy || is_one_of(*caller.proxy, access->rules()->trusted_proxies);
  };
  auto pass = [access = std::move(access)](Request& request) -> std::optional<Response> {
    const auto peer = IpAddress::parse(request.peer_address);
    if (!peer) return error_response(403, "Access denied", "The address of the connection is unknown");
    const auto rules = access->rules();
    if (rules->trusted_proxies.empty()) {
      request.caller.address = unmapped(*peer);
      return std::nullopt;
    }
    auto client = client_address(*peer, request.all_lines("X-Forwarded-For"), rules->trusted_proxies);
    if (!client) return error_response(400, "Bad request", client.error().message);
    request.caller.address = *client;
    if (*client != unmapped(*peer)) request.caller.proxy = unmapped(*peer);
    return std::nullopt;
  };
  return {std::move(pass), std::move(holds)};
}

Gate allow_addresses(std::shared_ptr<const Access> access) {
  const auto is_allowed = [access = std::move(access)](const IpAddress& address) {
    const auto rules = access->rules();
    return rules->allowed.empty() || is_one_of(address, rules->allowed);
  };
  auto pass = [is_allowed](Request& request) -> std::optional<Response> {
    if (is_allowed(address_of(request))) return std::nullopt;
    return error_response(403, "Access denied", "Your IP address is not authorized");
  };
  return {std::move(pass), [is_allowed](const Caller& caller) { return caller.address && is_allowed(*caller.address); }};
}

Gate limit_rate(std::shared_ptr<Access> access) {
  return [access = std::move(access)](Request& request) -> std::optional<Response> {
    const auto wait = charge(*access, bucket_of(address_of(request)), request);
    if (!wait) return std::nullopt;
    return too_many_requests(*wait);
  };
}

Gate spare_own_machine(std::shared_ptr<const Access> access, std::vector<Gate> gates, std::vector<IpAddress> own) {
  return [access = std::move(access), gates = std::move(gates), own = std::move(own)](Request& request) -> std::optional<Response> {
    const bool asks_for_health = request.path == "/health" || request.path.starts_with("/health/");
    const auto peer = IpAddress::parse(request.peer_address);
    const bool is_proxy = peer && is_one_of(unmapped(*peer), access->rules()->trusted_proxies);
    const bool spared = asks_for_health && !is_proxy && is_own_machine(request, own);
    return spared ? std::nullopt : pass_gates(gates, request);
  };
}

Gate require_key(std::shared_ptr<Access> access) {
  Gate::Holds holds = [access](const Caller& caller) { return key_holds(*access, caller); };
  return {[access = std::move(access)](Request& request) { return check_key(*access, request); }, std::move(holds)};
}

Gate require_password(const std::string& password, std::shared_ptr<Access> access) {
  return [secret = HashedSecret(password), access = std::move(access)](Request& request) -> std::optional<Response> {
    const auto encoded = credentials(request, "Basic");
    if (encoded.empty()) return password_missing();
    const auto given = basic_password(encoded);
    const bool right = given && secret.matches(*given);
    return pass_brake(*access, access->dashboard_logins(), "dashboard", right, address_of(request), password_missing);
  };
}

Gate require_loopback_host() {
  return [](Request& request) { return check_loopback_host(request); };
}

Gate refuse_other_sites() {
  return [](Request& request) -> std::optional<Response> {
    const auto origin = request.header("Origin");
    if (origin.empty() || is_same_origin(origin, request.header("Host"))) return std::nullopt;
    return error_response(403, "Access denied", "Requests from pages of other sites are refused");
  };
}

std::optional<Response> pass_gates(const std::vector<Gate>& gates, Request& request) {
  for (const auto& gate : gates) {
    if (auto refused = gate(request)) return refused;
  }
  return std::nullopt;
}

bool gates_hold(const std::vector<Gate>& gates, const Caller& caller) {
  return std::ranges::all_of(gates, [&](const Gate& gate) { return gate.holds(caller); });
}

}  // namespace vpn_sentinel

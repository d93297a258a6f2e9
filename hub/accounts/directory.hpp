/// Who has an account, as it stands in the file: read as a whole, and never changed afterwards. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/accounts/role.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {

inline constexpr std::size_t most_users = 1'000;
inline constexpr std::size_t most_sessions_of_user = 50;
inline constexpr std::size_t most_tokens_of_user = 100;
inline constexpr std::size_t most_enrolments = 1'000;
inline constexpr std::int64_t most_audit_rows = 10'000;

struct User {
  std::int64_t id = 0;
  std::string name;  ///< is_valid_user_name
  Role role = Role::viewer;
  std::string password;     ///< argon2id
  std::string totp_secret;  ///< bytes; empty: no second factor
  WallTime created{};
};

struct UserSession {
  std::int64_t user = 0;
  WallTime created{};
  WallTime seen{};  ///< stored some time after it was
};

struct ApiToken {
  std::int64_t id = 0;
  std::int64_t user = 0;
  std::string name;
  Scopes scopes;
  WallTime created{};
  std::optional<WallTime> expires;
};

/// Who has logged in by POST /jwt; lives as long as its refresh tokens follow each other.
struct TokenFamily {
  std::int64_t user = 0;
  WallTime expires{};
};

struct Enrolment {
  std::int64_t id = 0;
  std::string client_id;
  std::string group;  ///< empty: none
  std::string created_by;
  WallTime created{};
  WallTime expires{};
};

struct Directory {
  std::map<std::string, User, std::less<>> users;         ///< by name
  std::map<std::int64_t, std::string> names;              ///< of users by number
  std::unordered_map<std::string, UserSession> sessions;  ///< by hash_secret()
  std::unordered_map<std::string, ApiToken> tokens;       ///< by hash_secret()
  std::unordered_map<std::string, TokenFamily> families;  ///< by id
  std::vector<Enrolment> enrolments;                      ///< also those that have expired
  std::string signing_key;                                ///< of JWTs and of CSRF tokens

  [[nodiscard]] const User* find(std::string_view name) const;
  [[nodiscard]] const User* find(std::int64_t id) const;
};

/// 1-64 of A-Z a-z 0-9 . _ @ -
[[nodiscard]] bool is_valid_user_name(std::string_view name) noexcept;

/// How long log-ins last.
struct SessionLimits {
  std::chrono::minutes idle{12 * 60};      ///< without a request, and without a page that is open
  std::chrono::hours absolute{30 * 24};    ///< after the log-in; refresh tokens likewise
  std::chrono::seconds access_token{600};  ///< of a JWT; a proxy's word counts as long for what stays open
};

/// `seen`: the newest that is known, which may be later than the stored one. A session of the future (a clock that was set back) is none.
[[nodiscard]] bool is_alive(const UserSession& session, WallTime seen, WallTime now, const SessionLimits& limits) noexcept;

/// What a request was let in with.
struct Identity {
  enum class By : std::uint8_t { session, token, jwt, forward_auth };
  By by = By::session;
  std::int64_t user_id = 0;
  std::string user;
  Role role = Role::viewer;
  Scopes scopes;  ///< of a token; all but report for the others
  bool has_totp = false;
  std::string credential;         ///< hash of the session or token, id of the family
  std::string csrf;               ///< to be sent with what changes something; empty: not needed
  std::optional<WallTime> until;  ///< what it opened ends then: of a JWT, and of a proxy's user, whose log-out only the proxy hears of

  [[nodiscard]] bool may_act_as(Role least) const noexcept { return role >= least; }
};

[[nodiscard]] std::string_view to_string(Identity::By by);

}  // namespace vpn_sentinel

/// accounts.db: users, sessions, tokens, enrolments and the audit log. Commands and a running hub may use it at the same time. Each change
/// is one transaction that is on the disk when the call returns. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/accounts/directory.hpp"
#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

/// Who did something, for the audit log.
struct Actor {
  std::string who;      ///< user's name; "-" for nobody, "command" for who runs the hub's commands
  std::string address;  ///< "" for a command
};

struct AuditRow {
  std::int64_t id = 0;
  WallTime at{};
  std::string who;
  std::string address;
  std::string action;
  std::string target;
};

enum class LoginResult : std::uint8_t { ok, wrong, code_required, code_wrong };

/// What a log-in is to end in.
enum class LoginKind : std::uint8_t { session, jwt };

struct NewToken {
  std::string user;
  std::string name;
  Scopes scopes;
  std::optional<WallTime> expires;
  std::string password = {};  ///< the hash that was compared and that the user must still have; empty: any
};

struct NewEnrolment {
  std::string client_id;
  std::string group;
  WallTime expires{};
};

class AccountFile {
 public:
  /// Makes the file when it is missing (mode 0600; made by root it belongs to the owner of the folder).
  [[nodiscard]] static Result<AccountFile> open(const std::string& path);

  [[nodiscard]] Result<Directory> load();
  /// Another number when somebody else has changed the file.
  [[nodiscard]] Result<std::string> version() { return database_.value("PRAGMA data_version"); }

  // Users. Errors: not_found; invalid: a name that is taken, too many, or no admin would be left.
  /// `password`: its hash. `only_first`: invalid unless there are no users; what had to be known for it is forgotten.
  [[nodiscard]] Result<void> add_user(const std::string& name, Role role, const std::string& password, bool only_first, const Actor& actor);
  [[nodiscard]] Result<void> set_role(const std::string& name, Role role, const Actor& actor);
  /// Ends the user's log-ins but `kept` (a session's hash). `old`: the hash that it must still have, of who changes his own; empty:
  /// somebody else sets it, which ends the user's API tokens, too.
  [[nodiscard]] Result<void> set_password(const std::string& name, const std::string& password, const std::string& kept,
                                          const std::string& old, const Actor& actor);
  [[nodiscard]] Result<void> remove_user(const std::string& name, const Actor& actor);

  // The second factor.
  [[nodiscard]] Result<void> begin_totp(const std::string& name, const std::string& secret);
  /// Nullopt: the code is wrong, or nothing was begun. Else ten recovery codes; only their hashes are kept.
  [[nodiscard]] Result<std::optional<std::vector<std::string>>> confirm_totp(const std::string& name, const std::string& code, WallTime now,
                                                                             const Actor& actor);
  [[nodiscard]] Result<void> remove_totp(const std::string& name, const Actor& actor);

  // Log-ins.
  struct Login {
    LoginResult result = LoginResult::wrong;
    std::string secret;  ///< of the session, or the refresh token
    std::string family;  ///< of a JWT
  };
  /// After the password was found right: looks at the code and makes a session or a family. `password`: the hash that was compared;
  /// when the user has another one by now nothing was right.
  [[nodiscard]] Result<Login> log_in(const User& user, const std::string& code, LoginKind kind, const SessionLimits& limits, WallTime now,
                                     const Actor& actor);
  [[nodiscard]] Result<void> end_session(const std::string& hash, const Actor& actor);
  [[nodiscard]] Result<void> note_seen(const std::vector<std::pair<std::string, WallTime>>& seen);
  /// Removes what has expired.
  [[nodiscard]] Result<void> clean(const SessionLimits& limits, WallTime now);

  struct Refreshed {
    std::string token;  ///< the next one
    std::string family;
    std::int64_t user = 0;
    WallTime expires{};
  };
  /// Nullopt: unknown, expired, or used before, which ends its family: one of two has stolen it.
  [[nodiscard]] Result<std::optional<Refreshed>> refresh(const std::string& token, WallTime now, const Actor& actor);
  /// False: unknown.
  [[nodiscard]] Result<bool> end_family(const std::string& token, const Actor& actor);

  // API tokens. The secret is in no file.
  [[nodiscard]] Result<std::pair<ApiToken, std::string>> add_token(const NewToken& token, WallTime now, const Actor& actor);
  /// `owner`: whose it must be; nullopt: anybody's.
  [[nodiscard]] Result<void> remove_token(std::int64_t id, std::optional<std::int64_t> owner, const Actor& actor);

  [[nodiscard]] Result<std::pair<Enrolment, std::string>> add_enrolment(const NewEnrolment& enrolment, WallTime now, const Actor& actor);
  [[nodiscard]] Result<void> remove_enrolment(std::int64_t id, const Actor& actor);
  /// Uses the code up; nullopt: wrong, used or expired. Within the transaction `look` tells whether there is a key that gives way, and
  /// `use` makes the new one: when one of them fails the code stays good.
  [[nodiscard]] Result<std::optional<Enrolment>> redeem(const std::string& code, WallTime now, const Actor& actor,
                                                        const std::function<Result<bool>(const Enrolment&)>& look,
                                                        const std::function<Result<void>(const Enrolment&)>& use);

  [[nodiscard]] Result<void> note(const Actor& actor, std::string_view action, std::string_view target);
  /// Newest first, below `cursor` (0: the newest).
  [[nodiscard]] Result<std::vector<AuditRow>> audit(std::int64_t cursor, std::size_t most);

  /// A fact about the file itself, such as the hash of the token for the first admin; empty: none.
  [[nodiscard]] Result<std::string> fact(std::string_view name);
  [[nodiscard]] Result<void> set_fact(std::string_view name, const std::string& value);

 private:
  explicit AccountFile(Database database) : database_(std::move(database)) {}

  using Step = std::function<Result<void>()>;
  [[nodiscard]] Result<void> in_transaction(const Step& step);
  template <typename... Values>
  [[nodiscard]] Result<std::int64_t> run(std::string_view sql, const Values&... values);
  template <typename... Values>
  [[nodiscard]] Result<std::int64_t> number(std::string_view sql, const Values&... values);
  template <typename... Values>
  [[nodiscard]] Result<std::string> text(std::string_view sql, const Values&... values);
  [[nodiscard]] Result<std::int64_t> user_number(const std::string& name);
  [[nodiscard]] Result<void> require_admin();
  [[nodiscard]] Result<void> end_log_ins(std::int64_t user, const std::string& kept);
  [[nodiscard]] Result<void> end_tokens(std::int64_t user, const std::string& name, const Actor& actor);
  [[nodiscard]] Result<LoginResult> check_code(std::int64_t user, const std::string& code, WallTime now);
  [[nodiscard]] Result<void> make_session(const User& user, Login& login, WallTime now);
  [[nodiscard]] Result<void> make_family(const User& user, Login& login, const SessionLimits& limits, WallTime now);
  [[nodiscard]] Result<void> write_audit(const Actor& actor, std::string_view action, std::string_view target);

  Database database_;
};

template <typename... Values>
Result<std::int64_t> AccountFile::run(std::string_view sql, const Values&... values) {
  auto statement = database_.prepare(sql);
  if (!statement) return fail(statement.error());
  return statement->run_counted(values...);
}

template <typename... Values>
Result<std::string> AccountFile::text(std::string_view sql, const Values&... values) {
  auto statement = database_.prepare(sql);
  if (!statement) return fail(statement.error());
  std::string found;
  auto done = statement->query([&found](const Statement& row) { found = row.text(0); }, values...);
  if (!done) return fail(done.error());
  return found;
}

template <typename... Values>
Result<std::int64_t> AccountFile::number(std::string_view sql, const Values&... values) {
  auto statement = database_.prepare(sql);
  if (!statement) return fail(statement.error());
  std::int64_t found = 0;
  auto done = statement->query([&found](const Statement& row) { found = row.integer(0); }, values...);
  if (!done) return fail(done.error());
  return found;
}

/// For `and_then`: how many rows it were does not matter.
inline constexpr auto any_rows = [](std::int64_t) -> Result<void> { return {}; };

/// The name of the fact with the hash of the token for the first admin.
inline constexpr std::string_view setup_token_fact = "setup_token";

[[nodiscard]] std::string account_file_path(const std::string& data_dir);
/// False when there is no file; makes none.
[[nodiscard]] Result<bool> has_accounts(const std::string& data_dir);

}  // namespace vpn_sentinel

// Users, second factors and log-ins: each change one transaction with its line of the audit log.
#include <fmt/format.h>

#include "hub/accounts/account_file.hpp"
#include "hub/accounts/secrets.hpp"
#include "hub/accounts/token_prefix.hpp"
#include "hub/accounts/totp.hpp"
#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t recovery_codes = 10;

tl::unexpected<Error> no_user(const std::string& name) { return fail(Error::Kind::not_found, fmt::format("There is no user '{}'", name)); }

}  // namespace

Result<std::int64_t> AccountFile::user_number(const std::string& name) {
  auto id = number("SELECT id FROM users WHERE name = ?1", name);
  if (id && *id == 0) return no_user(name);
  return id;
}

/// Without one nobody could make another.
Result<void> AccountFile::require_admin() {
  const auto admins = number("SELECT count(*) FROM users WHERE role = 'admin'");
  if (!admins) return fail(admins.error());
  if (*admins > 0) return {};
  return fail(Error::Kind::invalid, "No admin would be left; make another one first");
}

Result<void> AccountFile::end_log_ins(std::int64_t user, const std::string& kept) {
  return run("DELETE FROM sessions WHERE user = ?1 AND hash <> ?2", user, kept)
      .and_then([&](std::int64_t) { return run("DELETE FROM families WHERE user = ?1", user); })
      .and_then(any_rows);
}

Result<void> AccountFile::end_tokens(std::int64_t user, const std::string& name, const Actor& actor) {
  return run("DELETE FROM tokens WHERE user = ?1", user).and_then([&](std::int64_t removed) {
    return removed > 0 ? write_audit(actor, "tokens_removed", name) : Result<void>{};
  });
}

Result<void> AccountFile::add_user(const std::string& name, Role role, const std::string& password, bool only_first, const Actor& actor) {
  return in_transaction([&]() -> Result<void> {
    const auto users = number("SELECT count(*) FROM users");
    if (!users) return fail(users.error());
    if (only_first && *users > 0) return fail(Error::Kind::invalid, "There are users already");
    if (*users >= static_cast<std::int64_t>(most_users))
      return fail(Error::Kind::invalid, fmt::format("There are {} users; more are refused", most_users));
    const auto known = number("SELECT count(*) FROM users WHERE name = ?1", name);
    if (!known) return fail(known.error());
    if (*known > 0) return fail(Error::Kind::invalid, fmt::format("There is a user '{}'", name));
    return run("INSERT INTO users (name, role, password, created) VALUES (?1, ?2, ?3, ?4)", name, to_string(role), password,
               number_of(wall_now()))
        .and_then([&](std::int64_t) { return run("DELETE FROM facts WHERE name = ?1", setup_token_fact); })
        .and_then(any_rows)
        .and_then([&] { return require_admin(); })
        .and_then([&] { return write_audit(actor, "user_added", fmt::format("{} ({})", name, to_string(role))); });
  });
}

Result<void> AccountFile::set_role(const std::string& name, Role role, const Actor& actor) {
  return in_transaction([&] {
    return user_number(name)
        .and_then([&](std::int64_t id) { return run("UPDATE users SET role = ?2 WHERE id = ?1", id, to_string(role)); })
        .and_then(any_rows)
        .and_then([&] { return require_admin(); })
        .and_then([&] { return write_audit(actor, "role_changed", fmt::format("{} ({})", name, to_string(role))); });
  });
}

Result<void> AccountFile::set_password(const std::string& name, const std::string& password, const std::string& kept,
                                       const std::string& old, const Actor& actor) {
  return in_transaction([&]() -> Result<void> {
    const auto id = user_number(name);
    if (!id) return fail(id.error());
    auto changed = run("UPDATE users SET password = ?2 WHERE id = ?1 AND (?3 = '' OR password = ?3)", *id, password, old);
    if (!changed) return fail(changed.error());
    if (*changed == 0) return fail(Error::Kind::invalid, "The password was changed meanwhile");
    return end_log_ins(*id, kept).and_then([&] { return old.empty() ? end_tokens(*id, name, actor) : Result<void>{}; }).and_then([&] {
      return write_audit(actor, "password_changed", name);
    });
  });
}

Result<void> AccountFile::remove_user(const std::string& name, const Actor& actor) {
  return in_transaction([&] {
    return user_number(name)
        .and_then([&](std::int64_t id) { return run("DELETE FROM users WHERE id = ?1", id); })
        .and_then(any_rows)
        .and_then([&] { return require_admin(); })
        .and_then([&] { return write_audit(actor, "user_removed", name); });
  });
}

Result<void> AccountFile::begin_totp(const std::string& name, const std::string& secret) {
  return in_transaction([&] {
    return user_number(name)
        .and_then([&](std::int64_t id) { return run("UPDATE users SET totp_pending = ?2 WHERE id = ?1", id, to_base64url(secret)); })
        .and_then(any_rows);
  });
}

Result<std::optional<std::vector<std::string>>> AccountFile::confirm_totp(const std::string& name, const std::string& code, WallTime now,
                                                                          const Actor& actor) {
  std::optional<std::vector<std::string>> codes;
  auto done = in_transaction([&]() -> Result<void> {
    const auto id = user_number(name);
    if (!id) return fail(id.error());
    const auto pending = text("SELECT totp_pending FROM users WHERE id = ?1", *id);
    if (!pending) return fail(pending.error());
    const auto secret = from_base64url(*pending).value_or("");
    const auto step = secret.empty() ? std::nullopt : matching_step(secret, plain_code(code), now, 0);
    if (!step) return {};
    auto changed = run("UPDATE users SET totp_secret = totp_pending, totp_pending = '', totp_step = ?2 WHERE id = ?1", *id, *step)
                       .and_then([&](std::int64_t) { return run("DELETE FROM recovery_codes WHERE user = ?1", *id); })
                       .and_then(any_rows);
    std::vector<std::string> fresh;
    for (std::size_t i = 0; changed && i < recovery_codes; ++i) {
      fresh.push_back(random_code(recovery_code_characters));
      changed =
          run("INSERT INTO recovery_codes (hash, user) VALUES (?1, ?2)", hash_secret(plain_code(fresh.back())), *id).and_then(any_rows);
    }
    if (!changed) return changed;
    codes = std::move(fresh);
    return write_audit(actor, "totp_added", name);
  });
  if (!done) return fail(done.error());
  return codes;
}

Result<void> AccountFile::remove_totp(const std::string& name, const Actor& actor) {
  return in_transaction([&] {
    return user_number(name)
        .and_then([&](std::int64_t id) {
          return run("UPDATE users SET totp_secret = '', totp_pending = '' WHERE id = ?1", id).and_then([&, id](std::int64_t) {
            return run("DELETE FROM recovery_codes WHERE user = ?1", id);
          });
        })
        .and_then(any_rows)
        .and_then([&] { return write_audit(actor, "totp_removed", name); });
  });
}

/// A code is used up with the transaction.
Result<LoginResult> AccountFile::check_code(std::int64_t user, const std::string& code, WallTime now) {
  const auto stored = text("SELECT totp_secret FROM users WHERE id = ?1", user);
  if (!stored) return fail(stored.error());
  if (stored->empty()) return LoginResult::ok;
  if (code.empty()) return LoginResult::code_required;
  const auto last = number("SELECT totp_step FROM users WHERE id = ?1", user);
  if (!last) return fail(last.error());
  const auto plain = plain_code(code);
  if (const auto step = matching_step(from_base64url(*stored).value_or(""), plain, now, *last)) {
    return run("UPDATE users SET totp_step = ?2 WHERE id = ?1", user, *step).map([](std::int64_t) { return LoginResult::ok; });
  }
  return run("DELETE FROM recovery_codes WHERE user = ?1 AND hash = ?2", user, hash_secret(plain)).map([](std::int64_t removed) {
    return removed > 0 ? LoginResult::ok : LoginResult::code_wrong;
  });
}

/// The oldest of many log-ins makes room.
Result<void> AccountFile::make_session(const User& user, Login& login, WallTime now) {
  login.secret = random_secret();
  return run("INSERT INTO sessions (hash, user, created, seen) VALUES (?1, ?2, ?3, ?3)", hash_secret(login.secret), user.id, number_of(now))
      .and_then([&](std::int64_t) {
        return run(
            "DELETE FROM sessions WHERE user = ?1 AND hash IN "
            "(SELECT hash FROM sessions WHERE user = ?1 ORDER BY seen DESC, created DESC LIMIT -1 OFFSET ?2)",
            user.id, static_cast<std::int64_t>(most_sessions_of_user));
      })
      .and_then(any_rows);
}

Result<void> AccountFile::make_family(const User& user, Login& login, const SessionLimits& limits, WallTime now) {
  login.family = random_secret();
  login.secret = fmt::format("{}{}.{}", refresh_token_prefix, login.family, random_secret());
  return run("INSERT INTO families (id, user, hash, created, expires) VALUES (?1, ?2, ?3, ?4, ?5)", login.family, user.id,
             hash_secret(login.secret), number_of(now), number_of(now + limits.absolute))
      .and_then([&](std::int64_t) {
        return run(
            "DELETE FROM families WHERE user = ?1 AND id IN "
            "(SELECT id FROM families WHERE user = ?1 ORDER BY created DESC LIMIT -1 OFFSET ?2)",
            user.id, static_cast<std::int64_t>(most_sessions_of_user));
      })
      .and_then(any_rows);
}

Result<AccountFile::Login> AccountFile::log_in(const User& user, const std::string& code, LoginKind kind, const SessionLimits& limits,
                                               WallTime now, const Actor& actor) {
  Login login;
  auto done = in_transaction([&]() -> Result<void> {
    const auto same = number("SELECT count(*) FROM users WHERE id = ?1 AND password = ?2", user.id, user.password);
    if (!same) return fail(same.error());
    if (*same == 0) return {};
    const auto checked = check_code(user.id, code, now);
    if (!checked) return fail(checked.error());
    login.result = *checked;
    if (*checked != LoginResult::ok) return {};
    const bool session = kind == LoginKind::session;
    return (session ? make_session(user, login, now) : make_family(user, login, limits, now)).and_then([&] {
      return write_audit(actor, session ? "logged_in" : "jwt_issued", user.name);
    });
  });
  if (!done) return fail(done.error());
  return login;
}

Result<void> AccountFile::end_session(const std::string& hash, const Actor& actor) {
  return in_transaction([&] {
    return run("DELETE FROM sessions WHERE hash = ?1", hash).and_then(any_rows).and_then([&] {
      return write_audit(actor, "logged_out", actor.who);
    });
  });
}

Result<void> AccountFile::note_seen(const std::vector<std::pair<std::string, WallTime>>& seen) {
  return in_transaction([&]() -> Result<void> {
    Result<void> done;
    for (const auto& [hash, time] : seen) {
      if (done) done = run("UPDATE sessions SET seen = max(seen, ?2) WHERE hash = ?1", hash, number_of(time)).and_then(any_rows);
    }
    return done;
  });
}

Result<void> AccountFile::clean(const SessionLimits& limits, WallTime now) {
  return in_transaction([&] {
    return run("DELETE FROM sessions WHERE created <= ?1 OR seen <= ?2", number_of(now - limits.absolute), number_of(now - limits.idle))
        .and_then([&](std::int64_t) { return run("DELETE FROM families WHERE expires <= ?1", number_of(now)); })
        .and_then([&](std::int64_t) { return run("DELETE FROM enrolments WHERE expires <= ?1", number_of(now)); })
        .and_then(any_rows);
  });
}

}  // namespace vpn_sentinel

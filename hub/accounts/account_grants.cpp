// Refresh tokens, API tokens and enrolments: each change one transaction with its line of the audit log.
#include <fmt/format.h>

#include "hub/accounts/account_file.hpp"
#include "hub/accounts/secrets.hpp"
#include "hub/accounts/token_prefix.hpp"
#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t enrolment_code_characters = 20;

std::int64_t bits_of(const Scopes& scopes) { return (scopes.read ? 1 : 0) | (scopes.report ? 2 : 0) | (scopes.manage ? 4 : 0); }

}  // namespace

Result<std::optional<AccountFile::Refreshed>> AccountFile::refresh(const std::string& token, WallTime now, const Actor& actor) {
  std::optional<Refreshed> refreshed;
  const auto named = family_of(token);
  if (!named) return refreshed;
  const std::string family(*named);
  auto done = in_transaction([&]() -> Result<void> {
    const auto hash = text("SELECT hash FROM families WHERE id = ?1 AND expires > ?2", family, number_of(now));
    if (!hash) return fail(hash.error());
    if (hash->empty()) return {};
    if (!is_same_secret(*hash, hash_secret(token))) {
      const auto owner = text("SELECT name FROM users WHERE id = (SELECT user FROM families WHERE id = ?1)", family);
      if (!owner) return fail(owner.error());
      return run("DELETE FROM families WHERE id = ?1", family).and_then(any_rows).and_then([&] {
        return write_audit({*owner, actor.address}, "refresh_token_reused", "all of this log-in are revoked");
      });
    }
    const auto user = number("SELECT user FROM families WHERE id = ?1", family);
    const auto expires = number("SELECT expires FROM families WHERE id = ?1", family);
    if (!user || !expires) return fail(user ? expires.error() : user.error());
    refreshed = Refreshed{fmt::format("{}{}.{}", refresh_token_prefix, family, random_secret()), family, *user, time_of(*expires)};
    return run("UPDATE families SET hash = ?2 WHERE id = ?1", family, hash_secret(refreshed->token)).and_then(any_rows);
  });
  if (!done) return fail(done.error());
  return refreshed;
}

Result<bool> AccountFile::end_family(const std::string& token, const Actor& actor) {
  bool ended = false;
  auto done = in_transaction([&]() -> Result<void> {
    const auto hash = hash_secret(token);
    const auto owner = text("SELECT name FROM users WHERE id = (SELECT user FROM families WHERE hash = ?1)", hash);
    if (!owner) return fail(owner.error());
    return run("DELETE FROM families WHERE hash = ?1", hash).and_then([&](std::int64_t removed) -> Result<void> {
      ended = removed > 0;
      return ended ? write_audit({*owner, actor.address}, "jwt_revoked", "") : Result<void>{};
    });
  });
  if (!done) return fail(done.error());
  return ended;
}

Result<std::pair<ApiToken, std::string>> AccountFile::add_token(const NewToken& token, WallTime now, const Actor& actor) {
  const auto secret = std::string(api_token_prefix) + random_secret();
  ApiToken made{0, 0, token.name, token.scopes, now, token.expires};
  auto done = in_transaction([&]() -> Result<void> {
    const auto user = user_number(token.user);
    if (!user) return fail(user.error());
    made.user = *user;
    const auto same = number("SELECT count(*) FROM users WHERE id = ?1 AND (?2 = '' OR password = ?2)", *user, token.password);
    if (!same) return fail(same.error());
    if (*same == 0) return fail(Error::Kind::invalid, "The password was changed meanwhile");
    const auto count = number("SELECT count(*) FROM tokens WHERE user = ?1", *user);
    if (!count) return fail(count.error());
    if (*count >= static_cast<std::int64_t>(most_tokens_of_user)) {
      return fail(Error::Kind::invalid, fmt::format("There are {} tokens of this user; remove one first", most_tokens_of_user));
    }
    return run("INSERT INTO tokens (hash, user, name, scopes, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", hash_secret(secret),
               *user, token.name, bits_of(token.scopes), number_of(now), token.expires ? number_of(*token.expires) : std::int64_t{0})
        .and_then([&](std::int64_t) { return number("SELECT last_insert_rowid()"); })
        .and_then([&](std::int64_t id) {
          made.id = id;
          return write_audit(actor, "token_added", token.name);
        });
  });
  if (!done) return fail(done.error());
  return std::pair{made, secret};
}

Result<void> AccountFile::remove_token(std::int64_t id, std::optional<std::int64_t> owner, const Actor& actor) {
  return in_transaction([&]() -> Result<void> {
    const auto name = text("SELECT name FROM tokens WHERE id = ?1", id);
    if (!name) return fail(name.error());
    const auto removed = run("DELETE FROM tokens WHERE id = ?1 AND (?2 = 0 OR user = ?2)", id, owner.value_or(0));
    if (!removed) return fail(removed.error());
    if (*removed == 0) return fail(Error::Kind::not_found, fmt::format("There is no token {}", id));
    return write_audit(actor, "token_removed", *name);
  });
}

Result<std::pair<Enrolment, std::string>> AccountFile::add_enrolment(const NewEnrolment& enrolment, WallTime now, const Actor& actor) {
  const auto code = random_code(enrolment_code_characters);
  Enrolment made{0, enrolment.client_id, enrolment.group, actor.who, now, enrolment.expires};
  auto done = in_transaction([&]() -> Result<void> {
    const auto count = number("SELECT count(*) FROM enrolments WHERE expires > ?1", number_of(now));
    if (!count) return fail(count.error());
    if (*count >= static_cast<std::int64_t>(most_enrolments)) {
      return fail(Error::Kind::invalid, fmt::format("{} enrolments are open; remove one first", most_enrolments));
    }
    return run("INSERT INTO enrolments (hash, client_id, in_group, created_by, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
               hash_secret(plain_code(code)), made.client_id, made.group, made.created_by, number_of(now), number_of(made.expires))
        .and_then([&](std::int64_t) { return number("SELECT last_insert_rowid()"); })
        .and_then([&](std::int64_t id) {
          made.id = id;
          return write_audit(actor, "enrolment_added", made.client_id);
        });
  });
  if (!done) return fail(done.error());
  return std::pair{made, code};
}

Result<void> AccountFile::remove_enrolment(std::int64_t id, const Actor& actor) {
  return in_transaction([&]() -> Result<void> {
    const auto client = text("SELECT client_id FROM enrolments WHERE id = ?1", id);
    if (!client) return fail(client.error());
    if (client->empty()) return fail(Error::Kind::not_found, fmt::format("There is no enrolment {}", id));
    return run("DELETE FROM enrolments WHERE id = ?1", id).and_then(any_rows).and_then([&] {
      return write_audit(actor, "enrolment_removed", *client);
    });
  });
}

Result<std::optional<Enrolment>> AccountFile::redeem(const std::string& code, WallTime now, const Actor& actor,
                                                     const std::function<Result<bool>(const Enrolment&)>& look,
                                                     const std::function<Result<void>(const Enrolment&)>& use) {
  std::optional<Enrolment> found;
  auto done = in_transaction([&]() -> Result<void> {
    auto statement =
        database_.prepare("SELECT id, client_id, in_group, created_by, created, expires FROM enrolments WHERE hash = ?1 AND expires > ?2");
    if (!statement) return fail(statement.error());
    auto looked = statement->query(
        [&found](const Statement& row) {
          found = Enrolment{row.integer(0),           std::string(row.text(1)), std::string(row.text(2)),
                            std::string(row.text(3)), time_of(row.integer(4)),  time_of(row.integer(5))};
        },
        hash_secret(plain_code(code)), number_of(now));
    if (!looked || !found) return looked;
    const auto replaces = look(*found);
    if (!replaces) return fail(replaces.error());
    return run("DELETE FROM enrolments WHERE id = ?1", found->id)
        .and_then(any_rows)
        .and_then([&] { return write_audit(actor, "enrolled", found->client_id); })
        .and_then([&] { return *replaces ? write_audit(actor, "key_replaced", found->client_id) : Result<void>{}; })
        .and_then([&] { return use(*found); });
  });
  if (!done) return fail(done.error());
  return found;
}

}  // namespace vpn_sentinel

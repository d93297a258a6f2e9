#include "hub/accounts/account_schema.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace vpn_sentinel {
namespace {

/// "VPNA": tells it from other SQLite databases, hub.db among them.
constexpr long application_id = 0x56504e41;

// Times are microseconds since 1970 UTC. Secrets are hashes, but for those of authenticators and the signing key, which have to be known.
constexpr std::array steps{
    R"sql(
CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  password TEXT NOT NULL,
  totp_secret TEXT NOT NULL DEFAULT '',
  totp_pending TEXT NOT NULL DEFAULT '',
  totp_step INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL
);
CREATE TABLE recovery_codes (
  hash TEXT PRIMARY KEY,
  user INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE sessions (
  hash TEXT PRIMARY KEY,
  user INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  created INTEGER NOT NULL,
  seen INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash TEXT NOT NULL UNIQUE,
  user INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  scopes INTEGER NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL
);
CREATE TABLE families (
  id TEXT PRIMARY KEY,
  user INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  hash TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE enrolments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash TEXT NOT NULL UNIQUE,
  client_id TEXT NOT NULL,
  in_group TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL
);
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,
  address TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL
);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
)sql",
};

Result<long> pragma_number(Database& database, std::string_view sql) {
  const auto text = database.value(sql);
  if (!text) return fail(text.error());
  long number = 0;
  std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

/// Looks again within the transaction: a command and the hub may both be about to make the tables.
Result<void> apply_missing(Database& database) {
  if (auto begun = database.execute("BEGIN IMMEDIATE"); !begun) return begun;
  const auto version = pragma_number(database, "PRAGMA user_version");
  Result<void> done;
  if (!version) done = fail(version.error());
  for (auto number = version ? static_cast<std::size_t>(*version) : steps.size(); done && number < steps.size(); ++number) {
    done = database.execute(
        fmt::format("{}; PRAGMA application_id = {}; PRAGMA user_version = {};", steps.at(number), application_id, number + 1));
  }
  if (done) done = database.execute("COMMIT");
  if (!done && database.in_transaction()) static_cast<void>(database.execute("ROLLBACK"));
  return done;
}

}  // namespace

const Schema& account_schema() {
  static constexpr Schema schema{application_id, steps};
  return schema;
}

Result<void> migrate_accounts(Database& database, const std::string& file) {
  const auto version = pragma_number(database, "PRAGMA user_version");
  if (!version) return fail(version.error());
  const auto owner = pragma_number(database, "PRAGMA application_id");
  if (!owner) return fail(owner.error());
  const auto tables = pragma_number(database, "SELECT count(*) FROM sqlite_schema");
  if (!tables) return fail(tables.error());
  if (*tables > 0 && *owner != application_id) {
    return fail(Error::Kind::invalid, fmt::format("{}: the file is another program's database; move it away", file));
  }
  if (*version < 0 || static_cast<std::size_t>(*version) > steps.size()) {
    return fail(Error::Kind::invalid, fmt::format("{}: the accounts have version {}, this program knows up to {}; install the newer one",
                                                  file, *version, steps.size()));
  }
  if (static_cast<std::size_t>(*version) == steps.size()) return {};
  return apply_missing(database);
}

}  // namespace vpn_sentinel

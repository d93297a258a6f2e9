#include "hub/accounts/account_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "hub/accounts/account_schema.hpp"
#include "hub/accounts/secrets.hpp"
#include "hub/store/stored_time.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::string_view signing_key_fact = "signing_key";

/// With mode 0600 from birth, and the folder's owner's when root makes it. Only a new file is opened here: to close any descriptor of a
/// database drops the locks that this process has on it.
Result<void> make_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd && errno == EEXIST) return {};
  if (!fd) return fail(system_error(errno, fmt::format("the accounts {} cannot be made", path)));
  struct stat folder {};
  if (geteuid() != 0 || stat(std::filesystem::path(path).parent_path().c_str(), &folder) != 0) return {};
  if (fchown(fd.get(), folder.st_uid, folder.st_gid) == 0) return {};
  return fail(system_error(errno, fmt::format("the accounts {} cannot be given to the folder's owner", path)));
}

Scopes scopes_of(std::int64_t bits) { return {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0}; }

/// A role that nobody knows is the least.
User user_of(const Statement& row) {
  User user;
  user.id = row.integer(0);
  user.name = row.text(1);
  user.role = parse_role(row.text(2)).value_or(Role::viewer);
  user.password = row.text(3);
  user.totp_secret = from_base64url(row.text(4)).value_or("");
  user.created = time_of(row.integer(5));
  return user;
}

ApiToken token_of(const Statement& row) {
  ApiToken token{row.integer(1), row.integer(2), std::string(row.text(3)), scopes_of(row.integer(4)), time_of(row.integer(5)), {}};
  if (row.integer(6) != 0) token.expires = time_of(row.integer(6));
  return token;
}

}  // namespace

std::string account_file_path(const std::string& data_dir) { return data_dir + "/accounts.db"; }

Result<AccountFile> AccountFile::open(const std::string& path) {
  if (auto made = make_file(path); !made) return fail(made.error());
  auto database = Database::open(path);
  if (!database) return fail(database.error());
  auto ready = database->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
  if (!ready) return fail(ready.error());
  if (auto done = migrate_accounts(*database, path); !done) return fail(done.error());
  AccountFile file(std::move(*database));
  // One that another process makes at the same moment counts.
  auto made = file.run("INSERT OR IGNORE INTO facts (name, value) VALUES (?1, ?2)", signing_key_fact, random_secret());
  if (!made) return fail(made.error());
  return file;
}

Result<bool> has_accounts(const std::string& data_dir) {
  const auto path = account_file_path(data_dir);
  std::error_code code;
  if (!std::filesystem::exists(path, code)) {
    if (code) return fail(system_error(code.value(), fmt::format("the accounts {} cannot be looked at", path)));
    return false;
  }
  auto database = Database::open(path);
  if (!database) return fail(database.error());
  const auto tables = database->value("SELECT count(*) FROM sqlite_schema WHERE name = 'users'");
  if (!tables) return fail(tables.error());
  if (*tables == "0") return false;  // a hub that was killed while it made the file
  const auto users = database->value("SELECT count(*) FROM users");
  if (!users) return fail(users.error());
  return *users != "0";
}

Result<Directory> AccountFile::load() {
  Directory all;
  const auto read = [this](std::string_view sql, const std::function<void(const Statement&)>& on_row) -> Result<void> {
    auto statement = database_.prepare(sql);
    if (!statement) return fail(statement.error());
    return statement->query(on_row);
  };
  const auto take_user = [&](const Statement& row) {
    auto user = user_of(row);
    all.names[user.id] = user.name;
    all.users[user.name] = std::move(user);
  };
  const auto take_session = [&](const Statement& row) {
    all.sessions[std::string(row.text(0))] = {row.integer(1), time_of(row.integer(2)), time_of(row.integer(3))};
  };
  const auto take_token = [&](const Statement& row) { all.tokens[std::string(row.text(0))] = token_of(row); };
  const auto take_family = [&](const Statement& row) {
    all.families[std::string(row.text(0))] = {row.integer(1), time_of(row.integer(2))};
  };
  const auto take_enrolment = [&](const Statement& row) {
    all.enrolments.push_back({row.integer(0), std::string(row.text(1)), std::string(row.text(2)), std::string(row.text(3)),
                              time_of(row.integer(4)), time_of(row.integer(5))});
  };
  auto done = in_transaction([&] {
    return read("SELECT id, name, role, password, totp_secret, created FROM users", take_user)
        .and_then([&] { return read("SELECT hash, user, created, seen FROM sessions", take_session); })
        .and_then([&] { return read("SELECT hash, id, user, name, scopes, created, expires FROM tokens", take_token); })
        .and_then([&] { return read("SELECT id, user, expires FROM families", take_family); })
        .and_then([&] {
          return read("SELECT id, client_id, in_group, created_by, created, expires FROM enrolments ORDER BY id", take_enrolment);
        })
        .and_then([&]() -> Result<void> {
          auto key = fact(signing_key_fact);
          if (!key) return fail(key.error());
          if (key->empty()) return fail(Error::Kind::failed, "the accounts have no signing key");
          all.signing_key = std::move(*key);
          return {};
        });
  });
  if (!done) return fail(done.error());
  return all;
}

Result<void> AccountFile::in_transaction(const Step& step) {
  auto done = database_.execute("BEGIN IMMEDIATE");
  if (!done) return done;
  done = step();
  if (done) done = database_.execute("COMMIT");
  // The first error is the one to tell; a failing ROLLBACK means that there was nothing left to take back.
  if (!done && database_.in_transaction()) static_cast<void>(database_.execute("ROLLBACK"));
  return done;
}

Result<void> AccountFile::write_audit(const Actor& actor, std::string_view action, std::string_view target) {
  return run("INSERT INTO audit (at, who, address, action, target) VALUES (?1, ?2, ?3, ?4, ?5)",
             std::int64_t{wall_now().time_since_epoch().count()}, actor.who, actor.address, action, target)
      .and_then([&](std::int64_t) { return run("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1", most_audit_rows); })
      .map([](std::int64_t) {});
}

Result<void> AccountFile::note(const Actor& actor, std::string_view action, std::string_view target) {
  return in_transaction([&] { return write_audit(actor, action, target); });
}

Result<std::vector<AuditRow>> AccountFile::audit(std::int64_t cursor, std::size_t most) {
  auto statement =
      database_.prepare("SELECT id, at, who, address, action, target FROM audit WHERE ?1 = 0 OR id < ?1 ORDER BY id DESC LIMIT ?2");
  if (!statement) return fail(statement.error());
  std::vector<AuditRow> rows;
  auto done = statement->query(
      [&rows](const Statement& row) {
        rows.push_back({row.integer(0), time_of(row.integer(1)), std::string(row.text(2)), std::string(row.text(3)),
                        std::string(row.text(4)), std::string(row.text(5))});
      },
      cursor, static_cast<std::int64_t>(most));
  if (!done) return fail(done.error());
  return rows;
}

Result<std::string> AccountFile::fact(std::string_view name) { return text("SELECT value FROM facts WHERE name = ?1", name); }

Result<void> AccountFile::set_fact(std::string_view name, const std::string& value) {
  return run("INSERT OR REPLACE INTO facts (name, value) VALUES (?1, ?2)", name, value).map([](std::int64_t) {});
}

}  // namespace vpn_sentinel

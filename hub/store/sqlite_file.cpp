#include "hub/store/sqlite_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "hub/store/migrations.hpp"

namespace vpn_sentinel {
namespace {

/// The file with mode 0600 from birth, and ours alone while the descriptor lives.
Result<Fd> claim(const std::string& file) {
  Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fail(system_error(errno, "cannot open " + file));
  static_cast<void>(::fchmod(fd.get(), 0600));  // Somebody else's file that we may write stays as it is.
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error(errno, "cannot lock " + file));
    return fail(Error::Kind::unavailable, fmt::format("{}: another hub uses this file; stop it or name another file", file));
  }
  return fd;
}

Result<void> check_directory(const std::string& file) {
  const auto parent = std::filesystem::path(file).parent_path();
  std::error_code code;
  if (parent.empty() || std::filesystem::is_directory(parent, code)) return {};
  return fail(Error::Kind::not_found, fmt::format("{}: the directory {} does not exist; make it or name another one "
                                                  "(VPN_SENTINEL_DATA_DIR)",
                                                  file, parent.string()));
}

/// synchronous=FULL costs nothing measurable once reports are grouped; checkpoints belong to maintain(), not into a commit.
constexpr auto settings = R"sql(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 0;
PRAGMA journal_size_limit = 67108864;
PRAGMA cache_size = -12288;
PRAGMA temp_store = MEMORY;
)sql";

Result<void> check_integrity(Database& database, const std::string& file) {
  const auto answer = database.value("PRAGMA quick_check(1)");
  if (!answer) return fail(answer.error());
  if (*answer == "ok") return {};
  return fail(Error::Kind::failed, fmt::format("{}: the database is damaged ({}); move the file away or restore a backup", file, *answer));
}

}  // namespace

Result<DatabaseFile> open_database_file(const std::string& file, const Schema& schema) {
  if (auto there = check_directory(file); !there) return fail(there.error());
  auto claimed = claim(file);
  if (!claimed) return fail(claimed.error());
  auto database = Database::open(file);
  if (!database) return fail(database.error());
  // Only a new file takes its page size and gives free pages back; an existing one is looked at before anything in it changes.
  if (auto done = database->execute("PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL"); !done) return fail(done.error());
  if (auto done = check_owner(*database, schema, file); !done) return fail(done.error());
  if (auto done = database->execute(settings); !done) return fail(done.error());
  if (auto done = check_integrity(*database, file); !done) return fail(done.error());
  if (auto done = migrate(*database, schema); !done) return fail(done.error());
  return DatabaseFile{std::move(*claimed), std::move(*database)};
}

Result<Database> open_database_to_read(const std::string& file, const Schema& schema) {
  if (::access(file.c_str(), R_OK) != 0) return fail(system_error(errno, fmt::format("the database {} cannot be read", file)));
  auto database = Database::open(file);
  if (!database) return database;
  if (auto done = check_owner(*database, schema, file); !done) return fail(done.error());
  const auto version = database->value("PRAGMA user_version");
  if (!version) return fail(version.error());
  if (*version != fmt::format("{}", schema.steps.size())) {
    return fail(Error::Kind::invalid, fmt::format("{}: the database is of an earlier version; start the hub of this version once", file));
  }
  if (auto done = database->execute("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY"); !done) return fail(done.error());
  return database;
}

}  // namespace vpn_sentinel

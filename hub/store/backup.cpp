#include "hub/store/backup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "hub/store/sqlite.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

/// 8 MB between two looks at the progress.
constexpr int pages_per_step = 1'000;

struct FinishBackup {
  void operator()(sqlite3_backup* backup) const noexcept { sqlite3_backup_finish(backup); }
};

Result<void> check_exists(const std::string& file) {
  if (::access(file.c_str(), R_OK) == 0) return {};
  return fail(system_error(errno, fmt::format("cannot read {}", file)));
}

void remove_part(const std::string& part) {
  for (const auto* rest : {"", "-wal", "-shm", "-journal"}) ::unlink((part + rest).c_str());
}

/// A file of its own for its user only; whatever stood there of an earlier try goes.
Result<void> make_part(const std::string& part) {
  remove_part(part);
  const Fd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail(system_error(errno, "cannot make " + part));
  return {};
}

tl::unexpected<Error> stopped(BackupFailure::Kind& kind) {
  kind = BackupFailure::Kind::stopped;
  return fail(Error::Kind::failed, "it was stopped, and nothing of it is left");
}

bool is_damage(int code) { return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB; }

/// The read transaction stays open over all steps, so the copy is of one moment and never begins anew because the hub writes.
Result<void> copy_pages(Database& source, Database& target, const std::string& part, const BackupProgress& progress,
                        BackupFailure::Kind& kind) {
  if (auto done = source.execute("BEGIN; SELECT count(*) FROM sqlite_schema"); !done) {
    if (is_damage(sqlite3_errcode(source.handle()))) kind = BackupFailure::Kind::damaged;
    return done;
  }
  const std::unique_ptr<sqlite3_backup, FinishBackup> backup(sqlite3_backup_init(target.handle(), "main", source.handle(), "main"));
  if (!backup) return fail(sqlite_error(target.handle(), sqlite3_errcode(target.handle()), part));
  int code = SQLITE_OK;
  while (code == SQLITE_OK) {
    code = sqlite3_backup_step(backup.get(), pages_per_step);
    const int total = sqlite3_backup_pagecount(backup.get());
    if (progress && !progress(total - sqlite3_backup_remaining(backup.get()), total)) return stopped(kind);
  }
  if (code == SQLITE_DONE) return {};
  if (is_damage(code)) kind = BackupFailure::Kind::damaged;
  return fail(sqlite_error(target.handle(), code, part));
}

Result<void> check_whole(Database& database, const std::string& file, BackupFailure::Kind& kind) {
  const auto answer = database.value("PRAGMA integrity_check(1)");
  const bool unreadable = !answer && is_damage(sqlite3_errcode(database.handle()));
  if (unreadable || (answer && *answer != "ok")) kind = BackupFailure::Kind::damaged;
  if (!answer) return fail(answer.error());
  if (*answer != "ok") return fail(Error::Kind::failed, fmt::format("{}: the database is damaged: {}", file, *answer));
  const auto orphan = database.value("PRAGMA foreign_key_check");
  if (!orphan) return fail(orphan.error());
  if (orphan->empty()) return {};
  kind = BackupFailure::Kind::damaged;
  return fail(Error::Kind::failed, fmt::format("{}: the database is damaged: a row of table {} refers to nothing", file, *orphan));
}

Result<void> make_durable(const std::string& path, int flags) {
  const Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail(system_error(errno, "cannot make durable " + path));
  return {};
}

Result<void> copy_to_part(const std::string& source, const std::string& part, const Schema& schema, const BackupProgress& progress,
                          BackupFailure::Kind& kind) {
  auto from = Database::open(source);
  if (!from) return fail(from.error());
  if (auto done = check_owner(*from, schema, source); !done) {
    if (is_damage(sqlite3_errcode(from->handle()))) kind = BackupFailure::Kind::damaged;
    return done;
  }
  if (auto done = make_part(part); !done) return done;
  auto to = Database::open(part);
  if (!to) return fail(to.error());
  auto done = copy_pages(*from, *to, part, progress, kind);
  // One file: a log beside it would be forgotten when it is moved. The next hub that opens it turns the log on again.
  if (done) done = to->execute("PRAGMA journal_mode = DELETE");
  if (done) done = check_whole(*to, part, kind);
  if (done && progress && !progress(1, 1)) done = stopped(kind);
  return done;
}

Result<void> give_name(const std::string& part, const std::string& target) {
  if (auto done = make_durable(part, O_RDONLY); !done) return done;
  // link() refuses what exists, where rename() would overwrite it.
  if (::link(part.c_str(), target.c_str()) != 0) return fail(system_error(errno, fmt::format("cannot make {}", target)));
  ::unlink(part.c_str());
  const auto folder = std::filesystem::absolute(target).parent_path().string();
  return make_durable(folder, O_RDONLY | O_DIRECTORY);
}

Result<std::int64_t> count(Database& database, std::string_view table) {
  const auto text = database.value(fmt::format("SELECT count(*) FROM {}", table));
  if (!text) return fail(text.error());
  std::int64_t number = 0;
  std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

}  // namespace

tl::expected<void, BackupFailure> backup_database(const std::string& source, const std::string& target, const BackupProgress& progress,
                                                  const Schema& schema) {
  BackupFailure failure;
  const auto fails = [&failure](std::string message) {
    failure.message = std::move(message);
    return tl::unexpected<BackupFailure>(failure);
  };
  if (auto there = check_exists(source); !there) return fails(there.error().message);
  struct stat status {};
  if (::lstat(target.c_str(), &status) == 0) return fails(fmt::format("{} exists already; name another file or move it away", target));
  const auto part = target + ".part";
  auto done = copy_to_part(source, part, schema, progress, failure.kind);
  if (done) done = give_name(part, target);
  if (done) return {};
  remove_part(part);
  return fails(done.error().message);
}

Result<DatabaseReport> check_database(const std::string& file) {
  if (auto there = check_exists(file); !there) return fail(there.error());
  auto database = Database::open(file);
  if (!database) return fail(database.error());
  if (auto done = check_owner(*database, report_schema(), file); !done) return fail(done.error());
  auto ignored_kind = BackupFailure::Kind::not_made;
  if (auto done = check_whole(*database, file, ignored_kind); !done) return fail(done.error());
  DatabaseReport report;
  const auto tables = {std::pair{"reports", &report.reports}, std::pair{"clients", &report.clients}};
  for (const auto& [table, place] : tables) {
    const auto rows = count(*database, table);
    if (!rows) return fail(rows.error());
    *place = *rows;
  }
  // A database of an earlier version has none yet.
  if (const auto rows = count(*database, "incidents")) report.incidents = *rows;
  std::error_code ignored;
  report.bytes = std::filesystem::file_size(file, ignored);
  return report;
}

Result<bool> knows_client(const std::string& file, const std::string& client_id) {
  if (auto there = check_exists(file); !there) return fail(there.error());
  auto database = Database::open(file);
  if (!database) return fail(database.error());
  if (auto done = check_owner(*database, report_schema(), file); !done) return fail(done.error());
  auto find = database->prepare("SELECT 1 FROM clients JOIN names ON names.id = clients.client WHERE names.client_id = ?1");
  if (!find) return fail(find.error());
  bool known = false;
  auto done = find->query([&known](const Statement&) { known = true; }, client_id);
  if (!done) return fail(done.error());
  return known;
}

}  // namespace vpn_sentinel

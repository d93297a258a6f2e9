#include "probe/delivery/outbox_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>

#include "netns/base/fd.hpp"
#include "probe/delivery/outbox_seal.hpp"

namespace vpn_sentinel {
namespace {

/// Step N brings a file from version N to N + 1 (PRAGMA user_version).
constexpr std::array migrations{"CREATE TABLE item (id INTEGER PRIMARY KEY, is_change INTEGER NOT NULL, report TEXT NOT NULL) STRICT"};
constexpr int most_moved_aside = 9;

struct Finalize {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Error::Kind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error::Kind::unavailable;
    case SQLITE_ERROR:  // "no such column", "table exists": a database, but not ours
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return Error::Kind::invalid;
    default:
      return Error::Kind::failed;
  }
}

Error sqlite_error(sqlite3* database, int code) {
  const auto kind = kind_of(code);
  if (kind == Error::Kind::unavailable) return Error{kind, "another process has it open"};
  return Error{kind, database ? sqlite3_errmsg(database) : sqlite3_errstr(code)};
}

Result<void> execute(sqlite3* database, const char* sql) {
  const int code = sqlite3_exec(database, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(database, code));
  return {};
}

Result<Statement> prepare(sqlite3* database, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(database, sql, -1, &raw, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(database, code));
  return Statement(raw);
}

std::string text_column(sqlite3_stmt* statement, int column) {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return text ? std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column))) : std::string{};
}

/// The first column of the first row.
Result<std::string> ask(sqlite3* database, const char* sql) {
  const auto statement = prepare(database, sql);
  if (!statement) return fail(statement.error());
  const int code = sqlite3_step(statement->get());
  if (code != SQLITE_ROW) return fail(sqlite_error(database, code));
  return text_column(statement->get(), 0);
}

/// SQLite would make the file with the process's umask; a report names places and addresses of a person.
Result<void> make_private(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600));
  if (!file) return fail(system_error(errno, "open"));
  if (::fchmod(file.get(), 0600) != 0) return fail(system_error(errno, "chmod"));
  return {};
}

Result<void> check(sqlite3* database) {
  const auto answer = ask(database, "PRAGMA quick_check(1)");
  if (!answer) return fail(answer.error());
  if (*answer != "ok") return fail(Error::Kind::invalid, *answer);
  // The file itself could be opened for writing: it is its format number that forbids it.
  if (sqlite3_db_readonly(database, "main") != 0) return fail(Error::Kind::invalid, "its format cannot be written");
  return {};
}

Result<void> migrate(sqlite3* database) {
  const auto text = ask(database, "PRAGMA user_version");
  if (!text) return fail(text.error());
  const auto version = std::strtoul(text->c_str(), nullptr, 10);
  if (version > migrations.size()) return fail(Error::Kind::invalid, fmt::format("written by a newer version (format {})", *text));
  for (auto next = version; next < migrations.size(); ++next) {
    const auto sql = fmt::format("BEGIN IMMEDIATE; {}; PRAGMA user_version = {}; COMMIT", migrations.at(next), next + 1);
    if (auto result = execute(database, sql.c_str()); !result) return result;
  }
  return {};
}

Result<void> run_each(sqlite3* database, const OutboxBatch& batch) {
  const auto removal = prepare(database, "DELETE FROM item WHERE id = ?1");
  if (!removal) return fail(removal.error());
  for (const auto id : batch.removals) {
    sqlite3_bind_int64(removal->get(), 1, static_cast<sqlite3_int64>(id));
    const int code = sqlite3_step(removal->get());
    if (code != SQLITE_DONE) return fail(sqlite_error(database, code));
    sqlite3_reset(removal->get());
  }
  const auto put = prepare(database, "INSERT OR REPLACE INTO item (id, is_change, report) VALUES (?1, ?2, ?3)");
  if (!put) return fail(put.error());
  for (const auto& [id, row] : batch.puts) {
    sqlite3_bind_int64(put->get(), 1, static_cast<sqlite3_int64>(id));
    sqlite3_bind_int(put->get(), 2, row.is_change ? 1 : 0);
    const auto text = seal(id, row);
    sqlite3_bind_text64(put->get(), 3, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    const int code = sqlite3_step(put->get());
    if (code != SQLITE_DONE) return fail(sqlite_error(database, code));
    sqlite3_reset(put->get());
  }
  return {};
}

/// A row without an envelope was written by the first version.
std::optional<OutboxRow> row_of(std::uint64_t id, bool is_change, std::string text) {
  if (text.starts_with('{')) return OutboxRow{is_change, std::move(text)};
  auto unsealed = unseal(text);
  if (!unsealed || unsealed->id != id || sealed_size(text) != text.size()) return std::nullopt;
  return std::move(unsealed->row);
}

tl::unexpected<Error> fail_for(const std::string& path, Error error) {
  error.message = fmt::format("{}: {}", path, error.message);
  return fail(std::move(error));
}

}  // namespace

void OutboxFile::Close::operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }

Result<OutboxFile> OutboxFile::open(const std::string& path) {
  std::error_code ignored;  // the open below says what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  if (auto made = make_private(path); !made) return fail_for(path, made.error());
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw);
  if (code != SQLITE_OK) return fail_for(path, sqlite_error(raw, code));
  // Exclusive: two probes with one outbox would send everything twice, and without sharing no -shm file is needed.
  // FULL: what was committed survives a power cut, not only a crash of the process.
  // Secure deletion where it costs no write: places and addresses do not stay behind, nor do old rows come back by a salvage.
  auto ready = execute(raw,
                       "PRAGMA busy_timeout = 1000; PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;"
                       "PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST;"
                       "PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 1048576")
                   .and_then([raw] { return check(raw); })
                   .and_then([raw] { return migrate(raw); });
  if (!ready) return fail_for(path, ready.error());
  return OutboxFile(std::move(database), path);
}

Result<std::map<std::uint64_t, OutboxRow>> OutboxFile::load() {
  const auto statement = prepare(database_.get(), "SELECT id, is_change, report FROM item ORDER BY id");
  if (!statement) return fail_for(path_, statement.error());
  std::map<std::uint64_t, OutboxRow> rows;
  int code = sqlite3_step(statement->get());
  for (; code == SQLITE_ROW; code = sqlite3_step(statement->get())) {
    const auto id = static_cast<std::uint64_t>(sqlite3_column_int64(statement->get(), 0));
    auto row = row_of(id, sqlite3_column_int(statement->get(), 1) != 0, text_column(statement->get(), 2));
    if (!row) return fail_for(path_, Error{Error::Kind::invalid, fmt::format("the report in row {} is damaged", id)});
    rows.emplace(id, std::move(*row));
  }
  if (code != SQLITE_DONE) return fail_for(path_, sqlite_error(database_.get(), code));
  return rows;
}

Result<void> OutboxFile::apply(const OutboxBatch& batch) {
  auto done = execute(database_.get(), "BEGIN IMMEDIATE").and_then([&] { return run_each(database_.get(), batch); }).and_then([&] {
    return execute(database_.get(), "COMMIT");
  });
  if (done) return {};
  // Some errors have rolled back already; then this one fails and that is fine.
  sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  return fail_for(path_, done.error());
}

Result<std::string> OutboxFile::move_aside(const std::string& path) {
  std::string target;
  for (int n = 1; n <= most_moved_aside; ++n) {
    target = fmt::format("{}.corrupt-{}", path, n);
    if (!std::filesystem::exists(target)) break;
  }
  if (std::rename(path.c_str(), target.c_str()) != 0) return fail_for(path, system_error(errno, "rename"));
  // The log belongs to the old file: applied to a fresh one it would damage that too.
  if (std::rename((path + "-wal").c_str(), (target + "-wal").c_str()) != 0 && errno != ENOENT) {
    return fail_for(path + "-wal", system_error(errno, "rename"));
  }
  std::remove((path + "-shm").c_str());
  return target;
}

}  // namespace vpn_sentinel

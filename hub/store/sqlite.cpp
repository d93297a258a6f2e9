#include "hub/store/sqlite.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace vpn_sentinel {
namespace {

struct Hint {
  int code;
  Error::Kind kind;
  std::string_view reason;
};

constexpr std::string_view disk_full = "the disk is full; free some space, nothing that was acknowledged is lost";

constexpr Hint hints[] = {
    {SQLITE_FULL, Error::Kind::no_space, disk_full},
    {SQLITE_READONLY, Error::Kind::not_permitted, "the file or its directory is not writable by this user"},
    {SQLITE_PERM, Error::Kind::not_permitted, "the file may not be opened by this user"},
    {SQLITE_CANTOPEN, Error::Kind::not_permitted, "the file cannot be opened or made; check its directory and their permissions"},
    {SQLITE_CORRUPT, Error::Kind::failed, "the database is damaged; move the file away or restore a backup"},
    {SQLITE_NOTADB, Error::Kind::invalid, "the file is no SQLite database; name another file or move this one away"},
    {SQLITE_BUSY, Error::Kind::unavailable, "another process holds the database locked"},
    {SQLITE_LOCKED, Error::Kind::unavailable, "another process holds the database locked"},
    {SQLITE_INTERRUPT, Error::Kind::timed_out, "the question takes too long; ask about a shorter time or one client"},
    {SQLITE_NOMEM, Error::Kind::failed, "out of memory"},
};

const Hint* hint_for(int code) {
  for (const auto& hint : hints) {
    if (hint.code == (code & 0xff)) return &hint;
  }
  return nullptr;
}

}  // namespace

Error sqlite_error(sqlite3* handle, int code, const std::string& file, int last_errno) {
  const auto* hint = hint_for(code);
  if (hint != nullptr) return {hint->kind, fmt::format("{}: {} ({})", file, hint->reason, sqlite3_errstr(code))};
  std::string system;
  const bool io_error = (code & 0xff) == SQLITE_IOERR && handle != nullptr;
  const int told = io_error ? sqlite3_system_errno(handle) : 0;
  const int system_code = io_error && told == 0 ? last_errno : told;
  if (system_code == ENOSPC || system_code == EDQUOT) return {Error::Kind::no_space, fmt::format("{}: {}", file, disk_full)};
  if (system_code == EROFS) return {Error::Kind::not_permitted, fmt::format("{}: the file system is read-only", file)};
  if (system_code != 0) system = ": " + std::generic_category().message(system_code);
  const char* details = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  return {Error::Kind::failed, fmt::format("{}: {}{}", file, details, system)};
}

std::string_view Statement::text(int column) const {
  const auto* bytes = sqlite3_column_blob(statement_.get(), column);  // of a text column: its UTF-8 bytes
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

int Statement::bind(int index, std::string_view value) {
  // A null pointer would bind NULL; nullptr as destructor is SQLITE_STATIC.
  const char* bytes = value.data() != nullptr ? value.data() : "";
  return sqlite3_bind_text64(statement_.get(), index, bytes, value.size(), nullptr, SQLITE_UTF8);
}

Result<void> Statement::finish(int code) {
  const int last_errno = errno;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return {};
  }
  auto error = sqlite_error(sqlite3_db_handle(statement_.get()), code, file_, last_errno);
  sqlite3_reset(statement_.get());
  return fail(std::move(error));
}

Result<Database> Database::open(const std::string& file) {
  // Nobody asks SQLite how much memory it uses; counting would take a lock for each piece. After its first use this changes nothing.
  [[maybe_unused]] static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
  Database database(handle, file);  // also after a failure: SQLite wants the handle closed
  if (code != SQLITE_OK) return fail(sqlite_error(handle, code, file));
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  return database;
}

Result<void> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(handle_.get(), code, file_));
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(handle_.get(), code, file_));
  return Statement(statement, file_);
}

Result<std::string> Database::value(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return fail(statement.error());
  std::string value;
  auto done = statement->query([&value](const Statement& row) { value = row.text(0); });
  if (!done) return fail(done.error());
  return value;
}

}  // namespace vpn_sentinel

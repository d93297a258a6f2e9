/// The part of SQLite's C interface that the store needs, owned and with errors as values.
#pragma once

#include <sqlite3.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// A prepared statement. run() and query() bind their arguments to ?1, ?2, … in order.
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3_stmt* statement, std::string file) : statement_(statement), file_(std::move(file)) {}

  template <typename... Values>
  [[nodiscard]] Result<void> run(const Values&... values) {
    return query([](const Statement&) {}, values...);
  }

  /// run(), and how many rows it inserted, changed or removed.
  template <typename... Values>
  [[nodiscard]] Result<std::int64_t> run_counted(const Values&... values) {
    if (auto done = run(values...); !done) return tl::unexpected<Error>(std::move(done.error()));
    return sqlite3_changes64(sqlite3_db_handle(statement_.get()));
  }

  /// Calls `on_row(const Statement&)` for each row.
  template <typename OnRow, typename... Values>
  [[nodiscard]] Result<void> query(OnRow&& on_row, const Values&... values) {
    int index = 0;
    int code = SQLITE_OK;
    // A value that is not bound would be NULL, or the one of the last time.
    static_cast<void>(((code = bind(++index, values), code == SQLITE_OK) && ...));
    if (code != SQLITE_OK) return finish(code);
    errno = 0;  // finish() may have to ask it
    while ((code = sqlite3_step(statement_.get())) == SQLITE_ROW) on_row(std::as_const(*this));
    return finish(code);
  }

  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  /// Nullopt: NULL.
  [[nodiscard]] std::optional<double> optional_number(int column) const {
    if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
    return sqlite3_column_double(statement_.get(), column);
  }
  [[nodiscard]] std::string_view text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };

  /// These return SQLite's result code.
  [[nodiscard]] int bind(int index, std::int64_t value) { return sqlite3_bind_int64(statement_.get(), index, value); }
  /// The text must outlive the call of run() or query().
  [[nodiscard]] int bind(int index, std::string_view value);
  [[nodiscard]] int bind(int index, const std::string& value) { return bind(index, std::string_view(value)); }
  /// Resets the statement; an error unless `code` is SQLITE_DONE.
  Result<void> finish(int code);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string file_;
};

class Database {
 public:
  /// How long another connection's lock is waited for.
  static constexpr int busy_timeout_ms = 5'000;

  [[nodiscard]] static Result<Database> open(const std::string& file);

  [[nodiscard]] Result<void> execute(const std::string& sql);
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  /// The single value of a query such as "PRAGMA user_version", as text.
  [[nodiscard]] Result<std::string> value(std::string_view sql);
  [[nodiscard]] sqlite3* handle() const noexcept { return handle_.get(); }
  [[nodiscard]] bool in_transaction() const noexcept { return sqlite3_get_autocommit(handle_.get()) == 0; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const noexcept { sqlite3_close(handle); }
  };

  Database(sqlite3* handle, std::string file) : handle_(handle), file_(std::move(file)) {}

  std::unique_ptr<sqlite3, Close> handle_;
  std::string file_;
};

/// A sentence with the file, the reason, and what to do about it. `last_errno`: for a COMMIT that fails SQLite does not say why itself.
[[nodiscard]] Error sqlite_error(sqlite3* handle, int code, const std::string& file, int last_errno = 0);

}  // namespace vpn_sentinel

#include "hub/store/sqlite_log.hpp"

#include <utility>

#include "hub/store/sqlite_housekeeping.hpp"

namespace vpn_sentinel {
namespace {

/// 8 MB: copied within some ten milliseconds.
constexpr int short_log_pages = 1'000;
/// 32 MB, half of what the log's file may keep.
constexpr int long_log_pages = 4'000;
/// The thread for it does not keep up.
constexpr int overlong_log_pages = 8'000;

}  // namespace

SqliteLog::SqliteLog(Database& database, std::string file, std::unique_ptr<Checkpointer> checkpointer)
    : database_(database), file_(std::move(file)), checkpointer_(std::move(checkpointer)) {
  sqlite3_wal_hook(database_.handle(), note_pages, this);
}

int SqliteLog::note_pages(void* log, sqlite3*, const char*, int pages) {
  auto& self = *static_cast<SqliteLog*>(log);
  self.pages_ = pages;
  self.checkpointer_->note(pages);
  return SQLITE_OK;
}

bool SqliteLog::needs_maintenance() const { return pages_ >= long_log_pages || too_large_; }

void SqliteLog::begin_anew_when_copied() {
  if (checkpointer_->take_copied()) begin_anew();
}

/// A short log is copied here at once, a long one by the thread for it; unless that fails or does not keep up.
Result<void> SqliteLog::checkpoint() {
  const auto trouble = checkpointer_->trouble();
  if (!trouble && pages_ > short_log_pages && pages_ < overlong_log_pages) {
    checkpointer_->kick();
    return {};
  }
  int in_log = 0;
  int copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
  if (code == SQLITE_BUSY) return {};  // the thread is at it
  if (code != SQLITE_OK) return fail(sqlite_error(database_.handle(), code, file_));
  if (trouble) checkpointer_->kick();
  pages_ = in_log - copied;  // What was copied is overwritten by the next commit.
  return {};
}

/// The log was copied meanwhile: what came since is copied here, and the next commit begins at its start. Not while somebody reads in it:
/// the writer waits for nobody.
void SqliteLog::begin_anew() {
  sqlite3_busy_timeout(database_.handle(), 0);
  const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
  sqlite3_busy_timeout(database_.handle(), Database::busy_timeout_ms);
  if (code == SQLITE_OK) pages_ = 0;
  look_at_size();
}

void SqliteLog::look_at_size() {
  const auto use = most_bytes_ != 0 ? file_use(database_) : Result<FileUse>();
  too_large_ = use && use->used > most_bytes_;
}

}  // namespace vpn_sentinel

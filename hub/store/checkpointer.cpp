#include "hub/store/checkpointer.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace vpn_sentinel {
namespace {

/// The writer adds pages meanwhile: a few rounds come close, what is left then is a few milliseconds of the writer's.
constexpr int most_rounds = 3;
constexpr int nearly_all = 400;
/// Looking at the room costs a system call.
constexpr int pages_between_looks = 128;
constexpr std::uint64_t page_bytes = 8192;
constexpr std::uint64_t fewest_worth = 100;

}  // namespace

Result<std::unique_ptr<Checkpointer>> Checkpointer::start(const std::string& file) {
  auto database = Database::open(file);
  if (!database) return fail(database.error());
  if (auto done = database->execute("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0"); !done) return fail(done.error());
  return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(*database), file));
}

Checkpointer::Checkpointer(Database database, std::string file)
    : database_(std::move(database)), file_(std::move(file)), thread_([this] { run(); }) {}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Checkpointer::look_at_room(int log_pages) {
  if (log_pages >= looked_at_ && log_pages < looked_at_ + pages_between_looks) return;
  looked_at_ = log_pages;
  struct statvfs disk {};
  if (::statvfs(file_.c_str(), &disk) != 0) return;
  const auto pages = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize / page_bytes;
  worth_ = static_cast<int>(std::clamp<std::uint64_t>(pages / 4, fewest_worth, worth_it));
}

void Checkpointer::note(int log_pages) {
  look_at_room(log_pages);
  {
    const std::lock_guard lock(mutex_);
    if (log_pages < worth_ || next_at_ > log_pages + worth_) next_at_ = worth_;
    if (log_pages < next_at_ || wanted_ || copied_) return;
    next_at_ = log_pages + worth_;
    wanted_ = true;
  }
  wake_.notify_all();
}

void Checkpointer::kick() {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  wake_.notify_all();
}

bool Checkpointer::take_copied() {
  const std::lock_guard lock(mutex_);
  return std::exchange(copied_, false);
}

std::optional<Error> Checkpointer::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void Checkpointer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return ends_ || wanted_; });
    if (ends_) return;
    lock.unlock();
    auto trouble = copy();
    lock.lock();
    trouble_ = std::move(trouble);
    wanted_ = false;
    copied_ = !trouble_;
  }
}

std::optional<Error> Checkpointer::copy() {
  for (int round = 0; round < most_rounds; ++round) {
    int in_log = 0;
    int copied = 0;
    const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
    if (code == SQLITE_BUSY) return std::nullopt;  // the writer copies by itself
    if (code != SQLITE_OK) return sqlite_error(database_.handle(), code, file_);
    if (in_log - copied < nearly_all) break;
  }
  return std::nullopt;
}

}  // namespace vpn_sentinel

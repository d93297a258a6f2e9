#include "probe/delivery/outbox_writer.hpp"

#include <utility>

namespace vpn_sentinel {
namespace {

/// A removal alone can wait: if it is lost, the report is sent again and the hub knows it by boot_id and seq. Together with the next row
/// it costs no write of its own, which halves the wear of a flash disk.
constexpr std::chrono::seconds removal_delay{1};

}  // namespace

OutboxWriter::OutboxWriter(Start start) : path_(std::move(start.path)), retry_after_(start.retry_after), file_(std::move(start.file)) {
  if (!file_) trouble_ = std::move(start.trouble);
  thread_ = std::thread([this] { run(); });
}

OutboxWriter::~OutboxWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

void OutboxWriter::put(std::uint64_t id, OutboxRow row) {
  {
    const std::lock_guard lock(mutex_);
    noted_.puts.insert_or_assign(id, std::move(row));
  }
  work_.notify_one();
}

void OutboxWriter::remove(std::uint64_t id) {
  {
    const std::lock_guard lock(mutex_);
    if (noted_.puts.erase(id) > 0) return;
    noted_.removals.insert(id);
    if (!removal_since_) removal_since_ = std::chrono::steady_clock::now();
  }
  work_.notify_one();
}

bool OutboxWriter::take_wants_everything() {
  const std::lock_guard lock(mutex_);
  return std::exchange(wants_everything_, false);
}

std::optional<std::string> OutboxWriter::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

std::optional<MovedAside> OutboxWriter::moved_aside() const {
  const std::lock_guard lock(mutex_);
  return moved_aside_;
}

bool OutboxWriter::wait_written(std::chrono::milliseconds most) {
  Lock lock(mutex_);
  hurry_ = true;
  work_.notify_one();
  const bool all = written_.wait_for(lock, most, [this] { return noted_.empty() && !writing_; });
  hurry_ = false;
  return all;
}

void OutboxWriter::wait_for_work(Lock& lock) {
  while (!stopping_ && noted_.puts.empty() && !(hurry_ && !noted_.removals.empty())) {
    if (!removal_since_) {
      work_.wait(lock);
    } else if (work_.wait_until(lock, *removal_since_ + removal_delay) == std::cv_status::timeout) {
      return;
    }
  }
}

void OutboxWriter::run() {
  Lock lock(mutex_);
  bool replaced = false;  ///< and nothing was written since
  for (;;) {
    wait_for_work(lock);
    if (noted_.empty() && stopping_) return;
    auto batch = std::exchange(noted_, {});
    removal_since_.reset();
    writing_ = true;
    lock.unlock();
    auto done = write(batch);
    // A second file that is damaged at once is no accident: that one waits.
    bool at_once = false;
    if (!done && done.error().kind == Error::Kind::invalid) at_once = replace_damaged(done.error()) && !std::exchange(replaced, true);
    lock.lock();
    writing_ = false;
    if (done) {
      replaced = false;
      trouble_.reset();
      if (noted_.empty()) written_.notify_all();
      continue;
    }
    trouble_ = done.error().message;
    take_back(batch);
    if (stopping_) return;
    if (!at_once) work_.wait_for(lock, retry_after_, [this] { return stopping_; });
  }
}

Result<void> OutboxWriter::write(const OutboxBatch& batch) {
  if (!file_) {
    auto opened = OutboxFile::open(path_);
    if (!opened) return fail(opened.error());
    file_.emplace(std::move(*opened));
  }
  return file_->apply(batch);
}

/// The owner puts everything again at its next call; what it removes meanwhile is not in the fresh file anyway. True: that one is open.
bool OutboxWriter::replace_damaged(const Error& why) {
  file_.reset();
  auto moved = OutboxFile::move_aside(path_);
  if (!moved) return false;
  if (auto opened = OutboxFile::open(path_)) file_.emplace(std::move(*opened));
  const std::lock_guard lock(mutex_);
  moved_aside_ = MovedAside{*moved, why.message + "; the damaged file is now " + *moved};
  wants_everything_ = true;
  return file_.has_value();
}

void OutboxWriter::take_back(const OutboxBatch& batch) {
  for (const auto id : batch.removals) noted_.removals.insert(id);
  for (const auto& [id, row] : batch.puts) {
    if (!noted_.removals.contains(id)) noted_.puts.emplace(id, row);
  }
  if (!noted_.removals.empty()) removal_since_ = std::chrono::steady_clock::now();
}

}  // namespace vpn_sentinel

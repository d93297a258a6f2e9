#include "probe/watch/baseline_keeper.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace vpn_sentinel {
namespace {

/// The bursts of a start or a restart are over by then.
constexpr std::chrono::seconds before_learning{3};
/// A change that lasts and leaves the target secure is the new healthy state, unless the user has pinned another one.
constexpr std::chrono::hours drift_is_news{1};

}  // namespace

void BaselineKeeper::sweep(const Snapshot& snapshot, std::uint64_t generation, const Observation& seen, Health health, MonoTime now) {
  read_pinned();
  if (!health.secure) secure_since_.reset();
  if (!health.comparable) {
    drift_ = {};
    compared_ = 0;
    return;
  }
  if (health.secure && !secure_since_) secure_since_ = now;
  if (secure_since_ && now - *secure_since_ >= before_learning && !pinned_) learn(snapshot, seen, now);
  if (generation == compared_ && generation != 0 && seen.endpoints == compared_endpoints_) return;
  compared_ = generation;
  compared_endpoints_ = seen.endpoints;
  compare(snapshot, seen);
}

void BaselineKeeper::learn(const Snapshot& snapshot, const Observation& seen, MonoTime now) {
  const bool drifts = !drift_.rules.empty() || !drift_.routes.empty();
  if (!drifts) drift_since_.reset();
  if (drifts && !drift_since_) drift_since_ = now;
  if (learnt_ && !(drift_since_ && now - *drift_since_ > drift_is_news)) return;
  learnt_ = make_baseline(snapshot, seen);
  compared_ = 0;
}

void BaselineKeeper::compare(const Snapshot& snapshot, const Observation& seen) {
  if (!pinned_error_.empty()) {
    drift_ = {};
    drift_.routes = {pinned_error_};
    drift_.pinned = true;
    return;
  }
  const auto& healthy = pinned_ ? pinned_ : learnt_;
  drift_ = healthy ? explain_drift(*healthy, make_baseline(snapshot, seen), pinned_.has_value()) : DriftView{};
}

void BaselineKeeper::read_pinned() {
  if (file_.empty()) return;
  struct stat status {};
  const bool exists = ::stat(file_.c_str(), &status) == 0;
  // What may be there and cannot be seen may be pinned.
  if (!exists && errno != ENOENT && errno != ENOTDIR) return refuse_pinned(system_error(errno, file_).message);
  const auto time = exists ? status.st_mtim : timespec{};
  const bool same = time.tv_sec == file_time_.tv_sec && time.tv_nsec == file_time_.tv_nsec;
  if (same && !unseen_) return;
  unseen_ = false;
  file_time_ = time;
  compared_ = 0;
  pinned_.reset();
  pinned_error_.clear();
  if (!exists) return;
  if (auto read = read_baseline(file_)) {
    pinned_ = std::move(*read);
  } else {
    pinned_error_ = fmt::format("the pinned healthy state cannot be read: {}", read.error().message);
    unseen_ = true;  // tried again: perhaps no descriptor was left
  }
}

void BaselineKeeper::refuse_pinned(const std::string& reason) {
  if (std::exchange(unseen_, true)) return;
  compared_ = 0;
  pinned_.reset();
  pinned_error_ = fmt::format("the pinned healthy state cannot be read: {}", reason);
}

}  // namespace vpn_sentinel

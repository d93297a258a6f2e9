#include "hub/app/store_watch.hpp"

namespace vpn_sentinel {

std::optional<Notice> StoreWatch::look(bool healthy, const std::string& trouble, WallTime now, MonoTime mono) {
  if (!healthy) {
    works_since_.reset();
    if (failing_since_) return std::nullopt;
    failing_since_ = mono;
    return store_fails_notice(trouble, now);
  }
  if (!failing_since_) return std::nullopt;
  if (!works_since_) works_since_ = mono;
  if (mono - *works_since_ < settled_after) return std::nullopt;
  const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(*works_since_ - *failing_since_);
  failing_since_.reset();
  works_since_.reset();
  return store_works_notice(lasted, now);
}

}  // namespace vpn_sentinel

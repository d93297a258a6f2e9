#include "hub/app/store_watch.hpp"

#include "hub/alert/message.hpp"

namespace vpn_sentinel {

std::optional<std::string> StoreWatch::look(bool healthy, const std::string& trouble, WallTime now, MonoTime mono) {
  if (!healthy) {
    works_since_.reset();
    if (failing_since_) return std::nullopt;
    failing_since_ = mono;
    return telegram_store_fails_text(trouble, now);
  }
  if (!failing_since_) return std::nullopt;
  if (!works_since_) works_since_ = mono;
  if (mono - *works_since_ < settled_after) return std::nullopt;
  const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(*works_since_ - *failing_since_);
  failing_since_.reset();
  works_since_.reset();
  return telegram_store_works_text(lasted, now);
}

}  // namespace vpn_sentinel

/// A text that one thread writes and any reads.
#pragma once

#include <mutex>
#include <string>
#include <utility>

namespace vpn_sentinel {

class SharedText {
 public:
  void set(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  [[nodiscard]] std::string get() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

}  // namespace vpn_sentinel

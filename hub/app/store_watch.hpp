/// When people are told that the hub cannot store: from memory, since the store cannot keep that message. Pure, fed with times.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "hub/alert/notice.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class StoreWatch {
 public:
  /// A full disk lets a small write through now and then: it is told once, and its end after it has worked for a while.
  static constexpr std::chrono::seconds settled_after{10};

  /// A message for the alert channels, or nothing. `trouble` is the store's error while it is not healthy.
  [[nodiscard]] std::optional<Notice> look(bool healthy, const std::string& trouble, WallTime now, MonoTime mono);

 private:
  std::optional<MonoTime> failing_since_;
  std::optional<MonoTime> works_since_;
};

}  // namespace vpn_sentinel

/// Keeps the healthy state of one target and what differs from it: pinned by the user in a file, else learnt while the target is secure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "probe/watch/baseline.hpp"

namespace vpn_sentinel {

class BaselineKeeper {
 public:
  /// `file` may be empty: nothing can be pinned. It is read again when it changes.
  explicit BaselineKeeper(std::string file) : file_(std::move(file)) {}

  struct Health {
    bool comparable = false;  ///< nothing leaks and the tunnel is there; else the look-ups say more than any comparison
    bool secure = false;      ///< nothing is wrong at all, so that what is seen may be learnt
  };
  /// Once a second or so. `generation` as of Monitor.
  void sweep(const Snapshot& snapshot, std::uint64_t generation, const Observation& seen, Health health, MonoTime now);

  [[nodiscard]] const DriftView& drift() const noexcept { return drift_; }
  /// What the user pinned; absent when there is none or its file cannot be read.
  [[nodiscard]] const std::optional<Baseline>& pinned() const noexcept { return pinned_; }
  [[nodiscard]] const std::optional<Baseline>& learnt() const noexcept { return learnt_; }

 private:
  void read_pinned();
  void refuse_pinned(const std::string& reason);
  void compare(const Snapshot& snapshot, const Observation& seen);
  void learn(const Snapshot& snapshot, const Observation& seen, MonoTime now);

  std::string file_;
  std::optional<Baseline> pinned_;
  std::string pinned_error_;
  timespec file_time_{};
  bool unseen_ = false;  ///< whether there is a file cannot be told
  std::optional<Baseline> learnt_;
  std::optional<MonoTime> secure_since_;
  std::optional<MonoTime> drift_since_;
  std::uint64_t compared_ = 0;                    ///< generation of the last comparison
  std::vector<EndpointView> compared_endpoints_;  ///< of the same: ways to the VPN servers are no part of the healthy state
  DriftView drift_;
};

}  // namespace vpn_sentinel

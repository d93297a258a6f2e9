/// When each client's lease passes, and when that may be told: a hub that was blind gives everyone a while to be heard. Pure.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class Leases {
 public:
  /// A client that has a grace keeps it.
  void set(const std::string& client_id, WallTime deadline);
  /// No alarm before `until`, whenever the lease passes.
  void grant(const std::string& client_id, WallTime until);
  /// The client was heard: its grace is over, the lease alone counts.
  void heard(const std::string& client_id);
  void erase(const std::string& client_id);

  /// Until when the client has grace.
  [[nodiscard]] std::optional<WallTime> grace(const std::string& client_id) const;
  [[nodiscard]] std::optional<WallTime> next_alarm() const;
  /// Whose lease and grace are over, in that order of time.
  [[nodiscard]] std::vector<std::string> due(WallTime now) const { return until(alarms_, now); }
  /// Whose lease is over.
  [[nodiscard]] std::vector<std::string> passed(WallTime now) const { return until(deadlines_, now); }

 private:
  struct Lease {
    WallTime deadline{};
    std::optional<WallTime> grace;
    [[nodiscard]] WallTime alarm() const { return grace ? std::max(deadline, *grace) : deadline; }
  };
  using Times = std::set<std::pair<WallTime, std::string>>;

  [[nodiscard]] static std::vector<std::string> until(const Times& times, WallTime now);
  void replace(const std::string& client_id, Lease lease);

  std::map<std::string, Lease> leases_;
  Times deadlines_;
  Times alarms_;
};

}  // namespace vpn_sentinel

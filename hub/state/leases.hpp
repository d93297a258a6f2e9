/// When each client's lease passes, and when that may be told: a hub that was blind gives everyone a while to be heard. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class Leases {
 public:
  Leases() = default;
  Leases(const Leases&) = delete;  ///< what is listed by time lies in leases_
  Leases& operator=(const Leases&) = delete;
  Leases(Leases&&) = default;
  Leases& operator=(Leases&&) = default;
  ~Leases() = default;

  /// A client that has a grace keeps it.
  void set(const std::string& client_id, WallTime deadline);
  /// No alarm before `until`, whenever the lease passes.
  void grant(const std::string& client_id, WallTime until);
  /// The client was heard: its grace is over, the lease alone counts.
  void heard(const std::string& client_id);
  void erase(const std::string& client_id);

  /// Somebody has.
  [[nodiscard]] bool has_grace() const noexcept { return with_grace_ > 0; }
  /// Until when the client has grace.
  [[nodiscard]] std::optional<WallTime> grace(const std::string& client_id) const;
  [[nodiscard]] std::optional<WallTime> next_alarm() const { return alarms_.next(); }
  /// Whose lease and grace are over, in that order of time.
  [[nodiscard]] std::vector<std::string> due(WallTime now) const { return alarms_.until(now); }
  /// Whose lease is over.
  [[nodiscard]] std::vector<std::string> passed(WallTime now) const { return deadlines_.until(now); }

 private:
  struct Lease {
    WallTime deadline{};
    std::optional<WallTime> grace;
    [[nodiscard]] WallTime end() const { return deadline; }
    [[nodiscard]] WallTime alarm() const { return grace ? std::max(deadline, *grace) : deadline; }
    WallTime listed_end{};
    WallTime listed_alarm{};
  };
  using Entry = std::pair<const std::string, Lease>;

  /// Clients by one of their times. A client may stand at an earlier time than its own, never at a later one: nearly every lease is renewed
  /// long before it passes, and then nothing is moved; who comes to the front too early is moved when somebody looks.
  class Calendar {
   public:
    Calendar(WallTime (Lease::*time)() const, WallTime Lease::*listed) : time_(time), listed_(listed) {}

    void add(Entry& entry);
    void remove(Entry& entry) { places_.erase({entry.second.*listed_, &entry}); }
    /// The entry's time has changed.
    void follow(Entry& entry);
    [[nodiscard]] std::optional<WallTime> next() const;
    [[nodiscard]] std::vector<std::string> until(WallTime now) const;

   private:
    using Place = std::pair<WallTime, Entry*>;
    struct Earlier {
      bool operator()(const Place& left, const Place& right) const {
        return left.first != right.first ? left.first < right.first : left.second->first < right.second->first;
      }
    };
    /// Moves who stands too early at the front. False: the front is right, or nobody is there.
    bool settle_front() const;

    WallTime (Lease::*time_)() const;
    WallTime Lease::*listed_;
    mutable std::set<Place, Earlier> places_;
  };

  void follow(Entry& entry);

  std::unordered_map<std::string, Lease> leases_;
  std::size_t with_grace_ = 0;
  Calendar deadlines_{&Lease::end, &Lease::listed_end};
  Calendar alarms_{&Lease::alarm, &Lease::listed_alarm};
};

}  // namespace vpn_sentinel

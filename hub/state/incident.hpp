/// Incidents: stretches of time in which a client was not secure, made of its changes as they come. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hub/state/care.hpp"
#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// danger > offline > contained > warning > secure: danger is known, silence may be anything.
[[nodiscard]] int badness(State state) noexcept;

struct Incident {
  std::int64_t id = 0;  ///< given by the store; 0: not stored yet
  std::string client_id;
  WallTime start{};
  std::optional<WallTime> end;           ///< nullopt: it goes on
  State worst = State::warning;          ///< by danger > offline > contained > warning: danger is known, silence may be anything
  State state = State::warning;          ///< the one it is in, or was in last
  WallTime since{};                      ///< when `state` began
  std::chrono::microseconds exposed{0};  ///< time in danger before `since`
  std::vector<Finding> findings;         ///< each code once: since its first time, worst severity, latest evidence; at most 100
  Exposure exposure = {};                ///< what left outside the tunnel meanwhile
  std::optional<Acknowledgement> acknowledged = {};
  friend bool operator==(const Incident&, const Incident&) = default;
};

/// Time in danger up to `now`.
[[nodiscard]] std::chrono::microseconds exposed_until(const Incident& incident, WallTime now);

/// A stretch of one state of which a late report told after newer ones were known: history that was missing.
struct PastStretch {
  std::string client_id;
  State state = State::warning;  ///< never offline
  State before = State::secure;  ///< what the hub took the time for so far: the state of the report before
  WallTime from{};
  WallTime to{};  ///< when the next report was true
  std::vector<Finding> findings;
  Exposure exposure = {};  ///< what left before and during it
  Exposure counters = {};  ///< as they stood when it began
};

/// The client's incidents that touch the stretch, with the stretch filled in: those that it joins become one (the oldest number stays; the
/// others come back with an empty client_id, to be removed), else it is a new closed one. Time that was counted as danger and was not is
/// taken back; a stretch that was secure ends an
/// incident earlier, but does not divide one.
[[nodiscard]] std::vector<Incident> fill_in(std::vector<Incident> touching, const PastStretch& stretch);

/// A stretch in danger without what `touching` counts as danger already, at either end: several may have seen the same.
[[nodiscard]] PastStretch without_known_danger(PastStretch stretch, const std::vector<Incident>& touching);

/// The open incident of each client. Bounded by the number of clients.
class IncidentBook {
 public:
  /// What the store knew.
  void restore(std::vector<Incident> open);

  /// A change opens, extends or closes the client's incident: the incident as it is to be stored now, nullopt when nothing changed.
  /// `step`: what left until the report that made the change; null: not known.
  [[nodiscard]] std::optional<Incident> apply(const Change& change, const LeakStep* step = nullptr);
  /// A report told what left since the one before. As apply(); of a group, with the step of a member.
  [[nodiscard]] std::optional<Incident> grow(const std::string& client_id, const LeakStep& step);
  /// A report brought findings without a change of state: as apply().
  [[nodiscard]] std::optional<Incident> see(const ClientState& client);
  /// Nobody watches the client any more: as apply(), closed at `now`.
  [[nodiscard]] std::optional<Incident> forget(const std::string& client_id, WallTime now);

  /// Of these codes of the client's findings those that its open incident does not know, or not so severe.
  [[nodiscard]] std::vector<std::string> unknown(const ClientState& client, const std::vector<std::string>& codes) const;

  /// The open incident of a client; null: none.
  [[nodiscard]] const Incident* find(const std::string& client_id) const;
  /// After storing (with its number), or to take a change back.
  void set(const std::string& client_id, std::optional<Incident> incident);

 private:
  std::optional<Incident> store_or_close(Incident incident);

  std::map<std::string, Incident> open_;
};

}  // namespace vpn_sentinel

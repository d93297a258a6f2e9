/// How reliable a client was in a period: what its time went by in, and its incidents. Pure. The parts of a period add up to it exactly,
/// and time that nobody knows about is never counted as protected.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hub/state/time_zone.hpp"
#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

/// What a period consists of.
struct TimeParts {
  using Time = std::chrono::microseconds;

  std::array<Time, 4> judged{};  ///< reported: in each judged state, by State
  Time offline{0};               ///< the client was silent, and the hub was there to hear it
  Time unknown{0};               ///< the hub was not there, or does not know any more
  Time absent{0};                ///< before the client was first heard of: no part of its reliability
  [[nodiscard]] Time in(State state) const { return judged.at(static_cast<std::size_t>(state)); }
  [[nodiscard]] Time reported() const;
  [[nodiscard]] Time total() const { return reported() + offline + unknown + absent; }
  friend bool operator==(const TimeParts&, const TimeParts&) = default;
};

void add(TimeParts& parts, const TimeParts& other);

/// What is known of one stretch of time, of which reports told.
struct KnownTime {
  Stretch stretch;
  std::array<TimeParts::Time, 4> judged{};  ///< may be more than the stretch: two probes spoke under one name
};

/// What the client's time in `within` went by in. Of a known stretch that lies only partly within it as much counts as protected as
/// certainly was, and all the danger that may have been; `approximate` is set unless that is exact.
struct Parted {
  TimeParts parts;
  bool approximate = false;
};
/// `known`: in the order of time, without overlaps. `silent`: when the client was offline and the hub there to hear it, likewise.
/// `first_heard`: nullopt: never.
[[nodiscard]] Parted part(const Stretch& within, const std::vector<KnownTime>& known, const std::vector<Stretch>& silent,
                          std::optional<WallTime> first_heard);

/// One change of state of a client or group, as history has it.
struct StateMark {
  WallTime at{};
  State state = State::offline;
};

/// What the marks say between them, and after the last one up to `until`. Marks in the order in which they were noticed; one that lies
/// before its predecessor counts from there.
struct StateStretch {
  Stretch stretch;
  State state = State::offline;
};
[[nodiscard]] std::vector<StateStretch> timeline(const std::vector<StateMark>& marks, WallTime until);

/// When the marks say offline and the hub was there. `present`: in the order of time; before the first of them nothing was noted about
/// the hub, and the marks alone count.
[[nodiscard]] std::vector<Stretch> silences(const std::vector<StateStretch>& timeline, const std::vector<Stretch>& present);

/// A group has marks only: what they say counts while the hub was there, from `settling` after it came.
inline constexpr std::chrono::minutes settling{2};
[[nodiscard]] std::vector<KnownTime> known_of_marks(const std::vector<StateStretch>& timeline, const std::vector<Stretch>& present);

/// An incident, as far as numbers go.
struct IncidentSpan {
  std::int64_t id = 0;
  WallTime start{};
  std::optional<WallTime> end;  ///< nullopt: it goes on
  State worst = State::warning;
};

struct IncidentNumbers {
  std::int64_t count = 0;                     ///< that touch the period
  std::int64_t began = 0;                     ///< of them, in the period
  std::int64_t recovered = 0;                 ///< of them, ended in the period
  std::int64_t open = 0;                      ///< of them, not ended when it ended
  std::chrono::microseconds recovery_sum{0};  ///< of those that recovered, their whole length
  std::chrono::microseconds longest{0};       ///< the longest, as much of it as lies in the period
  std::int64_t longest_id = 0;                ///< its number; 0: none
  friend bool operator==(const IncidentNumbers&, const IncidentNumbers&) = default;
};
[[nodiscard]] IncidentNumbers number_incidents(const std::vector<IncidentSpan>& incidents, const Stretch& within);
void add(IncidentNumbers& numbers, const IncidentNumbers& other);

/// One period of one client.
struct Reliability {
  Stretch period;
  TimeParts parts;
  IncidentNumbers incidents;
  bool approximate = false;
};

/// Of 1; nullopt: the client was not there at all. Never rounded up to 1.
[[nodiscard]] std::optional<double> protected_share(const TimeParts& parts);
[[nodiscard]] std::optional<double> reported_share(const TimeParts& parts);

/// {"from","to","length_s","protected_s","warning_s","contained_s","danger_s","reported_s","offline_s","unknown_s","absent_s",
///  "protected_share"|null,"reported_share"|null,"approximate"?:true,"incidents":{"count","began","recovered","open",
///  "mean_recovery_s"|null,"longest_s"|null,"longest_id"|null}}
[[nodiscard]] nlohmann::json to_json(const Reliability& reliability);

}  // namespace vpn_sentinel

/// The store's read side: questions of pages and programs, answered beside the writer and never in its way. An answer shows everything
/// that was acknowledged before the question began.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hub/state/client_state.hpp"
#include "hub/state/hints.hpp"
#include "hub/state/reliability.hpp"
#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// [from, to): everything by default.
struct TimeRange {
  WallTime from = WallTime::min();
  WallTime to = WallTime::max();
};

/// One page of a longer list.
struct Page {
  nlohmann::json items = nlohmann::json::array();
  /// What the question for the next page carries as its cursor; nullopt: there is nothing more at this moment.
  std::optional<std::int64_t> next;
};

/// Items of one page; other numbers are brought into the range.
inline constexpr std::size_t usual_page = 100;
inline constexpr std::size_t largest_page = 1'000;

/// Changes of one client in the order in which the hub noticed them, newest first. `range` is about `at`, the time at which each was true.
struct HistoryQuery {
  std::string client_id;
  TimeRange range{};
  std::optional<Change::Kind> kind{};
  std::int64_t cursor = 0;  ///< Page::next of the page before; 0: from the newest
  std::size_t most = usual_page;
};

/// Incidents that touch `range`, newest first in the order in which they were noticed: one that a late report told comes before those
/// that began after it.
struct IncidentQuery {
  std::optional<std::string> client_id{};  ///< nullopt: of all clients
  TimeRange range{};
  bool open_only = false;
  std::int64_t cursor = 0;
  std::size_t most = usual_page;
  WallTime now = wall_now();  ///< up to when the exposure of an open incident counts
};

enum class Resolution : std::uint8_t { minute, hour, day };

/// Roll-ups of one client, oldest first, one per stretch of the resolution (UTC) of which something is known.
struct SampleQuery {
  std::string client_id;
  Resolution resolution = Resolution::hour;
  TimeRange range{};
  std::optional<std::int64_t> cursor{};
  std::size_t most = usual_page;
};

/// Raw reports of one client in the order in which they arrived, newest first. `range` is about the time at which each was true.
struct ReportQuery {
  std::string client_id;
  TimeRange range{};
  std::int64_t cursor = 0;
  std::size_t most = usual_page;
};

/// What is kept by name beside the reports; the numbers are those of the file.
enum class KeptKind : std::uint8_t { mute = 0, maintenance = 1, rule = 2, desk = 3, hub = 4 };
struct Kept {
  std::string name;
  std::string json;
  friend bool operator==(const Kept&, const Kept&) = default;
};

/// How reliable clients and groups (group:NAME) were.
struct ReliabilityQuery {
  std::vector<std::string> client_ids;  ///< empty: all that are known, groups last
  std::vector<Stretch> periods;         ///< each begins where the one before ends; nothing of them lies in the future
  std::optional<WallTime> hints_at{};   ///< also what hints are made of, as of then
};

struct SubjectReliability {
  std::string client_id;
  Reliability total;
  std::vector<Reliability> periods;
  HintFacts facts{};  ///< with hints_at
};

/// Messages for channels, newest first.
struct AlertQuery {
  enum class State : std::uint8_t { waiting, delivered, given_up };
  std::string channel{};  ///< empty: of all
  std::optional<State> state{};
  std::int64_t cursor = 0;
  std::size_t most = usual_page;
};

/// For one thread at a time. A question that takes longer than time_limit ends as Error timed_out with what to do; a client that is not
/// known has an empty page.
class StoreReader {
 public:
  static constexpr std::chrono::milliseconds time_limit{5'000};

  virtual ~StoreReader() = default;

  /// {"at","noticed","kind","from"|null,"to","previous_lasted_ms","findings":[{"code","severity","since","evidence","meaning","advice"}],
  ///  "past"?: true, "previous_address"?, "public_ip"?, "exposed_s"?, "leaked"?: as below, with fewer destinations}
  [[nodiscard]] virtual Result<Page> history(const HistoryQuery& query) = 0;

  /// {"id","client_id","start","end"|null,"open","worst","state" (the state it is in, or was in last),"exposed_s" (time in danger; counts
  ///  up to `now` while the danger lasts),"leaked": {"packets","bytes","destinations"}|null (nobody counted),"findings":[as above; each
  ///  once, since its first time],"acknowledged": {"by","at","note"?}|null,"comment_count"}
  [[nodiscard]] virtual Result<Page> incidents(const IncidentQuery& query) = 0;
  /// One of them with "comments": [{"id","at","by","text"}], oldest first; null: there is no such incident.
  [[nodiscard]] virtual Result<nlohmann::json> incident(std::int64_t id, WallTime now) = 0;

  /// All of a kind, by name.
  [[nodiscard]] virtual Result<std::vector<Kept>> kept(KeptKind kind) = 0;

  /// {"start","length_s","reports","worst"|null,"secure_s","warning_s","contained_s","danger_s","unknown_s",
  ///  "latency_ms": {"min","mean","max"}|null,"exits": [addresses, at most 8],"more_exits"?: true,
  ///  "packets_outside"|null (nobody counted),"bytes_outside"|null,"traffic_bytes_per_s": {"rx","tx"}|null (not recorded),
  ///  "handshake_age_s": {"mean","max"}|null}
  [[nodiscard]] virtual Result<Page> samples(const SampleQuery& query) = 0;

  /// {"id","channel","text" (as it was stored),"created","attempts","delivered"|null,"gave_up","last_error"}
  [[nodiscard]] virtual Result<Page> alerts(const AlertQuery& query) = 0;

  /// The report as the hub took it, with "received", "source_address" and "time" (when it was true) beside its own keys.
  [[nodiscard]] virtual Result<Page> reports(const ReportQuery& query) = 0;

  /// In the order of the question; of who is not known all time is absent. The time limit is that of all together.
  [[nodiscard]] virtual Result<std::vector<SubjectReliability>> reliability(const ReliabilityQuery& query) = 0;
};

}  // namespace vpn_sentinel

/// What the store knows of how reliable somebody was, for the pure part (hub/state/reliability.hpp) to judge.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/store/reader.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/sqlite_time_limit.hpp"

namespace vpn_sentinel {

class SqliteReliability {
 public:
  [[nodiscard]] static Result<SqliteReliability> prepare(Database& database);
  [[nodiscard]] Result<std::vector<SubjectReliability>> answer(const ReliabilityQuery& query, const TimeLimit& limit);

 private:
  /// What is known of one client or group, as far as it does not depend on the period.
  struct Subject {
    std::int64_t number = 0;  ///< of its name
    bool is_group = false;
    std::optional<WallTime> first_heard;
    std::vector<StateStretch> timeline;
    std::vector<Stretch> silent;
    std::vector<KnownTime> known;  ///< of a group
    std::vector<IncidentSpan> incidents;
  };
  struct Judged {
    std::array<std::chrono::microseconds, 4> time{};
    bool found = false;
  };

  Result<SubjectReliability> judge(const std::string& client_id, const ReliabilityQuery& query, const std::vector<Stretch>& present,
                                   const TimeLimit& limit);
  Result<Subject> read_subject(const std::string& client_id, const Stretch& whole, const std::vector<Stretch>& present);
  Result<std::optional<WallTime>> first_heard(std::int64_t client);
  Result<std::vector<IncidentSpan>> incidents(std::int64_t client, const Stretch& whole);
  /// The known time that touches `within`: days, at its ends hours, at theirs minutes, as far as those are kept.
  Result<void> collect(std::int64_t client, Resolution resolution, const Stretch& within, std::vector<KnownTime>& known);
  /// True: the finer stretches of this one tell all that it tells, and were collected.
  Result<bool> collect_finer(std::int64_t client, Resolution resolution, const Stretch& stretch, const Judged& judged,
                             const Stretch& within, std::vector<KnownTime>& known);
  Result<Judged> read(Resolution resolution, WallTime start, std::int64_t client);

  /// What was read of the client under way: neighbouring periods share days and hours.
  std::map<std::pair<Resolution, WallTime>, Judged> read_;

  Result<HintFacts> hint_facts(std::int64_t client, WallTime now);
  Result<std::vector<std::string>> known_ids();

  Statement known_, name_, marks_, first_day_, first_change_, incidents_, sample_, presence_, latency_, events_;
};

}  // namespace vpn_sentinel

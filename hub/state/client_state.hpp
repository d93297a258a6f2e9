/// What the hub believes about one client, and what changed.
#pragma once

#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hub/state/exit_paths.hpp"
#include "hub/state/exposure.hpp"
#include "netns/base/clock.hpp"
#include "probe/report/report.hpp"
#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

/// One probe of a group, as the group saw it last.
struct GroupMember {
  std::string client_id;
  State state = State::offline;
  WallTime since{};
  bool sees = false;  ///< it could look; only those count
  friend bool operator==(const GroupMember&, const GroupMember&) = default;
};

/// So often two Python clients take each other's place until it is sure that they are two, and not one whose exit changes.
inline constexpr int sure_turns = 4;

/// Another probe that reports under the same name: one of those that did not report last.
struct Twin {
  std::string boot_id;  ///< empty: a Python client, which is known by its source address
  std::string source_address;
  std::string exit;  ///< that it told last; empty: none
  State state = State::warning;
  std::vector<Finding> findings;
  WallTime lease_deadline{};  ///< its state counts until then
  WallTime first_noticed{};
  WallTime shown_until{};
  /// How often one of two Python clients took the place of the other. A client whose exit changes looks the same at first.
  int turns = 0;
  [[nodiscard]] bool is_sure() const noexcept { return !boot_id.empty() || turns >= sure_turns; }
  friend bool operator==(const Twin&, const Twin&) = default;
};

inline constexpr std::size_t most_twins = 4;

struct ClientState {
  std::string client_id;
  State state = State::offline;
  std::vector<Finding> findings;  ///< the probe's and the hub's own; lease_expired when offline
  WallTime since{};               ///< when `state` began (the probe's time for reported states)
  WallTime first_seen{};
  WallTime last_seen{};       ///< hub's clock: when its last report was true
  WallTime lease_deadline{};  ///< hub's clock; passes -> offline. Absolute, so that it survives a restart
  std::optional<State> state_before_offline;
  std::string source_address;  ///< of the last report
  std::string key;             ///< name of the key that told it first; empty: the shared one, or none
  Report last_report;
  /// How long the hub had listened, in all its runs together, when it heard the client last. Absent: not by this hub's clock.
  std::optional<std::chrono::microseconds> heard_after;
  std::string known_address;               ///< last public address that was known; reports without one keep it
  std::vector<std::string> retired_boots;  ///< boots that others followed: their late reports are history
  std::vector<Twin> twins;                 ///< at most most_twins; after a restart of the hub, until a report, itself among them
  PathAddresses paths;                     ///< stored: by the uplink reports come at changes only
  /// The hub's clock less the probe's, the way included: the smallest of late.
  std::optional<std::chrono::microseconds> clock_skew;
  WallTime clock_measured{};
  std::string rule;                  ///< of a group; empty for a client
  std::vector<GroupMember> members;  ///< of a group
  [[nodiscard]] bool is_group() const noexcept { return !rule.empty(); }
  friend bool operator==(const ClientState&, const ClientState&) = default;
};

/// One thing that people may want to hear about.
struct Change {
  enum class Kind { connected, state_changed, address_changed, went_offline, came_back };
  Kind kind = Kind::state_changed;
  bool past = false;  ///< the client is offline: a late report told what it has been through meanwhile
  std::string client_id;
  std::optional<State> from;  ///< absent for connected
  State to = State::secure;
  WallTime at{};                                ///< when it was true: the probe's time, or the lease deadline for went_offline
  WallTime noticed{};                           ///< hub's clock
  std::chrono::milliseconds previous_lasted{};  ///< how long `from` had lasted
  std::string previous_address;                 ///< set whenever the public address changed with it
  ClientState client;                           ///< after the change
  std::chrono::microseconds exposed{0};         ///< time in danger of the incident that it belongs to, so far
  std::optional<LeakTotal> leaked = {};         ///< what left during it so far; absent: nobody counted, or there is no incident
  std::vector<std::string> news = {};           ///< codes that came while the state stayed: what the change is about
  friend bool operator==(const Change&, const Change&) = default;
};

[[nodiscard]] std::string_view to_string(Change::Kind kind);
/// The findings of the state `to`.
[[nodiscard]] const std::vector<Finding>& findings_of(const Change& change);

/// Codes that people want to hear of although the state stays: warnings and worse that `before` did not have, or not so severe. Beside
/// something worse, that another thing could not be looked at is no news.
[[nodiscard]] std::vector<std::string> codes_that_came(const ClientState& before, const ClientState& after);

/// admit() always sets a state; without one nothing was judged, and what was not judged is not secure. A report that calls itself better
/// than its own findings is not believed.
[[nodiscard]] State believed_state(const Report& report);

/// What a user can do about a finding. What the hub found by itself has settings of the hub. Empty: the code is not in the table.
[[nodiscard]] std::string_view advice_of(std::string_view code, const nlohmann::json& evidence);
[[nodiscard]] inline std::string_view advice_of(const Finding& finding) { return advice_of(finding.code, finding.evidence); }

/// {code, severity, since, evidence}, with meaning and advice from the finding table for a code that is in it.
[[nodiscard]] nlohmann::json to_json(const Finding& finding);

/// GET /api/v1/clients and the live channel: one client as JSON (client_id, state, since, findings with meaning and advice, last_seen,
/// lease_deadline, public_ip, location, tunnel, exit, dns, client_version, …).
[[nodiscard]] nlohmann::json to_json(const ClientState& client);
/// GET /api/v1/status: the Python original's record, without its client_id.
[[nodiscard]] nlohmann::json to_status_json(const ClientState& client);
/// What the incident has cost so far, of a change that belongs to one: "exposed_s" and "leaked", with the few largest destinations.
void add_damage(nlohmann::json& object, const Change& change);
/// The live channel: {"type":"change","kind":…,"from":…,"to":…,"at":…,"client":{…},"exposed_s"?:…,"leaked"?:{…}}.
[[nodiscard]] nlohmann::json to_json(const Change& change);

}  // namespace vpn_sentinel

/// What people did about clients and their incidents: acknowledged, commented, muted, announced maintenance. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Somebody has seen the incident.
struct Acknowledgement {
  std::string by;
  WallTime at{};
  std::string note = {};
  friend bool operator==(const Acknowledgement&, const Acknowledgement&) = default;
};
/// {"by","at","note"?}; null: nobody has.
[[nodiscard]] nlohmann::json to_json(const std::optional<Acknowledgement>& acknowledgement);

/// On an incident.
struct IncidentComment {
  static constexpr std::size_t longest = 2'000;
  static constexpr std::size_t most = 500;  ///< of one incident

  std::int64_t id = 0;  ///< given by the store
  WallTime at{};
  std::string by;
  std::string text;  ///< 1 to `longest` bytes
};
/// {"id","at","by","text"}
[[nodiscard]] nlohmann::json to_json(const IncidentComment& comment);

/// Nobody wants messages about the subject for a while. It is judged and shown as ever.
struct Mute {
  static constexpr std::int64_t longest_minutes = 525'600;

  std::string subject;            ///< a client id, or group:NAME, which means its members, too
  std::optional<WallTime> until;  ///< nullopt: until it is taken back
  std::string by;
  WallTime at{};
  std::string reason = {};
  friend bool operator==(const Mute&, const Mute&) = default;
};
/// {"subject","until"|null,"by","at","reason"}
[[nodiscard]] nlohmann::json to_json(const Mute& mute);

/// Work was announced: no messages about these clients from `from` until `to`.
struct MaintenanceWindow {
  static constexpr std::size_t most_patterns = 100;

  std::int64_t id = 0;
  std::string name;
  std::vector<std::string> clients;  ///< patterns of client ids, as matches_pattern()
  WallTime from{};
  WallTime to{};
  std::string reason = {};
  std::string by = {};
  friend bool operator==(const MaintenanceWindow&, const MaintenanceWindow&) = default;
};
/// {"id","name","clients","from","to","reason","by"}
[[nodiscard]] nlohmann::json to_json(const MaintenanceWindow& window);

/// What the store keeps of them, as to_json() wrote it. Nullopt: it is something else.
[[nodiscard]] std::optional<Mute> parse_mute(std::string_view text);
[[nodiscard]] std::optional<MaintenanceWindow> parse_maintenance(std::string_view text);
[[nodiscard]] std::optional<Acknowledgement> parse_acknowledgement(const nlohmann::json& object);

/// `*` stands for any characters, `?` for one; everything else for itself.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view text) noexcept;

/// All mutes and windows that are in force, or will be.
struct Care {
  static constexpr std::size_t most_mutes = 10'000;
  static constexpr std::size_t most_windows = 1'000;
  static constexpr std::size_t most_rules = 100;

  std::map<std::string, Mute> mutes;                  ///< by subject
  std::map<std::int64_t, MaintenanceWindow> windows;  ///< by id

  /// The mute of the client or of its group; null: none. `group`: without "group:"; empty: none.
  [[nodiscard]] const Mute* mute_of(const std::string& client_id, const std::string& group, WallTime now) const;
  [[nodiscard]] const MaintenanceWindow* window_of(const std::string& client_id, WallTime now) const;
};

/// Who wants what, for the engine (Engine::care).
struct AcknowledgeOrder {
  std::int64_t incident = 0;
  std::optional<Acknowledgement> acknowledgement;  ///< nullopt: it is taken back
};
struct CommentOrder {
  std::int64_t incident = 0;
  IncidentComment comment;
};
struct MuteOrder {
  Mute mute;
};
struct UnmuteOrder {
  std::string subject;
};
struct MaintenanceOrder {
  MaintenanceWindow window;  ///< its id is given
};
struct EndMaintenanceOrder {
  std::int64_t id = 0;
};
/// A rule of alerts by API (KeptKind::rule).
struct RuleOrder {
  std::string name;
  std::string json;
};
struct RemoveRuleOrder {
  std::string name;
};
using CareOrder =
    std::variant<RuleOrder, RemoveRuleOrder, AcknowledgeOrder, CommentOrder, MuteOrder, UnmuteOrder, MaintenanceOrder, EndMaintenanceOrder>;

}  // namespace vpn_sentinel

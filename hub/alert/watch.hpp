/// What the desk knows of one rule and one subject, and of messages that wait to be joined. Kept by the store as JSON. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/alert/notice.hpp"

namespace vpn_sentinel {

/// A message that is to be told when its time has come.
struct PendingNotice {
  Notice notice;
  WallTime due{};
  friend bool operator==(const PendingNotice&, const PendingNotice&) = default;
};

struct Watch {
  std::string rule;
  std::string subject;
  std::string group = {};
  bool is_news = false;         ///< no trouble that holds: told once and forgotten
  bool holds = false;           ///< what the rule asks for is so now
  bool told = false;            ///< people believe that it is so
  State worst = State::secure;  ///< that was told
  bool acknowledged = false;    ///< by somebody, as bad as it is
  bool escalated = false;
  std::optional<PendingNotice> pending = {};
  std::optional<Notice> last = {};  ///< that was told: what reminders repeat
  std::optional<WallTime> remind_at = {};
  std::optional<WallTime> escalate_at = {};
  std::vector<WallTime> times = {};  ///< of address changes that count
  friend bool operator==(const Watch&, const Watch&) = default;
};
[[nodiscard]] std::string to_text(const Watch& watch);
/// Nullopt: nothing that to_text() made.
[[nodiscard]] std::optional<Watch> parse_watch(std::string_view text);

/// Messages of one rule, kind and group that came within its group_wait, or at the same moment.
struct NoticeBatch {
  std::string rule;
  WallTime due{};
  WallTime begun{};
  std::vector<std::string> channels = {};
  Notice first = {};
  std::vector<std::string> clients = {};  ///< at most Notice::most_clients
  std::size_t more = 0;
  /// So many are told at once.
  static constexpr std::size_t most_few = 50;
  /// Each of them is told alone while they are about few clients.
  std::vector<Notice> few = {};
  friend bool operator==(const NoticeBatch&, const NoticeBatch&) = default;
};
[[nodiscard]] std::string to_text(const NoticeBatch& batch);
[[nodiscard]] std::optional<NoticeBatch> parse_batch(std::string_view text);

}  // namespace vpn_sentinel

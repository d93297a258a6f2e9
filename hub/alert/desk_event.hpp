/// What the desk is told: one change of one client, group or part of the hub.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hub/alert/notice.hpp"
#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

struct DeskEvent {
  std::string subject;     ///< client id, group_client_id(), or "hub:" and what it is about
  std::string group = {};  ///< the client's, or the group's own name; empty: none
  bool is_group = false;
  bool by_group = false;  ///< its group tells it: only rules that name the client hear it
  bool past = false;      ///< history that came late: it changes nothing about what is now
  bool moved = false;     ///< the public address changed with it
  std::optional<State> from = {};
  State to = State::secure;
  WallTime at{};                         ///< when it was true
  std::vector<std::string> codes = {};   ///< of the findings that are there
  std::string rule = {};                 ///< the only rule that hears it; empty: all
  std::chrono::microseconds exposed{0};  ///< in danger during the incident so far
  std::optional<std::int64_t> incident = {};
  std::optional<Notice> notice = {};  ///< what there is to say; absent: nothing
};

/// `by_group`, `incident`: as the writer knows them.
[[nodiscard]] DeskEvent desk_event_of(const Change& change, bool by_group, std::optional<std::int64_t> incident);

}  // namespace vpn_sentinel

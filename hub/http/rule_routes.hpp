/// Rules of alerts by API: those in force, changes, and what a rule would have told.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hub/alert/desk.hpp"
#include "hub/engine/engine.hpp"
#include "hub/http/account_gate.hpp"
#include "hub/http/joined.hpp"

namespace vpn_sentinel {

/// What the routes know of the desk. Any thread.
struct RuleDoor {
  std::function<std::vector<AlertRule>()> rules;  ///< in force
  std::function<DeskSettings()> file;             ///< what the file says, with all channels
};

/// As care_service(). A dry run only reads, but asks much of the store: it needs an operator, too.
[[nodiscard]] Service rule_service(const std::shared_ptr<const AccountDoor>& door, Engine& engine, const RuleDoor& rules,
                                   const std::string& prefix, std::vector<Gate> gates, const Gate& to_read);

}  // namespace vpn_sentinel

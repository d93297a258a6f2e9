/// What people do about clients and incidents, by API: acknowledge, comment, mute, announce maintenance.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hub/engine/engine.hpp"
#include "hub/http/account_gate.hpp"
#include "hub/http/joined.hpp"

namespace vpn_sentinel {

/// Windows of the alerts' file as JSON, to be listed with the others. Any thread; null: none.
using FileWindows = std::function<nlohmann::json()>;

/// `gates` come first; then who reads passes `to_read`, and who changes something needs an operator's account. Each change is one line of
/// the audit log.
[[nodiscard]] Service care_service(const std::shared_ptr<const AccountDoor>& door, Engine& engine, const std::string& prefix,
                                   std::vector<Gate> gates, const Gate& to_read, FileWindows file_windows);

}  // namespace vpn_sentinel

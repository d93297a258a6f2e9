/// Flags of a settings table on a CLI11 command.
#pragma once

#include <map>
#include <span>
#include <string>

#include "netns/daemon/settings.hpp"

namespace CLI {
class App;
}

namespace vpn_sentinel {

/// Adds "--key" for every row that is no secret; given values land in `flags` under their key. `flags` must outlive the parse.
void add_setting_flags(CLI::App& command, std::span<const SettingRow> rows, std::map<std::string, std::string>& flags);

}  // namespace vpn_sentinel

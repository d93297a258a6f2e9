/// alerts.toml: channels, rules and maintenance windows of the user, read as a whole or not at all.
#pragma once

#include <string>
#include <vector>

#include "hub/alert/desk.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct AlertsFile {
  DeskSettings desk;  ///< its `channels` empty: all that there are
};

/// A file that does not exist is an empty one. The Error names file, line, field, value and what was expected.
[[nodiscard]] Result<AlertsFile> read_alerts_file(const std::string& path);

/// All channels that rules name must be there: a message to nobody would be lost. nullopt: they are.
[[nodiscard]] Result<void> check_channels(const DeskSettings& desk, const std::vector<std::string>& channels);

}  // namespace vpn_sentinel

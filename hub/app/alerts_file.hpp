/// alerts.toml: channels, rules and maintenance windows of the user, read as a whole or not at all.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hub/alert/channel.hpp"
#include "hub/alert/desk.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct AlertsFile {
  DeskSettings desk;  ///< its `channels` empty: all that there are
  std::vector<ChannelConfig> channels = {};
  std::string warning = {};  ///< a sentence; empty: there is nothing to say
};

/// `must_exist`: somebody named the file; else one that is not there is an empty one. `environment`: what secrets of channels may come
/// from. The Error names file, line, field, value and what was expected.
[[nodiscard]] Result<AlertsFile> read_alerts_file(const std::string& path, bool must_exist = false,
                                                  const std::map<std::string, std::string>& environment = {});

/// All channels that rules name must be there: a message to nobody would be lost. The Error names rule and channel.
[[nodiscard]] Result<void> check_channels(const DeskSettings& desk, const std::vector<std::string>& channels);

}  // namespace vpn_sentinel

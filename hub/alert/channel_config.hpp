/// The [[channel]] tables of alerts.toml, checked: a channel that could not work is refused when the file is read.
#pragma once

#include <toml++/toml.h>

#include <map>
#include <string>
#include <vector>

#include "hub/alert/channel.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

inline constexpr std::size_t most_channels = 32;

/// `file`: its path. `environment`: where KEY_env finds its secrets; KEY_file names a file that holds one: a path, or a name in the
/// environment's CREDENTIALS_DIRECTORY ("vpn-sentinel_NAME"), without that in hub.credentials beside `file`. invalid: the message has file,
/// line, channel, key, value (never a secret) and what was expected.
[[nodiscard]] Result<std::vector<ChannelConfig>> parse_channels(const toml::table& document, const std::string& file,
                                                                const std::map<std::string, std::string>& environment);

/// In the order of `channels`.
[[nodiscard]] std::vector<std::string> names_of(const std::vector<ChannelConfig>& channels);

}  // namespace vpn_sentinel

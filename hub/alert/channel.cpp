#include "hub/alert/channel.hpp"

#include <algorithm>
#include <array>

namespace vpn_sentinel {

std::string_view to_string(ChannelConfig::Kind kind) {
  constexpr std::array<std::string_view, 7> words{"telegram", "webhook", "ntfy", "smtp", "discord", "slack", "apprise"};
  return words.at(static_cast<std::size_t>(kind));
}

bool is_valid_channel_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace vpn_sentinel

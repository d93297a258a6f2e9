/// POST {prefix}/channels/{name}/test: one real message by one channel, now, and whether it was taken.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/alert/channel.hpp"
#include "hub/alert/channel_trials.hpp"
#include "hub/http/account_gate.hpp"
#include "hub/http/joined.hpp"

namespace vpn_sentinel {

/// What the route knows of the channels. `trials` must outlive the server's last request.
struct ChannelDoor {
  std::function<std::optional<ChannelConfig>(const std::string& name)> find;  ///< as it is set up now. Any thread
  ChannelTrials& trials;
};

/// `gates` come first; then it needs an operator's account, as every change. The attempt runs on a thread of its own, is answered when it
/// has ended, and is one line of the audit log.
[[nodiscard]] Service channel_service(const std::shared_ptr<const AccountDoor>& door, const ChannelDoor& channels,
                                      const std::string& prefix, std::vector<Gate> gates, const Gate& to_read);

}  // namespace vpn_sentinel

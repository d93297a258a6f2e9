/// Sends the waiting messages of one channel, in order, with back-off, on a thread of its own: a channel that is dead holds up no other.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hub/alert/protocol.hpp"
#include "hub/store/store.hpp"

namespace vpn_sentinel {

class ChannelSender {
 public:
  struct Pace {
    std::chrono::milliseconds first_retry{1'000};
    std::chrono::milliseconds most_retry{60'000};
  };
  /// Called on the sender's thread; must not end the sender. Reasons never hold a secret.
  struct Hooks {
    /// `remark`: empty, or who did not get it.
    std::function<void(std::int64_t id, const std::string& remark)> on_delivered;
    /// `give_up`: the server refuses this text for good, also without markup, and where its words do not say so it takes the next one. Else
    /// it is tried again: soon after trouble on the way, slowly when the channel is set up wrongly.
    std::function<void(std::int64_t id, const std::string& reason, bool give_up)> on_failed;
  };
  virtual ~ChannelSender() = default;  ///< stops; what is undelivered stays in the store
  virtual void enqueue(std::vector<StoredAlert> alerts) = 0;

  [[nodiscard]] static std::unique_ptr<ChannelSender> start(const MakeProtocol& make, Pace pace, Hooks hooks);
};

}  // namespace vpn_sentinel

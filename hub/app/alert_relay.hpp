/// Engine -> channels: holds alerts until their senders run, reports back what became of them, and knows how each channel stands. Every
/// channel has a sender with a thread of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hub/alert/channel.hpp"
#include "hub/alert/channel_sender.hpp"
#include "hub/alert/channel_standing.hpp"
#include "hub/alert/notice.hpp"
#include "hub/engine/engine.hpp"

namespace vpn_sentinel {

class AlertRelay {
 public:
  /// The id of a message that the store does not know: nothing is noted of it, and it is lost when the hub ends.
  static constexpr std::int64_t unstored = 0;

  /// Each goes to the channel that it names; for one that does not exist any more it is given up. From any thread.
  void take(std::vector<StoredAlert> alerts);
  /// To every channel, not by way of the store.
  void take_unstored(const Notice& notice);

  /// Starts the senders with what waited in the store. The engine must outlive stop().
  void start(std::vector<ChannelConfig> channels, Engine& engine);
  /// Other channels from now on: what waits for one that changed is sent as it is set up now. After start(), from the same thread.
  void apply(std::vector<ChannelConfig> channels);
  /// What is undelivered stays in the store.
  void stop();

  /// In the order of their names. From any thread, as the next ones.
  [[nodiscard]] std::vector<ChannelStanding> standing() const;
  [[nodiscard]] std::optional<ChannelConfig> channel(const std::string& name) const;

 private:
  struct Lane {
    ChannelConfig config;
    std::unique_ptr<ChannelSender> sender;
    std::deque<StoredAlert> waiting;
    ChannelStanding standing;
  };

  void route(StoredAlert alert);
  void run(const std::string& name, Lane& lane);
  void on_delivered(const std::string& name, std::int64_t id, const std::string& remark);
  void on_failed(const std::string& name, std::int64_t id, const std::string& reason, bool give_up);

  mutable std::mutex mutex_;
  Engine* engine_ = nullptr;  ///< null before start()
  std::map<std::string, Lane> lanes_;
  std::vector<StoredAlert> held_;  ///< until start()
  bool ended_ = false;
};

}  // namespace vpn_sentinel

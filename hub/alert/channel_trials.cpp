#include "hub/alert/channel_trials.hpp"

#include <algorithm>
#include <stop_token>
#include <utility>

#include "hub/alert/channel_protocol.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {

bool ChannelTrials::start(ChannelConfig channel, Notice notice, Done done) {
  const std::lock_guard lock(mutex_);
  const auto slot = std::ranges::find_if(slots_, [](const Slot& each) { return !each.busy; });
  if (stopped_ || slot == slots_.end()) return false;
  slot->busy = true;
  // The thread that was here before has nothing left to do: its end is not waited for longer than it takes to return.
  slot->thread = std::jthread(
      [&busy = slot->busy, channel = std::move(channel), notice = std::move(notice), done = std::move(done)](const std::stop_token& stop) {
        const auto begun = mono_now();
        const auto delivery = try_channel(channel, notice, stop);
        done(delivery, std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - begun));
        busy = false;
      });
  return true;
}

void ChannelTrials::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  for (auto& slot : slots_) slot.thread.request_stop();
  for (auto& slot : slots_) {
    if (slot.thread.joinable()) slot.thread.join();
  }
}

}  // namespace vpn_sentinel

#include "hub/app/hub_watch.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

namespace vpn_sentinel {

std::optional<std::vector<HubWatch::Finding>> HubWatch::look(WallTime now, MonoTime mono, const std::vector<std::string>& certificate,
                                                             std::uint64_t without_room) {
  if (mono < next_) return std::nullopt;
  next_ = mono + period;
  return std::vector<Finding>{look_at_disk(),
                              look_at_clock(now, mono),
                              look_at_room(without_room, mono),
                              {"certificate", !certificate.empty(), certificate.empty() ? "It is good." : certificate.front()}};
}

HubWatch::Finding HubWatch::look_at_disk() const {
  std::error_code error;
  const auto room = std::filesystem::space(folder_, error);
  // The store tells that its folder cannot be used at all.
  if (error || room.capacity == 0) return {"disk", false, "Nobody tells how much room there is."};
  const auto share = static_cast<double>(room.available) / static_cast<double>(room.capacity);
  const bool trouble = room.available < least_bytes && share < least_share;
  return {"disk", trouble, fmt::format("{} MiB are free for {}.", room.available / (1024 * 1024), folder_)};
}

HubWatch::Finding HubWatch::look_at_clock(WallTime now, MonoTime mono) {
  if (last_) {
    const auto step = (now - last_->first) - std::chrono::duration_cast<std::chrono::microseconds>(mono - last_->second);
    // The monotonic clock stands still while the machine sleeps: a step forward may be that.
    if (step > clock_step || step < -clock_step) {
      stepped_ = mono;
      step_ = fmt::format("It went {} by {}; times of reports may be wrong.", step.count() > 0 ? "forward" : "back",
                          human_duration(std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::abs(step))));
    }
  }
  last_ = {now, mono};
  const bool trouble = stepped_ && mono - *stepped_ < clock_doubted;
  return {"clock", trouble, trouble ? step_ : "It goes evenly."};
}

HubWatch::Finding HubWatch::look_at_room(std::uint64_t without_room, MonoTime mono) {
  if (std::exchange(without_room_, without_room) != without_room) refused_ = mono;
  const bool trouble = refused_ && mono - *refused_ < without_room_for;
  constexpr auto sentence =
      "New clients are refused, those that are known are not. Remove some (vpn-sentinel-hub client forget ID), or raise "
      "VPN_SENTINEL_SERVER_MAX_CLIENTS or VPN_SENTINEL_SERVER_CLIENTS_PER_KEY and restart the hub.";
  return {room_for_clients, trouble, trouble ? sentence : "New clients are taken."};
}

}  // namespace vpn_sentinel

/// Which way a report takes to the hub. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

enum class DeliveryPath : std::uint8_t {
  tunnel,  ///< from inside the namespace: proof that the tunnel carries
  uplink,  ///< from the probe's own namespace
};
/// "tunnel", "uplink": as in Report::path.
[[nodiscard]] std::string_view to_string(DeliveryPath path);

/// Whether a way is worth trying first. A hub on the local network only is never reached through the tunnel, a hub that only the VPN
/// reaches never by the uplink; each try would delay the report by its time-out.
class PathTrust {
 public:
  /// So many misses in a row make the way doubtful.
  explicit PathTrust(int most_misses) noexcept : most_misses_(most_misses) {}
  void worked() noexcept { reset(); }
  /// This way failed and the other one delivered the same report.
  void only_the_other_worked(MonoTime now) noexcept {
    if (++misses_ >= most_misses_) again_at_ = now + pause;
  }
  void reset() noexcept { misses_ = 0; }
  [[nodiscard]] bool trusted(MonoTime now) const noexcept { return misses_ < most_misses_ || now >= again_at_; }

  static constexpr std::chrono::minutes pause{5};

 private:
  int most_misses_;
  int misses_ = 0;
  MonoTime again_at_;
};

/// A keepalive may be late for a while; a change may not.
constexpr int most_tunnel_misses = 5;
constexpr int most_uplink_misses = 2;

struct PathChoice {
  bool is_change = false;
  bool has_tunnel = false;
  bool has_uplink = false;
  bool tunnel_trusted = true;
  bool uplink_trusted = true;
};
/// The paths that are there, the better one first: the uplink for a change (it works when the tunnel does not), the tunnel for a keepalive;
/// the other one when the better one is not trusted.
[[nodiscard]] std::vector<DeliveryPath> path_order(const PathChoice& choice);

}  // namespace vpn_sentinel

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

/// Whether the way through the tunnel is worth trying first. A hub on the local network only is never reached that way, and each try
/// would delay the keepalive by its time-out.
class TunnelTrust {
 public:
  void tunnel_worked() noexcept { reset(); }
  /// The tunnel path failed and the uplink delivered the same report.
  void only_uplink_worked(MonoTime now) noexcept {
    if (++misses_ >= most_misses) again_at_ = now + pause;
  }
  void reset() noexcept { misses_ = 0; }
  [[nodiscard]] bool trusted(MonoTime now) const noexcept { return misses_ < most_misses || now >= again_at_; }

  static constexpr int most_misses = 5;
  static constexpr std::chrono::minutes pause{5};

 private:
  int misses_ = 0;
  MonoTime again_at_;
};

struct PathChoice {
  bool is_change = false;
  bool has_tunnel = false;
  bool has_uplink = false;
  bool tunnel_trusted = true;
};
/// The paths that are there, the better one first: the uplink for a change (it works when the tunnel does not), the tunnel for a keepalive.
[[nodiscard]] std::vector<DeliveryPath> path_order(const PathChoice& choice);

}  // namespace vpn_sentinel

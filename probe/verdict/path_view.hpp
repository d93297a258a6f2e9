/// What the checks of the path itself told: arbitrary UDP, large packets, round trips. Plain values.
#pragma once

#include <optional>
#include <string>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// By which address arbitrary UDP leaves, as STUN servers told it.
struct UdpView {
  std::optional<IpAddress> v4;
  std::optional<IpAddress> v6;
  std::string server;  ///< host that answered
  std::string error;   ///< why there is neither v4 nor v6
  [[nodiscard]] const std::optional<IpAddress>& address(Family family) const noexcept { return family == Family::v4 ? v4 : v6; }
};

/// Whether packets as large as the tunnel lets in reach the other side.
struct LargePacketsView {
  enum class Lost { none, requests, answers, unknown };
  Lost lost = Lost::unknown;
  std::string host;   ///< that showed it
  std::string error;  ///< why it is unknown
};

/// Ordinary packets come back much sooner than is to be expected.
struct LatencyDropView {
  double path_ms = 0;
  double reference_ms = 0;
  bool beside_tunnel = false;  ///< the reference is what packets that are bound to the tunnel take at the same time
};

}  // namespace vpn_sentinel

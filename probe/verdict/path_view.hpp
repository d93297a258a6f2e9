/// What the checks of the path itself told: arbitrary UDP, large packets, round trips. Plain values.
#pragma once

#include <optional>
#include <string>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// By which address arbitrary UDP of one family leaves, as a STUN server told it.
struct UdpOfFamily {
  bool asked = false;
  bool current = false;  ///< answered, or failed to be answered, since routes or tunnel changed last: only then comparable with the exit
  std::optional<IpAddress> address;
  std::string server;  ///< host that answered
  std::string error;   ///< why there is no address
};

struct UdpView {
  UdpOfFamily in_v4;
  UdpOfFamily in_v6;
  [[nodiscard]] const UdpOfFamily& of(Family family) const noexcept { return family == Family::v4 ? in_v4 : in_v6; }
  [[nodiscard]] UdpOfFamily& of(Family family) noexcept { return family == Family::v4 ? in_v4 : in_v6; }
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

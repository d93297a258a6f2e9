/// By which way the probe's own packets leave for the Internet. Asking costs 2-3 µs, so that changes need no message of the kernel.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "netns/netlink/route_lookup.hpp"
#include "probe/verdict/exit_view.hpp"

namespace vpn_sentinel {

class UplinkWays {
 public:
  /// False: the kernel cannot be asked, and look() tells nothing.
  bool open(const SocketOpener& own);
  void close() { look_up_.reset(); }
  [[nodiscard]] bool is_open() const noexcept { return look_up_.has_value(); }

  /// Writes own tunnels, gateways and what leads out into `uplink`. Returns the families whose public addresses leave by another way than
  /// at the last look; at the first both.
  std::vector<Family> look(UplinkView& uplink);

 private:
  std::string read_way(Family family, const RouteAnswer& answer, UplinkView& uplink);

  std::optional<RouteLookup> look_up_;
  std::map<Family, std::string> ways_;  ///< fingerprints of the routes to public addresses
};

}  // namespace vpn_sentinel

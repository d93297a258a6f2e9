/// One client of the sender: its two lanes and what its ways to each hub were worth lately.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "probe/delivery/delivery_path.hpp"
#include "probe/delivery/lane.hpp"

namespace vpn_sentinel {

struct WayTrust {
  PathTrust tunnel{most_tunnel_misses};
  PathTrust uplink{most_uplink_misses};

  [[nodiscard]] PathTrust& of(DeliveryPath path) noexcept { return path == DeliveryPath::tunnel ? tunnel : uplink; }
  /// `path` delivered; `after_another`: the other one had failed before.
  void worked(DeliveryPath path, bool after_another, MonoTime now) noexcept {
    of(path).worked();
    if (after_another) of(path == DeliveryPath::tunnel ? DeliveryPath::uplink : DeliveryPath::tunnel).only_the_other_worked(now);
  }
};

struct SendingClient {
  SendingClient(boost::asio::io_context& io, std::string name, std::size_t hubs)
      : id(std::move(name)), changes(io, true), keepalives(io, false), trust(hubs) {}

  [[nodiscard]] Lane& lane(bool carries_changes) noexcept { return carries_changes ? changes : keepalives; }

  std::string id;
  bool leaving = true;  ///< nobody watches it any more: only what waits for the hub holds it here
  Lane changes;
  Lane keepalives;
  std::vector<WayTrust> trust;  ///< by hub
};

}  // namespace vpn_sentinel

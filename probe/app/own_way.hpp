/// Sockets in the namespace of the probe itself: the uplink of its reports.
#pragma once

#include <optional>

#include "netns/firewall/own_packets.hpp"
#include "netns/namespace/net_namespace.hpp"

namespace vpn_sentinel {

class OwnWay {
 public:
  /// Absent when the namespace cannot be opened now; tried again at each call: descriptors that had run out come back.
  [[nodiscard]] std::optional<SocketOpener> opener() {
    if (!opener_) {
      if (const auto own = NetNamespace::open(NamespaceRef{})) opener_ = with_own_priority(own->opener());
    }
    return opener_;
  }

 private:
  std::optional<SocketOpener> opener_;
};

}  // namespace vpn_sentinel

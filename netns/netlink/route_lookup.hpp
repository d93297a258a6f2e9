/// Asks the kernel where a packet would go (RTM_GETROUTE, `ip route get`): the truth about the FIB, in 2-3 µs, without any capability.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netns/base/fd.hpp"
#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/values.hpp"

namespace vpn_sentinel {

/// Where one packet would go.
struct RouteAnswer {
  enum class Kind {
    device,       ///< leaves by `link_index`
    local,        ///< stays in the namespace (RTN_LOCAL)
    unreachable,  ///< ENETUNREACH, EHOSTUNREACH, unreachable route
    blackhole,    ///< EINVAL of a blackhole route: dropped silently
    prohibit,     ///< EACCES of a prohibit route
  };
  Kind kind = Kind::unreachable;
  std::uint32_t link_index = 0;
  std::uint32_t table = 0;
  std::optional<IpAddress> gateway;
  std::optional<IpAddress> source;
  friend bool operator==(const RouteAnswer&, const RouteAnswer&) = default;
};

/// One netlink socket inside the namespace, for questions only; each waits for its answer. Not thread-safe; the owner is the loop thread.
class RouteLookup {
 public:
  [[nodiscard]] static Result<RouteLookup> open(const SocketOpener& opener);
  /// One answer per destination, in order. All requests travel in one sendto(2). An Error means "could not look", never "no route".
  [[nodiscard]] std::vector<Result<RouteAnswer>> look_up(std::span<const IpAddress> destinations);
  /// One link with fresh statistics (rx_bytes, tx_bytes, …), by the same socket: 1,000 targets have one each. not_found: there is none.
  [[nodiscard]] Result<Link> read_link(std::uint32_t index);

 private:
  explicit RouteLookup(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  std::uint32_t sequence_ = 0;
};

}  // namespace vpn_sentinel

/// Asks the kernel where a packet would go (RTM_GETROUTE, `ip route get`): the truth about the FIB, in 2-3 µs, without any capability.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netns/base/fd.hpp"
#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/values.hpp"

namespace vpn_sentinel {

/// What the policy rules look at in a packet beside its destination. What is left out is as in an ordinary packet.
struct Flow {
  std::uint32_t mark = 0;              ///< RTA_MARK, SO_MARK of the socket
  std::optional<std::uint32_t> uid;    ///< RTA_UID; left out: the probe's own
  std::uint8_t ip_protocol = 0;        ///< RTA_IP_PROTO: UDP, TCP or ICMP, the kernel takes no other; 0: UDP
  std::uint16_t source_port = 0;       ///< RTA_SPORT; 0: none
  std::uint16_t destination_port = 0;  ///< RTA_DPORT; 0: none
  std::uint8_t tos = 0;                ///< rtm_tos
  std::optional<IpAddress> source;     ///< RTA_SRC: an own address to which the socket is bound
  friend bool operator==(const Flow&, const Flow&) = default;
};

struct RouteQuestion {
  IpAddress destination;
  Flow flow;
  friend bool operator==(const RouteQuestion&, const RouteQuestion&) = default;
};

/// Where one packet would go.
struct RouteAnswer {
  enum class Kind {
    device,       ///< leaves by one of `route.next_hops`
    local,        ///< stays in the namespace (RTN_LOCAL)
    unreachable,  ///< ENETUNREACH, EHOSTUNREACH, unreachable route
    blackhole,    ///< EINVAL of a blackhole route: dropped silently
    prohibit,     ///< EACCES of a prohibit route
  };
  Kind kind = Kind::unreachable;
  /// The route that was found, as it stands in its table, with all its next hops (RTM_F_FIB_MATCH): the kernel sends a part of the packets
  /// by each. Empty when an error was the answer.
  Route route;
  friend bool operator==(const RouteAnswer&, const RouteAnswer&) = default;
};

/// One netlink socket inside the namespace, for questions only; each waits for its answer. Not thread-safe; the owner is the loop thread.
class RouteLookup {
 public:
  [[nodiscard]] static Result<RouteLookup> open(const SocketOpener& opener);
  /// One answer per question, in order; a hundred or so travel in one sendto(2). An Error means "could not look", never "no route".
  [[nodiscard]] std::vector<Result<RouteAnswer>> look_up(std::span<const RouteQuestion> questions);
  /// One link with fresh statistics (rx_bytes, tx_bytes, …), by the same socket: 1,000 targets have one each. not_found: there is none.
  [[nodiscard]] Result<Link> read_link(std::uint32_t index);

 private:
  explicit RouteLookup(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  std::uint32_t sequence_ = 0;
};

}  // namespace vpn_sentinel

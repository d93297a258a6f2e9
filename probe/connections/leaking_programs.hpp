/// Who sends what a leak meter has counted: asked of sock_diag at the moment in which the meter rings. What is told must be certain: a
/// program is named only when a socket of it leads to the counted destination, belongs to the counted user and goes outside for certain.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/sockets/socket_owners.hpp"
#include "netns/sockets/socket_table.hpp"
#include "probe/connections/flow_way.hpp"
#include "probe/verdict/firewall_view.hpp"

namespace vpn_sentinel {

/// A socket that leads to a counted destination.
struct LeakingSocket {
  SocketEntry entry;
  FlowDirection direction;
  /// It is bound to a device that is no tunnel, or has an address of one: it has been outside since its first packet. Else only the routes
  /// of this moment send it outside.
  bool by_itself = false;
};

/// The programs of one destination, and why none is named when the list is empty. Pure. `owners`: of all these sockets.
struct NamedPrograms {
  std::vector<OutsideProgram> programs;
  std::string why_not;
};
[[nodiscard]] NamedPrograms name_programs(const OutsideDestination& destination, std::span<const LeakingSocket> sockets,
                                          const SocketOwners& owners);

/// For each of `destinations`, in order. Asks the namespace of `opener`; blocks: a millisecond, and more with many sockets (1.3 µs each)
/// and processes (17 µs each), `deadline` at most. Errors as of list_sockets().
[[nodiscard]] Result<std::vector<NamedPrograms>> find_leaking_programs(const SocketOpener& opener, const FlowGround& ground,
                                                                       std::span<const OutsideDestination> destinations, MonoTime deadline);

}  // namespace vpn_sentinel

/// Who sends what a leak meter has counted: asked of sock_diag at the moment in which the meter rings. What is told must be certain: a
/// program is named only when a socket of it leads to the counted destination, belongs to the counted user, goes outside for certain and
/// has sent for certain: a TCP connection that is bound outside has sent its first packet; of others the only one that may have sent is
/// named when its own count has grown. UDP sockets have no counts: who may have sent is said in words. Of what a tracer saw only the
/// program is asked for.
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
#include "probe/connections/traced_leaks.hpp"
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

/// The only socket that may have sent; TCP.
struct LeakCandidate {
  std::uint64_t cookie = 0;  ///< 0: there is none
  std::uint64_t sent = 0;    ///< as of TcpCounters
};

/// What was found before, and what else is known.
struct LeakHints {
  LeakCandidate before{};       ///< of the last answer, when more was counted since
  bool traced = false;          ///< a tracer saw who sent there, or would have seen it: no socket is guessed
  std::string other_senders{};  ///< which other sockets may have sent, half a sentence; empty: none
};

/// The programs of one destination, and why none is named when the list is empty. Pure. `owners`: of all these sockets.
struct NamedPrograms {
  std::vector<OutsideProgram> programs;
  std::string why_not;
  LeakCandidate candidate{};  ///< to be asked about again when more is counted
};
[[nodiscard]] NamedPrograms name_programs(const OutsideDestination& destination, std::span<const LeakingSocket> sockets,
                                          const SocketOwners& owners, const LeakHints& hints = {});
/// Of sockets that sent there for certain. Pure. `sockets`: all of the namespace. `same_pids` as of has_first_pids().
[[nodiscard]] NamedPrograms confirm_traced(const OutsideDestination& destination, std::span<const TracedLeak> leaks,
                                           std::span<const SocketEntry> sockets, const SocketOwners& owners, const FlowGround& ground,
                                           bool same_pids = true);

struct LeakQuestion {
  OutsideDestination destination;
  LeakHints hints{};
  std::vector<TracedLeak> to_confirm{};  ///< not empty: only these are asked about
};

/// For each of `questions`, in order. Asks the namespace of `opener`; blocks: a millisecond, and more with many sockets (1.3 µs each)
/// and processes (17 µs each), `deadline` at most. Errors as of list_sockets().
[[nodiscard]] Result<std::vector<NamedPrograms>> find_leaking_programs(const SocketOpener& opener, const FlowGround& ground,
                                                                       std::span<const LeakQuestion> questions, MonoTime deadline);

}  // namespace vpn_sentinel

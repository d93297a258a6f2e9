/// Which socket of which program sent where outside the tunnel, as the BPF programs told it. Pure: fed with records and times.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ebpf/records.hpp"
#include "ebpf/tracer.hpp"
#include "netns/base/clock.hpp"
#include "probe/connections/flow_way.hpp"
#include "probe/verdict/firewall_view.hpp"

namespace vpn_sentinel {

/// One socket and one far end of it.
struct TracedLeak {
  std::uint64_t socket = 0;          ///< its cookie
  std::optional<SocketOwner> owner;  ///< none: nobody knows
  FlowPacket packet;                 ///< the newest that is known to have gone there
  PacketCount outside;               ///< all that the socket sent outside, wherever it went
  bool only_there = true;            ///< it is known to have sent nowhere else
  bool from_the_first = true;        ///< everything that it sent went outside
  MonoTime told{};                   ///< of the socket
  MonoTime left{};                   ///< when something was last known to have gone there
};

/// Where the kernel does not tell who sends a packet: it called sendto(2) with an address for each that left, or somebody was seen to.
[[nodiscard]] bool every_call_is_seen(const SocketOwner& owner);
/// Its protocol and far end are the destination's; not whose it is.
[[nodiscard]] bool goes_to(const FlowPacket& packet, const OutsideDestination& destination);

class TracedLeaks {
 public:
  static constexpr std::chrono::seconds kept{60};

  /// `most`: about 200 bytes each; of more the ones that were told of longest ago are forgotten.
  explicit TracedLeaks(std::size_t most = 4096) : most_(most) {}

  /// Of one namespace. `allowed`: the packet may leave, so that it is no leak; all the rest of the record is taken.
  void take(const FlowRecord& record, MonoTime now, bool allowed = false);
  /// Forgets what has not been told of for so long.
  void age(MonoTime now);
  void clear() { leaks_.clear(); }

  /// Where something went there at `since` or later. Pointers are valid until the next call of a function that is not const.
  [[nodiscard]] std::vector<const TracedLeak*> to(const OutsideDestination& destination, MonoTime since = MonoTime::min()) const;

 private:
  using Key = std::pair<std::uint64_t, std::pair<std::uint8_t, Endpoint>>;

  [[nodiscard]] auto of_socket(std::uint64_t socket);
  void make_room();

  std::size_t most_;
  std::map<Key, TracedLeak> leaks_;  ///< by socket, protocol and far end
};

/// What the BPF programs have to know of a namespace: tunnels, and what may leave beside them, so that it does not fill the ring of leaks:
/// devices that lead nowhere else, servers, what is allowed (WatchedSpace::most_allowed of it) and some local networks. Of networks only
/// those, 64 at most, that flow_way.hpp calls local as a whole; it decides the rest from the records, so that all sources mean the same.
[[nodiscard]] WatchedSpace watched_space(const FlowGround& ground);

/// What /proc knows of a process besides.
struct OwnerFacts {
  std::string name;       ///< of the process; where that is not known any more, of the thread that called
  std::string container;  ///< empty: none, or not known any more
};
using OwnerFactsOf = std::function<OwnerFacts(const SocketOwner& owner)>;

struct TracedAnswer {
  std::vector<OutsideProgram> programs;  ///< sent there for certain
  std::vector<TracedLeak> to_confirm;    ///< sent there for certain; by whom is certain only when its holder is the one that was told
  std::string why_not;                   ///< of leaks that are nobody's for certain
};
/// Pure but for `facts_of`. `senders`: TracerAbilities::senders.
[[nodiscard]] TracedAnswer name_traced(const OutsideDestination& destination, std::span<const TracedLeak* const> leaks,
                                       const FlowGround& ground, bool senders, const OwnerFactsOf& facts_of);

/// The way of a packet that was seen.
[[nodiscard]] FlowDirection way_of(const TracedLeak& leak, std::optional<std::uint32_t> uid, std::optional<std::uint32_t> mark,
                                   const FlowGround& ground);
/// The record's packet left beside the tunnel, and may: it is local, allowed, or the tunnel's own.
[[nodiscard]] bool is_allowed(const FlowRecord& record, const FlowGround& ground);
/// What the socket sent to `leak`'s far end, where that is known.
[[nodiscard]] std::optional<std::uint64_t> bytes_of(const TracedLeak& leak);

/// The number alone may be another one's by now. A container that is not known is no difference. Pure.
[[nodiscard]] bool is_same_program(const OutsideProgram& one, const OutsideProgram& other);
/// The numbers of processes that BPF tells are those of /proc here: this process is in the first pid namespace.
[[nodiscard]] bool has_first_pids();

/// By files of /proc/PID, when it is still in the cgroup which the programs saw.
[[nodiscard]] OwnerFacts facts_of_owner(const SocketOwner& owner);

}  // namespace vpn_sentinel

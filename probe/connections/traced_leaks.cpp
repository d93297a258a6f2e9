#include "probe/connections/traced_leaks.hpp"

#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "ebpf/cgroup_mount.hpp"
#include "netns/base/capabilities.hpp"
#include "netns/namespace/container_process.hpp"
#include "netns/sockets/process_walk.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_networks = 64;
/// Of what there is no room for an eighth goes at once, so that a flood does not look for the oldest each time.
constexpr std::size_t part_to_forget = 8;

/// Whoever is named here sent for certain.
enum class Certainty : std::uint8_t { sure, ask, nobody };

Certainty certainty_of(const TracedLeak& leak, bool senders) {
  if (!leak.owner) return Certainty::ask;
  if (leak.owner->several) return Certainty::nobody;
  if (leak.packet.protocol == IPPROTO_TCP) {
    // Who connected has sent the first packet; the later ones may be another's, to whom the socket was handed.
    return leak.owner->by == OwnerBy::connected && leak.from_the_first ? Certainty::sure : Certainty::ask;
  }
  if (senders || every_call_is_seen(*leak.owner)) return Certainty::sure;
  // Else send(2) by another process that has the socket is not seen: who called sendto(2) has sent the only packet for certain, no more.
  const bool is_only_one = leak.outside.packets == 1 && leak.from_the_first;
  return leak.owner->by == OwnerBy::sent && is_only_one ? Certainty::sure : Certainty::ask;
}

OutsideProgram program_of(const TracedLeak& leak, const OutsideDestination& destination, const OwnerFactsOf& facts_of) {
  OutsideProgram named;
  const auto& owner = *leak.owner;
  auto facts = facts_of(owner);
  named.name = std::move(facts.name);
  named.pid = static_cast<int>(owner.pid);
  named.uid = owner.uid;
  named.container = std::move(facts.container);
  named.destination = destination;
  named.bytes = bytes_of(leak);
  return named;
}

void add_program(std::vector<OutsideProgram>& programs, OutsideProgram named) {
  const auto known = std::ranges::find_if(programs, [&named](const OutsideProgram& one) { return is_same_program(one, named); });
  if (known == programs.end()) {
    programs.push_back(std::move(named));
  } else if (known->bytes && named.bytes) {
    known->bytes = *known->bytes + *named.bytes;
  } else {
    known->bytes.reset();
  }
}

/// All that the socket sends goes to one far end.
bool has_one_end(const FlowPacket& packet, const std::optional<SocketOwner>& owner) {
  return packet.protocol == IPPROTO_TCP || (owner && owner->by == OwnerBy::connected);
}

template <typename Range>
auto as_pair(const std::optional<Range>& range) {
  using Number = decltype(range->first);
  return range ? std::optional(std::pair<Number, Number>{range->first, range->last}) : std::nullopt;
}

TracedAllowance allowance_of(const AllowedPackets& packets) {
  return {packets.family,
          packets.protocol,
          packets.mark,
          packets.mark_mask,
          as_pair(packets.uids),
          as_pair(packets.source_ports),
          as_pair(packets.destination_ports),
          packets.source,
          packets.destination};
}

/// A server that is known by its packets' mark as well.
TracedAllowance allowance_of(const TunnelEndpoint& server) {
  TracedAllowance allowance;
  allowance.protocol = server.protocol;
  allowance.mark = server.mark;
  allowance.mark_mask = ~0U;
  if (server.port != 0) allowance.destination_ports = std::pair(server.port, server.port);
  allowance.destination = IpPrefix(server.address, server.address.is_v4() ? 32 : 128);
  return allowance;
}

/// The probe's own packets are known by their priority already.
std::vector<TracedAllowance> allowances(const FirewallPolicy& policy) {
  std::vector<TracedAllowance> all;
  for (const auto& packets : policy.allowed) {
    if (packets.priority == 0) all.push_back(allowance_of(packets));
  }
  for (const auto& server : policy.endpoints) {
    if (server.mark != 0) all.push_back(allowance_of(server));
  }
  if (all.size() > WatchedSpace::most_allowed) all.resize(WatchedSpace::most_allowed);
  return all;
}

/// A longer or equal network of the tunnel inside it would take some of it away.
bool is_local_as_a_whole(const IpPrefix& network, const FirewallPolicy& policy) {
  return std::ranges::none_of(policy.tunnel_networks, [&network](const IpPrefix& tunnel) {
    return tunnel.length() >= network.length() && network.contains(tunnel.address());
  });
}

void refresh(TracedLeak& leak, const SocketFlow& flow, MonoTime now) {
  leak.owner = flow.owner;
  leak.outside = flow.outside;
  leak.from_the_first = leak.from_the_first && flow.tunnel.packets == 0 && flow.exempt.packets == 0;
  leak.told = now;
}

}  // namespace

bool every_call_is_seen(const SocketOwner& owner) { return owner.by == OwnerBy::sent && !owner.unseen; }

bool goes_to(const FlowPacket& packet, const OutsideDestination& destination) {
  return packet.protocol == destination.protocol && packet.destination == Endpoint{destination.address, destination.port};
}

auto TracedLeaks::of_socket(std::uint64_t socket) {
  const auto first = leaks_.lower_bound(Key{socket, {}});
  auto last = first;
  while (last != leaks_.end() && last->first.first == socket) ++last;
  return std::pair(first, last);
}

void TracedLeaks::take(const FlowRecord& record, MonoTime now, bool allowed) {
  const auto& [netns, socket, owner, tunnel, exempt, outside, stopped, closed] = record.flow;
  // Without a name of its own a socket cannot be told from others. What is exempt may leave.
  if (socket == 0) return;
  const bool beside = record.packet && record.packet->way == PacketWay::outside;
  if (beside && !allowed) {
    if (leaks_.size() >= most_) make_room();
    const auto [at, is_new] = leaks_.try_emplace({socket, {record.packet->protocol, record.packet->destination}});
    auto& leak = at->second;
    // What went before its first record may have gone elsewhere, unless there is but one far end.
    if (is_new) leak.only_there = outside.packets <= 1 || has_one_end(*record.packet, owner);
    leak.socket = socket;
    leak.packet = *record.packet;
    leak.left = now;
  }
  const auto [first, last] = of_socket(socket);
  const bool one_end = first != last && std::next(first) == last;
  for (auto at = first; at != last; ++at) {
    if (beside && allowed) at->second.only_there = false;
    // A record without a packet outside tells that there were more, and of one far end alone that they went there.
    if (one_end && !beside && outside.packets > at->second.outside.packets) at->second.left = now;
    refresh(at->second, record.flow, now);
    at->second.only_there = at->second.only_there && one_end;
  }
}

void TracedLeaks::make_room() {
  std::vector<MonoTime> times;
  times.reserve(leaks_.size());
  for (const auto& [key, leak] : leaks_) times.push_back(leak.told);
  if (times.empty()) return;
  const auto last = times.begin() + static_cast<std::ptrdiff_t>((times.size() - 1) / part_to_forget);
  std::ranges::nth_element(times, last);
  std::erase_if(leaks_, [until = *last](const auto& item) { return item.second.told <= until; });
}

void TracedLeaks::age(MonoTime now) {
  std::erase_if(leaks_, [now](const auto& item) { return now - item.second.told > kept; });
}

std::vector<const TracedLeak*> TracedLeaks::to(const OutsideDestination& destination, MonoTime since) const {
  std::vector<const TracedLeak*> found;
  for (const auto& [key, leak] : leaks_) {
    if (leak.left >= since && goes_to(leak.packet, destination)) found.push_back(&leak);
  }
  return found;
}

WatchedSpace watched_space(const FlowGround& ground) {
  WatchedSpace space;
  for (const auto& [index, link] : ground.links) {
    Sighting nowhere;
    nowhere.out_index = index;
    const auto way = way_by_device(nowhere, ground);
    if (way && way->way == FlowWay::tunnel) space.inside.insert(index);
    const auto& inner = ground.policy.inner_devices;
    const bool by_name = std::ranges::find(inner, link.name) != inner.end();
    if (by_name && way && way->way == FlowWay::local) space.inner.insert(index);
  }
  for (const auto& network : ground.policy.local_networks) {
    if (space.networks.size() < most_networks && is_local_as_a_whole(network, ground.policy)) space.networks.insert(network);
  }
  for (const auto& server : ground.policy.endpoints) {
    if (server.mark != 0) continue;
    const bool both = server.protocol == 0 && server.port != 0;
    for (const std::uint8_t protocol : {std::uint8_t{IPPROTO_UDP}, std::uint8_t{IPPROTO_TCP}}) {
      if (both) space.endpoints.insert({server.address, protocol, server.port});
    }
    if (!both) space.endpoints.insert({server.address, server.protocol, server.port});
  }
  space.allowed = allowances(ground.policy);
  return space;
}

FlowDirection way_of(const TracedLeak& leak, std::optional<std::uint32_t> uid, std::optional<std::uint32_t> mark,
                     const FlowGround& ground) {
  Sighting seen;
  seen.key = {leak.packet.protocol, leak.packet.source, leak.packet.destination, leak.socket};
  seen.uid = uid;
  seen.mark = mark;
  seen.out_index = leak.packet.interface;
  return way_by_device(seen, ground).value_or(FlowDirection{FlowWay::unknown, {}, "its device is not told"});
}

bool is_allowed(const FlowRecord& record, const FlowGround& ground) {
  if (!record.packet || record.packet->way != PacketWay::outside) return false;
  TracedLeak leak;
  leak.socket = record.flow.socket;
  leak.packet = *record.packet;
  const auto way = way_of(leak, leak.packet.uid, leak.packet.mark, ground).way;
  return way != FlowWay::outside && way != FlowWay::unknown;
}

/// What a socket without a far end of its own sent is known only while each packet was told.
std::optional<std::uint64_t> bytes_of(const TracedLeak& leak) {
  if (!leak.only_there || (!has_one_end(leak.packet, leak.owner) && leak.outside.packets > 2)) return std::nullopt;
  return leak.outside.bytes;
}

TracedAnswer name_traced(const OutsideDestination& destination, std::span<const TracedLeak* const> leaks, const FlowGround& ground,
                         bool senders, const OwnerFactsOf& facts_of) {
  TracedAnswer answer;
  if (!destination.uid) return answer;
  // Asked for once for each process: files of /proc are read, and a program may have thousands of sockets.
  std::map<std::tuple<std::uint32_t, std::uint64_t, std::string>, OwnerFacts> known;
  const OwnerFactsOf facts_once = [&](const SocketOwner& owner) {
    const auto [at, is_new] = known.try_emplace({owner.pid, owner.cgroup, owner.name});
    if (is_new) at->second = facts_of(owner);
    return at->second;
  };
  for (const auto* leak : leaks) {
    const auto certainty = certainty_of(*leak, senders);
    const auto way = way_of(*leak, leak->packet.uid, leak->packet.mark, ground).way;
    // The firewall goes by who opened the socket, which may be another one than it belongs to now: sock_diag tells both.
    const bool is_users = leak->packet.uid == destination.uid;
    if (way != FlowWay::outside && way != FlowWay::unknown && is_users) continue;
    if (certainty == Certainty::nobody) {
      answer.why_not = "several processes send by its socket";
    } else if (certainty == Certainty::ask || !is_users || way != FlowWay::outside) {
      answer.to_confirm.push_back(*leak);
    } else {
      add_program(answer.programs, program_of(*leak, destination, facts_once));
    }
  }
  return answer;
}

bool is_same_program(const OutsideProgram& one, const OutsideProgram& other) {
  const bool other_container = !one.container.empty() && !other.container.empty() && one.container != other.container;
  return one.pid == other.pid && one.name == other.name && !other_container;
}

bool has_first_pids() {
  // Its inode is fixed: PROC_PID_INIT_INO of linux/proc_ns.h.
  constexpr ino_t first = 0xEFFFFFFC;
  struct stat space {};
  return ::stat("/proc/self/ns/pid", &space) == 0 && space.st_ino == first;
}

/// Another process may have got the number meanwhile, but hardly in the same cgroup.
OwnerFacts facts_of_owner(const SocketOwner& owner) {
  const RaisedCapabilities raised(rights_to_look);
  static const auto tree = open_cgroup_tree({});
  OwnerFacts facts{owner.name, {}};
  const auto process = open_process(static_cast<pid_t>(owner.pid));
  if (!tree || !process || owner.cgroup == 0) return facts;
  const auto text = read_small(process.get(), "cgroup");
  constexpr std::string_view unified = "0::/";
  const auto at = text.starts_with(unified) ? 0 : text.find(std::string("\n").append(unified));
  if (at == std::string::npos) return facts;
  const auto begin = text.find(unified, at) + unified.size();
  const auto path = text.substr(begin, text.find('\n', begin) - begin);
  struct stat folder {};
  const bool same = ::fstatat(tree->folder.get(), path.empty() ? "." : path.c_str(), &folder, 0) == 0 && folder.st_ino == owner.cgroup;
  if (!same) return facts;
  facts.container = container_of_cgroup(text, {});
  if (!owner.of_thread) return facts;
  if (auto name = comm_of(process.get()); !name.empty()) facts.name = std::move(name);
  return facts;
}

}  // namespace vpn_sentinel

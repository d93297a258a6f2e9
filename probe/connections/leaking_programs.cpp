#include "probe/connections/leaking_programs.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>

#include "probe/connections/sources.hpp"

namespace vpn_sentinel {
namespace {

/// More are listed by one question without a filter.
constexpr std::size_t most_filtered = 4;

bool has_ports(const OutsideDestination& destination) {
  return (destination.protocol == IPPROTO_TCP || destination.protocol == IPPROTO_UDP) && destination.port != 0;
}

bool leads_to(const SocketEntry& entry, const OutsideDestination& destination) {
  return entry.protocol == destination.protocol && entry.remote == Endpoint{destination.address, destination.port} &&
         destination.uid == entry.uid;
}

std::string reason_without_socket(const OutsideDestination& destination) {
  if (!destination.uid) return "no socket sent it: it was forwarded for another namespace, or the kernel answered somebody";
  if (!has_ports(destination)) return "sockets of this protocol tell no destination (sock_diag)";
  if (destination.protocol == IPPROTO_UDP) return "no connected socket leads there: it was closed already, or sends without connect(2)";
  return "its connection was closed already";
}

OutsideProgram program_of(const Program& program, const OutsideDestination& destination, const LeakingSocket& socket) {
  OutsideProgram named;
  named.name = program.name;
  named.pid = program.pid;
  named.uid = program.uid;
  named.container = program.container;
  named.destination = destination;
  if (socket.entry.counters) named.bytes = std::max(socket.entry.counters->sent, socket.entry.counters->acknowledged);
  return named;
}

/// One entry for each process, whatever the number of its sockets.
void add(std::vector<OutsideProgram>& programs, OutsideProgram named) {
  const auto known = std::ranges::find(programs, named.pid, &OutsideProgram::pid);
  if (known == programs.end()) {
    programs.push_back(std::move(named));
  } else if (named.bytes) {
    known->bytes = known->bytes.value_or(0) + *named.bytes;
  }
}

bool is_by_itself(const SocketEntry& entry, const FlowGround& ground) {
  if (entry.link_index != 0) return true;
  const auto own = std::ranges::find(ground.addresses, entry.local.address, &InterfaceAddress::address);
  if (own == ground.addresses.end()) return false;
  const auto link = ground.links.find(own->link_index);
  const auto& tunnels = ground.policy.tunnels;
  return link != ground.links.end() && std::ranges::find(tunnels, link->second.name) == tunnels.end() && !link->second.is_loopback();
}

Result<std::vector<SocketEntry>> list_candidates(const SocketOpener& opener, std::span<const OutsideDestination> destinations) {
  std::vector<Endpoint> ends;
  for (const auto& destination : destinations) {
    const Endpoint end{destination.address, destination.port};
    if (has_ports(destination) && std::ranges::find(ends, end) == ends.end()) ends.push_back(end);
  }
  std::vector<SocketEntry> all;
  const auto list = [&](const SocketWish& wish) -> Result<void> {
    auto table = list_sockets(opener, wish);
    if (!table) return fail(table.error());
    std::erase_if(table->sockets, [&](const SocketEntry& entry) {
      return std::ranges::none_of(destinations, [&](const auto& destination) { return leads_to(entry, destination); });
    });
    all.insert(all.end(), table->sockets.begin(), table->sockets.end());
    return {};
  };
  SocketWish wish;
  if (ends.size() > most_filtered) {
    if (auto done = list(wish); !done) return fail(done.error());
    return all;
  }
  for (const auto& end : ends) {
    wish.remote = end;
    if (auto done = list(wish); !done) return fail(done.error());
  }
  return all;
}

std::vector<LeakingSocket> judge_candidates(const std::vector<SocketEntry>& entries, const FlowGround& ground, RouteLookup& look_up) {
  std::vector<Sighting> seen;
  for (const auto& entry : entries) {
    Sighting sighting;
    sighting.key = {entry.protocol, entry.local, entry.remote, entry.cookie};
    sighting.uid = entry.uid;
    sighting.bound_index = entry.link_index;
    sighting.mark = entry.mark;
    seen.push_back(std::move(sighting));
  }
  auto ways = find_ways(seen, ground, look_up);
  std::vector<LeakingSocket> sockets;
  for (std::size_t i = 0; i < entries.size(); ++i) sockets.push_back({entries[i], std::move(ways[i]), is_by_itself(entries[i], ground)});
  return sockets;
}

}  // namespace

NamedPrograms name_programs(const OutsideDestination& destination, std::span<const LeakingSocket> sockets, const SocketOwners& owners) {
  NamedPrograms named;
  std::vector<const LeakingSocket*> outside;
  std::string doubt;
  for (const auto& socket : sockets) {
    if (!leads_to(socket.entry, destination)) continue;
    if (socket.direction.way == FlowWay::outside) outside.push_back(&socket);
    if (socket.direction.way == FlowWay::unknown)
      doubt = "by which way a socket that leads there goes is not known: " + socket.direction.why;
  }
  if (outside.empty()) {
    named.why_not = doubt.empty() ? reason_without_socket(destination) : doubt;
    return named;
  }
  std::vector<std::pair<const LeakingSocket*, Owner>> held;
  bool sure = doubt.empty();
  for (const auto* socket : outside) {
    held.emplace_back(socket, owner_of(socket->entry.inode, owners));
    const auto& owner = held.back().second;
    if (!owner.program) named.why_not = owner.why_not;
    const bool same = owner.program && held.front().second.program && owner.program->pid == held.front().second.program->pid;
    sure = sure && same;
  }
  for (const auto& [socket, owner] : held) {
    // A TCP connection that is bound to the outside has sent its first packet there, whoever sent the others. Of all other sockets only
    // the one that can have sent it is certain.
    const bool certain = sure || (socket->by_itself && socket->entry.protocol == IPPROTO_TCP);
    if (owner.program && certain) add(named.programs, program_of(*owner.program, destination, *socket));
  }
  if (!named.programs.empty()) {
    named.why_not.clear();
  } else if (named.why_not.empty()) {
    named.why_not = doubt.empty() ? "sockets of several programs lead there" : doubt;
  }
  return named;
}

Result<std::vector<NamedPrograms>> find_leaking_programs(const SocketOpener& opener, const FlowGround& ground,
                                                         std::span<const OutsideDestination> destinations, MonoTime deadline) {
  const auto entries = list_candidates(opener, destinations);
  if (!entries) return fail(entries.error());
  auto look_up = RouteLookup::open(opener);
  if (!look_up) return fail(look_up.error());
  const auto sockets = judge_candidates(*entries, ground, *look_up);
  std::vector<std::uint32_t> inodes;
  for (const auto& socket : sockets) {
    if (socket.direction.way == FlowWay::outside && socket.entry.inode != 0) inodes.push_back(socket.entry.inode);
  }
  std::ranges::sort(inodes);
  const auto owners = find_socket_owners(inodes, deadline);
  if (!owners) return fail(owners.error());
  std::vector<NamedPrograms> named;
  for (const auto& destination : destinations) named.push_back(name_programs(destination, sockets, *owners));
  return named;
}

}  // namespace vpn_sentinel

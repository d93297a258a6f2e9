#include "probe/connections/leaking_programs.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "probe/connections/packet_senders.hpp"
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

std::string reason_without_socket(const OutsideDestination& destination, bool traced) {
  if (!destination.uid) return "no socket sent it: it was forwarded for another namespace, or the kernel answered somebody";
  if (traced) return "no socket that eBPF sees sent it: a packet socket (AF_PACKET) did, or what was told of it was lost";
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
void add_process(std::vector<OutsideProgram>& programs, OutsideProgram named) {
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

bool is_by_udp(const LeakQuestion& question) { return question.destination.protocol == IPPROTO_UDP; }

/// Sockets that lead to one of the destinations, and of UDP those without a far end; all sockets when a tracer's are among the questions.
Result<std::vector<SocketEntry>> list_candidates(const SocketOpener& opener, std::span<const LeakQuestion> questions) {
  std::vector<Endpoint> ends;
  bool all_wanted = false;
  for (const auto& [destination, hints, to_confirm] : questions) {
    const Endpoint end{destination.address, destination.port};
    if (has_ports(destination) && std::ranges::find(ends, end) == ends.end()) ends.push_back(end);
    all_wanted = all_wanted || !to_confirm.empty();
  }
  std::vector<SocketEntry> all;
  const auto list = [&](const SocketWish& wish) -> Result<void> {
    auto table = list_sockets(opener, wish);
    if (!table) return fail(table.error());
    all.insert(all.end(), table->sockets.begin(), table->sockets.end());
    return {};
  };
  SocketWish wish;
  wish.unconnected = true;
  if (all_wanted || ends.size() > most_filtered) {
    if (auto done = list(wish); !done) return fail(done.error());
    return all;
  }
  if (std::ranges::any_of(questions, is_by_udp)) {
    wish.tcp = false;
    if (auto done = list(wish); !done) return fail(done.error());
    std::erase_if(all, [](const SocketEntry& entry) { return entry.remote.port != 0; });
    wish.tcp = true;
  }
  wish.unconnected = false;
  for (const auto& end : ends) {
    wish.remote = end;
    if (auto done = list(wish); !done) return fail(done.error());
  }
  return all;
}

/// A UDP socket without a far end sends wherever it likes, by the device that it is bound to or names with a packet (IP_PKTINFO).
std::string other_senders(const OutsideDestination& destination, std::span<const SocketEntry> sockets, const FlowGround& ground) {
  if (destination.protocol != IPPROTO_UDP) return {};
  const auto may_send = [&](const SocketEntry& entry) {
    if (entry.protocol != IPPROTO_UDP || entry.remote.port != 0 || entry.uid != destination.uid) return false;
    const auto link = ground.links.find(entry.link_index);
    const auto& tunnels = ground.policy.tunnels;
    return link == ground.links.end() || std::ranges::find(tunnels, link->second.name) == tunnels.end();
  };
  return std::ranges::any_of(sockets, may_send) ? "another socket of the user, which sends without connect(2), may have sent it" : "";
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

/// It sent since the last look, in which it was the only one that can have sent. A UDP socket counts nothing: another one, that lived
/// between two looks, may have sent instead.
bool has_sent_more(const LeakingSocket& socket, const LeakCandidate& before) {
  if (before.cookie == 0 || socket.entry.cookie != before.cookie || socket.entry.protocol != IPPROTO_TCP) return false;
  return socket.entry.state == SocketState::syn_sent || (socket.entry.counters && socket.entry.counters->sent > before.sent);
}

std::string not_sure(const Program& program, bool is_tcp) {
  return fmt::format(
      "{} (pid {}) may have sent it: {}", program.name, program.pid,
      is_tcp ? "sock_diag is sure only when more is sent" : "its socket leads there, but tells not what it sent (sock_diag)");
}

}  // namespace

NamedPrograms name_programs(const OutsideDestination& destination, std::span<const LeakingSocket> sockets, const SocketOwners& owners,
                            const LeakHints& hints) {
  NamedPrograms named;
  std::vector<const LeakingSocket*> outside;
  std::string doubt = hints.other_senders;
  for (const auto& socket : sockets) {
    if (!leads_to(socket.entry, destination)) continue;
    if (socket.direction.way == FlowWay::outside) outside.push_back(&socket);
    if (socket.direction.way == FlowWay::unknown)
      doubt = "by which way a socket that leads there goes is not known: " + socket.direction.why;
  }
  if (outside.empty()) {
    named.why_not = doubt.empty() || doubt == hints.other_senders ? reason_without_socket(destination, hints.traced) : doubt;
    return named;
  }
  std::vector<std::pair<const LeakingSocket*, Owner>> held;
  bool one_program = doubt.empty();
  bool sent_more = false;
  for (const auto* socket : outside) {
    held.emplace_back(socket, owner_of(socket->entry.inode, owners));
    const auto& owner = held.back().second;
    if (!owner.program) named.why_not = owner.why_not;
    const bool same = owner.program && held.front().second.program && owner.program->pid == held.front().second.program->pid;
    one_program = one_program && same;
    sent_more = sent_more || has_sent_more(*socket, hints.before);
  }
  for (const auto& [socket, owner] : held) {
    // A TCP connection that is bound to the outside has sent its first packet there, whoever sent the others. Of all other sockets only
    // the one that can have sent it, and has, is certain.
    const bool certain = (one_program && sent_more && !hints.traced) || (socket->by_itself && socket->entry.protocol == IPPROTO_TCP);
    if (owner.program && certain) add_process(named.programs, program_of(*owner.program, destination, *socket));
  }
  if (!named.programs.empty()) {
    named.why_not.clear();
  } else if (one_program && !hints.traced) {
    const auto& entry = outside.front()->entry;
    const bool is_tcp = entry.protocol == IPPROTO_TCP;
    if (is_tcp) named.candidate = {entry.cookie, entry.counters ? entry.counters->sent : 0};
    named.why_not = not_sure(*held.front().second.program, is_tcp);
  } else if (named.why_not.empty()) {
    named.why_not = !doubt.empty() ? doubt
                    : hints.traced ? reason_without_socket(destination, true)
                                   : "sockets of several programs lead there";
  }
  return named;
}

NamedPrograms confirm_traced(const OutsideDestination& destination, std::span<const TracedLeak> leaks, std::span<const SocketEntry> sockets,
                             const SocketOwners& owners, const FlowGround& ground, bool same_pids) {
  NamedPrograms named;
  for (const auto& leak : leaks) {
    const auto entry = std::ranges::find(sockets, leak.socket, &SocketEntry::cookie);
    if (entry == sockets.end()) {
      const bool is_listed = has_ports(destination) && (!leak.owner || leak.owner->by != OwnerBy::made);
      named.why_not = is_listed ? "its socket was closed before it could be seen who has it"
                                : "who has its socket is not seen: raw and ICMP sockets are not listed (sock_diag)";
      continue;
    }
    if (destination.uid != entry->uid || way_of(leak, entry->uid, entry->mark, ground).way != FlowWay::outside) continue;
    const auto owner = owner_of(entry->inode, owners);
    if (!owner.program) {
      named.why_not = owner.why_not;
    } else if (!leak.owner) {
      // It may have been handed on since it sent.
      named.why_not =
          fmt::format("{} (pid {}) has its socket now; who had it when it sent is not known", owner.program->name, owner.program->pid);
    } else if (!same_pids) {
      named.why_not = fmt::format(
          "{} may have sent it: whether it still has its socket cannot be compared, because the probe has process "
          "numbers of its own (run it with --pid=host)",
          leak.owner->name);
    } else if (static_cast<pid_t>(leak.owner->pid) != owner.program->pid) {
      named.why_not = "its socket was handed from one process to another";
    } else {
      auto program = program_of(*owner.program, destination, {*entry, {}, false});
      program.bytes = bytes_of(leak);
      add_process(named.programs, std::move(program));
    }
  }
  if (!named.programs.empty()) named.why_not.clear();
  if (named.programs.empty() && named.why_not.empty()) named.why_not = reason_without_socket(destination, true);
  return named;
}

Result<std::vector<NamedPrograms>> find_leaking_programs(const SocketOpener& opener, const FlowGround& ground,
                                                         std::span<const LeakQuestion> questions, MonoTime deadline) {
  const auto entries = list_candidates(opener, questions);
  if (!entries) return fail(entries.error());
  auto look_up = RouteLookup::open(opener);
  if (!look_up) return fail(look_up.error());
  std::vector<SocketEntry> leading;
  std::vector<std::uint32_t> inodes;
  for (const auto& entry : *entries) {
    const bool leads = std::ranges::any_of(questions, [&](const LeakQuestion& question) { return leads_to(entry, question.destination); });
    if (leads) leading.push_back(entry);
    const bool traced = std::ranges::any_of(questions, [&](const LeakQuestion& question) {
      return std::ranges::find(question.to_confirm, entry.cookie, &TracedLeak::socket) != question.to_confirm.end();
    });
    if (traced && entry.inode != 0) inodes.push_back(entry.inode);
  }
  const auto sockets = judge_candidates(leading, ground, *look_up);
  for (const auto& socket : sockets) {
    if (socket.direction.way == FlowWay::outside && socket.entry.inode != 0) inodes.push_back(socket.entry.inode);
  }
  std::ranges::sort(inodes);
  const auto owners = find_socket_owners(inodes, deadline);
  if (!owners) return fail(owners.error());
  std::optional<Result<std::vector<PacketSender>>> packet_senders;
  std::vector<NamedPrograms> named;
  for (auto question : questions) {
    question.hints.other_senders = other_senders(question.destination, *entries, ground);
    named.push_back(question.to_confirm.empty()
                        ? name_programs(question.destination, sockets, *owners, question.hints)
                        : confirm_traced(question.destination, question.to_confirm, *entries, *owners, ground, has_first_pids()));
    const bool by_a_socket = !question.to_confirm.empty() || std::ranges::any_of(leading, [&question](const SocketEntry& entry) {
      return leads_to(entry, question.destination);
    });
    if (by_a_socket || !question.destination.uid) continue;
    if (!packet_senders) packet_senders = find_packet_senders(opener, deadline);
    if (!*packet_senders) continue;
    const auto who = shown_packet_senders(**packet_senders, ground, question.destination.uid);
    if (!who.empty()) named.back().why_not += "; a packet socket, by which it may have been sent, has " + who;
  }
  return named;
}

}  // namespace vpn_sentinel

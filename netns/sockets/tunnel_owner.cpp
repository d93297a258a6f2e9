#include "netns/sockets/tunnel_owner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "netns/sockets/far_ends.hpp"
#include "netns/sockets/socket_list.hpp"

namespace vpn_sentinel {
namespace {

/// For all readings below /proc together.
constexpr std::chrono::seconds owner_patience{2};

Error nobody(const std::string& name, const TunHolders& found) {
  if (found.unreadable == 0) return {Error::Kind::not_found, fmt::format("no process that the probe can see holds the interface {}", name)};
  return {Error::Kind::not_permitted,
          fmt::format("the program that holds {} was not found, and the open files of {} process(es) cannot be seen "
                      "(CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are needed)",
                      name, found.unreadable)};
}

/// Interfaces of one name are common (every container has its tun0), so a process elsewhere counts only when the kernel confirms it.
Result<TunHolder> choose(const TunHolders& found, const NamespaceIdentity& identity, const std::string& name, TunnelPrograms& programs) {
  const auto is_here = [&](const TunHolder& holder) { return holder.netns == identity; };
  // The usual case needs no right to touch another process's descriptors.
  if (std::ranges::all_of(found.holders, is_here)) return found.holders.front();
  std::optional<TunHolder> likely;
  std::optional<Error> unknown;
  for (const auto& holder : found.holders) {
    const auto& lives_in = programs.namespace_of(holder);
    if (lives_in == identity) return holder;
    if (lives_in) continue;
    unknown = lives_in.error();
    if (is_here(holder) && !likely) likely = holder;
  }
  // Not to be asked: a process of the same namespace is far more likely than one whose interface was moved here.
  if (likely) return *likely;
  if (!unknown) return fail(nobody(name, found));
  return fail(unknown->kind == Error::Kind::not_permitted ? unknown->kind : Error::Kind::unavailable,
              fmt::format("a process of another namespace holds an interface {}, and whether it is this one could not be found out: {}",
                          name, unknown->message));
}

/// What an earlier look found may have ended since then, and its number may be another program's: then there is one look more.
Result<TunHolder> find_holder(const NamespaceIdentity& identity, const std::string& name, TunnelPrograms& programs, MonoTime not_before,
                              MonoTime deadline, bool once_more = true) {
  const auto found = programs.holders(name, not_before, deadline);
  if (!found) return fail(found.error());
  if (found->holders.empty()) return fail(nobody(name, *found));
  auto holder = choose(*found, identity, name, programs);
  const bool outdated = holder ? !still_holds(*holder) : !std::ranges::all_of(found->holders, still_holds);
  return outdated && once_more ? find_holder(identity, name, programs, mono_now(), deadline, false) : holder;
}

void add_peer(const Endpoint& peer, TunnelOwner& owner) {
  if (!peer.address.is_loopback() && !peer.address.is_unspecified()) owner.peers.push_back(peer);
}

Result<void> add_peers(const SocketOpener& opener, TunnelOwner& owner) {
  const auto sockets = list_connected_sockets(opener, owner.sockets);
  if (!sockets) return fail(sockets.error());
  for (const auto& socket : *sockets) add_peer(socket.remote, owner);
  return {};
}

/// Whatever namespace they are of; where they may not be asked, those made in the interface's namespace and in the process's own one.
Result<void> read_peers(const SocketOpener& inside, const NamespaceIdentity& identity, std::span<const int> files, TunnelOwner& owner) {
  if (const auto far_ends = read_far_ends(owner.pid, files)) {
    for (const auto& peer : *far_ends) add_peer(peer, owner);
    return {};
  }
  auto done = add_peers(inside, owner);
  if (!done || owner.netns == identity) return done;
  const auto own = NetNamespace::open({NamespaceRef::Kind::pid, std::to_string(owner.pid)});
  if (!own) return fail(own.error());
  return add_peers(own->opener(), owner);
}

}  // namespace

Result<TunnelOwner> find_tunnel_owner(const SocketOpener& inside, const NamespaceIdentity& identity, const std::string& name,
                                      TunnelPrograms& programs, MonoTime not_before) {
  const auto deadline = mono_now() + owner_patience;
  const auto holder = find_holder(identity, name, programs, not_before, deadline);
  if (!holder) return fail(holder.error());
  const auto& facts = programs.facts_of(holder->pid, deadline);
  if (!facts) return fail(facts.error());
  TunnelOwner owner{holder->pid, facts->comm, facts->uid, {}, std::nullopt, facts->sockets, holder->netns};
  if (auto read = read_peers(inside, identity, facts->socket_files, owner); !read) owner.peers_gap = read.error();
  std::ranges::sort(owner.peers);
  owner.peers.erase(std::unique(owner.peers.begin(), owner.peers.end()), owner.peers.end());
  return owner;
}

}  // namespace vpn_sentinel

#include "netns/sockets/tunnel_facts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "netns/sockets/socket_list.hpp"
#include "netns/sockets/wireguard_netlink.hpp"
#include "netns/sockets/wireguard_uapi.hpp"

namespace vpn_sentinel {
namespace {

/// Sockets of the namespace in which the owner makes its own: usually the interface's.
Result<SocketOpener> opener_of(const SocketOpener& inside, const NamespaceIdentity& identity, const TunnelOwner& owner) {
  if (owner.netns == identity) return inside;
  const auto own = NetNamespace::open({NamespaceRef::Kind::pid, std::to_string(owner.pid)});
  if (!own) return fail(own.error());
  return own->opener();
}

/// Two programs with an interface of one name may share a mount namespace, and then the file is that of one of them only.
Result<bool> is_owners(const SocketOpener& opener, const TunnelOwner& owner, const Fd& file) {
  struct statx status {};
  // What is known already: the file system may be one that does not answer.
  if (::statx(file.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) != 0)
    return fail(system_error(errno, "the control socket of the WireGuard interface"));
  const SocketFile wanted{static_cast<std::uint32_t>(status.stx_ino), status.stx_dev_major << 20U | status.stx_dev_minor};
  return listens_on_file(opener, owner.sockets, wanted);
}

/// Absent without an error: the owner has no control socket, it is no WireGuard.
Result<std::optional<WireGuardDevice>> ask_owner(const SocketOpener& inside, const NamespaceIdentity& identity, const TunnelOwner& owner,
                                                 const std::string& name, bool& is_mute) {
  const auto file = find_uapi_socket(owner.pid, name);
  if (!file && file.error().kind == Error::Kind::not_found) return std::nullopt;
  if (!file) return fail(file.error());
  const auto opener = opener_of(inside, identity, owner);
  if (!opener) return fail(opener.error());
  const auto own = is_owners(*opener, owner, *file);
  if (!own) return fail(own.error());
  // A program that is no WireGuard does not leave such a file. Where the file system has other numbers for the socket's maker than for who
  // looks (btrfs, overlayfs), it may be this one's nevertheless.
  if (!*own) {
    return fail(Error::Kind::unavailable,
                fmt::format("a control socket of the WireGuard interface {} exists, and it is not proved that {} (pid {}) serves it", name,
                            owner.comm, owner.pid));
  }
  auto device = ask_uapi(*file, name);
  if (!device) {
    is_mute = device.error().kind == Error::Kind::timed_out || device.error().kind == Error::Kind::unreachable;
    return fail(device.error());
  }
  return std::move(*device);
}

void read_program(const SocketOpener& inside, const NamespaceIdentity& identity, const std::string& name, TunnelPrograms& programs,
                  MonoTime not_before, TunnelFacts& facts) {
  auto owner = find_tunnel_owner(inside, identity, name, programs, not_before);
  if (!owner) return facts.gaps.push_back(owner.error());
  facts.owner = std::move(*owner);
  if (facts.owner->peers_gap) facts.gaps.push_back(*facts.owner->peers_gap);
  auto device = ask_owner(inside, identity, *facts.owner, name, facts.wireguard_is_mute);
  if (!device) return facts.gaps.push_back(device.error());
  facts.wireguard = std::move(*device);
}

}  // namespace

TunnelFacts read_tunnel_facts(const SocketOpener& inside, const NamespaceIdentity& identity, const std::string& name,
                              const std::string& kind, TunnelPrograms& programs, MonoTime not_before) {
  TunnelFacts facts;
  if (kind == "tun") {
    read_program(inside, identity, name, programs, not_before, facts);
  } else if (kind == "wireguard") {
    auto device = read_kernel_wireguard(inside, name);
    if (device) {
      facts.wireguard = std::move(*device);
    } else {
      facts.gaps.push_back(device.error());
    }
  } else {
    facts.gaps.push_back({Error::Kind::unavailable, fmt::format("an interface of kind '{}' tells neither servers nor handshakes", kind)});
  }
  return facts;
}

std::vector<Endpoint> tunnel_endpoints(const TunnelFacts& facts) {
  std::vector<Endpoint> endpoints;
  if (facts.owner) endpoints = facts.owner->peers;
  if (facts.wireguard) {
    for (const auto& peer : facts.wireguard->peers) {
      if (peer.endpoint) endpoints.push_back(*peer.endpoint);
    }
  }
  std::ranges::sort(endpoints);
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
  return endpoints;
}

}  // namespace vpn_sentinel

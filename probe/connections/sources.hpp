/// The sources. What each can see is its sight(); lists are bounded, and what is left out is counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "netns/base/result.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "probe/connections/source.hpp"

namespace vpn_sentinel {

struct SocketSourceWish {
  bool owners = true;                ///< walks through /proc: 17 µs a process
  std::size_t most = 200'000;        ///< sockets
  std::optional<Endpoint> remote{};  ///< only sockets with this far end
  /// For so long the owners of a look hold while no socket is new: the walk is most of what a look costs.
  std::chrono::milliseconds owners_last{0};
};

/// Who has a socket, by all that have it: exactly one process, or none is named. `uid`: of the socket's maker.
struct SocketOwners;
[[nodiscard]] Owner owner_of(std::uint32_t inode, const SocketOwners& owners);

/// sock_diag. Works without any capability; owners of other users' processes take CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.
[[nodiscard]] std::unique_ptr<ConnectionSource> make_socket_source(const NetNamespace& space, SocketSourceWish wish = {});

/// conntrack: the whole table at the first look and after a loss, then what begins and ends; numbers of what lasts come with the whole
/// table, which is read again after `reread`. not_permitted: CAP_NET_ADMIN is missing; unavailable: the kernel has none.
[[nodiscard]] Result<std::unique_ptr<ConnectionSource>> make_conntrack_source(const NetNamespace& space,
                                                                              std::chrono::milliseconds reread = std::chrono::seconds{5});

/// eBPF, by the one tracer of this process: who sends from now on, and the bytes. Sockets that are older are told when they send. The first
/// one of a process takes some ten milliseconds. Errors as of Tracer::start().
[[nodiscard]] Result<std::unique_ptr<ConnectionSource>> make_ebpf_source(const NetNamespace& space);

/// nflog: packets that rules with `log group N` tell. not_permitted: CAP_NET_ADMIN is missing, or another program listens.
[[nodiscard]] Result<std::unique_ptr<ConnectionSource>> make_nflog_source(const NetNamespace& space, std::uint16_t group);

}  // namespace vpn_sentinel

/// What /proc tells about the open files of processes (proc(5)): who holds a tun interface, and which sockets a process has.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/net_namespace.hpp"

namespace vpn_sentinel {

/// The interface that an open /dev/net/tun is attached to: the line "iff:" of /proc/PID/fdinfo/N. Empty: none. Pure.
[[nodiscard]] std::string tun_of_fdinfo(std::string_view text);
/// 4242 of "socket:[4242]". Pure.
[[nodiscard]] std::optional<std::uint32_t> inode_of_socket_link(std::string_view link);

/// A process that has a tun interface open. The interface may live in another namespace than the process.
struct TunHolder {
  pid_t pid = 0;
  int file = 0;             ///< the number of its descriptor
  std::string name;         ///< of the interface
  NamespaceIdentity netns;  ///< of the process
  friend bool operator==(const TunHolder&, const TunHolder&) = default;
};
struct TunHolders {
  std::vector<TunHolder> holders;  ///< by process id; one per descriptor
  std::size_t unreadable = 0;      ///< processes whose open files this process may not see: the holder may be among them
};

/// Whoever holds any tun interface. Reads the names of all open files of all processes. Cost: about 17 µs per process with some open files
/// (measured: 2 ms with 93 processes, 16 ms with 993). timed_out after `deadline`, which bounds it on a machine with a million open files.
[[nodiscard]] Result<TunHolders> find_tun_holders(MonoTime deadline);
/// The same process has the same interface open still: one small file is read.
[[nodiscard]] bool still_holds(const TunHolder& holder);

/// In which namespace the interface behind `holder`'s file lives (TUNGETDEVNETNS on a copy of the descriptor, pidfd_getfd(2)): exact, also
/// for an interface that was moved. CAP_SYS_PTRACE and CAP_NET_ADMIN; unavailable: Linux before 5.6.
[[nodiscard]] Result<NamespaceIdentity> namespace_of_tun(const TunHolder& holder);

struct ProcessFacts {
  std::string comm;                    ///< at most 15 bytes; control characters replaced
  uid_t uid = 0;                       ///< effective
  std::vector<std::uint32_t> sockets;  ///< inodes, sorted
  std::vector<int> socket_files;       ///< the descriptors of the same sockets
};
/// not_found: it has ended; not_permitted: its open files may not be seen.
[[nodiscard]] Result<ProcessFacts> read_process(pid_t pid, MonoTime deadline);

struct SocketHolder {
  pid_t pid = 0;
  std::string comm;  ///< as in ProcessFacts
  friend bool operator==(const SocketHolder&, const SocketHolder&) = default;
};
/// Who has one of the sockets with these inodes (sorted) open; of several processes that of the lowest id, but PID 1 last, which holds the
/// sockets of services that it starts on demand. Reads what find_tun_holders() reads. not_found: none that this process sees;
/// not_permitted: it may be one whose open files may not be seen; timed_out after `deadline`.
[[nodiscard]] Result<SocketHolder> find_socket_holder(std::span<const std::uint32_t> inodes, MonoTime deadline);

}  // namespace vpn_sentinel

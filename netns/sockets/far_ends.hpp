/// Whom a program's sockets talk to, asked of the sockets themselves. A list of all sockets (socket_list.hpp) tells the same, but the
/// kernel walks its whole table four times for it: 1.6 ms a namespace were measured.
#pragma once

#include <sys/types.h>

#include <span>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// A program with more sockets is asked about in the other way.
inline constexpr std::size_t most_sockets_to_copy = 64;

/// Far ends of those of the descriptors `files` of the process that are connected: TCP established or being opened, UDP after connect(2).
/// Unsorted; IPv4 in an IPv6 socket (::ffff:0:0/96) is told as IPv4. Each is copied for a moment (pidfd_getfd(2)), which its owner does not
/// notice; one that was closed meanwhile is left out. not_permitted: CAP_SYS_PTRACE is missing; unavailable: Linux before 5.6, or more
/// than `most_sockets_to_copy`.
[[nodiscard]] Result<std::vector<Endpoint>> read_far_ends(pid_t pid, std::span<const int> files);

}  // namespace vpn_sentinel

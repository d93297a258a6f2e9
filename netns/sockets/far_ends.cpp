#include "netns/sockets/far_ends.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

int option_of(int socket, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return ::getsockopt(socket, level, name, &value, &length) == 0 ? value : -1;
}

/// Also while the connection is being opened: getpeername(2) tells nothing then, SO_PEERNAME does.
std::optional<Endpoint> peer_of(int socket, int domain) {
  sockaddr_storage address{};
  // The kernel refuses a length that is more than the address has.
  socklen_t length = domain == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERNAME, &address, &length) != 0) return std::nullopt;
  const auto far_end = Endpoint::from_sockaddr(address);
  if (!far_end) return std::nullopt;
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (address.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six)) return *far_end;
  std::array<std::uint8_t, 4> four{};
  std::memcpy(four.data(), six.s6_addr + 12, four.size());
  return Endpoint{IpAddress::v4(four), far_end->port};
}

std::optional<Endpoint> far_end_of(int socket) {
  const int domain = option_of(socket, SOL_SOCKET, SO_DOMAIN);
  if (domain != AF_INET && domain != AF_INET6) return std::nullopt;
  const int protocol = option_of(socket, SOL_SOCKET, SO_PROTOCOL);
  if (protocol == IPPROTO_UDP) return peer_of(socket, domain);
  if (protocol != IPPROTO_TCP) return std::nullopt;
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  if (info.tcpi_state != TCP_ESTABLISHED && info.tcpi_state != TCP_SYN_SENT) return std::nullopt;
  return peer_of(socket, domain);
}

}  // namespace

Result<std::vector<Endpoint>> read_far_ends(pid_t pid, std::span<const int> files) {
  if (files.size() > most_sockets_to_copy) {
    return fail(Error::Kind::unavailable, fmt::format("process {} has {} sockets, too many to copy each", pid, files.size()));
  }
  std::vector<Endpoint> far_ends;
  if (files.empty()) return far_ends;
  const Fd process{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!process) return fail(system_error(errno, "pidfd_open"));
  for (const int file : files) {
    const Fd copy{static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), file, 0))};
    if (!copy && errno == EBADF) continue;
    if (!copy) return fail(system_error(errno, "pidfd_getfd"));
    if (const auto far_end = far_end_of(copy.get())) far_ends.push_back(*far_end);
  }
  return far_ends;
}

}  // namespace vpn_sentinel

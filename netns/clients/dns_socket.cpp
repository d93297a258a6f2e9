#include "netns/clients/dns_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace vpn_sentinel {
namespace {

Result<Fd> open_here(int domain, int type, int protocol) {
  Fd socket(::socket(domain, type, protocol));
  if (!socket) return fail(system_error(errno, "socket"));
  return socket;
}

}  // namespace

Result<Fd> open_bound_socket(const SocketOpener& opener, int domain, int type, int protocol, std::string_view device) {
  const int full_type = type | SOCK_CLOEXEC | SOCK_NONBLOCK;
  auto socket = opener ? opener(domain, full_type, protocol) : open_here(domain, full_type, protocol);
  if (!socket) return socket;
  // An opener that forgets the flag would block the whole loop in the first recv(2).
  const int flags = ::fcntl(socket->get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket->get(), F_SETFL, flags | O_NONBLOCK) < 0) return fail(system_error(errno, "fcntl"));
  if (!device.empty()) {
    const auto length = static_cast<socklen_t>(device.size());
    if (::setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, device.data(), length) < 0) {
      return fail(system_error(errno, fmt::format("binding a socket to the device {}", device)));
    }
  }
  return socket;
}

Result<Fd> open_udp_to(const SocketOpener& opener, const Endpoint& server, std::string_view device) {
  auto socket = open_bound_socket(opener, address_family(server.address.family()), SOCK_DGRAM, 0, device);
  if (!socket) return socket;
  const int on = 1;
  const bool v4 = server.address.is_v4();
  if (::setsockopt(socket->get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &on, sizeof on) < 0) {
    return fail(system_error(errno, "setting IP_RECVERR"));
  }
  sockaddr_storage address{};
  const auto length = server.to_sockaddr(address);
  if (::connect(socket->get(), reinterpret_cast<const sockaddr*>(&address), length) < 0) {
    return fail(system_error(errno, fmt::format("connecting to {}", server.to_string())));
  }
  return socket;
}

}  // namespace vpn_sentinel

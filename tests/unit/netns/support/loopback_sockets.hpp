/// Sockets at 127.0.0.1 of a test's namespace.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "netns/base/fd.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

inline Fd open_bound(const SocketOpener& opener, int type, std::uint16_t port) {
  auto socket = opener(AF_INET, type, 0);
  BOOST_REQUIRE(socket.has_value());
  const auto address = loopback(port);
  BOOST_REQUIRE_EQUAL(::bind(socket->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return std::move(*socket);
}

inline void connect_to(const Fd& socket, std::uint16_t port) {
  const auto address = loopback(port);
  const int done = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  BOOST_REQUIRE(done == 0 || errno == EINPROGRESS);
}

}  // namespace vpn_sentinel

#include "netns/firewall/own_packets.hpp"

#include <sys/socket.h>

#include <utility>

#include "netns/base/random.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::uint32_t upper_half = 0x56530000;
constexpr std::uint32_t lower_half = 0xffff;

}  // namespace

std::uint32_t own_priority() {
  static const auto priority = upper_half | (static_cast<std::uint32_t>(random_u64()) & lower_half);
  return priority;
}

SocketOpener with_own_priority(SocketOpener opener) {
  return [opener = std::move(opener)](int domain, int type, int protocol) {
    auto socket = opener(domain, type, protocol);
    if (socket && (domain == AF_INET || domain == AF_INET6)) {
      const auto priority = own_priority();
      (void)::setsockopt(socket->get(), SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
    }
    return socket;
  };
}

}  // namespace vpn_sentinel

#include "netns/firewall/ruleset_bell.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace vpn_sentinel {
namespace {

/// More come with the next call: whoever changes rules all the time must not hold the caller up.
constexpr int most_reads = 64;

}  // namespace

Result<Fd> open_ruleset_bell(const SocketOpener& opener) {
  auto bell = opener(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
  if (!bell) return fail(bell.error());
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1U << (NFNLGRP_NFTABLES - 1U);
  if (::bind(bell->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(system_error(errno, "listening for changes of nf_tables"));
  }
  return std::move(*bell);
}

bool drain_ruleset_bell(int bell) {
  std::array<std::byte, 4096> buffer;  // what is longer is cut: nothing of it is read
  bool rang = false;
  for (int i = 0; i < most_reads; ++i) {
    const auto count = ::recv(bell, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return rang || errno == ENOBUFS;
    rang = true;
  }
  return rang;
}

}  // namespace vpn_sentinel

#include "netns/sockets/conntrack.hpp"

#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/netlink/question.hpp"
#include "netns/sockets/netfilter_socket.hpp"

namespace vpn_sentinel {
namespace {

constexpr const char* accounting = "/proc/sys/net/netfilter/nf_conntrack_acct";
constexpr int event_buffer = 4 << 20;
constexpr std::uint32_t groups = 1U << (NFNLGRP_CONNTRACK_NEW - 1U) | 1U << (NFNLGRP_CONNTRACK_DESTROY - 1U);

constexpr std::uint16_t conntrack_type(unsigned message) { return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8U | message); }

Error conntrack_error(int code) {
  if (code == EPERM) return {Error::Kind::not_permitted, "CAP_NET_ADMIN is needed in the namespace to read its connections"};
  // Nobody answers for the subsystem.
  if (code == EINVAL || code == EOPNOTSUPP || code == ENOENT) {
    return {Error::Kind::unavailable, "this kernel cannot list connections (modules nf_conntrack and nf_conntrack_netlink)"};
  }
  return system_error(code, "listing connections");
}

/// The sysctl as whoever is in the namespace sees it: 0 or the errno.
std::pair<int, bool> read_accounting() {
  const Fd file{::open(accounting, O_RDONLY | O_CLOEXEC)};
  char digit = '0';
  if (!file || ::read(file.get(), &digit, 1) != 1) return {errno != 0 ? errno : EIO, false};
  return {0, digit != '0'};
}

}  // namespace

Result<ConntrackTable> list_tracked_connections(const SocketOpener& opener, std::size_t most, std::chrono::milliseconds patience,
                                                const std::function<bool(const TrackedConnection&)>& wanted) {
  const auto socket = open_netfilter(opener, 0);
  if (!socket) return fail(socket.error());
  ConntrackTable table;
  const auto request = netfilter_request(conntrack_type(IPCTNL_MSG_CT_GET), NLM_F_DUMP, 1, AF_UNSPEC, 0);
  const auto code =
      ask_netlink(socket->fd.get(), request, 1, mono_now() + patience, "listing connections", [&](const NetlinkMessage& message) {
        const auto found = decode_tracked_connection(message.payload);
        if (!found) return;
        table.empty = false;
        if (wanted && !wanted(*found)) return;
        if (table.connections.size() == most) {
          ++table.left_out;
          return;
        }
        if (!found->counted) ++table.uncounted;
        table.connections.push_back(*found);
      });
  if (!code) return fail(code.error());
  if (*code != 0) return fail(conntrack_error(*code));
  return table;
}

Result<bool> conntrack_counts(const NetNamespace& space) {
  std::pair<int, bool> read{EIO, false};
  if (auto inside = space.run_inside([&read] { read = read_accounting(); }); !inside) return fail(inside.error());
  if (read.first == ENOENT) return fail(Error::Kind::unavailable, "this kernel has no connection tracking (module nf_conntrack)");
  if (read.first != 0) return fail(system_error(read.first, accounting));
  return read.second;
}

Result<ConntrackEvents> ConntrackEvents::open(const SocketOpener& opener) {
  auto socket = open_netfilter(opener, groups);
  if (!socket) {
    if (socket.error().kind == Error::Kind::not_permitted) return fail(conntrack_error(EPERM));
    return fail(socket.error());
  }
  grow_receive_buffer(socket->fd.get(), event_buffer);
  return ConntrackEvents{std::move(*socket)};
}

Result<ConntrackEvents::Heard> ConntrackEvents::take(std::size_t most) {
  Heard heard;
  std::array<std::byte, netlink_datagram_size> buffer;
  for (std::size_t i = 0; i < most; ++i) {
    const auto datagram = receive_netlink(socket_.fd.get(), buffer);
    if (datagram.outcome == Datagram::Outcome::empty) break;
    if (datagram.outcome == Datagram::Outcome::failed) return fail(system_error(datagram.code, "listening to connections"));
    heard.lost = heard.lost || datagram.outcome == Datagram::Outcome::overrun;
    MessageCursor messages{datagram.bytes};
    while (const auto message = messages.next()) {
      const bool begins = message->type == conntrack_type(IPCTNL_MSG_CT_NEW);
      if (!begins && message->type != conntrack_type(IPCTNL_MSG_CT_DELETE)) continue;
      if (const auto found = decode_tracked_connection(message->payload)) heard.events.push_back({!begins, *found});
    }
  }
  return heard;
}

}  // namespace vpn_sentinel

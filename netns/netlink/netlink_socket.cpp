#include "netns/netlink/netlink_socket.hpp"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_datagrams = 16;

Datagram failed_receive(int code) noexcept {
  if (code == EAGAIN) return {Datagram::Outcome::empty, {}, EAGAIN};
  return {code == ENOBUFS ? Datagram::Outcome::overrun : Datagram::Outcome::failed, {}, code};
}

Datagram checked(const msghdr& header, const sockaddr_nl& sender, std::span<const std::byte> bytes) noexcept {
  if (header.msg_namelen != sizeof sender || sender.nl_family != AF_NETLINK) return {Datagram::Outcome::failed, {}, EPROTO};
  // Any process may send to a netlink socket whose port it guesses; only the kernel has port 0.
  if (sender.nl_pid != 0) return {Datagram::Outcome::foreign, {}, 0};
  if ((header.msg_flags & MSG_TRUNC) != 0) return {Datagram::Outcome::overrun, {}, EMSGSIZE};
  return {Datagram::Outcome::data, bytes, 0};
}

}  // namespace

Result<NetlinkSocket> open_netlink(const SocketOpener& opener, std::uint32_t groups) {
  auto fd = opener(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!fd) return fail(fd.error());
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  if (::bind(fd->get(), generic, length) != 0) return fail(system_error(errno, "netlink bind"));
  if (::getsockname(fd->get(), generic, &length) != 0) return fail(system_error(errno, "netlink getsockname"));
  return NetlinkSocket{std::move(*fd), address.nl_pid};
}

void grow_receive_buffer(int fd, int bytes) noexcept {
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0) return;
  // A smaller buffer only means an earlier overrun, and an overrun is handled: nothing to report.
  (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

Result<void> send_netlink(int fd, std::span<const std::byte> request) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  for (;;) {
    const auto sent = ::sendto(fd, request.data(), request.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
    if (sent >= 0) return {};
    if (errno != EINTR) return fail(system_error(errno, "netlink request"));
  }
}

Datagram receive_netlink(int fd, std::span<std::byte> buffer) noexcept {
  Datagram datagram;
  (void)receive_netlink(fd, buffer, std::span(&datagram, 1));
  return datagram;
}

std::size_t receive_netlink(int fd, std::span<std::byte> buffer, std::span<Datagram> into) noexcept {
  const auto count = std::min(into.size(), most_datagrams);
  const auto room = buffer.size() / count;
  std::array<sockaddr_nl, most_datagrams> senders;
  std::array<iovec, most_datagrams> parts;
  std::array<mmsghdr, most_datagrams> headers;
  for (std::size_t i = 0; i < count; ++i) {
    parts[i] = {buffer.data() + i * room, room};
    headers[i] = {};
    headers[i].msg_hdr.msg_name = &senders[i];
    headers[i].msg_hdr.msg_namelen = sizeof senders[i];
    headers[i].msg_hdr.msg_iov = &parts[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  int received = 0;
  do {
    received = ::recvmmsg(fd, headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT, nullptr);
  } while (received < 0 && errno == EINTR);
  if (received <= 0) {
    into[0] = failed_receive(received < 0 ? errno : EAGAIN);
    return 1;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(received); ++i) {
    into[i] = checked(headers[i].msg_hdr, senders[i], buffer.subspan(i * room, headers[i].msg_len));
  }
  return static_cast<std::size_t>(received);
}

Result<void> wait_readable(int fd, MonoTime deadline) {
  pollfd poll_fd{fd, POLLIN, 0};
  for (;;) {
    // Rounded up: a wait of 0 ms before the deadline would spin.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - mono_now()).count();
    const int ready = ::poll(&poll_fd, 1, static_cast<int>(std::clamp<long>(left, 0, 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(system_error(errno, "netlink poll"));
    if (mono_now() >= deadline) return fail(Error::Kind::timed_out, "the kernel did not answer a netlink request in time");
  }
}

Result<void> receive_answer(int fd, std::span<std::byte> buffer, MonoTime deadline, std::string_view what, const TakeDatagram& take) {
  for (;;) {
    const auto datagram = receive_netlink(fd, buffer);
    switch (datagram.outcome) {
      case Datagram::Outcome::data: {
        const auto complete = take(datagram.bytes);
        if (!complete) return fail(complete.error());
        if (*complete) return {};
        break;
      }
      case Datagram::Outcome::foreign:
        break;
      case Datagram::Outcome::empty:
        if (auto readable = wait_readable(fd, deadline); !readable) return readable;
        break;
      case Datagram::Outcome::overrun:
      case Datagram::Outcome::failed:
        return fail(system_error(datagram.code, what));
    }
    // Also while somebody else's datagrams go on to come.
    if (mono_now() >= deadline) return fail(Error::Kind::timed_out, fmt::format("{}: the kernel's answer does not end", what));
  }
}

}  // namespace vpn_sentinel

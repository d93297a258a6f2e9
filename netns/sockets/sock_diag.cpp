#include "netns/sockets/sock_diag.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "netns/netlink/decode.hpp"

namespace vpn_sentinel {
namespace {

Error diag_error(int code, std::string_view what) {
  // No handler for this family or protocol: neither built in nor to be loaded.
  if (code == ENOENT) return {Error::Kind::unavailable, fmt::format("this kernel cannot list {} sockets (sock_diag)", what)};
  return system_error(code, fmt::format("listing {} sockets", what));
}

Result<bool> take_datagram(std::span<const std::byte> datagram, std::uint32_t sequence, std::string_view what, const TakeSocket& take) {
  MessageCursor messages{datagram};
  while (const auto message = messages.next()) {
    if (message->sequence != sequence) continue;
    if (message->type == NLMSG_ERROR || message->type == NLMSG_DONE) {
      const int code = decode_error_code(message->payload).value_or(EPROTO);
      if (code != 0) return fail(diag_error(code, what));
      return true;
    }
    take(message->payload);
  }
  return false;
}

}  // namespace

Result<NetlinkSocket> open_diag(const SocketOpener& opener) {
  return open_netlink([&](int domain, int type, int) { return opener(domain, type, NETLINK_SOCK_DIAG); }, 0);
}

IpAddress diag_address(int family, const std::uint32_t (&words)[4]) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), words, bytes.size());
  static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (family == AF_INET) return IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  if (std::equal(mapped.begin(), mapped.end(), bytes.begin())) return IpAddress::v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  return IpAddress::v6(bytes);
}

Result<void> run_diag_dump(int fd, std::span<const std::byte> request, std::uint32_t sequence, MonoTime deadline, std::string_view what,
                           const TakeSocket& take) {
  if (auto sent = send_netlink(fd, request); !sent) return fail(sent.error());
  std::array<std::byte, netlink_datagram_size> buffer;
  return receive_answer(fd, buffer, deadline, fmt::format("listing {} sockets", what),
                        [&](std::span<const std::byte> datagram) { return take_datagram(datagram, sequence, what, take); });
}

}  // namespace vpn_sentinel

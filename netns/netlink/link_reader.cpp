#include "netns/netlink/link_reader.hpp"

#include <linux/netlink.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

#include "netns/base/clock.hpp"
#include "netns/netlink/decode.hpp"
#include "netns/netlink/netlink_socket.hpp"
#include "netns/netlink/patience.hpp"
#include "netns/netlink/request.hpp"

namespace vpn_sentinel {
namespace {

/// The reply with number `sequence` in `datagram`; empty when it is an older one, whose reader had given up.
std::optional<Result<Link>> find_reply(std::span<const std::byte> datagram, std::uint32_t sequence) {
  MessageCursor messages{datagram};
  while (const auto message = messages.next()) {
    if (message->sequence != sequence) continue;
    if (message->type != NLMSG_ERROR) return decode_link(message->payload);
    return fail(system_error(decode_error_code(message->payload).value_or(EPROTO), "reading a link"));
  }
  return std::nullopt;
}

Result<Link> receive_link(int fd, std::uint32_t sequence) {
  std::array<std::byte, netlink_datagram_size> buffer;
  std::optional<Result<Link>> reply;
  const auto done = receive_answer(fd, buffer, mono_now() + kernel_patience, "reading a link", [&](std::span<const std::byte> datagram) {
    reply = find_reply(datagram, sequence);
    return reply.has_value();
  });
  if (!done) return fail(done.error());
  return *reply;
}

}  // namespace

Result<Link> read_link(int fd, std::uint32_t index, std::uint32_t sequence) {
  if (index == 0) return fail(Error::Kind::not_found, "no link has the index 0");
  if (auto sent = send_netlink(fd, link_request(index, sequence)); !sent) return fail(sent.error());
  return receive_link(fd, sequence);
}

}  // namespace vpn_sentinel

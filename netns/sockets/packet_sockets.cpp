#include "netns/sockets/packet_sockets.hpp"

#include <fmt/format.h>
#include <linux/packet_diag.h>
#include <sys/socket.h>

#include <chrono>

#include "netns/base/clock.hpp"
#include "netns/netlink/attribute_cursor.hpp"
#include "netns/netlink/patience.hpp"
#include "netns/sockets/sock_diag.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most = 4096;

}  // namespace

Result<PacketSocket> decode_packet_socket(std::span<const std::byte> payload) {
  const auto message = take_header<packet_diag_msg>(payload);
  if (!message) return fail(Error::Kind::invalid, "the packet socket's description is shorter than its header");
  if (message->pdiag_family != AF_PACKET) {
    return fail(Error::Kind::invalid,
                fmt::format("address family {} is not that of packet sockets ({})", message->pdiag_family, AF_PACKET));
  }
  PacketSocket socket;
  socket.inode = message->pdiag_ino;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == PACKET_DIAG_UID) socket.uid = attribute->as<std::uint32_t>();
    if (attribute->type != PACKET_DIAG_INFO) continue;
    auto bytes = attribute->payload;
    if (const auto info = take_header<packet_diag_info>(bytes)) socket.link_index = info->pdi_index;
  }
  return socket;
}

Result<std::vector<PacketSocket>> list_packet_sockets(const SocketOpener& opener) {
  const auto netlink = open_diag(opener);
  if (!netlink) return fail(netlink.error());
  packet_diag_req body{};
  body.sdiag_family = AF_PACKET;
  body.pdiag_show = PACKET_SHOW_INFO;
  std::vector<PacketSocket> sockets;
  const auto done = run_diag_dump(netlink->fd.get(), diag_dump_request(body, 1), 1, mono_now() + kernel_patience, "packet",
                                  [&sockets](std::span<const std::byte> payload) {
                                    const auto socket = decode_packet_socket(payload);
                                    if (socket && sockets.size() < most) sockets.push_back(*socket);
                                  });
  if (!done) return fail(done.error());
  return sockets;
}

}  // namespace vpn_sentinel

#include "netns/sockets/socket_list.hpp"

#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <string_view>

#include "netns/base/clock.hpp"
#include "netns/netlink/attribute_cursor.hpp"
#include "netns/netlink/patience.hpp"
#include "netns/sockets/sock_diag.hpp"

namespace vpn_sentinel {
namespace {

struct Question {
  int family;
  int protocol;
  std::string_view what;
};
constexpr std::array<Question, 4> questions{{{AF_INET, IPPROTO_TCP, "TCP"},
                                             {AF_INET6, IPPROTO_TCP, "TCP (IPv6)"},
                                             {AF_INET, IPPROTO_UDP, "UDP"},
                                             {AF_INET6, IPPROTO_UDP, "UDP (IPv6)"}}};

}  // namespace

namespace {

Result<inet_diag_msg> decode_inet(std::span<const std::byte> payload) {
  const auto message = take_header<inet_diag_msg>(payload);
  if (!message) return fail(Error::Kind::invalid, "the socket's description is shorter than its header");
  if (message->idiag_family != AF_INET && message->idiag_family != AF_INET6) {
    return fail(Error::Kind::invalid, fmt::format("address family {} is neither IPv4 nor IPv6", message->idiag_family));
  }
  return *message;
}

}  // namespace

Result<ConnectedSocket> decode_connected_socket(std::span<const std::byte> payload) {
  return decode_inet(payload).map([](const inet_diag_msg& message) {
    return ConnectedSocket{message.idiag_inode,
                           Endpoint{diag_address(message.idiag_family, message.id.idiag_dst), ntohs(message.id.idiag_dport)}};
  });
}

Result<BoundSocket> decode_bound_socket(std::span<const std::byte> payload) {
  return decode_inet(payload).map([](const inet_diag_msg& message) {
    return BoundSocket{message.idiag_inode,
                       Endpoint{diag_address(message.idiag_family, message.id.idiag_src), ntohs(message.id.idiag_sport)}};
  });
}

Result<std::vector<std::uint32_t>> list_udp_listeners(const SocketOpener& opener, const Endpoint& address) {
  const auto socket = open_diag(opener);
  if (!socket) return fail(socket.error());
  std::vector<std::uint32_t> exact;
  std::vector<std::uint32_t> any;
  const auto any_v6 = IpAddress::v6({});
  std::uint32_t sequence = 0;
  for (const auto& question : questions) {
    if (question.protocol != IPPROTO_UDP) continue;
    inet_diag_req_v2 body{};
    body.sdiag_family = static_cast<std::uint8_t>(question.family);
    body.sdiag_protocol = IPPROTO_UDP;
    body.idiag_states = state_bit(TCP_CLOSE);  // of UDP: not connected
    body.id.idiag_sport = htons(address.port);
    const auto request = diag_dump_request(body, ++sequence);
    auto done = run_diag_dump(
        socket->fd.get(), request, sequence, mono_now() + kernel_patience, question.what, [&](std::span<const std::byte> payload) {
          const auto found = decode_bound_socket(payload);
          if (!found || found->local.port != address.port) return;
          if (found->local.address == address.address) exact.push_back(found->inode);
          const bool takes_all = found->local.address == any_v6 || (address.address.is_v4() && found->local.address == IpAddress::v4({}));
          if (takes_all) any.push_back(found->inode);
        });
    if (!done) return fail(done.error());
  }
  auto& listeners = exact.empty() ? any : exact;
  std::ranges::sort(listeners);
  return std::move(listeners);
}

Result<std::vector<ConnectedSocket>> list_connected_sockets(const SocketOpener& opener, std::span<const std::uint32_t> inodes) {
  std::vector<ConnectedSocket> sockets;
  if (inodes.empty()) return sockets;
  const auto socket = open_diag(opener);
  if (!socket) return fail(socket.error());
  std::uint32_t sequence = 0;
  for (const auto& question : questions) {
    inet_diag_req_v2 body{};
    body.sdiag_family = static_cast<std::uint8_t>(question.family);
    body.sdiag_protocol = static_cast<std::uint8_t>(question.protocol);
    // UDP knows two states: 7 (closed) is "not connected", which most VPN programs are.
    body.idiag_states = state_bit(TCP_ESTABLISHED) | state_bit(TCP_SYN_SENT);
    const auto request = diag_dump_request(body, ++sequence);
    auto done = run_diag_dump(socket->fd.get(), request, sequence, mono_now() + kernel_patience, question.what,
                              [&](std::span<const std::byte> payload) {
                                const auto found = decode_connected_socket(payload);
                                if (found && std::ranges::binary_search(inodes, found->inode)) sockets.push_back(*found);
                              });
    if (!done) return fail(done.error());
  }
  return sockets;
}

Result<ListeningFile> decode_listening_file(std::span<const std::byte> payload) {
  const auto message = take_header<unix_diag_msg>(payload);
  if (!message) return fail(Error::Kind::invalid, "the socket's description is shorter than its header");
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    unix_diag_vfs file{};
    if (attribute->type != UNIX_DIAG_VFS || attribute->payload.size() != sizeof file) continue;
    std::memcpy(&file, attribute->payload.data(), sizeof file);
    return ListeningFile{message->udiag_ino, {file.udiag_vfs_ino, file.udiag_vfs_dev}};
  }
  return fail(Error::Kind::not_found, "the socket has no file");
}

namespace {

using IsMeant = std::function<bool(std::uint32_t inode)>;

Result<bool> find_listener(const SocketOpener& opener, const SocketFile& file, const IsMeant& is_meant) {
  const auto socket = open_diag(opener);
  if (!socket) return fail(socket.error());
  unix_diag_req body{};
  body.sdiag_family = AF_UNIX;
  body.udiag_states = state_bit(TCP_LISTEN);
  body.udiag_show = UDIAG_SHOW_VFS;
  bool found = false;
  const auto done = run_diag_dump(socket->fd.get(), diag_dump_request(body, 1), 1, mono_now() + kernel_patience, "Unix",
                                  [&](std::span<const std::byte> payload) {
                                    const auto listening = decode_listening_file(payload);
                                    found = found || (listening && listening->file == file && is_meant(listening->inode));
                                  });
  if (!done) return fail(done.error());
  return found;
}

}  // namespace

Result<bool> has_listener(const SocketOpener& opener, const SocketFile& file) {
  return find_listener(opener, file, [](std::uint32_t) { return true; });
}

Result<bool> listens_on_file(const SocketOpener& opener, std::span<const std::uint32_t> inodes, const SocketFile& file) {
  return find_listener(opener, file, [inodes](std::uint32_t inode) { return std::ranges::binary_search(inodes, inode); });
}

}  // namespace vpn_sentinel

#include "netns/sockets/socket_destroy.hpp"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "netns/base/clock.hpp"
#include "netns/netlink/decode.hpp"
#include "netns/netlink/patience.hpp"
#include "netns/netlink/question.hpp"
#include "netns/sockets/sock_diag.hpp"

namespace vpn_sentinel {
namespace {

/// What can still send. UDP knows the first of them only: the others have no far end.
constexpr std::uint32_t open_states = state_bit(TCP_ESTABLISHED) | state_bit(TCP_SYN_SENT) | state_bit(TCP_FIN_WAIT1) |
                                      state_bit(TCP_CLOSE_WAIT) | state_bit(TCP_LAST_ACK) | state_bit(TCP_CLOSING);

struct SortToDestroy {
  int family;
  std::uint8_t protocol;
};
constexpr std::array<SortToDestroy, 4> sorts_to_destroy{
    {{AF_INET, IPPROTO_TCP}, {AF_INET6, IPPROTO_TCP}, {AF_INET, IPPROTO_UDP}, {AF_INET6, IPPROTO_UDP}}};

void put_address(int family, const IpAddress& address, std::uint32_t (&words)[4]) {
  std::array<std::uint8_t, 16> bytes{};
  const auto own = address.bytes();
  if (family == AF_INET6 && address.is_v4()) {
    bytes[10] = bytes[11] = 0xff;
    std::copy(own.begin(), own.end(), bytes.begin() + 12);
  } else {
    std::copy(own.begin(), own.end(), bytes.begin());
  }
  std::memcpy(words, bytes.data(), bytes.size());
}

std::vector<std::byte> make_request(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, const inet_diag_req_v2& body) {
  std::vector<std::byte> bytes(NLMSG_ALIGN(sizeof(nlmsghdr) + sizeof body));
  auto* header = mnl_nlmsg_put_header(bytes.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header->nlmsg_seq = sequence;
  *static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(header, sizeof body)) = body;
  return bytes;
}

inet_diag_req_v2 name_of(const OpenConnection& connection) {
  inet_diag_req_v2 body{};
  body.sdiag_family = static_cast<std::uint8_t>(connection.family);
  body.sdiag_protocol = connection.protocol;
  body.idiag_states = ~0U;
  body.id.idiag_sport = htons(connection.local.port);
  body.id.idiag_dport = htons(connection.remote.port);
  put_address(connection.family, connection.local.address, body.id.idiag_src);
  put_address(connection.family, connection.remote.address, body.id.idiag_dst);
  body.id.idiag_if = connection.link_index;
  body.id.idiag_cookie[0] = static_cast<std::uint32_t>(connection.cookie);
  body.id.idiag_cookie[1] = static_cast<std::uint32_t>(connection.cookie >> 32U);
  return body;
}

}  // namespace

Result<OpenConnection> decode_open_connection(std::span<const std::byte> payload, std::uint8_t protocol) {
  const auto message = take_header<inet_diag_msg>(payload);
  if (!message) return fail(Error::Kind::invalid, "the socket's description is shorter than its header");
  if (message->idiag_family != AF_INET && message->idiag_family != AF_INET6) {
    return fail(Error::Kind::invalid, fmt::format("address family {} is neither IPv4 nor IPv6", message->idiag_family));
  }
  OpenConnection connection;
  connection.family = message->idiag_family;
  connection.protocol = protocol;
  connection.local = {diag_address(message->idiag_family, message->id.idiag_src), ntohs(message->id.idiag_sport)};
  connection.remote = {diag_address(message->idiag_family, message->id.idiag_dst), ntohs(message->id.idiag_dport)};
  connection.link_index = message->id.idiag_if;
  connection.uid = message->idiag_uid;
  connection.cookie = message->id.idiag_cookie[0] | static_cast<std::uint64_t>(message->id.idiag_cookie[1]) << 32U;
  if (connection.remote.port == 0) return fail(Error::Kind::not_found, "the socket has no far end");
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == INET_DIAG_MARK) connection.mark = attribute->as<std::uint32_t>();
  }
  return connection;
}

Result<std::vector<OpenConnection>> list_open_connections(const SocketOpener& opener, std::size_t most) {
  std::vector<OpenConnection> connections;
  const auto socket = open_diag(opener);
  if (!socket) return fail(socket.error());
  std::uint32_t sequence = 0;
  for (const auto& sort : sorts_to_destroy) {
    inet_diag_req_v2 body{};
    body.sdiag_family = static_cast<std::uint8_t>(sort.family);
    body.sdiag_protocol = sort.protocol;
    body.idiag_states = open_states;
    const auto request = make_request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, ++sequence, body);
    const auto code = ask_netlink(socket->fd.get(), request, sequence, mono_now() + kernel_patience, "listing connections",
                                  [&](const NetlinkMessage& message) {
                                    auto found = decode_open_connection(message.payload, sort.protocol);
                                    if (found && connections.size() < most) connections.push_back(*found);
                                  });
    if (!code) return fail(code.error());
    if (*code == ENOENT) return fail(Error::Kind::unavailable, "this kernel cannot list connections (sock_diag)");
    if (*code != 0) return fail(system_error(*code, "listing connections"));
  }
  return connections;
}

Result<Destroyed> destroy_connections(const SocketOpener& opener, std::span<const OpenConnection> connections) {
  Destroyed destroyed;
  const auto socket = open_diag(opener);
  if (!socket) return fail(socket.error());
  std::uint32_t sequence = 0;
  for (const auto& connection : connections) {
    const auto request = make_request(SOCK_DESTROY, NLM_F_ACK, ++sequence, name_of(connection));
    const auto code = ask_netlink(socket->fd.get(), request, sequence, mono_now() + kernel_patience, "ending a connection",
                                  [](const NetlinkMessage&) { return; });
    if (!code) return fail(code.error());
    switch (*code) {
      case 0:
        ++destroyed.closed;
        break;
      case ENOENT:  // it ended meanwhile, perhaps with its other end
        break;
      case EPERM:
        return fail(Error::Kind::not_permitted, "CAP_NET_ADMIN is needed in the namespace to end connections");
      case EOPNOTSUPP:
        return fail(Error::Kind::unavailable, "this kernel cannot end connections of others (CONFIG_INET_DIAG_DESTROY)");
      default:
        ++destroyed.refused;
        break;
    }
  }
  return destroyed;
}

}  // namespace vpn_sentinel

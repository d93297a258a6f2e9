#include "netns/sockets/socket_table.hpp"

#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "netns/base/clock.hpp"
#include "netns/netlink/attribute_cursor.hpp"
#include "netns/sockets/sock_diag.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::uint32_t bit(SocketState state) { return 1U << static_cast<unsigned>(state); }
constexpr std::uint32_t tcp_states = bit(SocketState::established) | bit(SocketState::syn_sent) | bit(SocketState::syn_received) |
                                     bit(SocketState::fin_wait1) | bit(SocketState::fin_wait2) | bit(SocketState::close_wait) |
                                     bit(SocketState::last_ack) | bit(SocketState::closing);

struct Sort {
  int family;
  std::uint8_t protocol;
  std::string_view what;
};
constexpr std::array<Sort, 4> sorts{{{AF_INET, IPPROTO_TCP, "TCP"},
                                     {AF_INET6, IPPROTO_TCP, "TCP (IPv6)"},
                                     {AF_INET, IPPROTO_UDP, "UDP"},
                                     {AF_INET6, IPPROTO_UDP, "UDP (IPv6)"}}};

/// Where struct tcp_info (linux/tcp.h) has its counters, 64 bits each. By place, because the C library's header of the same structure ends
/// before them and cannot be read beside the kernel's.
constexpr std::size_t at_acknowledged = 120;
constexpr std::size_t at_received = 128;
constexpr std::size_t at_sent = 200;  // since Linux 4.19

std::uint64_t counter_at(std::span<const std::byte> info, std::size_t at) {
  std::uint64_t value = 0;
  if (info.size() >= at + sizeof value) std::memcpy(&value, info.data() + at, sizeof value);
  return value;
}

bool has_counters(std::span<const std::byte> info) { return info.size() >= at_received + sizeof(std::uint64_t); }

/// Older kernels tell less, newer ones more.
TcpCounters counters_of(std::span<const std::byte> info) {
  return {counter_at(info, at_acknowledged), counter_at(info, at_received), counter_at(info, at_sent)};
}

/// The kernel's own filter language: one condition "the far end is this", and what does not fulfil it jumps beyond the end, which refuses.
std::vector<std::byte> far_end_filter(const Endpoint& remote) {
  const auto address = remote.address.bytes();
  inet_diag_bc_op operation{};
  inet_diag_hostcond condition{};
  const auto size = sizeof operation + sizeof condition + address.size();
  operation.code = INET_DIAG_BC_D_COND;
  operation.yes = static_cast<std::uint8_t>(size);
  operation.no = static_cast<std::uint16_t>(size + sizeof operation);
  condition.family = static_cast<std::uint8_t>(address_family(remote.address.family()));
  condition.prefix_len = static_cast<std::uint8_t>(address.size() * 8);
  condition.port = remote.port;
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + size), INET_DIAG_REQ_BYTECODE};
  std::vector<std::byte> bytes(sizeof header + size);
  auto* at = bytes.data();
  const auto put = [&at](const auto* from, std::size_t count) {
    std::memcpy(at, from, count);
    at += count;
  };
  put(&header, sizeof header);
  put(&operation, sizeof operation);
  put(&condition, sizeof condition);
  put(address.data(), address.size());
  return bytes;
}

/// "The near port is this one" for each: when it is, a jump leads to the end, which takes the socket; else the next one is asked, and
/// behind the last one a jump leads beyond the end. The kernel refuses filters whose jumps do not follow each other so
/// (inet_diag_bc_audit).
std::vector<std::byte> near_port_filter(std::span<const std::uint16_t> ports) {
  constexpr std::size_t asking = sizeof(inet_diag_bc_op) + sizeof(inet_diag_hostcond);
  constexpr std::size_t part = asking + sizeof(inet_diag_bc_op);
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + ports.size() * part), INET_DIAG_REQ_BYTECODE};
  std::vector<std::byte> bytes;
  const auto put = [&bytes](const auto& value) {
    const auto raw = std::as_bytes(std::span(&value, 1));
    bytes.insert(bytes.end(), raw.begin(), raw.end());
  };
  put(header);
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const bool is_last = i + 1 == ports.size();
    const auto to_end = (ports.size() - i) * part - asking;
    inet_diag_hostcond condition{};
    condition.family = AF_UNSPEC;
    condition.port = ports[i];
    put(inet_diag_bc_op{INET_DIAG_BC_S_COND, asking, static_cast<std::uint16_t>(is_last ? part + sizeof(inet_diag_bc_op) : part)});
    put(condition);
    put(inet_diag_bc_op{INET_DIAG_BC_JMP, sizeof(inet_diag_bc_op), static_cast<std::uint16_t>(to_end)});
  }
  return bytes;
}

std::vector<std::byte> filter_of(const SocketWish& wish) {
  if (wish.remote) return far_end_filter(*wish.remote);
  return wish.local_ports.empty() ? std::vector<std::byte>{} : near_port_filter(wish.local_ports);
}

bool is_asked_for(const Sort& sort, const SocketWish& wish) {
  if (sort.protocol == IPPROTO_TCP ? !wish.tcp : !wish.udp) return false;
  // An IPv4 far end may be one of an IPv6 socket; the other way round there is none.
  return !wish.remote || wish.remote->address.is_v4() || sort.family == AF_INET6;
}

inet_diag_req_v2 question_of(const Sort& sort, const SocketWish& wish) {
  inet_diag_req_v2 body{};
  body.sdiag_family = static_cast<std::uint8_t>(sort.family);
  body.sdiag_protocol = sort.protocol;
  body.idiag_states = sort.protocol == IPPROTO_TCP ? tcp_states : bit(SocketState::established);
  if (sort.protocol == IPPROTO_TCP && wish.listening) body.idiag_states |= bit(SocketState::listening);
  if (sort.protocol == IPPROTO_UDP && wish.unconnected) body.idiag_states |= bit(SocketState::closed);
  if (sort.protocol == IPPROTO_TCP && wish.counters) body.idiag_ext = 1U << (INET_DIAG_INFO - 1U);
  return body;
}

}  // namespace

Result<SocketEntry> decode_socket_entry(std::span<const std::byte> payload, std::uint8_t protocol) {
  const auto message = take_header<inet_diag_msg>(payload);
  if (!message) return fail(Error::Kind::invalid, "the socket's description is shorter than its header");
  if (message->idiag_family != AF_INET && message->idiag_family != AF_INET6) {
    return fail(Error::Kind::invalid, fmt::format("address family {} is neither IPv4 nor IPv6", message->idiag_family));
  }
  SocketEntry entry;
  entry.family = message->idiag_family;
  entry.protocol = protocol;
  constexpr auto last = static_cast<std::uint8_t>(SocketState::closing);
  if (message->idiag_state <= last) entry.state = static_cast<SocketState>(message->idiag_state);
  entry.local = {diag_address(message->idiag_family, message->id.idiag_src), ntohs(message->id.idiag_sport)};
  entry.remote = {diag_address(message->idiag_family, message->id.idiag_dst), ntohs(message->id.idiag_dport)};
  entry.link_index = message->id.idiag_if;
  entry.uid = message->idiag_uid;
  entry.inode = message->idiag_inode;
  entry.cookie = message->id.idiag_cookie[0] | static_cast<std::uint64_t>(message->id.idiag_cookie[1]) << 32U;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == INET_DIAG_MARK) entry.mark = attribute->as<std::uint32_t>();
    // Of UDP it is another structure.
    if (attribute->type == INET_DIAG_INFO && protocol == IPPROTO_TCP && has_counters(attribute->payload)) {
      entry.counters = counters_of(attribute->payload);
    }
  }
  return entry;
}

Result<SocketTable> list_sockets(const SocketOpener& opener, const SocketWish& wish) {
  SocketTable table;
  if (wish.local_ports.size() > most_local_ports) {
    return fail(Error::Kind::invalid, fmt::format("sockets of more than {} ports are asked for at once", most_local_ports));
  }
  const auto socket = open_diag(opener);
  if (!socket) return fail(socket.error());
  const auto deadline = mono_now() + wish.patience;
  const auto filter = filter_of(wish);
  std::uint32_t sequence = 0;
  for (const auto& sort : sorts) {
    if (!is_asked_for(sort, wish)) continue;
    const auto request = diag_dump_request(question_of(sort, wish), ++sequence, filter);
    const auto done = run_diag_dump(socket->fd.get(), request, sequence, deadline, sort.what, [&](std::span<const std::byte> payload) {
      const auto entry = decode_socket_entry(payload, sort.protocol);
      if (!entry) return;
      if (table.sockets.size() < wish.most) {
        table.sockets.push_back(*entry);
      } else {
        ++table.left_out;
      }
    });
    if (!done) return fail(done.error());
  }
  return table;
}

}  // namespace vpn_sentinel

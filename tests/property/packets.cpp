#include "tests/property/packets.hpp"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "netns/base/fatal_error.hpp"

namespace vpn_sentinel::property {
namespace {

constexpr int exit_failed = 70;
constexpr std::uint16_t marker_type = 0x88b5;  // IEEE 802 local experimental
/// With legs of a fifth of the packets at least, all of them are found but for one time in a million.
constexpr int flows_for_all_legs = 64;
constexpr int patience_ms = 2000;

[[noreturn]] void give_up(std::string_view what) { throw FatalError(exit_failed, fmt::format("{}: {}", what, std::strerror(errno))); }

int socket_type(std::uint8_t protocol) { return protocol == IPPROTO_UDP ? SOCK_DGRAM : protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_RAW; }

/// A socket of the process that `flow` describes; without a descriptor when it could not be bound as wanted.
Fd open_socket(const Flow& flow, Family family, std::uint16_t source_port) {
  Fd fd(::socket(address_family(family), socket_type(flow.protocol) | SOCK_NONBLOCK | SOCK_CLOEXEC, flow.protocol));
  if (!fd) give_up("socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (flow.mark != 0 && ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &flow.mark, sizeof flow.mark) != 0) give_up("SO_MARK");
  const int tos = flow.tos;
  if (tos != 0) {
    ::setsockopt(fd.get(), family == Family::v4 ? IPPROTO_IP : IPPROTO_IPV6, family == Family::v4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof tos);
  }
  // sockfs_setattr() in net/socket.c: the owner of the file is the owner of the packets (sk_uid).
  if (::fchown(fd.get(), flow.uid, static_cast<gid_t>(-1)) != 0) give_up("fchown of a socket");
  const Endpoint own{flow.source.value_or(family == Family::v4 ? IpAddress{} : IpAddress::v6({})), source_port};
  sockaddr_storage address{};
  const auto size = own.to_sockaddr(address);
  if ((flow.source || source_port != 0) && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) fd.reset();
  return fd;
}

void send_one(int fd, const Flow& flow, const IpAddress& destination, std::uint16_t port) {
  sockaddr_storage to{};
  const auto size = Endpoint{destination, port}.to_sockaddr(to);
  const auto* const address = reinterpret_cast<const sockaddr*>(&to);
  if (flow.protocol == IPPROTO_TCP) {
    ::connect(fd, address, size);
    return;
  }
  // An echo request when it is ICMP, eight arbitrary bytes when it is UDP.
  const std::array<std::uint8_t, 8> payload{static_cast<std::uint8_t>(destination.is_v4() ? ICMP_ECHO : ICMP6_ECHO_REQUEST)};
  ::sendto(fd, payload.data(), payload.size(), MSG_DONTWAIT, address, size);
}

void send_by_one_socket(const Flow& flow, std::span<const Destination> destinations) {
  const auto fd = open_socket(flow, destinations.front().address.family(), flow.source_port);
  if (!fd) return;
  for (const auto& destination : destinations) send_one(fd.get(), flow, destination.address, flow.destination_port);
}

/// A SYN needs a socket of its own.
void send_by_many_sockets(const Flow& flow, std::span<const Destination> destinations) {
  for (const auto& destination : destinations) {
    if (const auto fd = open_socket(flow, destination.address.family(), flow.source_port)) {
      send_one(fd.get(), flow, destination.address, flow.destination_port);
    }
  }
}

/// Many source ports: net.ipv4.fib_multipath_hash_policy=1 chooses the leg by addresses and ports.
void send_by_all_legs(const Flow& flow, std::span<const Destination> destinations) {
  if (flow.source_port == 0 || std::ranges::none_of(destinations, &Destination::multipath)) return;
  for (int i = 1; i < flows_for_all_legs; ++i) {
    const auto source_port = static_cast<std::uint16_t>(flow.source_port + i);
    Fd shared;
    for (const auto& destination : destinations) {
      if (!destination.multipath) continue;
      if (!shared || flow.protocol == IPPROTO_TCP) shared = open_socket(flow, destination.address.family(), source_port);
      if (shared) send_one(shared.get(), flow, destination.address, flow.destination_port);
    }
  }
}

}  // namespace

void send_packets(const Flow& flow, std::span<const Destination> destinations) {
  if (destinations.empty()) return;
  if (flow.protocol == IPPROTO_TCP) {
    send_by_many_sockets(flow, destinations);
  } else {
    send_by_one_socket(flow, destinations);
  }
  send_by_all_legs(flow, destinations);
}

Sniffer::Sniffer(const char* link) : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  if (!fd_) give_up("AF_PACKET socket");
  const int room = 16 << 20;
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(link));
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) give_up("cannot listen on the far side");
}

Sniffer::Kind Sniffer::read_one(Escaped& escaped, std::uint64_t& number) {
  std::array<std::uint8_t, 128> frame{};
  const auto size = ::recv(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
  if (size < 0) return Kind::nothing;
  const std::span bytes(frame.data(), static_cast<std::size_t>(size));
  if (bytes.size() < sizeof(ethhdr) + sizeof number) return Kind::other;
  const auto type = static_cast<std::uint16_t>(bytes[12] << 8U | bytes[13]);
  const auto body = std::as_bytes(bytes.subspan(sizeof(ethhdr)));
  if (type == marker_type) {
    std::memcpy(&number, body.data(), sizeof number);
    return Kind::marker;
  }
  const bool v4 = type == ETH_P_IP && body.size() >= sizeof(iphdr);
  const bool v6 = type == ETH_P_IPV6 && body.size() >= sizeof(ip6_hdr);
  if (!v4 && !v6) return Kind::other;
  escaped.destination = IpAddress::from_bytes(v4 ? body.subspan(16, 4) : body.subspan(24, 16)).value_or(IpAddress{});
  escaped.protocol = std::to_integer<std::uint8_t>(v4 ? body[9] : body[6]);
  const bool noise = !is_nat64(escaped.destination) &&
                     std::ranges::any_of(special_ranges(), [&](const IpPrefix& range) { return range.contains(escaped.destination); });
  return noise ? Kind::other : Kind::escaped;
}

std::optional<Escaped> Sniffer::next() {
  Escaped escaped;
  std::uint64_t number = 0;
  for (;;) {
    const auto kind = read_one(escaped, number);
    if (kind == Kind::escaped) return escaped;
    if (kind == Kind::nothing) return std::nullopt;
  }
}

std::optional<Escaped> Sniffer::next_until_marker(std::uint64_t number) {
  Escaped escaped;
  std::uint64_t seen = 0;
  for (;;) {
    const auto kind = read_one(escaped, seen);
    if (kind == Kind::escaped) return escaped;
    if (kind == Kind::marker && seen == number) return std::nullopt;
    if (kind != Kind::nothing) continue;
    pollfd wanted{fd_.get(), POLLIN, 0};
    if (::poll(&wanted, 1, patience_ms) <= 0) give_up("the far side does not hear the marker");
  }
}

Marker::Marker(const char* link)
    : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)), link_index_(static_cast<int>(if_nametoindex(link))) {
  if (!fd_) give_up("AF_PACKET socket");
}

bool Marker::send(std::uint64_t number) const {
  std::array<std::uint8_t, sizeof(ethhdr) + sizeof number> frame{};
  frame[12] = marker_type >> 8U;
  frame[13] = marker_type & 0xffU;
  std::memcpy(frame.data() + sizeof(ethhdr), &number, sizeof number);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = link_index_;
  to.sll_halen = ETH_ALEN;
  const auto sent = ::sendto(fd_.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  if (sent < 0 && errno != ENETDOWN && errno != ENXIO) give_up("marker");
  return sent >= 0;
}

}  // namespace vpn_sentinel::property

#include "netns/firewall/canary.hpp"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "netns/firewall/firewall_policy.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::uint16_t discard_port = 9;
constexpr std::array<std::string_view, 3> addresses_v4{"203.0.113.253", "198.51.100.253", "192.0.2.253"};
constexpr std::array<std::string_view, 2> addresses_v6{"2001:db8:ffff:ffff::fd", "3fff:fff:ffff:ffff::fd"};

Endpoint destination_at(std::string_view address) { return {IpAddress::parse(address).value(), discard_port}; }

/// How a route, a link or a missing address refuses a packet. Routes of the types prohibit and blackhole say EACCES and EINVAL.
bool means_no_way_out(int code) {
  return code == ENETUNREACH || code == EHOSTUNREACH || code == ENETDOWN || code == EADDRNOTAVAIL || code == EACCES || code == EINVAL;
}

}  // namespace

Endpoint canary_destination(Family family) { return destination_at(family == Family::v4 ? addresses_v4.front() : addresses_v6.front()); }

namespace {

/// The kernel chooses address and port of a socket; such a port is at least this one (ip_local_port_range).
constexpr std::uint16_t first_chosen_port = 1024;

bool may_be_from(const AllowedPackets& allowed, CanaryKind kind) {
  if (kind == CanaryKind::socket) return !allowed.source_ports || allowed.source_ports->last >= first_chosen_port;
  if (allowed.source && !allowed.source->contains(IpAddress{})) return false;
  const auto& ports = allowed.source_ports;
  return !ports || (ports->first <= discard_port && discard_port <= ports->last);
}

bool is_to(const AllowedPackets& allowed, const IpAddress& address) {
  if (allowed.family && *allowed.family != address.family()) return false;
  if (allowed.destination && !allowed.destination->contains(address)) return false;
  const auto& ports = allowed.destination_ports;
  return !ports || (ports->first <= discard_port && discard_port <= ports->last);
}

/// A canary has no mark, and the priority of any socket.
bool may_let_out(const AllowedPackets& allowed, const IpAddress& address, CanaryKind kind, std::uint32_t uid) {
  const bool has_no_mark = allowed.mark_mask == 0 || (allowed.mark & allowed.mark_mask) == 0;
  const bool is_of_user = !allowed.uids || (allowed.uids->first <= uid && uid <= allowed.uids->last);
  const bool is_udp = allowed.protocol == 0 || allowed.protocol == IPPROTO_UDP;
  return has_no_mark && is_of_user && is_udp && allowed.priority == 0 && is_to(allowed, address) && may_be_from(allowed, kind);
}

bool may_leave(const FirewallPolicy& policy, const IpAddress& address, CanaryKind kind, std::uint32_t uid) {
  const auto any = [](const auto& items, const auto& matches) { return std::any_of(items.begin(), items.end(), matches); };
  return any(policy.local_networks, [&](const IpPrefix& network) { return network.contains(address); }) ||
         any(policy.endpoints, [&](const TunnelEndpoint& endpoint) { return endpoint.address == address; }) ||
         any(policy.allowed, [&](const AllowedPackets& allowed) { return may_let_out(allowed, address, kind, uid); });
}

}  // namespace

std::optional<Endpoint> canary_destination(Family family, const FirewallPolicy& policy, CanaryKind kind, std::uint32_t uid) {
  const auto first_outside = [&](const auto& addresses) -> std::optional<Endpoint> {
    for (const auto address : addresses) {
      const auto destination = destination_at(address);
      if (!may_leave(policy, destination.address, kind, uid)) return destination;
    }
    return std::nullopt;
  };
  return family == Family::v4 ? first_outside(addresses_v4) : first_outside(addresses_v6);
}

bool is_canary_destination(const IpAddress& address, std::uint16_t port) {
  const auto is_in = [&](const auto& addresses) {
    return std::any_of(addresses.begin(), addresses.end(), [&](std::string_view text) { return destination_at(text).address == address; });
  };
  return port == discard_port && (is_in(addresses_v4) || is_in(addresses_v6));
}

Result<CanaryOutcome> send_canary(const SocketOpener& opener, const std::string& device, const Endpoint& destination) {
  if (device.empty() || device.size() > most_device_name) {
    return fail(Error::Kind::invalid, fmt::format("'{}' is no interface name", device));
  }
  const auto socket = opener(address_family(destination.address.family()), SOCK_DGRAM, IPPROTO_UDP);
  if (!socket && socket.error().kind == Error::Kind::invalid) return CanaryOutcome::no_way_out;  // this kernel has no such family
  if (!socket) return fail(socket.error());
  if (::setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(), static_cast<socklen_t>(device.size() + 1)) != 0) {
    return fail(system_error(errno, fmt::format("binding the canary to '{}'", device)));
  }
  sockaddr_storage storage{};
  const auto length = destination.to_sockaddr(storage);
  const char byte = 0;
  for (;;) {
    if (::sendto(socket->get(), &byte, 1, 0, reinterpret_cast<const sockaddr*>(&storage), length) >= 0) return CanaryOutcome::left;
    if (errno == EINTR) continue;
    if (errno == EPERM) return CanaryOutcome::held;
    if (means_no_way_out(errno)) return CanaryOutcome::no_way_out;
    return fail(system_error(errno, fmt::format("sending the canary by '{}'", device)));
  }
}

namespace {

std::vector<std::uint8_t> packet_to(const Endpoint& destination) {
  std::vector<std::uint8_t> packet{0x45, 0, 0, 29, 0, 0, 0, 0, 1, IPPROTO_UDP, 0, 0, 0, 0, 0, 0};
  const auto address = destination.address.bytes();
  packet.insert(packet.end(), address.begin(), address.end());
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < packet.size(); i += 2) sum += static_cast<std::uint32_t>(packet[i] << 8 | packet[i + 1]);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = ~(sum + (sum >> 16));
  packet[10] = static_cast<std::uint8_t>(sum >> 8 & 0xff);
  packet[11] = static_cast<std::uint8_t>(sum & 0xff);
  const auto high = static_cast<std::uint8_t>(destination.port >> 8);
  const auto low = static_cast<std::uint8_t>(destination.port & 0xff);
  packet.insert(packet.end(), {high, low, high, low, 0, 9, 0, 0, 0});
  return packet;
}

}  // namespace

Result<CanaryOutcome> send_packet_canary(const SocketOpener& opener, const std::string& device, const Endpoint& destination) {
  if (device.empty() || device.size() > most_device_name || !destination.address.is_v4()) {
    return fail(Error::Kind::invalid, fmt::format("'{}' is no interface name, or the canary no IPv4", device));
  }
  const auto socket = opener(AF_PACKET, SOCK_DGRAM, 0);
  if (!socket) return fail(socket.error());
  ifreq request{};
  device.copy(request.ifr_name, device.size());
  if (::ioctl(socket->get(), SIOCGIFINDEX, &request) != 0) return fail(system_error(errno, fmt::format("looking for '{}'", device)));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IP);
  address.sll_ifindex = request.ifr_ifindex;
  address.sll_halen = ETH_ALEN;
  std::fill_n(address.sll_addr, ETH_ALEN, std::uint8_t{0xff});
  const auto packet = packet_to(destination);
  for (;;) {
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::sendto(socket->get(), packet.data(), packet.size(), 0, generic, sizeof address) >= 0) return CanaryOutcome::left;
    if (errno == EINTR) continue;
    if (errno == ENOBUFS || errno == EPERM) return CanaryOutcome::refused;
    if (means_no_way_out(errno)) return CanaryOutcome::no_way_out;
    return fail(system_error(errno, fmt::format("writing the canary to '{}'", device)));
  }
}

}  // namespace vpn_sentinel

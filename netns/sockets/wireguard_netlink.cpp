#include "netns/sockets/wireguard_netlink.hpp"

#include <fmt/format.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/netlink/decode.hpp"
#include "netns/netlink/netlink_socket.hpp"
#include "netns/netlink/patience.hpp"
#include "netns/sockets/generic_netlink.hpp"
#include "netns/sockets/wiped_buffer.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::uint32_t dump_sequence = 2;

std::optional<std::string> public_key(const Attribute& attribute) {
  if (attribute.payload.size() != wireguard_key_size) return std::nullopt;
  return key_text(attribute.payload.first<wireguard_key_size>());
}

/// struct sockaddr_in or sockaddr_in6.
std::optional<Endpoint> endpoint_of(const Attribute& attribute) {
  sockaddr_storage storage{};
  if (attribute.payload.size() < sizeof(sockaddr_in) || attribute.payload.size() > sizeof storage) return std::nullopt;
  std::memcpy(&storage, attribute.payload.data(), attribute.payload.size());
  if (storage.ss_family == AF_INET6 && attribute.payload.size() < sizeof(sockaddr_in6)) return std::nullopt;
  const auto endpoint = Endpoint::from_sockaddr(storage);
  return endpoint ? std::optional(*endpoint) : std::nullopt;
}

/// struct __kernel_timespec: two 64-bit numbers; all zero before the first handshake.
std::optional<WallTime> handshake_of(const Attribute& attribute) {
  struct {
    std::int64_t seconds;
    std::int64_t nanoseconds;
  } time{};
  constexpr std::int64_t year_9999 = 253402300799;
  if (attribute.payload.size() != sizeof time) return std::nullopt;
  std::memcpy(&time, attribute.payload.data(), sizeof time);
  if (time.seconds <= 0 || time.seconds > year_9999 || time.nanoseconds < 0 || time.nanoseconds > 999'999'999) return std::nullopt;
  return WallTime{std::chrono::seconds{time.seconds} +
                  std::chrono::floor<std::chrono::microseconds>(std::chrono::nanoseconds{time.nanoseconds})};
}

std::optional<IpPrefix> allowed_ip_of(std::span<const std::byte> attributes) {
  std::optional<std::uint16_t> family;
  std::optional<IpAddress> address;
  std::optional<std::uint8_t> length;
  AttributeCursor cursor{attributes};
  while (const auto attribute = cursor.next()) {
    if (attribute->type == WGALLOWEDIP_A_FAMILY) family = attribute->as<std::uint16_t>();
    if (attribute->type == WGALLOWEDIP_A_CIDR_MASK) length = attribute->as<std::uint8_t>();
    if (attribute->type != WGALLOWEDIP_A_IPADDR) continue;
    if (const auto read = IpAddress::from_bytes(attribute->payload)) address = *read;
  }
  if (!family || !address || !length || *family != address_family(address->family())) return std::nullopt;
  return IpPrefix{*address, *length};
}

template <typename Number>
void read_into(Number& field, const Attribute& attribute) {
  if (const auto number = attribute.as<Number>()) field = *number;
}

/// Everything but the allowed addresses; absent when there is no key, without which a peer cannot be told from another.
std::optional<WireGuardPeer> peer_of(std::span<const std::byte> attributes) {
  WireGuardPeer peer;
  AttributeCursor cursor{attributes};
  while (const auto attribute = cursor.next()) {
    switch (attribute->type) {
      case WGPEER_A_PUBLIC_KEY:
        peer.public_key = public_key(*attribute).value_or("");
        break;
      case WGPEER_A_ENDPOINT:
        peer.endpoint = endpoint_of(*attribute);
        break;
      case WGPEER_A_LAST_HANDSHAKE_TIME:
        peer.last_handshake = handshake_of(*attribute);
        break;
      case WGPEER_A_RX_BYTES:
        read_into(peer.rx_bytes, *attribute);
        break;
      case WGPEER_A_TX_BYTES:
        read_into(peer.tx_bytes, *attribute);
        break;
      case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
        read_into(peer.persistent_keepalive, *attribute);
        break;
      default:
        break;
    }
  }
  if (peer.public_key.empty()) return std::nullopt;
  return peer;
}

Error read_error(int code, const std::string& name) {
  if (code == EOPNOTSUPP) return {Error::Kind::invalid, fmt::format("{} is not a WireGuard interface of the kernel", name)};
  auto error = system_error(code, fmt::format("asking the kernel for the WireGuard interface {}", name));
  if (error.kind == Error::Kind::not_permitted) error.message += " (CAP_NET_ADMIN is needed)";
  return error;
}

/// What one datagram brought: true when the dump is complete.
Result<bool> take_datagram(std::span<const std::byte> datagram, const std::string& name, WireGuardDump& dump) {
  MessageCursor messages{datagram};
  while (const auto message = messages.next()) {
    if (message->sequence != dump_sequence) continue;
    if (message->type == NLMSG_ERROR || message->type == NLMSG_DONE) {
      const int code = decode_error_code(message->payload).value_or(EPROTO);
      if (code != 0) return fail(read_error(code, name));
      return true;
    }
    if (auto taken = dump.take(message->payload); !taken) return fail(taken.error());
  }
  return false;
}

Result<WireGuardDevice> receive_dump(int fd, const std::string& name) {
  WipedBuffer buffer{netlink_datagram_size};
  buffer.note_used(netlink_datagram_size);
  WireGuardDump dump;
  const auto done = receive_answer(fd, buffer.bytes(), mono_now() + kernel_patience, "asking the kernel for a WireGuard interface",
                                   [&](std::span<const std::byte> datagram) { return take_datagram(datagram, name, dump); });
  if (!done) return fail(done.error());
  return dump.device();
}

}  // namespace

Result<void> WireGuardDump::take(std::span<const std::byte> payload) {
  const auto header = take_header<genlmsghdr>(payload);
  if (!header || header->cmd != WG_CMD_GET_DEVICE) return fail(Error::Kind::invalid, "the message does not describe a WireGuard interface");
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    switch (attribute->type) {
      case WGDEVICE_A_IFNAME:
        device_.name = attribute->as_string().substr(0, 15);  // IFNAMSIZ - 1
        break;
      case WGDEVICE_A_PUBLIC_KEY:
        device_.public_key = public_key(*attribute).value_or("");
        break;
      case WGDEVICE_A_LISTEN_PORT:
        read_into(device_.listen_port, *attribute);
        break;
      case WGDEVICE_A_FWMARK:
        read_into(device_.fwmark, *attribute);
        break;
      case WGDEVICE_A_PEERS:
        if (auto taken = take_peers(attribute->payload); !taken) return taken;
        break;
      default:
        break;
    }
  }
  return {};
}

Result<void> WireGuardDump::take_peers(std::span<const std::byte> peers) {
  AttributeCursor cursor{peers};
  while (const auto peer = cursor.next()) {
    if (auto taken = take_peer(peer->payload); !taken) return taken;
  }
  return {};
}

Result<void> WireGuardDump::take_peer(std::span<const std::byte> attributes) {
  auto fresh = peer_of(attributes);
  if (!fresh) return fail(Error::Kind::invalid, "a WireGuard peer has no public key");
  const bool goes_on = !device_.peers.empty() && device_.peers.back().public_key == fresh->public_key;
  if (!goes_on) {
    if (device_.peers.size() == most_wireguard_peers) {
      return fail(Error::Kind::overrun, fmt::format("the WireGuard interface has more than {} peers", most_wireguard_peers));
    }
    device_.peers.push_back(std::move(*fresh));
  }
  AttributeCursor cursor{attributes};
  while (const auto attribute = cursor.next()) {
    if (attribute->type != WGPEER_A_ALLOWEDIPS) continue;
    if (auto taken = take_allowed_ips(attribute->payload, device_.peers.back()); !taken) return taken;
  }
  return {};
}

Result<void> WireGuardDump::take_allowed_ips(std::span<const std::byte> list, WireGuardPeer& peer) {
  AttributeCursor cursor{list};
  while (const auto entry = cursor.next()) {
    const auto prefix = allowed_ip_of(entry->payload);
    if (!prefix) continue;
    if (++allowed_ips_ > most_allowed_ips) {
      return fail(Error::Kind::overrun, fmt::format("the WireGuard interface has more than {} allowed addresses", most_allowed_ips));
    }
    peer.allowed_ips.push_back(*prefix);
  }
  return {};
}

Result<WireGuardDevice> read_kernel_wireguard(const SocketOpener& opener, const std::string& name) {
  const auto socket = open_generic_netlink(opener);
  if (!socket) return fail(socket.error());
  const auto family = resolve_family(*socket, WG_GENL_NAME);
  if (!family) return fail(family.error());
  const auto request = generic_request(*family, WG_CMD_GET_DEVICE, WG_GENL_VERSION, NLM_F_DUMP, dump_sequence, WGDEVICE_A_IFNAME, name);
  if (auto sent = send_netlink(socket->fd.get(), request); !sent) return fail(sent.error());
  return receive_dump(socket->fd.get(), name);
}

}  // namespace vpn_sentinel

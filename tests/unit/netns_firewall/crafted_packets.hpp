/// Packets that no ordinary program would send, byte by byte.
#pragma once

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstring>
#include <vector>

#include "netns/base/ip.hpp"
#include "tests/unit/netns_firewall/two_uplinks.hpp"

namespace vpn_sentinel {

using Packet = std::vector<std::uint8_t>;

inline void append(Packet& packet, const Packet& more) { packet.insert(packet.end(), more.begin(), more.end()); }

/// RFC 1071, over what `begin` is followed by.
inline std::uint16_t internet_sum(const Packet& bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    sum += static_cast<std::uint32_t>(bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0));
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

inline void put_sum(Packet& packet, std::size_t place, std::uint16_t sum) {
  packet[place] = static_cast<std::uint8_t>(sum >> 8);
  packet[place + 1] = static_cast<std::uint8_t>(sum & 0xff);
}

inline Packet address_bytes(const char* address) {
  const auto parsed = IpAddress::parse(address).value();
  return {parsed.bytes().begin(), parsed.bytes().end()};
}

/// `fragment`: flags and offset in units of eight bytes.
inline Packet ipv4(const char* from, const char* to, std::uint8_t protocol, const Packet& payload, std::uint16_t fragment = 0) {
  const auto length = static_cast<std::uint16_t>(20 + payload.size());
  Packet packet{0x45,
                0,
                static_cast<std::uint8_t>(length >> 8),
                static_cast<std::uint8_t>(length & 0xff),
                0,
                7,
                static_cast<std::uint8_t>(fragment >> 8),
                static_cast<std::uint8_t>(fragment & 0xff),
                64,
                protocol,
                0,
                0};
  append(packet, address_bytes(from));
  append(packet, address_bytes(to));
  put_sum(packet, 10, internet_sum(packet));
  append(packet, payload);
  return packet;
}

/// Without a sum, which IPv4 allows.
inline Packet udp(std::uint16_t from, std::uint16_t to) {
  return {static_cast<std::uint8_t>(from >> 8),
          static_cast<std::uint8_t>(from & 0xff),
          static_cast<std::uint8_t>(to >> 8),
          static_cast<std::uint8_t>(to & 0xff),
          0,
          9,
          0,
          0,
          'x'};
}

/// The beginning of a connection.
inline Packet tcp_syn(const char* from, const char* to, std::uint16_t source, std::uint16_t destination) {
  Packet packet{static_cast<std::uint8_t>(source >> 8),
                static_cast<std::uint8_t>(source & 0xff),
                static_cast<std::uint8_t>(destination >> 8),
                static_cast<std::uint8_t>(destination & 0xff),
                0,
                0,
                0,
                1,
                0,
                0,
                0,
                0,
                0x50,
                0x02,
                0x20,
                0,
                0,
                0,
                0,
                0};
  Packet pseudo = address_bytes(from);
  append(pseudo, address_bytes(to));
  append(pseudo, {0, IPPROTO_TCP, 0, 20});
  append(pseudo, packet);
  put_sum(packet, 16, internet_sum(pseudo));
  return packet;
}

inline Packet echo_request() {
  Packet packet{8, 0, 0, 0, 0, 1, 0, 1, 'x', 'x'};
  put_sum(packet, 2, internet_sum(packet));
  return packet;
}

/// An Ethernet frame to everybody.
inline Packet frame(std::uint16_t type, const Packet& payload) {
  Packet bytes{
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type & 0xff)};
  append(bytes, payload);
  while (bytes.size() < 60) bytes.push_back(0);
  return bytes;
}

/// Writes a whole frame to a device and tells the kernel that it is of `protocol`, whatever it is.
inline void write_frame(const Named& space, const char* device, std::uint16_t protocol, const Packet& bytes) {
  const auto socket = space.opener()(AF_PACKET, SOCK_RAW, 0);
  BOOST_REQUIRE(socket.has_value());
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(protocol);
  address.sll_halen = ETH_ALEN;
  std::memset(address.sll_addr, 0xff, ETH_ALEN);
  BOOST_REQUIRE(space.get().run_inside([&] { address.sll_ifindex = static_cast<int>(::if_nametoindex(device)); }).has_value());
  (void)::sendto(socket->get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

/// As from a machine beyond the uplink: 02:00:00:00:0N:01 is the client's own address there.
inline void arrive(const Named& far, int uplink, const Packet& packet) {
  auto bytes = frame(ETH_P_IP, packet);
  const Packet to{2, 0, 0, 0, static_cast<std::uint8_t>(uplink), 1};
  std::copy(to.begin(), to.end(), bytes.begin());
  write_frame(far, uplink == 0 ? "far0" : "far1", ETH_P_IP, bytes);
}

}  // namespace vpn_sentinel

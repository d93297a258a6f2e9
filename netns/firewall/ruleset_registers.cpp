#include "netns/firewall/ruleset_registers.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace vpn_sentinel::audit {
namespace {

constexpr std::int32_t conntrack_priority = -200;  // NF_IP_PRI_CONNTRACK
constexpr std::uint8_t tcp_syn = 2;
constexpr std::uint8_t tcp_known_flags = 0x3f;
constexpr std::size_t tcp_flags_offset = 13;

struct PacketByte {
  Part part = Part::none;
  std::size_t index = 0;
};

PacketByte network_byte(const Surroundings& around, std::size_t offset) {
  const auto family = around.packet.family;
  const std::size_t protocol = family == Family::v4 ? 9 : 6;
  // A fragment has another next header.
  if (family == Family::v6 && offset == protocol && around.stage.place == Stage::Place::egress) return {};
  const std::size_t destination = family == Family::v4 ? 16 : 24;
  if (offset == protocol) return {Part::protocol, 0};
  if (offset >= destination && offset < destination + size_of(Part::destination, family)) return {Part::destination, offset - destination};
  return {};
}

bool is(const Packet& packet, std::uint32_t protocol) { return packet[Part::protocol].known && packet.number(Part::protocol) == protocol; }

bool has_ports(const Packet& packet) { return is(packet, IPPROTO_TCP) || is(packet, IPPROTO_UDP); }

bool is_icmp(const Packet& packet) { return packet.family == Family::v4 ? is(packet, IPPROTO_ICMP) : is(packet, IPPROTO_ICMPV6); }

PacketByte transport_byte(const Packet& packet, std::size_t offset) {
  if (has_ports(packet) && offset < 2) return {Part::source_port, offset};
  if (has_ports(packet) && offset < 4) return {Part::destination_port, offset - 2};
  if (is_icmp(packet) && offset == 0) return {Part::icmp_type, 0};
  if (is_icmp(packet) && offset == 1) return {Part::icmp_code, 0};
  return {};
}

/// So many bytes each packet has.
std::size_t least_header(const Surroundings& around, std::uint32_t base) {
  const auto& packet = around.packet;
  if (base == NFT_PAYLOAD_NETWORK_HEADER) return packet.family == Family::v4 ? 20 : 40;
  // Behind the hooks of IP it may be a later fragment, which has no ports.
  if (base != NFT_PAYLOAD_TRANSPORT_HEADER || around.stage.place == Stage::Place::egress) return 0;
  if (is(packet, IPPROTO_TCP)) return 20;
  return is(packet, IPPROTO_UDP) || is_icmp(packet) ? 8 : 0;
}

std::array<std::uint8_t, 4> host_bytes(std::uint32_t number) { return std::bit_cast<std::array<std::uint8_t, 4>>(number); }

}  // namespace

State joined(const State& a, const State& b) {
  State state = a;
  if (a.mark != b.mark) state.mark.reset();
  state.conntrack_mark_known = a.conntrack_mark_known && b.conntrack_mark_known;
  if (a.tracked != b.tracked) state.tracked = Answer::depends;
  state.moved = a.moved || b.moved;
  return state;
}

void join_into(std::optional<State>& into, const State& state) { into = into ? joined(*into, state) : state; }

Cell cell_of(const Surroundings& around, Part part, std::size_t index) {
  const bool translated = part == Part::destination || part == Part::destination_port;
  if (around.state.moved && translated) return {};
  const auto& value = around.packet[part];
  if (value.known) return known_cell(value.bytes.at(index));
  return {0, 0, part, static_cast<std::uint8_t>(index), 0};
}

std::optional<std::uint32_t> conntrack_state(const Surroundings& around) {
  const auto& stage = around.stage;
  if (stage.place == Stage::Place::egress) return std::nullopt;
  if (stage.place == Stage::Place::output && stage.priority <= conntrack_priority) {
    if (stage.priority == conntrack_priority || around.state.tracked != Answer::yes) return std::nullopt;
    return state_invalid;
  }
  if (around.state.tracked == Answer::depends) return std::nullopt;
  return around.state.tracked == Answer::yes ? state_new : state_untracked;
}

void Registers::forget(std::uint8_t word, std::size_t length) {
  const auto cells = at(word);
  std::fill_n(cells.begin(), std::min(cells.size(), (length + 3) / 4 * 4), Cell{});
}

void Registers::put(std::uint8_t word, std::span<const std::uint8_t> bytes) {
  const auto cells = at(word);
  // The rest of the last word becomes 0.
  const auto padded = std::min(cells.size(), (bytes.size() + 3) / 4 * 4);
  for (std::size_t i = 0; i < padded; ++i) cells[i] = known_cell(i < bytes.size() ? bytes[i] : 0);
}

void Registers::put32(std::uint8_t word, std::uint32_t number) { put(word, host_bytes(number)); }

void Registers::put_part(std::uint8_t word, const Surroundings& around, Part part) {
  const auto cells = at(word);
  const auto size = size_of(part, around.packet.family);
  const auto padded = std::min(cells.size(), (size + 3) / 4 * 4);
  for (std::size_t i = 0; i < padded; ++i) cells[i] = i < size ? cell_of(around, part, i) : known_cell(0);
}

bool Registers::load(const LoadMeta& step, const Surroundings& around) {
  const bool v4 = around.packet.family == Family::v4;
  std::array<std::uint8_t, IFNAMSIZ> name{};
  switch (step.key) {
    case NFT_META_PROTOCOL: {
      const std::uint16_t type = v4 ? ETH_P_IP : ETH_P_IPV6;
      put(step.word, std::array{static_cast<std::uint8_t>(type >> 8U), static_cast<std::uint8_t>(type)});
      return false;
    }
    case NFT_META_NFPROTO:
      // In the family netdev it is that family.
      if (around.stage.place == Stage::Place::egress) break;
      put(step.word, std::array{static_cast<std::uint8_t>(v4 ? NFPROTO_IPV4 : NFPROTO_IPV6)});
      return false;
    case NFT_META_L4PROTO:
      put_part(step.word, around, Part::protocol);
      return false;
    case NFT_META_MARK:
      if (!around.state.mark) break;
      put32(step.word, *around.state.mark);
      return false;
    case NFT_META_CGROUP:
      // The class of net_cls: 0 for whoever was put into none.
      put32(step.word, 0);
      return false;
    case NFT_META_OIF:
      if (around.state.moved || around.uplink.index == 0) break;
      put32(step.word, around.uplink.index);
      return false;
    case NFT_META_OIFNAME:
      if (around.state.moved) break;
      std::copy_n(around.uplink.name.begin(), std::min<std::size_t>(around.uplink.name.size(), IFNAMSIZ - 1), name.begin());
      put(step.word, name);
      return false;
    case NFT_META_IIF:
      if (around.stage.place == Stage::Place::egress) break;
      put32(step.word, 0);
      return false;
    case NFT_META_IIFNAME:
      if (around.stage.place == Stage::Place::egress) break;
      put(step.word, name);
      return false;
    case NFT_META_SKUID:
      put_part(step.word, around, Part::user);
      return false;
    case NFT_META_SKGID:
      put_part(step.word, around, Part::group);
      return false;
    default:
      break;
  }
  forget(step.word, register_bytes);
  return true;
}

bool Registers::load(const LoadPayload& step, const Surroundings& around) {
  const auto cells = at(step.word);
  const auto padded = std::min<std::size_t>(cells.size(), (step.length + 3) / 4 * 4);
  for (std::size_t i = 0; i < padded; ++i) {
    if (i >= step.length) {
      cells[i] = known_cell(0);
      continue;
    }
    const auto offset = static_cast<std::size_t>(step.offset) + i;
    PacketByte byte;
    if (step.base == NFT_PAYLOAD_NETWORK_HEADER) byte = network_byte(around, offset);
    if (step.base == NFT_PAYLOAD_TRANSPORT_HEADER) byte = transport_byte(around.packet, offset);
    cells[i] = byte.part == Part::none ? Cell{} : cell_of(around, byte.part, byte.index);
    // The first packet of a connection; whether it speaks of congestion (ECE, CWR) is the system's choice.
    const bool flags = step.base == NFT_PAYLOAD_TRANSPORT_HEADER && offset == tcp_flags_offset && is(around.packet, IPPROTO_TCP);
    if (flags) cells[i] = Cell{tcp_syn, tcp_known_flags, Part::none, 0, 0};
  }
  return static_cast<std::size_t>(step.offset) + step.length > least_header(around, step.base);
}

bool Registers::load(const LoadConntrack& step, const Surroundings& around) {
  const auto state = conntrack_state(around);
  if (step.key == NFT_CT_STATE && state) {
    put32(step.word, *state);
    return false;
  }
  if (step.key == NFT_CT_MARK && state == state_new && around.state.conntrack_mark_known) {
    put32(step.word, 0);
    return false;
  }
  forget(step.word, register_bytes);
  return true;
}

bool Registers::load(const LoadRoute& step, const Surroundings& around) {
  const bool plain = step.result == NFT_FIB_RESULT_ADDRTYPE && step.flags == NFTA_FIB_F_DADDR && !around.state.moved;
  if (plain && around.stage.place != Stage::Place::egress) {
    put32(step.word, RTN_UNICAST);
    return false;
  }
  forget(step.word, register_bytes);
  return true;
}

void Registers::load(const LoadConstant& step) { put(step.word, step.value); }

void Registers::load(const Bitwise& step) {
  const Cells before = cells_;
  const auto from = std::span{before}.subspan(step.from * 4U);
  const auto to = at(step.to);
  for (std::size_t i = 0; i < step.length; ++i) {
    auto cell = from[i];
    if (step.mask.empty()) {
      to[i] = Cell{};
      continue;
    }
    const auto mask = step.mask[i];
    const auto bits = step.bits[i];
    cell.value = static_cast<std::uint8_t>((cell.value & mask) ^ bits);
    cell.known = static_cast<std::uint8_t>(cell.known | static_cast<std::uint8_t>(~mask));
    const auto turned = static_cast<std::uint8_t>(bits & ~cell.known);
    cell.value = static_cast<std::uint8_t>(cell.value & cell.known);
    // Bits set where the mask has none are no longer the packet's.
    if (turned != 0 || (bits & static_cast<std::uint8_t>(~mask)) != 0) cell.foreign = 1;
    to[i] = cell;
  }
}

void Registers::load(const Swap& step) {
  const Cells before = cells_;
  const auto from = std::span{before}.subspan(step.from * 4U);
  const auto to = at(step.to);
  const bool turns = std::endian::native == std::endian::little;
  for (std::size_t i = 0; i < step.length; ++i) {
    const auto within = i % step.size;
    to[i] = from[turns ? i - within + (step.size - 1 - within) : i];
  }
}

}  // namespace vpn_sentinel::audit

#include "netns/firewall/ruleset_packet.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace vpn_sentinel::audit {
namespace {

/// DHCP and DHCPv6 keep a link alive and do not leave it.
constexpr std::array<std::uint32_t, 2> dhcp_ports{67, 547};
/// Those that are asked for one by one.
constexpr std::array<std::uint32_t, 4> named_protocols{IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6};

template <std::size_t N>
bool is_one_of(const std::array<std::uint32_t, N>& numbers, std::uint32_t first, std::uint32_t last) {
  return first == last && std::find(numbers.begin(), numbers.end(), first) != numbers.end();
}

bool is_host_order(Part part) { return part == Part::user || part == Part::group; }

/// The cells are one whole part of the packet, perhaps under a mask, in its order of bytes or turned round.
enum class Order : std::uint8_t { as_is, turned };
std::optional<Order> order_of(std::span<const Cell> cells, std::size_t size) {
  if (cells.size() < size) return std::nullopt;
  const auto stands = [&](bool turned) {
    for (std::size_t i = 0; i < size; ++i) {
      const auto& cell = cells[i];
      if (cell.part != cells[0].part || cell.foreign != 0 || cell.index != (turned ? size - 1 - i : i)) return false;
    }
    return true;
  };
  if (stands(false)) return Order::as_is;
  if (stands(true)) return Order::turned;
  return std::nullopt;
}

std::uint32_t number_of(Part part, std::span<const std::uint8_t> bytes) {
  std::uint32_t number = 0;
  if (is_host_order(part)) {
    std::memcpy(&number, bytes.data(), std::min(bytes.size(), sizeof number));
    return number;
  }
  for (const auto byte : bytes) number = number << 8U | byte;
  return number;
}

Bytes in_packets_order(std::span<const std::uint8_t> value, Order order) {
  Bytes bytes(value.begin(), value.end());
  if (order == Order::turned) std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

/// The addresses of a prefix, when the cells are the first bytes of the destination under a mask of leading ones.
struct AddressRange {
  Bytes first;
  Bytes last;
};
std::optional<AddressRange> addresses_of(std::span<const Cell> cells, std::span<const std::uint8_t> first,
                                         std::span<const std::uint8_t> last, std::size_t size, bool may_mask) {
  AddressRange range{Bytes(size, 0), Bytes(size, 0xff)};
  bool ended = false;
  for (std::size_t i = 0; i < std::min(cells.size(), size); ++i) {
    const auto& cell = cells[i];
    const auto mask = static_cast<std::uint8_t>(~cell.known);
    if (mask == 0 && cell.part != Part::destination) {
      ended = true;  // the rest of a word that was not loaded
      continue;
    }
    if (cell.part != Part::destination || cell.index != i || cell.foreign != 0) return std::nullopt;
    if (!may_mask && mask != 0xff) return std::nullopt;
    if ((cell.known & (cell.known + 1U)) != 0 || (ended && mask != 0)) return std::nullopt;
    ended = ended || mask != 0xff;
    range.first[i] = first[i] & mask;
    range.last[i] = static_cast<std::uint8_t>(last[i] | ~mask);
  }
  return range;
}

bool never_is(std::span<const Cell> cells, std::span<const std::uint8_t> first, std::span<const std::uint8_t> last, bool exact,
              const Exclusions& never) {
  const auto part = cells.empty() ? Part::none : cells[0].part;
  if (part == Part::none) return false;
  if (part == Part::destination) {
    // How long an address is, is told by the index of its last byte or by what is compared.
    const std::size_t size = never.address_size();
    const auto range = addresses_of(cells, first, last, size, exact);
    return range && never.covers(range->first, range->last);
  }
  const std::size_t size = size_of(part, Family::v4);
  const auto order = order_of(cells, size);
  if (!order) return false;
  // A range counts only in the order of the network.
  const bool counts = exact || (is_host_order(part) ? *order == Order::turned : *order == Order::as_is);
  if (!counts) return false;
  Bytes masked_out;
  for (const auto& cell : cells.first(size)) masked_out.push_back(cell.known);
  const auto any = number_of(part, in_packets_order(masked_out, *order));
  // Under a mask of leading ones it is a range.
  if (any != 0 && (!exact || (any & (any + 1)) != 0)) return false;
  const auto low = number_of(part, in_packets_order(first.first(size), *order));
  const auto high = number_of(part, in_packets_order(last.first(size), *order));
  return never.covers(part, low & ~any, high | any);
}

}  // namespace

std::size_t size_of(Part part, Family family) noexcept {
  switch (part) {
    case Part::destination:
      return family == Family::v4 ? 4 : 16;
    case Part::destination_port:
    case Part::source_port:
      return 2;
    case Part::user:
    case Part::group:
      return 4;
    case Part::none:
      return 0;
    default:
      return 1;
  }
}

Part part_of(Field field) noexcept {
  switch (field) {
    case Field::user:
      return Part::user;
    case Field::group:
      return Part::group;
    case Field::source_port:
      return Part::source_port;
    case Field::destination_port:
      return Part::destination_port;
    case Field::protocol:
      return Part::protocol;
    case Field::icmp_type:
      return Part::icmp_type;
    case Field::icmp_code:
      return Part::icmp_code;
  }
  return Part::none;
}

void Packet::set_number(Part part, std::uint32_t number) noexcept {
  auto& value = (*this)[part];
  value.known = true;
  if (is_host_order(part)) {
    std::memcpy(value.bytes.data(), &number, sizeof number);
    return;
  }
  const auto size = size_of(part, family);
  for (std::size_t i = 0; i < size; ++i) value.bytes.at(i) = static_cast<std::uint8_t>(number >> 8U * (size - 1 - i));
}

std::uint32_t Packet::number(Part part) const noexcept {
  return number_of(part, std::span{(*this)[part].bytes}.first(size_of(part, family)));
}

void Packet::set_destination(const IpAddress& address) noexcept {
  auto& value = (*this)[Part::destination];
  value.known = true;
  const auto bytes = address.bytes();
  std::copy(bytes.begin(), bytes.end(), value.bytes.begin());
}

IpAddress Packet::destination() const {
  const auto bytes = std::as_bytes(std::span{(*this)[Part::destination].bytes}.first(size_of(Part::destination, family)));
  return IpAddress::from_bytes(bytes).value_or(IpAddress{});
}

Exclusions::Exclusions(Family family, const std::vector<IpPrefix>& networks, std::vector<Numbers> users)
    : address_size_(size_of(Part::destination, family)), users_(std::move(users)) {
  std::vector<Range> ranges;
  for (const auto& network : networks) {
    if (network.address().family() != family) continue;
    const auto first = network.address().bytes();
    const auto end = network.last();
    ranges.push_back({Bytes(first.begin(), first.end()), Bytes(end.bytes().begin(), end.bytes().end())});
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  for (auto& range : ranges) {
    // Those that touch become one, so that a prefix that is made of two of them is covered.
    auto after = addresses_.empty() ? Bytes{} : addresses_.back().last;
    for (auto byte = after.rbegin(); byte != after.rend(); ++byte) {
      if (++*byte != 0) break;
    }
    if (!addresses_.empty() && (range.first <= addresses_.back().last || range.first == after)) {
      addresses_.back().last = std::max(addresses_.back().last, range.last);
    } else {
      addresses_.push_back(std::move(range));
    }
  }
}

bool Exclusions::covers(std::span<const std::uint8_t> first, std::span<const std::uint8_t> last) const {
  const Bytes low(first.begin(), first.end());
  const Bytes high(last.begin(), last.end());
  return std::any_of(addresses_.begin(), addresses_.end(),
                     [&](const Range& range) { return range.first.size() == low.size() && range.first <= low && high <= range.last; });
}

bool Exclusions::covers(Part part, std::uint32_t first, std::uint32_t last) const {
  if (part == Part::destination_port) return is_one_of(dhcp_ports, first, last);
  if (part == Part::protocol) return is_one_of(named_protocols, first, last);
  if (part != Part::user) return false;
  return std::any_of(users_.begin(), users_.end(), [&](const Numbers& users) { return users.first <= first && last <= users.last; });
}

Answer inverted_if(bool inverted, Answer answer) noexcept {
  if (!inverted || answer == Answer::depends) return answer;
  return answer == Answer::yes ? Answer::no : Answer::yes;
}

Cell known_cell(std::uint8_t value) noexcept { return {value, 0xff, Part::none, 0, 0}; }

bool all_known(std::span<const Cell> cells) noexcept {
  return std::all_of(cells.begin(), cells.end(), [](const Cell& cell) { return cell.known == 0xff; });
}

bool is_strange(std::span<const Cell> cells) noexcept {
  return std::any_of(cells.begin(), cells.end(), [](const Cell& cell) { return cell.known != 0xff && cell.part == Part::none; });
}

Answer equals(std::span<const Cell> cells, std::span<const std::uint8_t> value, const Exclusions& never) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (((cells[i].value ^ value[i]) & cells[i].known) != 0) return Answer::no;
  }
  if (all_known(cells.first(value.size()))) return Answer::yes;
  // Of several parts behind one another it is enough that one is never so.
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto& cell = cells[i];
    if (cell.part == Part::none || (i > 0 && cells[i - 1].part == cell.part)) continue;
    auto end = i;
    while (end < value.size() && cells[end].part == cell.part) ++end;
    const auto part = value.subspan(i, end - i);
    if (never_is(cells.subspan(i, end - i), part, part, true, never)) return Answer::no;
  }
  return Answer::depends;
}

Answer is_between(std::span<const Cell> cells, std::span<const std::uint8_t> first, std::span<const std::uint8_t> last,
                  const Exclusions& never) {
  const auto size = first.size();
  if (!all_known(cells.first(size))) {
    return never_is(cells.first(size), first, last, false, never) ? Answer::no : Answer::depends;
  }
  Bytes value;
  for (const auto& cell : cells.first(size)) value.push_back(cell.value);
  const bool below = std::lexicographical_compare(value.begin(), value.end(), first.begin(), first.end());
  const bool above = std::lexicographical_compare(last.begin(), last.end(), value.begin(), value.end());
  return below || above ? Answer::no : Answer::yes;
}

void take_hint(Packet& witness, std::span<const Cell> cells, std::span<const std::uint8_t> value) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto& cell = cells[i];
    if (cell.part == Part::none || cell.foreign != 0 || cell.known == 0xff) continue;
    auto& byte = witness[cell.part].bytes.at(cell.index);
    byte = static_cast<std::uint8_t>((byte & cell.known) | (value[i] & ~cell.known));
  }
}

}  // namespace vpn_sentinel::audit

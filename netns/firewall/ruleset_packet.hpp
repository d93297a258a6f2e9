/// Packets of which a part may not be known, as the rules of a ruleset see them: a comparison is true, false, or depends on what is not
/// known. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/firewall/ruleset_values.hpp"

namespace vpn_sentinel::audit {

/// What rules ask about a packet and what differs from packet to packet.
enum class Part : std::uint8_t { destination, destination_port, source_port, user, group, protocol, icmp_type, icmp_code, none };
inline constexpr std::size_t part_count = 8;
/// Bytes: an address has 4 or 16, numbers of users are in this machine's order, ports in the network's.
[[nodiscard]] std::size_t size_of(Part part, Family family) noexcept;
[[nodiscard]] Part part_of(Field field) noexcept;

struct PartValue {
  std::array<std::uint8_t, 16> bytes{};
  bool known = false;
  friend bool operator==(const PartValue&, const PartValue&) = default;
};

struct Packet {
  Family family = Family::v4;
  std::array<PartValue, part_count> parts{};
  [[nodiscard]] PartValue& operator[](Part part) noexcept { return parts[static_cast<std::size_t>(part)]; }
  [[nodiscard]] const PartValue& operator[](Part part) const noexcept { return parts[static_cast<std::size_t>(part)]; }
  /// Of any part but the address.
  void set_number(Part part, std::uint32_t number) noexcept;
  [[nodiscard]] std::uint32_t number(Part part) const noexcept;
  void set_destination(const IpAddress& address) noexcept;
  [[nodiscard]] IpAddress destination() const;
  friend bool operator==(const Packet&, const Packet&) = default;
};

/// What the part of a packet that is not known never is.
class Exclusions {
 public:
  Exclusions() = default;
  Exclusions(Family family, const std::vector<IpPrefix>& networks, std::vector<Numbers> users);
  /// All addresses from `first` to `last` are excluded.
  [[nodiscard]] bool covers(std::span<const std::uint8_t> first, std::span<const std::uint8_t> last) const;
  [[nodiscard]] bool covers(Part part, std::uint32_t first, std::uint32_t last) const;
  /// Bytes of the addresses.
  [[nodiscard]] std::size_t address_size() const noexcept { return address_size_; }
  [[nodiscard]] bool excludes(const IpAddress& address) const { return covers(address.bytes(), address.bytes()); }

 private:
  struct Range {
    Bytes first;
    Bytes last;
  };
  std::size_t address_size_ = 4;
  std::vector<Range> addresses_;  ///< sorted, apart from each other
  std::vector<Numbers> users_;
};

enum class Answer : std::uint8_t { no, yes, depends };
[[nodiscard]] Answer inverted_if(bool inverted, Answer answer) noexcept;

/// A byte of a register.
struct Cell {
  std::uint8_t value = 0;
  std::uint8_t known = 0;    ///< these bits; the others are 0 in `value`
  Part part = Part::none;    ///< the other bits are those of this byte of the packet; none: nobody knows
  std::uint8_t index = 0;    ///< which byte of the part
  std::uint8_t foreign = 0;  ///< 1: what is not known was changed on the way, so that it is no byte of the packet
};
using Cells = std::array<Cell, 64>;

[[nodiscard]] Cell known_cell(std::uint8_t value) noexcept;
[[nodiscard]] bool all_known(std::span<const Cell> cells) noexcept;
/// True when it is not known because nobody here understands where it comes from.
[[nodiscard]] bool is_strange(std::span<const Cell> cells) noexcept;

[[nodiscard]] Answer equals(std::span<const Cell> cells, std::span<const std::uint8_t> value, const Exclusions& never);
/// first <= cells <= last, as numbers in network order.
[[nodiscard]] Answer is_between(std::span<const Cell> cells, std::span<const std::uint8_t> first, std::span<const std::uint8_t> last,
                                const Exclusions& never);

/// Makes `witness` a packet whose cells have this value, as far as they are bytes of the packet.
void take_hint(Packet& witness, std::span<const Cell> cells, std::span<const std::uint8_t> value);

}  // namespace vpn_sentinel::audit

/// What a packet carries along from rule to rule, and what the steps of a rule load of it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "netns/firewall/ruleset_packet.hpp"
#include "netns/firewall/ruleset_values.hpp"
#include "netns/firewall/ruleset_walk.hpp"

namespace vpn_sentinel::audit {

/// The bits of NF_CT_STATE_BIT and NF_CT_STATE_UNTRACKED_BIT.
inline constexpr std::uint32_t state_invalid = 1;
inline constexpr std::uint32_t state_new = 8;
inline constexpr std::uint32_t state_untracked = 64;

/// What the rules may have changed of a packet.
struct State {
  std::optional<std::uint32_t> mark = 0;  ///< empty: not known
  bool conntrack_mark_known = true;       ///< and then 0
  Answer tracked = Answer::yes;           ///< no: a rule switched it off
  bool moved = false;                     ///< perhaps to another address or device
  Packet witness;
};
/// What is known of both.
[[nodiscard]] State joined(const State& a, const State& b);
void join_into(std::optional<State>& into, const State& state);

/// Where a rule stands that looks at the packet.
struct Surroundings {
  const Packet& packet;
  const State& state;
  const Uplink& uplink;
  const Stage& stage;
};

/// Loaded values; beyond what was loaded nothing is known.
class Registers {
 public:
  [[nodiscard]] std::span<Cell> at(std::uint8_t word) noexcept { return std::span{cells_}.subspan(word * 4U); }

  /// True: the rule may end here, because the packet may not have what is asked for.
  [[nodiscard]] bool load(const LoadMeta& step, const Surroundings& around);
  [[nodiscard]] bool load(const LoadPayload& step, const Surroundings& around);
  [[nodiscard]] bool load(const LoadConntrack& step, const Surroundings& around);
  [[nodiscard]] bool load(const LoadRoute& step, const Surroundings& around);
  void load(const LoadConstant& step);
  void load(const Bitwise& step);
  void load(const Swap& step);
  /// Nothing is known of so many bytes any more.
  void forget(std::uint8_t word, std::size_t length);

 private:
  void put(std::uint8_t word, std::span<const std::uint8_t> bytes);
  void put32(std::uint8_t word, std::uint32_t number);
  void put_part(std::uint8_t word, const Surroundings& around, Part part);

  Cells cells_{};
};

/// The byte of the packet, when it is known; else which one it is.
[[nodiscard]] Cell cell_of(const Surroundings& around, Part part, std::size_t index);
/// Conntrack's answer at this place; empty: not known.
[[nodiscard]] std::optional<std::uint32_t> conntrack_state(const Surroundings& around);

}  // namespace vpn_sentinel::audit

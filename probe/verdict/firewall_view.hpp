/// What the firewall of a target's namespace counted, what it holds back, and what its rules would let out. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"

namespace vpn_sentinel {

struct TrafficView {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const TrafficView&, const TrafficView&) = default;
};

/// Who sent where, outside the tunnel.
struct OutsideDestination {
  IpAddress address;
  std::uint8_t protocol = 0;         ///< IPPROTO_*
  std::uint16_t port = 0;            ///< of UDP and TCP
  std::optional<std::uint32_t> uid;  ///< of the program that made the socket; empty: no socket
  TrafficView traffic;
  friend bool operator==(const OutsideDestination&, const OutsideDestination&) = default;
};

/// A program that sends outside the tunnel, for certain.
struct OutsideProgram {
  std::string name;  ///< as the program itself chose it, at most 15 bytes
  int pid = 0;
  std::uint32_t uid = 0;               ///< effective, of the process
  std::string container;               ///< its id of 64 digits; empty: none
  OutsideDestination destination;      ///< one of those counted; its numbers are those of all programs of the user that send there
  std::optional<std::uint64_t> bytes;  ///< that this program sent there; absent: not known (UDP)
  friend bool operator==(const OutsideProgram&, const OutsideProgram&) = default;
};
/// What nobody could be found for.
struct UnattributedTraffic {
  OutsideDestination destination;
  std::string why;
  friend bool operator==(const UnattributedTraffic&, const UnattributedTraffic&) = default;
};

/// What left outside the tunnel and was not allowed to.
struct OutsideTraffic {
  TrafficView dns;              ///< ports 53 and 853
  TrafficView v4;               ///< other IPv4
  TrafficView v6;               ///< other IPv6
  TrafficView endpoint_misuse;  ///< to the VPN server's address, and not the tunnel's
  TrafficView other{};          ///< frames that are no IP, or not what they say; ARP and the like are not among them
  std::vector<OutsideDestination> destinations;
  [[nodiscard]] std::uint64_t packets() const noexcept {
    return dns.packets + v4.packets + v6.packets + endpoint_misuse.packets + other.packets;
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return dns.bytes + v4.bytes + v6.bytes + endpoint_misuse.bytes + other.bytes; }
};

struct PacketsView {
  bool counting = false;              ///< the meter is in place
  std::string why_not;                ///< not counting: why
  std::string egress_gap;             ///< why what is sent by AF_PACKET is not seen; empty: it is
  std::string interrupted;            ///< somebody took the rules away a moment ago, or changed them: how; what left meanwhile is unknown
  std::vector<std::string> left_out;  ///< for which the rules had no room, so that it is counted although it is allowed
  WallTime since{};                   ///< counting since then, maybe with gaps
  WallTime unbroken_since{};          ///< without a gap since then
  OutsideTraffic total;               ///< since `since`
  TrafficView local;                  ///< to local networks, which is allowed
  TrafficView passed_dns;             ///< DNS that may pass (allowed users, marks, tables; to a server of which no port is known)
  /// Of the leak that goes on: since the first packet after a time of quiet (30 s; 2 s where routes let it out); DNS and the rest end each
  /// by itself. Absent: quiet.
  std::optional<OutsideTraffic> leak;
  std::optional<WallTime> leak_since;
  /// What goes on and may be the VPN's own packets: its program has not told yet whether they are. Absent when there is a leak.
  std::optional<OutsideTraffic> unjudged;
  std::optional<WallTime> unjudged_since;
  std::vector<OutsideProgram> programs;           ///< of the leak
  std::vector<UnattributedTraffic> unattributed;  ///< of the leak, as far as it was asked who sends it
  /// Everything that leaves is seen: what may not is in the numbers. No DNS left where `passed_dns` has not grown either.
  [[nodiscard]] bool is_complete() const noexcept { return counting && egress_gap.empty(); }
};

struct KillSwitchView {
  enum class Mode : std::uint8_t { off, armed, on_danger };
  enum class State : std::uint8_t {
    off,       ///< nothing is dropped
    armed,     ///< the rules are as they should be
    changed,   ///< they are there and other than they should be
    unproven,  ///< the rules stand and a canary packet left, or could not be sent
    failed,    ///< could not be put in place, or could not be looked at
  };
  Mode mode = Mode::off;
  State state = State::off;
  std::string why;      ///< of changed, unproven, failed; of off: why although it was asked for
  TrafficView stopped;  ///< since it was armed, without the canaries
  std::optional<WallTime> since;
  std::optional<WallTime> disarmed;  ///< by the user since then: it stays off whatever the mode says
  std::vector<std::string> gaps;     ///< what it does not hold back although it is armed, and what it had no room for, in words
  bool no_server = false;            ///< it lets nothing out to a VPN server, because none is known
  // What it lets out; of an armed one.
  std::vector<std::string> passing_devices;
  std::vector<IpAddress> passing_addresses;  ///< at some or all ports
  std::vector<IpPrefix> passing_networks;
  /// Nothing but what the policy allows leaves outside the tunnel: the rules were read back, and no canary left. Where none could show it,
  /// `gaps` says so.
  [[nodiscard]] bool holds() const noexcept { return state == State::armed; }
};

/// What the whole ruleset of the namespace, ours or anyone's, does to packets that would leave outside the tunnel.
struct RulesetView {
  enum class Verdict : std::uint8_t { holds, lets_out, undecided };
  Verdict verdict = Verdict::undecided;
  std::vector<std::string> reasons;  ///< rules in words that decide, or that could not be decided
  std::string why_not;               ///< could not be looked at (then undecided): why
  bool no_uplink = false;            ///< there is no way out beside the tunnel, so nothing has to be held
  bool others_held = false;          ///< of lets_out: some ordinary packets are held back
  bool held_before = false;          ///< it held until somebody changed it
  std::string changed_by;            ///< who changed the ruleset last, "nft (pid 4242)"; empty: nobody since the probe looks
  std::string changed_tables;        ///< which of its tables, "inet filter, ip nat"
  std::optional<WallTime> changed_at;
};

}  // namespace vpn_sentinel

/// Drops what leaves a namespace outside the tunnel. To get out without this program:
///
///     nft delete table inet vpn-sentinel-ID-killswitch; nft delete table netdev vpn-sentinel-ID-killswitch
///
/// The tables stay when the process ends, however it ends (fails closed), until disarm(). They are plain tables that root can delete at any
/// time; with `protect` only their owner can while it runs (Linux 6.9, else plain), and then the commands above work once it has ended.
///
/// Not seen, and so neither dropped nor counted, is what never comes to the hooks postrouting and egress: flows of a flowtable (forwarded
/// ones, that somebody else's rules gave to it), frames by AF_XDP, and what tc or BPF programs redirect to a device behind that hook. Each
/// takes the right to change the namespace's rules or devices.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/firewall/canary.hpp"
#include "netns/firewall/firewall_policy.hpp"
#include "netns/firewall/leak_counters.hpp"
#include "netns/firewall/outside_tables.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

enum class KillSwitchMode : std::uint8_t {
  off,        ///< never drops
  armed,      ///< drops before anything fails
  on_danger,  ///< drops once the target is in danger: what left until then has left
};
/// "off", "armed", "on-danger". invalid otherwise.
[[nodiscard]] Result<KillSwitchMode> parse_kill_switch_mode(std::string_view text);
[[nodiscard]] std::string_view to_string(KillSwitchMode mode);

/// What is known of a target when it is decided.
enum class TargetSafety : std::uint8_t { safe, unknown, danger };
/// Whether the kill switch should be armed from now on. on_danger arms with danger and lets go only when the target is safe again by
/// itself: that nothing leaves any more, because it holds, is no reason to open. Pure.
[[nodiscard]] bool wants_armed(KillSwitchMode mode, bool is_armed, TargetSafety safety) noexcept;

struct KillSwitchStatus {
  enum class State : std::uint8_t {
    off,       ///< there is no table
    prepared,  ///< the tables are there, and nothing calls them: nothing is dropped
    armed,     ///< the tables are there as they should be
    changed,   ///< they are there, and `difference` tells what is otherwise
  };
  State state = State::off;
  bool holds_uplinks = false;  ///< also what is sent by AF_PACKET on all named uplinks
  std::string difference{};
};

struct Arming {
  bool adopted = false;               ///< the tables were there already, of a start before; their counters go on
  std::optional<Error> egress_gap{};  ///< why AF_PACKET on the named uplinks, or some of them, is not held back
  bool is_protected = false;          ///< only this process can change the tables; false also where the kernel cannot do that
  bool holds_some_uplinks = false;    ///< the second table is there, for all named uplinks or for those that the gap leaves
};

struct CanaryReport {
  std::string device;
  Family family = Family::v4;
  CanaryOutcome outcome = CanaryOutcome::left;
  bool by_packet_socket = false;  ///< written to the device itself (AF_PACKET)
  Traffic stopped{};              ///< of `held`: what our tables counted for it
};

enum class Proof : std::uint8_t {
  holds,     ///< our rules held back each canary that had a way out, and there was one
  unproven,  ///< none had a way out, somebody else's rules came first, or one was not sent because it might leave on purpose
  broken,    ///< one left
};
[[nodiscard]] Proof proof_of(const std::vector<CanaryReport>& reports) noexcept;

/// Movable; used by one thread at a time. The destructor changes nothing.
class KillSwitch {
 public:
  /// Opens sockets, changes nothing. invalid: the id.
  [[nodiscard]] static Result<KillSwitch> open(const SocketOpener& opener, std::string id, bool protect = false);

  /// Puts everything in place but what the kernel calls, so that arm() with the same policy takes some tens of microseconds: for on_danger.
  /// Drops nothing. failed: there is an armed kill switch of this id.
  [[nodiscard]] Result<void> prepare(const FirewallPolicy& policy);
  /// From its return on (and from some microseconds before) what is outside is dropped. Same tables that are there already are adopted,
  /// others replaced in one transaction, so that there is no moment without. Read back and compared. After an Error the tables that were
  /// there before are still there, or (failed) there are some that are not as they should be. not_permitted: "CAP_NET_ADMIN is needed in
  /// the namespace to hold packets back".
  /// Tables that another running program owns are never adopted (not_permitted): two probes in one namespace need two ids.
  [[nodiscard]] Result<Arming> arm(const FirewallPolicy& policy);
  /// Takes the tables away, whoever made them; to be called in any state. The ruleset is then what it was before arm().
  [[nodiscard]] Result<void> disarm();

  /// True when there are tables that packets come to, whoever made them and whatever is in them; false: prepared at the most.
  [[nodiscard]] Result<bool> judges();
  /// disarm() for what was only prepared, by whomever; an armed one stays. True: there was something to take away.
  [[nodiscard]] Result<bool> remove_prepared();

  /// Compares with what arm(policy) would make.
  [[nodiscard]] Result<KillSwitchStatus> status(const FirewallPolicy& policy);
  /// Takes what is there as its own, for stopped(), when it is what arm(policy) would make; changes nothing. False: it is something else.
  [[nodiscard]] Result<bool> adopt(const FirewallPolicy& policy);
  /// What was dropped since it was armed, canaries included; only after arm() or adopt().
  [[nodiscard]] Result<LeakCounters> stopped(std::size_t top = 20);

  /// Those of the devices that are there.
  [[nodiscard]] std::vector<std::string> existing(const std::vector<std::string>& devices) const { return tables_.existing(devices); }

  /// One IPv4 and one IPv6 packet bound to each of the devices (at most most_uplinks), and one by AF_PACKET where the uplinks' way out is
  /// held too; none that `policy` might let out. See proof_of(). Of one that was refused, our own tables must tell that it was by us.
  [[nodiscard]] Result<std::vector<CanaryReport>> prove(const std::vector<std::string>& devices, const FirewallPolicy& policy = {}) const;

 private:
  KillSwitch(SocketOpener opener, OutsideTables tables, bool protect)
      : opener_(std::move(opener)), tables_(std::move(tables)), protect_(protect) {}

  [[nodiscard]] bool is_protected() const noexcept;
  [[nodiscard]] Result<std::vector<CanaryReport>> prove(OutsideTables& tables, const std::string& device,
                                                        const FirewallPolicy& policy) const;
  [[nodiscard]] Result<CanaryReport> prove(OutsideTables& tables, const std::string& device, Family family,
                                           const FirewallPolicy& policy) const;
  [[nodiscard]] Result<CanaryReport> prove_at_uplink(OutsideTables& tables, const std::string& device, const FirewallPolicy& policy) const;

  SocketOpener opener_;
  OutsideTables tables_;
  bool protect_;
};

/// The ids of all kill switches of the namespace, prepared ones too, sorted.
[[nodiscard]] Result<std::vector<std::string>> kill_switch_ids(const SocketOpener& opener);

/// Takes away the tables of leak meters that no running program owns: of one that was killed on a kernel that knows no owners (before Linux
/// 5.12). A daemon that still counts by them makes them anew. Returns how many tables were taken away.
[[nodiscard]] Result<std::size_t> remove_left_meters(const SocketOpener& opener);

/// For the removal of the package, and for the operator: takes away all kill switches of the namespace, whatever their id. Returns how
/// many tables were taken away. not_permitted: also when a running probe owns one.
[[nodiscard]] Result<std::size_t> disarm_all(const SocketOpener& opener);

}  // namespace vpn_sentinel

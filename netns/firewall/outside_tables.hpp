/// The two tables of leak_rules in a namespace: put in place, compared, read and taken away. What leak_meter and kill_switch share; used by
/// one thread at a time. Each call blocks for tens of microseconds up to some milliseconds.
/// Errors of all: not_permitted (CAP_NET_ADMIN is missing, or another program owns the table), unavailable (the kernel has no nf_tables).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/firewall/firewall_policy.hpp"
#include "netns/firewall/leak_counters.hpp"
#include "netns/firewall/leak_rules.hpp"
#include "netns/firewall/nft_socket.hpp"
#include "netns/firewall/table_counters.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

class OutsideTables {
 public:
  /// `flags` are asked for with the tables (nft::flag_owner, nft::flag_persist) and left out where the kernel does not know them. invalid:
  /// the id is none.
  /// `rings`: listeners are told of the first packet outside, where the kernel has quotas.
  [[nodiscard]] static Result<OutsideTables> open(const SocketOpener& opener, OutsideAction action, std::string id, std::uint32_t flags,
                                                  bool rings = false);

  /// Both tables in one transaction, in the place of any that are there under their names, then read back and compared. The second one is
  /// for those uplinks alone that are there where an older kernel asks for that, and is left out where it has no such tables; egress_gap()
  /// tells why. Any other failure leaves what was there before, or, when nothing was, puts the first one in place alone.
  [[nodiscard]] Result<void> install(const FirewallPolicy& policy);
  /// Puts everything in place but the chains that the kernel calls, so that activate() has little to do. For a policy that is not
  /// installed: failed when there are tables that judge packets already, which this would end.
  [[nodiscard]] Result<void> prepare(const FirewallPolicy& policy);
  /// Adds these chains; as install() when the policy was not prepared, or somebody took the prepared tables away.
  [[nodiscard]] Result<void> activate(const FirewallPolicy& policy);
  /// The name of a table that is there and judges packets; empty: none does, they are prepared at the most.
  [[nodiscard]] Result<std::optional<std::string>> judging();
  /// True when what is there is what prepare(policy) makes.
  [[nodiscard]] Result<bool> is_prepared(const FirewallPolicy& policy);
  /// Takes what is there as its own when it is exactly what install() would make; false: it is something else, or nothing. not_permitted:
  /// a program that still runs owns it, which is named.
  [[nodiscard]] Result<bool> adopt(const FirewallPolicy& policy);
  /// Compares what is there with what install() would make of the policy. not_found: a table is missing; failed: what differs; any other
  /// error: it could not be looked at. A device that is not there need not be named.
  [[nodiscard]] Result<void> compare(const FirewallPolicy& policy);
  /// Other rules in the same tables, in one transaction; as install() when the uplinks are others, or when the tables are gone.
  [[nodiscard]] Result<void> update(const FirewallPolicy& policy);

  /// not_found: a table is gone, or nothing was installed; failed: what differs, also when an uplink is another device by now.
  [[nodiscard]] Result<void> verify();
  /// Of both tables together, since the first install() and through all later ones; only what comes between the last reading and the moment
  /// in which tables are replaced is lost (install() reads first, unless they are gone). not_found: a table is gone.
  [[nodiscard]] Result<LeakCounters> read();
  /// The same without destinations, which takes half as long.
  [[nodiscard]] Result<LeakCounters> read_totals();
  /// So that the next packet outside is told again. Nothing happens when none is told.
  [[nodiscard]] Result<void> rearm();
  /// What the tables that are there now noted as outside to this address and port, whoever made them; nothing where there are none. What
  /// others send elsewhere meanwhile is not in it.
  [[nodiscard]] Result<Traffic> count_there(const Endpoint& destination);
  /// Takes away what is there under the tables' names, whoever made it. Nothing there is no error.
  [[nodiscard]] Result<void> remove();
  /// The same with those tables alone that this object made: another one may have put its own in their place.
  [[nodiscard]] Result<void> remove_own();
  /// True when one of the tables is there.
  [[nodiscard]] Result<bool> exists();
  /// True when the second one is.
  [[nodiscard]] Result<bool> exists_at_uplinks();

  /// Those of the devices that are there.
  [[nodiscard]] std::vector<std::string> existing(const std::vector<std::string>& devices) const;

  /// True when activate(policy) has only little to do.
  [[nodiscard]] bool is_ready_for(const FirewallPolicy& policy) const { return !prepared_.empty() && policy_ == policy; }
  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] bool is_installed() const noexcept { return !installed_.empty(); }
  /// True when the uplinks' way out is judged, too.
  [[nodiscard]] bool has_egress() const noexcept { return installed_.size() > 1; }
  /// Why not all named uplinks are judged; empty: they are, or none is named.
  [[nodiscard]] const std::optional<Error>& egress_gap() const noexcept { return egress_gap_; }
  /// Listeners are told of the first packet outside.
  [[nodiscard]] bool rings() const noexcept { return rings_; }
  /// What the kernel accepted of the flags.
  [[nodiscard]] std::uint32_t flags() const noexcept { return flags_; }

 private:
  OutsideTables(nft::Socket socket, OutsideAction action, std::string id, std::uint32_t flags, bool rings)
      : socket_(std::move(socket)), action_(action), id_(std::move(id)), wanted_flags_(flags), rings_(rings) {}

  [[nodiscard]] std::vector<nft::Ruleset> rulesets(const FirewallPolicy& policy, bool egress, std::uint32_t flags) const;
  [[nodiscard]] std::vector<JudgedDevice> devices_of(const FirewallPolicy& policy) const;
  [[nodiscard]] Result<std::vector<nft::Table>> present();
  [[nodiscard]] Result<void> check_owner(const std::vector<nft::Table>& tables) const;
  enum class Part : std::uint8_t { whole, without_hooks };
  [[nodiscard]] Result<void> install(const FirewallPolicy& policy, Part part);
  [[nodiscard]] Result<void> install(const FirewallPolicy& policy, Part part, std::uint32_t flags);
  [[nodiscard]] Result<void> put_in_place(const FirewallPolicy& policy, Part part, std::uint32_t flags);
  [[nodiscard]] Result<void> note_handles();
  [[nodiscard]] Result<void> remove(const std::vector<nft::Table>& tables);
  [[nodiscard]] Result<void> compare(const nft::Ruleset& wanted);
  [[nodiscard]] Result<void> replace(const std::vector<nft::Ruleset>& rulesets);
  [[nodiscard]] Result<void> compare(const std::vector<nft::Ruleset>& rulesets);
  [[nodiscard]] Result<void> exchange_rules(const std::vector<nft::Ruleset>& rulesets);
  [[nodiscard]] Result<void> install_with_flags(const FirewallPolicy& policy, Part part);
  enum class Detail : std::uint8_t { totals, destinations };
  [[nodiscard]] Result<LeakCounters> read(Detail detail);
  [[nodiscard]] Result<LeakCounters> read(const nft::TableName& table, Detail detail);
  [[nodiscard]] std::string_view purpose() const noexcept;

  nft::Socket socket_;
  OutsideAction action_;
  std::string id_;
  std::uint32_t wanted_flags_;
  bool rings_ = false;
  std::uint32_t flags_ = 0;
  FirewallPolicy policy_;
  std::vector<nft::Ruleset> installed_;
  std::vector<nft::Ruleset> prepared_;
  std::optional<Error> egress_problem_;  ///< of this kernel
  std::optional<Error> egress_gap_;
  std::vector<JudgedDevice> elsewhere_;  ///< whose packets the second table counts alone
  std::vector<std::uint64_t> made_;      ///< handles of the tables that count
  TableCounters tally_;
};

/// The ids of all tables of this action in the namespace, sorted, each once.
[[nodiscard]] Result<std::vector<std::string>> outside_table_ids(const SocketOpener& opener, OutsideAction action);

enum class OwnedTables : std::uint8_t { refuse, stay };
/// Takes away all tables of this action in the namespace, whatever their id; those that a running program owns stay (`refuse`:
/// not_permitted, after the others are gone). Returns how many were taken away.
[[nodiscard]] Result<std::size_t> remove_outside_tables(const SocketOpener& opener, OutsideAction action,
                                                        OwnedTables owned = OwnedTables::refuse);

}  // namespace vpn_sentinel

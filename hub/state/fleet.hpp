/// All clients and their leases: a pure state machine fed with admitted reports and times.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hub/ingest/admission.hpp"
#include "hub/state/client_room.hpp"
#include "hub/state/client_state.hpp"
#include "hub/state/group_rule.hpp"
#include "hub/state/leases.hpp"

namespace vpn_sentinel {

struct FleetPolicy {
  /// Lease of clients that name none (the Python original's): VPN_SENTINEL_CLIENT_TIMEOUT_MINUTES.
  std::chrono::seconds default_lease{30 * 60};
  /// Added to every lease before a client counts as silent: network jitter and a slow hub are no outage.
  std::chrono::milliseconds lease_grace{2000};
  /// After a time in which the hub was blind nobody is told to be offline earlier than this, or than the client's own lease (at most the
  /// default one): whoever was not heard may simply not have had his turn yet.
  std::chrono::seconds restart_grace{60};
  GroupRules groups = {};
  /// The hub's own, as the Internet sees them: no client's exit may be one.
  std::vector<IpPrefix> public_addresses = {};
  ClientLimits limits = {};
};

class Fleet {
 public:
  /// A client's state never changes: a report makes a new one. Whoever keeps one (readers, the page, what is taken back) copies nothing.
  using Snapshot = std::shared_ptr<const ClientState>;

  explicit Fleet(FleetPolicy policy) : policy_(std::move(policy)), room_(policy_.limits) {}

  /// A stored report changes the state only when it is newer than what is known (boot_id and seq; timestamps across boots); an older one
  /// is history and gives no change. The lease counts from `received` less the time that the report had waited: a probe's clock never
  /// makes it longer. A report that waited longer than its lease is no sign of life of a silent client. A change that has `news` is one
  /// only if the client's incident does not know them: what comes and goes is told once.
  std::vector<Change> apply(const Admitted& admitted);
  /// Free for whoever is known already. Asked before apply(), which takes everybody.
  [[nodiscard]] ClientRoom::Verdict room_for(const Admitted& admitted) const;
  /// The client as apply() would leave it; nullopt: the report is history.
  [[nodiscard]] std::optional<ClientState> preview(const Admitted& admitted) const;
  /// Clients whose lease passed at `now`, and who have no grace any more. The changes carry the time at which the lease passed.
  std::vector<Change> expire(WallTime now);
  /// The next moment at which expire() has something to do.
  [[nodiscard]] std::optional<WallTime> next_deadline() const { return leases_.next_alarm(); }
  /// What the store knew when the hub started.
  void restore(std::vector<ClientState> clients, WallTime now);

  /// Nobody could be heard for a while, so silence proves nothing: expire() waits. What is shown does not: see overdue(). Whoever was
  /// silent before while the hub listened has so much less: a hub that starts again and again says in the end who is gone.
  void grant_grace(WallTime now);
  /// A report of it came and could not be stored: that is not listening in vain. Between transactions.
  void tried(const std::string& client_id);
  /// Somebody may still be waited for by grace.
  [[nodiscard]] bool has_grace() const noexcept { return leases_.has_grace(); }
  /// The hub went on listening for so long. Before restore(): what it did in its runs before.
  void listen(std::chrono::microseconds time) { listened_ += time; }
  [[nodiscard]] std::chrono::microseconds listened() const noexcept { return listened_; }
  /// The hub's clock was set to `now`: leases are stretches of time and move with it.
  void shift_leases(std::chrono::microseconds by, WallTime now);
  /// A group's state, as its members make it (Groups): it has no lease of its own.
  void put_group(ClientState group) { put(std::move(group)); }
  /// From here on the fleet remembers what each client was before.
  void begin() { before_.clear(); }
  /// What the client was at begin(); null: unknown then. Of a client that has not changed since: what it is.
  [[nodiscard]] Snapshot before(const std::string& client_id) const;
  /// Everything is as it was at begin(): the transaction failed.
  void take_back();
  /// The client is known no longer.
  void forget(const std::string& client_id);
  /// Clients whose lease passed although they are not offline by the book: they have grace, or the hub cannot store. To be shown as
  /// gone_silent().
  [[nodiscard]] std::vector<std::string> overdue(WallTime now) const { return leases_.passed(now); }

  /// At most `most` clients that are offline and were heard of last before `before`.
  [[nodiscard]] std::vector<std::string> offline_since(WallTime before, std::size_t most) const;

  /// Null: unknown.
  [[nodiscard]] const ClientState* find(const std::string& client_id) const;
  [[nodiscard]] Snapshot snapshot(const std::string& client_id) const;
  [[nodiscard]] const std::unordered_map<std::string, Snapshot>& clients() const noexcept { return clients_; }

 private:
  [[nodiscard]] std::chrono::seconds lease_of(const Report& report) const;
  [[nodiscard]] ClientState after_report(const ClientState* before, const Admitted& admitted) const;
  [[nodiscard]] static ClientState still_silent(const ClientState* before, const ClientState& reported);
  /// How long the hub waits for the report after this one.
  [[nodiscard]] std::chrono::milliseconds patience_with(const Report& report) const;
  [[nodiscard]] std::chrono::seconds grace_of(const Report& report) const;
  [[nodiscard]] std::chrono::microseconds grace_left(const ClientState& client) const;
  const ClientState& put(Snapshot client);
  const ClientState& put(ClientState client) { return put(std::make_shared<const ClientState>(std::move(client))); }

  FleetPolicy policy_;
  ClientRoom room_;  ///< of those in clients_, without groups
  std::unordered_map<std::string, Snapshot> clients_;
  std::unordered_map<std::string, Snapshot> before_;  ///< of those that changed since begin()
  Leases leases_;                                     ///< of every client that is not offline
  std::chrono::microseconds listened_{0};             ///< while somebody could be heard, in all runs together
};

}  // namespace vpn_sentinel

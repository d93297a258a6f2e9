/// All clients and their leases: a pure state machine fed with admitted reports and times.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hub/ingest/admission.hpp"
#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

struct FleetPolicy {
  /// Lease of clients that name none (the Python original's): VPN_SENTINEL_CLIENT_TIMEOUT_MINUTES.
  std::chrono::seconds default_lease{30 * 60};
  /// Added to every lease before a client counts as silent: network jitter and a slow hub are no outage.
  std::chrono::milliseconds lease_grace{2000};
  /// After a restart no lease ends earlier than this, so that a hub that was down does not declare everyone offline at once.
  std::chrono::seconds restart_grace{60};
};

class Fleet {
 public:
  explicit Fleet(FleetPolicy policy) : policy_(policy) {}

  /// A stored report changes the state only when it is newer than what is known (boot_id and seq; timestamps across boots); an older one
  /// is history and gives no change. The lease counts from `received`: a probe's clock never makes it longer.
  std::vector<Change> apply(const Admitted& admitted);
  /// Clients whose lease passed at `now`.
  std::vector<Change> expire(WallTime now);
  /// The next moment at which expire() has something to do.
  [[nodiscard]] std::optional<WallTime> next_deadline() const;
  /// What the store knew when the hub started.
  void restore(std::vector<ClientState> clients, WallTime now);

  /// No lease ends before now + restart_grace: nothing could be stored for a while, so silence proves nothing.
  void grant_grace(WallTime now);
  /// The hub's clock was set: leases are stretches of time and move with it.
  void shift_leases(std::chrono::microseconds by);
  /// Takes a client back to what it was before (nullopt: unknown), after a transaction failed.
  void reset(const std::string& client_id, std::optional<ClientState> state);
  /// How clients whose lease passed would look, without changing them: what a hub shows while it cannot store.
  [[nodiscard]] std::vector<ClientState> overdue(WallTime now) const;

  [[nodiscard]] const ClientState* find(const std::string& client_id) const;
  [[nodiscard]] const std::map<std::string, ClientState>& clients() const noexcept { return clients_; }

 private:
  [[nodiscard]] std::chrono::seconds lease_of(const Report& report) const;
  [[nodiscard]] ClientState after_report(const ClientState* before, const Admitted& admitted) const;
  [[nodiscard]] ClientState gone_silent(const ClientState& before) const;
  ClientState& put(ClientState client);
  void index_leases();

  FleetPolicy policy_;
  std::map<std::string, ClientState> clients_;
  std::set<std::pair<WallTime, std::string>> leases_;  ///< of every client that is not offline
};

}  // namespace vpn_sentinel

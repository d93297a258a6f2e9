/// What the hub never forgets. One backend now (SQLite); the interface has a contract test because others follow.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hub/ingest/admission.hpp"
#include "hub/state/client_state.hpp"
#include "hub/state/incident.hpp"
#include "hub/state/late_report.hpp"
#include "hub/store/reader.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// A message waiting for (or delivered to) a channel.
struct StoredAlert {
  std::int64_t id = 0;  ///< given by the store, ascending
  std::string channel;  ///< its name
  std::string text;
  WallTime created{};
  int attempts = 0;
  friend bool operator==(const StoredAlert&, const StoredAlert&) = default;
};

/// How long what is kept. Days stay for good.
struct Retention {
  WallTime now{};
  std::chrono::hours reports{24 * 30};  ///< and alerts that are delivered or given up
  std::chrono::hours minutes{24 * 14};  ///< of the roll-ups, by their own time
  std::chrono::hours hours{24 * 365};   ///< of the roll-ups
  std::uint64_t most_bytes = 0;         ///< of the database; 0: no limit
  bool by_age = true;                   ///< false: `now` may be wrong, only the size counts
  /// Changes and closed incidents are few and tell the story: kept eleven months longer than the reports behind them.
  [[nodiscard]] std::chrono::hours changes() const { return reports + std::chrono::hours{335 * 24}; }
};

/// Single-threaded: the engine's thread owns it. Everything between begin() and commit() is durable together or not at all.
class Store {
 public:
  virtual ~Store() = default;

  [[nodiscard]] virtual Result<void> begin() = 0;
  /// Durable when it returns (SQLite WAL with synchronous=FULL).
  [[nodiscard]] virtual Result<void> commit() = 0;
  virtual void rollback() noexcept = 0;

  /// False: (client, boot_id, seq) was stored before, nothing was written.
  [[nodiscard]] virtual Result<bool> add_report(const Admitted& admitted) = 0;
  /// What is stored as this report (client, boot_id, seq) is not this one: it was made at another time, or judged otherwise. False also
  /// when nothing is stored, or its row was removed.
  [[nodiscard]] virtual Result<bool> is_another(const Admitted& admitted) = 0;
  [[nodiscard]] virtual Result<void> add_change(const Change& change) = 0;
  /// Sets `incident.id` of one that has none. An empty client_id: the incident is to be removed.
  [[nodiscard]] virtual Result<void> save_incident(Incident& incident) = 0;
  [[nodiscard]] virtual Result<void> save_client(const ClientState& client) = 0;
  /// The client is known no longer; its history stays as long as other history.
  [[nodiscard]] virtual Result<void> remove_client(const std::string& client_id) = 0;
  /// Sets `alert.id`.
  [[nodiscard]] virtual Result<void> add_alert(StoredAlert& alert) = 0;
  [[nodiscard]] virtual Result<void> mark_alert_delivered(std::int64_t id, WallTime when) = 0;
  [[nodiscard]] virtual Result<void> mark_alert_failed(std::int64_t id, const std::string& reason, bool give_up) = 0;

  /// Sorted by client id. A client may have been saved before its newest report: last_report.seq is that of the newest stored one.
  [[nodiscard]] virtual Result<std::vector<ClientState>> load_clients() = 0;
  /// Channels of alerts that are neither delivered nor given up.
  [[nodiscard]] virtual Result<std::vector<std::string>> load_pending_channels() = 0;
  /// Those of one channel, ascending, with an id above `after`.
  [[nodiscard]] virtual Result<std::vector<StoredAlert>> load_pending_alerts(const std::string& channel, std::int64_t after,
                                                                             std::size_t most) = 0;
  /// At most one per client.
  [[nodiscard]] virtual Result<std::vector<Incident>> load_open_incidents() = 0;
  /// Incidents of the client that begin not after `to` and end not before `from`, oldest first.
  [[nodiscard]] virtual Result<std::vector<Incident>> load_incidents(const std::string& client_id, WallTime from, WallTime to) = 0;
  /// Nullopt: there is no such incident.
  [[nodiscard]] virtual Result<std::optional<Incident>> load_incident(std::int64_t id) = 0;
  /// Sets `comment.id`. Errors: invalid when the incident has IncidentComment::most.
  [[nodiscard]] virtual Result<void> add_comment(std::int64_t incident, IncidentComment& comment) = 0;
  /// An incident became part of another one.
  [[nodiscard]] virtual Result<void> move_comments(std::int64_t from, std::int64_t to) = 0;

  /// In the place of what was kept under that name.
  [[nodiscard]] virtual Result<void> keep(KeptKind kind, const Kept& kept) = 0;
  /// False: nothing was kept under that name.
  [[nodiscard]] virtual Result<bool> drop(KeptKind kind, const std::string& name) = 0;
  /// By name.
  [[nodiscard]] virtual Result<std::vector<Kept>> load_kept(KeptKind kind) = 0;

  /// The reports of the same boot before and after `report`, by number; for one without a boot there are none.
  [[nodiscard]] virtual Result<Neighbours> load_neighbours(const Report& report) = 0;
  /// The read side, for another thread; it must not outlive the store.
  [[nodiscard]] virtual Result<std::unique_ptr<StoreReader>> open_reader() = 0;
  /// Rows that one maintain() removes from a table, at most: a few milliseconds.
  static constexpr std::size_t most_removed = 2'000;
  /// Reports that one roll_up() takes, at most: some ten milliseconds. Reports share the pages of the roll-up, so that fewer and larger
  /// portions write much less.
  static constexpr std::size_t most_rolled_up = 1'000;
  /// Adds the next reports to the minutes, hours and days, in a transaction of its own. True: there are more.
  [[nodiscard]] virtual Result<bool> roll_up() = 0;
  /// Housekeeping outside the commit path: WAL checkpoint; removal of what is older than `retention` says and of the oldest when more
  /// bytes are used than it allows (reports first, once they are rolled up; then minutes, hours, finished alerts, days, closed incidents,
  /// changes; never an alert that still waits, an open incident or a client), and of names that nothing refers to. Removes a bounded
  /// number of rows, so that it never holds up reports for long. True: there is more to remove.
  [[nodiscard]] virtual Result<bool> maintain(const Retention& retention) = 0;
  /// True: what commits leave behind has grown so much (the WAL, or the file beyond its limit) that maintain() should come soon.
  [[nodiscard]] virtual bool needs_maintenance() const = 0;
};

/// Opens or makes the database file (mode 0600; its directory must exist), migrates it by number, checks its integrity (quick_check).
/// One hub at a time: the file stays locked (flock) while the store lives.
[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& file);

}  // namespace vpn_sentinel

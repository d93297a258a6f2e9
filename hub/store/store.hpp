/// What the hub never forgets. One backend now (SQLite); the interface has a contract test because others follow.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hub/ingest/admission.hpp"
#include "hub/state/client_state.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// A message waiting for (or delivered to) a channel.
struct StoredAlert {
  std::int64_t id = 0;  ///< given by the store, ascending
  std::string channel;  ///< "telegram"
  std::string text;
  WallTime created{};
  int attempts = 0;
  friend bool operator==(const StoredAlert&, const StoredAlert&) = default;
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
  [[nodiscard]] virtual Result<void> add_change(const Change& change) = 0;
  [[nodiscard]] virtual Result<void> save_client(const ClientState& client) = 0;
  /// The client is known no longer; its history stays as long as other history.
  [[nodiscard]] virtual Result<void> remove_client(const std::string& client_id) = 0;
  /// Sets `alert.id`.
  [[nodiscard]] virtual Result<void> add_alert(StoredAlert& alert) = 0;
  [[nodiscard]] virtual Result<void> mark_alert_delivered(std::int64_t id, WallTime when) = 0;
  [[nodiscard]] virtual Result<void> mark_alert_failed(std::int64_t id, const std::string& reason, bool give_up) = 0;

  /// Sorted by client id. A client may have been saved before its newest report: last_report.seq is that of the newest stored one.
  [[nodiscard]] virtual Result<std::vector<ClientState>> load_clients() = 0;
  /// Neither delivered nor given up, ascending, with an id above `after`.
  [[nodiscard]] virtual Result<std::vector<StoredAlert>> load_pending_alerts(std::int64_t after, std::size_t most) = 0;
  /// Newest first: {"at","kind","from","to","findings",…}.
  [[nodiscard]] virtual Result<nlohmann::json> load_changes(const std::string& client_id, std::size_t most) = 0;
  /// Rows that one maintain() removes from a table, at most: a few milliseconds.
  static constexpr std::size_t most_removed = 2'000;
  /// Housekeeping outside the commit path: WAL checkpoint, removal of reports and finished alerts older than `keep_after` (changes stay
  /// eleven months longer; an alert that still waits stays) and of names that nothing refers to. Removes a bounded number of rows, so that
  /// it never holds up reports for long. True: there is more to remove.
  [[nodiscard]] virtual Result<bool> maintain(WallTime keep_after) = 0;
  /// True: what commits leave behind (the WAL) has grown so much that maintain() should come soon.
  [[nodiscard]] virtual bool needs_maintenance() const = 0;
};

/// Opens or makes the database file (mode 0600; its directory must exist), migrates it by number, checks its integrity (quick_check).
/// One hub at a time: the file stays locked (flock) while the store lives.
[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& file);

}  // namespace vpn_sentinel

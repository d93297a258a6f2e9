/// The store in SQLite, for its own files; everybody else sees Store.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "hub/store/checkpointer.hpp"
#include "hub/store/json_writer.hpp"
#include "hub/store/report_numbers.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/sqlite_housekeeping.hpp"
#include "hub/store/sqlite_log.hpp"
#include "hub/store/sqlite_presence.hpp"
#include "hub/store/sqlite_roll_up.hpp"
#include "hub/store/sqlite_statements.hpp"
#include "hub/store/store.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {

class SqliteStore final : public Store {
 public:
  struct Parts {
    Fd claim;
    Database database;
    StoreStatements statements;
    ReportNumbers numbers;
    SqliteRollUp roll_up;
    SqliteHousekeeping housekeeping;
    SqlitePresence presence;
    std::unique_ptr<Checkpointer> checkpointer;
  };

  SqliteStore(std::string file, Parts parts);
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;
  [[nodiscard]] Result<void> begin() override;
  [[nodiscard]] Result<void> commit() override;
  void rollback() noexcept override;
  [[nodiscard]] Result<bool> add_report(const Admitted& admitted) override;
  [[nodiscard]] Result<bool> is_another(const Admitted& admitted) override;
  [[nodiscard]] Result<void> add_change(const Change& change) override;
  [[nodiscard]] Result<void> save_incident(Incident& incident) override;
  [[nodiscard]] Result<void> save_client(const ClientState& client) override;
  [[nodiscard]] Result<void> remove_client(const std::string& client_id) override;
  [[nodiscard]] Result<void> add_alert(StoredAlert& alert) override;
  [[nodiscard]] Result<void> mark_alert_delivered(std::int64_t id, WallTime when) override;
  [[nodiscard]] Result<void> mark_alert_failed(std::int64_t id, const std::string& reason, bool give_up) override;
  [[nodiscard]] Result<std::vector<ClientState>> load_clients() override;
  [[nodiscard]] Result<std::vector<std::string>> load_pending_channels() override;
  [[nodiscard]] Result<std::vector<StoredAlert>> load_pending_alerts(const std::string& channel, std::int64_t after,
                                                                     std::size_t most) override;
  [[nodiscard]] Result<std::vector<Incident>> load_open_incidents() override;
  [[nodiscard]] Result<std::vector<Incident>> load_incidents(const std::string& client_id, WallTime from, WallTime to) override;
  [[nodiscard]] Result<std::optional<Incident>> load_incident(std::int64_t id) override;
  [[nodiscard]] Result<void> add_comment(std::int64_t incident, IncidentComment& comment) override;
  [[nodiscard]] Result<void> move_comments(std::int64_t from, std::int64_t to) override;
  [[nodiscard]] Result<void> keep(KeptKind kind, const Kept& kept) override;
  [[nodiscard]] Result<bool> drop(KeptKind kind, const std::string& name) override;
  [[nodiscard]] Result<std::vector<Kept>> load_kept(KeptKind kind) override;
  [[nodiscard]] Result<Neighbours> load_neighbours(const Report& report) override;
  [[nodiscard]] Result<std::unique_ptr<StoreReader>> open_reader() override;
  [[nodiscard]] Result<bool> roll_up() override;
  [[nodiscard]] Result<bool> maintain(const Retention& retention) override;
  [[nodiscard]] bool needs_maintenance() const override;

 private:
  static StoredReport stored_report(const Statement& row);

  /// One that cannot be read (made by another version) is left out: history must not stop the hub.
  template <typename... Values>
  [[nodiscard]] Result<std::vector<Incident>> read_incidents(Statement& statement, const Values&... values);

  template <typename Work>
  [[nodiscard]] Result<void> in_transaction(Work work);
  /// A round takes what there was when it began; what comes meanwhile waits for the next one. Returns how much it did.
  [[nodiscard]] Result<std::size_t> roll_up_slice(SqliteRollUp::Pace pace, bool& more);
  [[nodiscard]] Result<void> roll_up_for_removal(bool& more);
  /// Only what is entered and rolled up may go.
  [[nodiscard]] Result<std::int64_t> removable_until();
  [[nodiscard]] Result<void> remove_slice(const Retention& retention, bool& more);
  /// What nothing refers to any more, when there is nothing else to remove.
  [[nodiscard]] Result<void> prune(const Retention& retention);
  /// A client is saved less often than its reports: the newest stored report's number is the one that counts.
  [[nodiscard]] Result<void> catch_up(Report& last_report);
  /// The number of a client's name; a new name gets one.
  [[nodiscard]] Result<std::int64_t> name_of(const std::string& client_id);

  Fd claim_;  ///< outlives the database: closing any descriptor of the file would drop SQLite's own locks
  std::string file_;
  Database database_;
  StoreStatements sql_;
  ReportNumbers numbers_;
  SqliteRollUp roll_up_;
  SqliteHousekeeping housekeeping_;
  SqlitePresence presence_;
  SqliteLog log_;
  std::unordered_map<std::string, std::int64_t> names_;
  JsonText text_;  ///< of the report that is being added; its memory is used again
  bool more_to_remove_ = false;
  bool round_is_on_ = false;  ///< of roll_up_slice()
};

}  // namespace vpn_sentinel

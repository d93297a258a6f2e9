#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "hub/store/checkpointer.hpp"
#include "hub/store/codec.hpp"
#include "hub/store/exposure_codec.hpp"
#include "hub/store/report_text.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/sqlite_file.hpp"
#include "hub/store/sqlite_housekeeping.hpp"
#include "hub/store/sqlite_reader.hpp"
#include "hub/store/sqlite_roll_up.hpp"
#include "hub/store/store.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

/// 8 MB: copied within some ten milliseconds.
constexpr int short_log_pages = 1'000;
/// 32 MB, half of what the log's file may keep.
constexpr int long_log_pages = 4'000;
/// The thread for it does not keep up.
constexpr int overlong_log_pages = 8'000;

constexpr std::int64_t number_of(WallTime time) { return time.time_since_epoch().count(); }
constexpr std::int64_t number_of(std::size_t most) {
  return static_cast<std::int64_t>(std::min<std::size_t>(most, std::numeric_limits<std::int64_t>::max()));
}

struct Statements {
  Statement begin, commit, find_name, add_name, add_report, add_change, save_client, add_alert, alert_delivered, alert_failed, load_clients,
      add_incident, save_incident, remove_incident, open_incidents, incidents, report_before, report_after, last_seq, load_alerts,
      remove_client, prune_names;
};

struct StatementText {
  Statement Statements::*statement;
  std::string_view sql;
};

constexpr StatementText statement_texts[] = {
    {&Statements::begin, "BEGIN IMMEDIATE"},
    {&Statements::commit, "COMMIT"},
    {&Statements::find_name, "SELECT id FROM names WHERE client_id = ?1"},
    {&Statements::add_name, "INSERT INTO names (client_id) VALUES (?1)"},
    {&Statements::add_report,
     "INSERT INTO reports (client, boot_id, seq, time, received, state, path, source, json) "
     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (client, boot_id, seq) WHERE boot_id <> '' DO NOTHING"},
    {&Statements::add_change, "INSERT INTO changes (client, at, noticed, kind, json) VALUES (?1, ?2, ?3, ?4, ?5)"},
    {&Statements::save_client, "INSERT OR REPLACE INTO clients (client, state, json) VALUES (?1, ?2, ?3)"},
    {&Statements::add_alert, "INSERT INTO alerts (channel, text, created, attempts) VALUES (?1, ?2, ?3, ?4)"},
    {&Statements::alert_delivered, "UPDATE alerts SET delivered = ?2, attempts = attempts + 1, last_error = '' WHERE id = ?1"},
    {&Statements::alert_failed, "UPDATE alerts SET attempts = attempts + 1, last_error = ?2, gave_up = ?3 WHERE id = ?1"},
    {&Statements::load_clients, "SELECT json FROM clients"},
    {&Statements::add_incident, "INSERT INTO incidents (client, start, until, json) VALUES (?1, ?2, ?3, ?4)"},
    {&Statements::save_incident, "INSERT OR REPLACE INTO incidents (client, start, until, json, id) VALUES (?1, ?2, ?3, ?4, ?5)"},
    {&Statements::remove_incident, "DELETE FROM incidents WHERE id = ?1"},
    {&Statements::open_incidents, "SELECT id, json FROM incidents WHERE until = 9223372036854775807 ORDER BY id"},
    {&Statements::incidents,
     "SELECT id, json FROM incidents WHERE client = (SELECT id FROM names WHERE client_id = ?1) AND start <= ?3 AND until >= ?2 "
     "ORDER BY start, id"},
    {&Statements::report_before,
     "SELECT seq, state, time, json_extract(json, '$.leak') FROM reports WHERE client = ?1 AND boot_id = ?2 AND boot_id <> '' AND seq < ?3 "
     "ORDER BY seq DESC LIMIT 1"},
    {&Statements::report_after,
     "SELECT seq, state, time, json_extract(json, '$.leak') FROM reports WHERE client = ?1 AND boot_id = ?2 AND boot_id <> '' AND seq > ?3 "
     "ORDER BY seq LIMIT 1"},
    {&Statements::last_seq, "SELECT coalesce(max(seq), 0) FROM reports WHERE client = ?1 AND boot_id = ?2 AND boot_id <> ''"},
    {&Statements::load_alerts,
     "SELECT id, channel, text, created, attempts FROM alerts WHERE delivered IS NULL AND gave_up = 0 AND id > ?1 ORDER BY id LIMIT ?2"},
    {&Statements::remove_client, "DELETE FROM clients WHERE client = (SELECT id FROM names WHERE client_id = ?1)"},
    {&Statements::prune_names,
     "DELETE FROM names WHERE id IN (SELECT id FROM names WHERE id NOT IN (SELECT client FROM clients) AND "
     "NOT EXISTS (SELECT 1 FROM changes WHERE client = names.id) AND NOT EXISTS (SELECT 1 FROM incidents WHERE client = names.id) AND "
     "NOT EXISTS (SELECT 1 FROM samples WHERE client = names.id AND resolution = 2) AND "
     "NOT EXISTS (SELECT 1 FROM reports WHERE client = names.id AND boot_id <> '') AND "
     "NOT EXISTS (SELECT 1 FROM reports WHERE client = names.id AND boot_id = '') LIMIT ?1)"},
};

class SqliteStore final : public Store {
 public:
  struct Parts {
    Fd claim;
    Database database;
    Statements statements;
    SqliteRollUp roll_up;
    SqliteHousekeeping housekeeping;
    std::unique_ptr<Checkpointer> checkpointer;
  };

  SqliteStore(std::string file, Parts parts)
      : claim_(std::move(parts.claim)),
        file_(std::move(file)),
        database_(std::move(parts.database)),
        sql_(std::move(parts.statements)),
        roll_up_(std::move(parts.roll_up)),
        housekeeping_(std::move(parts.housekeeping)),
        checkpointer_(std::move(parts.checkpointer)) {
    sqlite3_wal_hook(database_.handle(), note_log_pages, this);
  }
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  Result<void> begin() override {
    if (checkpointer_->take_copied()) restart_log();
    return sql_.begin.run();
  }
  Result<void> commit() override { return sql_.commit.run(); }

  void rollback() noexcept override {
    names_.clear();  // Some may have been made inside this transaction.
    if (database_.in_transaction()) static_cast<void>(sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr));
  }

  Result<bool> add_report(const Admitted& admitted) override {
    const auto& report = admitted.report;
    const auto name = name_of(report.client_id);
    if (!name) return fail(name.error());
    const auto time = report.timestamp.value_or(admitted.received);
    const auto json = report_text(report);
    auto done =
        sql_.add_report.run(*name, report.boot_id, static_cast<std::int64_t>(report.seq), number_of(time), number_of(admitted.received),
                            to_string(believed_state(report)), report.path, admitted.source_address, json);
    if (!done) return fail(done.error());
    return sqlite3_changes(database_.handle()) == 1;
  }

  Result<void> add_change(const Change& change) override {
    const auto name = name_of(change.client_id);
    if (!name) return fail(name.error());
    return sql_.add_change.run(*name, number_of(change.at), number_of(change.noticed), to_string(change.kind), encode_change_text(change));
  }

  Result<void> save_incident(Incident& incident) override {
    if (incident.client_id.empty()) return sql_.remove_incident.run(incident.id);
    const auto name = name_of(incident.client_id);
    if (!name) return fail(name.error());
    const auto until = incident.end ? number_of(*incident.end) : std::numeric_limits<std::int64_t>::max();
    const auto json = encode_incident_text(incident);
    if (incident.id != 0) return sql_.save_incident.run(*name, number_of(incident.start), until, json, incident.id);
    auto done = sql_.add_incident.run(*name, number_of(incident.start), until, json);
    if (done) incident.id = sqlite3_last_insert_rowid(database_.handle());
    return done;
  }

  Result<void> save_client(const ClientState& client) override {
    const auto name = name_of(client.client_id);
    if (!name) return fail(name.error());
    return sql_.save_client.run(*name, to_string(client.state), encode_client_text(client));
  }

  Result<void> remove_client(const std::string& client_id) override { return sql_.remove_client.run(client_id); }

  Result<void> add_alert(StoredAlert& alert) override {
    auto done = sql_.add_alert.run(alert.channel, alert.text, number_of(alert.created), std::int64_t{alert.attempts});
    if (done) alert.id = sqlite3_last_insert_rowid(database_.handle());
    return done;
  }

  Result<void> mark_alert_delivered(std::int64_t id, WallTime when) override { return sql_.alert_delivered.run(id, number_of(when)); }

  Result<void> mark_alert_failed(std::int64_t id, const std::string& reason, bool give_up) override {
    return sql_.alert_failed.run(id, reason, std::int64_t{give_up ? 1 : 0});
  }

  Result<std::vector<ClientState>> load_clients() override {
    std::vector<ClientState> clients;
    Result<void> readable;
    auto done = sql_.load_clients.query([&](const Statement& row) {
      auto client = decode_client_text(row.text(0));
      if (client) clients.push_back(std::move(*client));
      if (!client && readable) readable = fail(client.error());
    });
    if (!done) return fail(done.error());
    if (!readable) return fail(Error::Kind::invalid, fmt::format("{}: a client cannot be read: {}", file_, readable.error().message));
    for (auto& client : clients) {
      if (auto known = catch_up(client.last_report); !known) return fail(known.error());
    }
    std::sort(clients.begin(), clients.end(), [](const auto& left, const auto& right) { return left.client_id < right.client_id; });
    return clients;
  }

  Result<std::vector<StoredAlert>> load_pending_alerts(std::int64_t after, std::size_t most) override {
    std::vector<StoredAlert> alerts;
    auto done = sql_.load_alerts.query(
        [&alerts](const Statement& row) {
          alerts.push_back({row.integer(0), std::string(row.text(1)), std::string(row.text(2)),
                            WallTime{std::chrono::microseconds{row.integer(3)}}, static_cast<int>(row.integer(4))});
        },
        after, number_of(most));
    if (!done) return fail(done.error());
    return alerts;
  }

  Result<std::vector<Incident>> load_open_incidents() override { return read_incidents(sql_.open_incidents); }

  Result<std::vector<Incident>> load_incidents(const std::string& client_id, WallTime from, WallTime to) override {
    return read_incidents(sql_.incidents, client_id, number_of(from), number_of(to));
  }

  Result<Neighbours> load_neighbours(const Report& report) override {
    const auto name = name_of(report.client_id);
    if (!name) return fail(name.error());
    Neighbours found;
    const auto seq = static_cast<std::int64_t>(report.seq);
    auto done = sql_.report_before.query([&](const Statement& row) { found.before = stored_report(row); }, *name, report.boot_id, seq);
    if (done) done = sql_.report_after.query([&](const Statement& row) { found.after = stored_report(row); }, *name, report.boot_id, seq);
    if (!done) return fail(done.error());
    return found;
  }

  Result<std::unique_ptr<StoreReader>> open_reader() override { return open_sqlite_reader(file_); }

  Result<bool> roll_up() override {
    bool more = false;
    auto done = in_transaction([&] { return roll_up_slice(more); });
    if (!done) return fail(done.error());
    return more;
  }

  /// The checkpoint first: it gives the log's space back, which may be what a full disk needs. Slice after slice of one removal share
  /// one, unless the log is long.
  Result<bool> maintain(const Retention& retention) override {
    most_bytes_ = retention.most_bytes;
    const bool goes_on = std::exchange(more_to_remove_, false);
    auto done = goes_on && !needs_maintenance() ? Result<void>() : checkpoint();
    bool more = false;
    if (done) done = in_transaction([&] { return remove_slice(retention, more); });
    if (!done) return fail(done.error());
    look_at_size();
    more_to_remove_ = more;
    return more;
  }

  bool needs_maintenance() const override { return log_pages_ >= long_log_pages || too_large_; }

 private:
  static StoredReport stored_report(const Statement& row) {
    return {static_cast<std::uint64_t>(row.integer(0)), parse_state(row.text(1)).value_or(State::warning),
            WallTime{std::chrono::microseconds{row.integer(2)}}, decode_leak_text(row.text(3))};
  }

  /// One that cannot be read (made by another version) is left out: history must not stop the hub.
  template <typename... Values>
  Result<std::vector<Incident>> read_incidents(Statement& statement, const Values&... values) {
    std::vector<Incident> incidents;
    auto done = statement.query(
        [&incidents](const Statement& row) {
          auto incident = decode_incident_text(row.text(1));
          if (!incident) return;
          incident->id = row.integer(0);
          incidents.push_back(std::move(*incident));
        },
        values...);
    if (!done) return fail(done.error());
    return incidents;
  }

  static int note_log_pages(void* store, sqlite3*, const char*, int pages) {
    auto& self = *static_cast<SqliteStore*>(store);
    self.log_pages_ = pages;
    self.checkpointer_->note(pages);
    return SQLITE_OK;
  }

  template <typename Work>
  Result<void> in_transaction(Work work) {
    auto done = begin();
    if (done) done = work();
    if (done) done = commit();
    if (!done) {
      rollback();
      roll_up_.forget();
    }
    return done;
  }

  Result<void> roll_up_slice(bool& more) {
    const auto rolled = roll_up_.advance(most_rolled_up);
    if (!rolled) return fail(rolled.error());
    more = more || *rolled == most_rolled_up;
    return {};
  }

  Result<void> roll_up_for_removal(bool& more) {
    bool rest = true;
    for (std::size_t rolled = 0; rolled < most_removed && rest; rolled += most_rolled_up) {
      rest = false;
      if (auto done = roll_up_slice(rest); !done) return done;
    }
    more = more || rest;
    return {};
  }

  Result<void> remove_slice(const Retention& retention, bool& more) {
    auto old = housekeeping_.remove_old(retention, roll_up_.mark());
    if (!old) return fail(old.error());
    const auto large = housekeeping_.keep_small(database_, retention.most_bytes, roll_up_.mark());
    if (!large) return fail(large.error());
    if (housekeeping_.wants_roll_up()) {
      // What may be removed has to be rolled up before: the pace of the roll-up is that of the removal.
      if (auto done = roll_up_for_removal(more); !done) return done;
      old = housekeeping_.remove_old(retention, roll_up_.mark());
      if (!old) return fail(old.error());
    }
    more = more || *old || *large;
    if (more) return {};
    auto names = sql_.prune_names.run_counted(number_of(most_removed));
    if (!names) return fail(names.error());
    if (*names > 0) names_.clear();
    return {};
  }

  /// A short log is copied here at once, a long one by the thread for it; unless that fails or does not keep up.
  Result<void> checkpoint() {
    const auto trouble = checkpointer_->trouble();
    if (!trouble && log_pages_ > short_log_pages && log_pages_ < overlong_log_pages) {
      checkpointer_->kick();
      return {};
    }
    int in_log = 0;
    int copied = 0;
    const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
    if (code == SQLITE_BUSY) return {};  // the thread is at it
    if (code != SQLITE_OK) return fail(sqlite_error(database_.handle(), code, file_));
    if (trouble) checkpointer_->kick();
    log_pages_ = in_log - copied;  // What was copied is overwritten by the next commit.
    return {};
  }

  /// The log was copied meanwhile: what came since is copied here, and the next commit begins at its start. Not while somebody reads in it:
  /// the writer waits for nobody.
  void restart_log() {
    sqlite3_busy_timeout(database_.handle(), 0);
    const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
    sqlite3_busy_timeout(database_.handle(), Database::busy_timeout_ms);
    if (code == SQLITE_OK) log_pages_ = 0;
    look_at_size();
  }

  void look_at_size() {
    const auto use = most_bytes_ != 0 ? file_use(database_) : Result<FileUse>();
    too_large_ = use && use->used > most_bytes_;
  }

  /// A client is saved less often than its reports: the newest stored report's number is the one that counts.
  Result<void> catch_up(Report& last_report) {
    const auto name = name_of(last_report.client_id);
    if (!name) return fail(name.error());
    const auto take_seq = [&](const Statement& row) {
      last_report.seq = std::max(last_report.seq, static_cast<std::uint64_t>(row.integer(0)));
    };
    return sql_.last_seq.query(take_seq, *name, last_report.boot_id);
  }

  /// The number of a client's name; a new name gets one.
  Result<std::int64_t> name_of(const std::string& client_id) {
    if (const auto known = names_.find(client_id); known != names_.end()) return known->second;
    std::int64_t id = 0;
    auto done = sql_.find_name.query([&id](const Statement& row) { id = row.integer(0); }, client_id);
    if (done && id == 0) {
      done = sql_.add_name.run(client_id);
      id = sqlite3_last_insert_rowid(database_.handle());
    }
    if (!done) return fail(done.error());
    names_.emplace(client_id, id);
    return id;
  }

  Fd claim_;  ///< outlives the database: closing any descriptor of the file would drop SQLite's own locks
  std::string file_;
  Database database_;
  Statements sql_;
  SqliteRollUp roll_up_;
  SqliteHousekeeping housekeeping_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unordered_map<std::string, std::int64_t> names_;
  int log_pages_ = 0;
  std::uint64_t most_bytes_ = 0;
  bool too_large_ = false;
  bool more_to_remove_ = false;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& file) {
  auto opened = open_database_file(file);
  if (!opened) return fail(opened.error());
  auto& [claimed, database] = *opened;
  Statements statements;
  for (const auto& text : statement_texts) {
    auto statement = database.prepare(text.sql);
    if (!statement) return fail(statement.error());
    statements.*text.statement = std::move(*statement);
  }
  auto roll_up = SqliteRollUp::prepare(database);
  if (!roll_up) return fail(roll_up.error());
  auto housekeeping = SqliteHousekeeping::prepare(database);
  if (!housekeeping) return fail(housekeeping.error());
  auto checkpointer = Checkpointer::start(file);
  if (!checkpointer) return fail(checkpointer.error());
  return std::make_unique<SqliteStore>(file, SqliteStore::Parts{std::move(claimed), std::move(database), std::move(statements),
                                                                std::move(*roll_up), std::move(*housekeeping), std::move(*checkpointer)});
}

}  // namespace vpn_sentinel

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <unordered_map>
#include <utility>

#include "hub/store/codec.hpp"
#include "hub/store/migrations.hpp"
#include "hub/store/report_text.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/store.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

/// 32 MB, half of what the log's file may keep: a checkpoint takes a fraction of a second then.
constexpr int long_log_pages = 4'000;
/// Changes are few and tell the story: kept eleven months longer than the reports behind them.
constexpr std::chrono::hours changes_kept_longer{335 * 24};

constexpr std::int64_t number_of(WallTime time) { return time.time_since_epoch().count(); }
constexpr std::int64_t number_of(std::size_t most) {
  return static_cast<std::int64_t>(std::min<std::size_t>(most, std::numeric_limits<std::int64_t>::max()));
}

/// The file with mode 0600 from birth, and ours alone while the descriptor lives.
Result<Fd> claim(const std::string& file) {
  Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fail(system_error(errno, "cannot open " + file));
  static_cast<void>(::fchmod(fd.get(), 0600));  // Somebody else's file that we may write stays as it is.
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error(errno, "cannot lock " + file));
    return fail(Error::Kind::unavailable, fmt::format("{}: another hub uses this file; stop it or name another file", file));
  }
  return fd;
}

Result<void> check_directory(const std::string& file) {
  const auto parent = std::filesystem::path(file).parent_path();
  std::error_code code;
  if (parent.empty() || std::filesystem::is_directory(parent, code)) return {};
  return fail(Error::Kind::not_found, fmt::format("{}: the directory {} does not exist; make it or name another one "
                                                  "(VPN_SENTINEL_DATA_DIR)",
                                                  file, parent.string()));
}

/// synchronous=FULL costs nothing measurable once reports are grouped; checkpoints belong to maintain(), not into a commit.
constexpr auto settings = R"sql(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 0;
PRAGMA journal_size_limit = 67108864;
PRAGMA cache_size = -32768;
PRAGMA temp_store = MEMORY;
)sql";

Result<void> check_integrity(Database& database, const std::string& file) {
  const auto answer = database.value("PRAGMA quick_check(1)");
  if (!answer) return fail(answer.error());
  if (*answer == "ok") return {};
  return fail(Error::Kind::failed, fmt::format("{}: the database is damaged ({}); move the file away or restore a backup", file, *answer));
}

struct Statements {
  Statement begin, commit, find_name, add_name, add_report, add_change, save_client, add_alert, alert_delivered, alert_failed, load_clients,
      last_seq, load_alerts, load_changes, prune_reports, prune_changes, prune_alerts, remove_client, prune_names;
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
     "INSERT OR IGNORE INTO reports (client, boot_id, seq, time, received, state, path, source, json) "
     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
    {&Statements::add_change, "INSERT INTO changes (client, at, noticed, kind, json) VALUES (?1, ?2, ?3, ?4, ?5)"},
    {&Statements::save_client, "INSERT OR REPLACE INTO clients (client, state, json) VALUES (?1, ?2, ?3)"},
    {&Statements::add_alert, "INSERT INTO alerts (channel, text, created, attempts) VALUES (?1, ?2, ?3, ?4)"},
    {&Statements::alert_delivered, "UPDATE alerts SET delivered = ?2, attempts = attempts + 1, last_error = '' WHERE id = ?1"},
    {&Statements::alert_failed, "UPDATE alerts SET attempts = attempts + 1, last_error = ?2, gave_up = ?3 WHERE id = ?1"},
    {&Statements::load_clients, "SELECT json FROM clients"},
    {&Statements::last_seq, "SELECT coalesce(max(seq), 0) FROM reports WHERE client = ?1 AND boot_id = ?2 AND boot_id <> ''"},
    {&Statements::load_alerts,
     "SELECT id, channel, text, created, attempts FROM alerts WHERE delivered IS NULL AND gave_up = 0 AND id > ?1 ORDER BY id LIMIT ?2"},
    {&Statements::load_changes,
     "SELECT json FROM changes WHERE client = (SELECT id FROM names WHERE client_id = ?1) ORDER BY id DESC LIMIT ?2"},
    {&Statements::prune_reports, "DELETE FROM reports WHERE received < ?1 AND id IN (SELECT id FROM reports ORDER BY id LIMIT ?2)"},
    {&Statements::prune_changes, "DELETE FROM changes WHERE noticed < ?1 AND id IN (SELECT id FROM changes ORDER BY id LIMIT ?2)"},
    {&Statements::prune_alerts,
     "DELETE FROM alerts WHERE created < ?1 AND id IN (SELECT id FROM alerts WHERE delivered IS NOT NULL OR gave_up = 1 ORDER BY id LIMIT "
     "?2)"},
    {&Statements::remove_client, "DELETE FROM clients WHERE client = (SELECT id FROM names WHERE client_id = ?1)"},
    {&Statements::prune_names,
     "DELETE FROM names WHERE id IN (SELECT id FROM names WHERE id NOT IN (SELECT client FROM clients) AND "
     "NOT EXISTS (SELECT 1 FROM changes WHERE client = names.id) AND "
     "NOT EXISTS (SELECT 1 FROM reports WHERE client = names.id AND boot_id <> '') AND "
     "NOT EXISTS (SELECT 1 FROM reports WHERE client = names.id AND boot_id = '') LIMIT ?1)"},
};

class SqliteStore final : public Store {
 public:
  SqliteStore(Fd claim, std::string file, Database database, Statements statements)
      : claim_(std::move(claim)), file_(std::move(file)), database_(std::move(database)), sql_(std::move(statements)) {
    sqlite3_wal_hook(database_.handle(), note_log_pages, this);
  }
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  Result<void> begin() override { return sql_.begin.run(); }
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
                            report.state ? to_string(*report.state) : std::string_view(), report.path, admitted.source_address, json);
    if (!done) return fail(done.error());
    return sqlite3_changes(database_.handle()) == 1;
  }

  Result<void> add_change(const Change& change) override {
    const auto name = name_of(change.client_id);
    if (!name) return fail(name.error());
    return sql_.add_change.run(*name, number_of(change.at), number_of(change.noticed), to_string(change.kind), encode_change_text(change));
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

  Result<nlohmann::json> load_changes(const std::string& client_id, std::size_t most) override {
    auto changes = nlohmann::json::array();
    auto done = sql_.load_changes.query([&changes](const Statement& row) { changes.push_back(decode_change_text(row.text(0))); }, client_id,
                                        number_of(most));
    if (!done) return fail(done.error());
    return changes;
  }

  /// The checkpoint first: it gives the log's space back, which may be what a full disk needs. Slice after slice of one removal share
  /// one, unless the log is long.
  Result<bool> maintain(WallTime keep_after) override {
    const bool goes_on = std::exchange(more_to_remove_, false);
    auto done = goes_on && !needs_maintenance() ? Result<void>() : checkpoint();
    if (done) done = begin();
    bool more = false;
    if (done) done = prune(keep_after, more);
    if (done) done = commit();
    if (!done) rollback();
    if (!done) return fail(done.error());
    more_to_remove_ = more;
    return more;
  }

  bool needs_maintenance() const override { return log_pages_ >= long_log_pages; }

 private:
  static int note_log_pages(void* store, sqlite3*, const char*, int pages) {
    static_cast<SqliteStore*>(store)->log_pages_ = pages;
    return SQLITE_OK;
  }

  Result<void> checkpoint() {
    int in_log = 0;
    int copied = 0;
    const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
    if (code != SQLITE_OK) return fail(sqlite_error(database_.handle(), code, file_));
    log_pages_ = in_log - copied;  // What was copied is overwritten by the next commit.
    return {};
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

  Result<void> prune(WallTime keep_after, bool& more) {
    auto done = remove_old(sql_.prune_reports, keep_after, more);
    if (done) done = remove_old(sql_.prune_alerts, keep_after, more);
    if (done) done = remove_old(sql_.prune_changes, keep_after - changes_kept_longer, more);
    if (!done || more) return done;
    done = sql_.prune_names.run(number_of(most_removed));
    if (done && sqlite3_changes(database_.handle()) > 0) names_.clear();
    return done;
  }

  Result<void> remove_old(Statement& statement, WallTime keep_after, bool& more) {
    auto done = statement.run(number_of(keep_after), number_of(most_removed));
    more = more || (done && number_of(most_removed) <= sqlite3_changes(database_.handle()));
    return done;
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
  std::unordered_map<std::string, std::int64_t> names_;
  int log_pages_ = 0;
  bool more_to_remove_ = false;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& file) {
  if (auto there = check_directory(file); !there) return fail(there.error());
  auto claimed = claim(file);
  if (!claimed) return fail(claimed.error());
  auto database = Database::open(file);
  if (!database) return fail(database.error());
  // Only a new file takes its page size; an existing one is looked at before anything in it changes.
  if (auto done = database->execute("PRAGMA page_size = 8192"); !done) return fail(done.error());
  if (auto done = check_owner(*database, file); !done) return fail(done.error());
  if (auto done = database->execute(settings); !done) return fail(done.error());
  if (auto done = check_integrity(*database, file); !done) return fail(done.error());
  if (auto done = migrate(*database); !done) return fail(done.error());
  Statements statements;
  for (const auto& text : statement_texts) {
    auto statement = database->prepare(text.sql);
    if (!statement) return fail(statement.error());
    statements.*text.statement = std::move(*statement);
  }
  return std::make_unique<SqliteStore>(std::move(*claimed), file, std::move(*database), std::move(statements));
}

}  // namespace vpn_sentinel

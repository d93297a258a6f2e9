#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "hub/store/checkpointer.hpp"
#include "hub/store/codec.hpp"
#include "hub/store/exposure_codec.hpp"
#include "hub/store/json_writer.hpp"
#include "hub/store/report_numbers.hpp"
#include "hub/store/report_text.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/sqlite_file.hpp"
#include "hub/store/sqlite_housekeeping.hpp"
#include "hub/store/sqlite_kept.hpp"
#include "hub/store/sqlite_log.hpp"
#include "hub/store/sqlite_presence.hpp"
#include "hub/store/sqlite_reader.hpp"
#include "hub/store/sqlite_roll_up.hpp"
#include "hub/store/sqlite_statements.hpp"
#include "hub/store/store.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::int64_t number_of(WallTime time) { return time.time_since_epoch().count(); }
constexpr std::int64_t number_of(std::size_t most) {
  return static_cast<std::int64_t>(std::min<std::size_t>(most, std::numeric_limits<std::int64_t>::max()));
}

/// The times of a clock that runs far ahead are set right with each try to send a report, and differ by what the tries took.
constexpr std::chrono::minutes same_report_within{1};

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

  SqliteStore(std::string file, Parts parts)
      : claim_(std::move(parts.claim)),
        file_(std::move(file)),
        database_(std::move(parts.database)),
        sql_(std::move(parts.statements)),
        numbers_(std::move(parts.numbers)),
        roll_up_(std::move(parts.roll_up)),
        housekeeping_(std::move(parts.housekeeping)),
        presence_(std::move(parts.presence)),
        log_(database_, file_, std::move(parts.checkpointer)) {}
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  Result<void> begin() override {
    log_.begin_anew_when_copied();
    return sql_.begin.run();
  }
  Result<void> commit() override {
    auto done = numbers_.keep_up();
    if (done) done = sql_.commit.run();
    return done;
  }

  void rollback() noexcept override {
    names_.clear();  // Some may have been made inside this transaction.
    numbers_.forget();
    roll_up_.forget();
    round_is_on_ = false;
    if (database_.in_transaction()) static_cast<void>(sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr));
  }

  Result<bool> add_report(const Admitted& admitted) override {
    const auto& report = admitted.report;
    const auto name = name_of(report.client_id);
    if (!name) return fail(name.error());
    const auto seq = static_cast<std::int64_t>(report.seq);
    const auto known = numbers_.is_stored(*name, report.boot_id, seq);
    if (!known) return fail(known.error());
    if (*known) return false;
    const auto id = numbers_.next_id();
    if (!id) return fail(id.error());
    const auto time = report.timestamp.value_or(admitted.received);
    text_.clear();
    append(text_, report);
    auto done = sql_.add_report.run(*id, *name, report.boot_id, seq, number_of(time), number_of(admitted.received),
                                    to_string(believed_state(report)), report.path, admitted.source_address, text_.view());
    if (done) done = roll_up_.added(*id, *name, admitted, numbers_);
    if (done) done = numbers_.added(*id, *name, report.boot_id, seq);
    if (!done) return fail(done.error());
    return true;
  }

  Result<bool> is_another(const Admitted& admitted) override {
    const auto& report = admitted.report;
    const auto name = name_of(report.client_id);
    if (!name) return fail(name.error());
    const auto seq = static_cast<std::int64_t>(report.seq);
    const auto places = numbers_.around(*name, report.boot_id, seq + 1);
    if (!places) return fail(places.error());
    if (!places->before || places->before->seq != seq) return false;
    bool another = false;
    auto done = sql_.report_at.query(
        [&](const Statement& row) {
          const auto stored = stored_report(row);
          const auto apart = std::chrono::abs(stored.time - report.timestamp.value_or(admitted.received));
          const bool at_another_time = !admitted.time_is_replaced && apart > same_report_within;
          another = at_another_time || stored.state != believed_state(report);
        },
        places->before->report);
    if (!done) return fail(done.error());
    return another;
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

  Result<std::vector<std::string>> load_pending_channels() override {
    std::vector<std::string> channels;
    auto done = sql_.pending_channels.query([&channels](const Statement& row) { channels.emplace_back(row.text(0)); });
    if (!done) return fail(done.error());
    return channels;
  }

  Result<std::vector<StoredAlert>> load_pending_alerts(const std::string& channel, std::int64_t after, std::size_t most) override {
    std::vector<StoredAlert> alerts;
    auto done = sql_.load_alerts.query(
        [&alerts](const Statement& row) {
          alerts.push_back({row.integer(0), std::string(row.text(1)), std::string(row.text(2)),
                            WallTime{std::chrono::microseconds{row.integer(3)}}, static_cast<int>(row.integer(4))});
        },
        channel, after, number_of(most));
    if (!done) return fail(done.error());
    return alerts;
  }

  Result<std::vector<Incident>> load_open_incidents() override { return read_incidents(sql_.open_incidents); }

  Result<std::vector<Incident>> load_incidents(const std::string& client_id, WallTime from, WallTime to) override {
    return read_incidents(sql_.incidents, client_id, number_of(from), number_of(to));
  }

  Result<std::optional<Incident>> load_incident(std::int64_t id) override {
    auto found = read_incidents(sql_.incident, id);
    if (!found) return fail(found.error());
    return found->empty() ? std::nullopt : std::optional(std::move(found->front()));
  }

  Result<void> add_comment(std::int64_t incident, IncidentComment& comment) override {
    std::int64_t count = 0;
    auto done = sql_.count_comments.query([&count](const Statement& row) { count = row.integer(0); }, incident);
    if (done && count >= static_cast<std::int64_t>(IncidentComment::most)) {
      return fail(Error::Kind::invalid, fmt::format("The incident has {} comments; more are refused", count));
    }
    if (done) done = sql_.add_comment.run(incident, number_of(comment.at), comment.by, comment.text);
    if (done) comment.id = sqlite3_last_insert_rowid(database_.handle());
    return done;
  }

  Result<void> move_comments(std::int64_t from, std::int64_t to) override { return sql_.move_comments.run(from, to); }

  Result<void> keep(KeptKind kind, const Kept& kept) override {
    return sql_.keep.run(static_cast<std::int64_t>(kind), kept.name, kept.json);
  }

  Result<bool> drop(KeptKind kind, const std::string& name) override {
    return sql_.drop.run_counted(static_cast<std::int64_t>(kind), name).map([](std::int64_t rows) { return rows > 0; });
  }

  Result<std::vector<Kept>> load_kept(KeptKind kind) override { return read_kept(sql_.kept, kind); }

  Result<Neighbours> load_neighbours(const Report& report) override {
    const auto name = name_of(report.client_id);
    if (!name) return fail(name.error());
    const auto places = numbers_.around(*name, report.boot_id, static_cast<std::int64_t>(report.seq));
    if (!places) return fail(places.error());
    Neighbours found;
    Result<void> done;
    const auto look = [&](const std::optional<ReportNumbers::Place>& place, std::optional<StoredReport>& into) {
      if (!done || !place) return;
      done = sql_.report_at.query([&into](const Statement& row) { into = stored_report(row); }, place->report);
    };
    look(places->before, found.before);
    look(places->after, found.after);
    if (!done) return fail(done.error());
    return found;
  }

  Result<std::unique_ptr<StoreReader>> open_reader() override { return open_sqlite_reader(file_); }

  Result<bool> roll_up() override {
    bool more = false;
    auto done = in_transaction([&]() -> Result<void> {
      const auto rolled = roll_up_slice(SqliteRollUp::Pace::together, more);
      return rolled ? Result<void>() : fail(rolled.error());
    });
    if (!done) return fail(done.error());
    return more;
  }

  /// The checkpoint first: it gives the log's space back, which may be what a full disk needs. Slice after slice of one removal share
  /// one, unless the log is long.
  Result<bool> maintain(const Retention& retention) override {
    log_.limit_file(retention.most_bytes);
    const bool goes_on = std::exchange(more_to_remove_, false);
    auto done = goes_on && !needs_maintenance() ? Result<void>() : log_.checkpoint();
    bool more = false;
    if (done) done = in_transaction([&] { return remove_slice(retention, more); });
    if (!done) return fail(done.error());
    log_.look_at_size();
    more_to_remove_ = more;
    return more;
  }

  bool needs_maintenance() const override { return log_.needs_maintenance(); }

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

  template <typename Work>
  Result<void> in_transaction(Work work) {
    auto done = begin();
    if (done) done = work();
    if (done) done = commit();
    if (!done) rollback();
    return done;
  }

  /// A round takes what there was when it began; what comes meanwhile waits for the next one. Returns how much it did.
  Result<std::size_t> roll_up_slice(SqliteRollUp::Pace pace, bool& more) {
    Result<void> done;
    if (!std::exchange(round_is_on_, true)) done = numbers_.begin_round();
    if (done && numbers_.is_wanted()) done = numbers_.advance(ReportNumbers::most_entered);
    if (!done) return fail(done.error());
    const auto progress = roll_up_.advance(most_rolled_up, pace, numbers_);
    if (!progress) return fail(progress.error());
    more = round_is_on_ = numbers_.is_wanted() || progress->more;
    return progress->work;
  }

  Result<void> roll_up_for_removal(bool& more) {
    bool rest = true;
    for (std::size_t work = 0; work < most_removed && rest;) {
      const auto slice = roll_up_slice(SqliteRollUp::Pace::at_once, rest);
      if (!slice) return fail(slice.error());
      work += *slice;
    }
    more = more || rest;
    return {};
  }

  /// Only what is entered and rolled up may go.
  Result<std::int64_t> removable_until() {
    const auto entered = numbers_.entered_until();
    if (!entered) return fail(entered.error());
    return std::min(*entered, roll_up_.mark());
  }

  Result<void> remove_slice(const Retention& retention, bool& more) {
    auto removable = removable_until();
    if (!removable) return fail(removable.error());
    auto old = housekeeping_.remove_old(retention, *removable);
    if (!old) return fail(old.error());
    const auto large = housekeeping_.keep_small(database_, retention.most_bytes, *removable);
    if (!large) return fail(large.error());
    if (housekeeping_.take_lost_boots()) numbers_.boots_removed();
    if (housekeeping_.wants_roll_up()) {
      // What may be removed has to be rolled up before: the pace of the roll-up is that of the removal.
      if (auto done = roll_up_for_removal(more); !done) return done;
      removable = removable_until();
      if (!removable) return fail(removable.error());
      old = housekeeping_.remove_old(retention, *removable);
      if (!old) return fail(old.error());
    }
    more = more || *old || *large;
    if (more) return {};
    if (auto noted = presence_.note(retention); !noted) return noted;
    return prune(retention);
  }

  /// What nothing refers to any more, when there is nothing else to remove.
  Result<void> prune(const Retention& retention) {
    const auto boots = housekeeping_.remove_boots(retention);
    if (!boots) return fail(boots.error());
    if (*boots > 0) numbers_.boots_removed();
    std::vector<std::int64_t> unused;
    auto done = sql_.unused_names.query([&unused](const Statement& row) { unused.push_back(row.integer(0)); }, number_of(most_removed));
    if (!done || unused.empty()) return done;
    const auto waiting = numbers_.waiting_clients();
    if (!waiting) return fail(waiting.error());
    for (const auto name : unused) {
      if (done && !waiting->contains(name)) done = sql_.remove_name.run(name);
    }
    names_.clear();
    return done;
  }

  /// A client is saved less often than its reports: the newest stored report's number is the one that counts.
  Result<void> catch_up(Report& last_report) {
    const auto name = name_of(last_report.client_id);
    if (!name) return fail(name.error());
    const auto highest = numbers_.highest(*name, last_report.boot_id);
    if (!highest) return fail(highest.error());
    last_report.seq = std::max(last_report.seq, static_cast<std::uint64_t>(*highest));
    return {};
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

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& file) {
  auto opened = open_database_file(file, report_schema());
  if (!opened) return fail(opened.error());
  auto& [claimed, database] = *opened;
  auto statements = StoreStatements::prepare(database);
  if (!statements) return fail(statements.error());
  auto numbers = ReportNumbers::prepare(database);
  if (!numbers) return fail(numbers.error());
  auto roll_up = SqliteRollUp::prepare(database);
  if (!roll_up) return fail(roll_up.error());
  auto housekeeping = SqliteHousekeeping::prepare(database);
  if (!housekeeping) return fail(housekeeping.error());
  auto presence = SqlitePresence::prepare(database);
  if (!presence) return fail(presence.error());
  auto checkpointer = Checkpointer::start(file);
  if (!checkpointer) return fail(checkpointer.error());
  return std::make_unique<SqliteStore>(
      file, SqliteStore::Parts{std::move(claimed), std::move(database), std::move(*statements), std::move(*numbers), std::move(*roll_up),
                               std::move(*housekeeping), std::move(*presence), std::move(*checkpointer)});
}

}  // namespace vpn_sentinel

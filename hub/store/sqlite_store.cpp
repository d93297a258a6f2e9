#include "hub/store/sqlite_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/store/codec.hpp"
#include "hub/store/exposure_codec.hpp"
#include "hub/store/report_text.hpp"
#include "hub/store/sqlite_file.hpp"
#include "hub/store/sqlite_reader.hpp"
#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

/// The times of a clock that runs far ahead are set right with each try to send a report, and differ by what the tries took.
constexpr std::chrono::minutes same_report_within{1};

}  // namespace

SqliteStore::SqliteStore(std::string file, Parts parts)
    : claim_(std::move(parts.claim)),
      file_(std::move(file)),
      database_(std::move(parts.database)),
      sql_(std::move(parts.statements)),
      numbers_(std::move(parts.numbers)),
      roll_up_(std::move(parts.roll_up)),
      housekeeping_(std::move(parts.housekeeping)),
      presence_(std::move(parts.presence)),
      log_(database_, file_, std::move(parts.checkpointer)) {}

Result<void> SqliteStore::begin() {
  log_.begin_anew_when_copied();
  return sql_.begin.run();
}

Result<void> SqliteStore::commit() {
  auto done = numbers_.keep_up();
  if (done) done = sql_.commit.run();
  return done;
}

void SqliteStore::rollback() noexcept {
  names_.clear();  // Some may have been made inside this transaction.
  numbers_.forget();
  roll_up_.forget();
  round_is_on_ = false;
  if (database_.in_transaction()) static_cast<void>(sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr));
}

Result<bool> SqliteStore::add_report(const Admitted& admitted) {
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

Result<bool> SqliteStore::is_another(const Admitted& admitted) {
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

Result<void> SqliteStore::save_client(const ClientState& client) {
  const auto name = name_of(client.client_id);
  if (!name) return fail(name.error());
  return sql_.save_client.run(*name, to_string(client.state), encode_client_text(client));
}

Result<void> SqliteStore::remove_client(const std::string& client_id) { return sql_.remove_client.run(client_id); }

Result<std::vector<ClientState>> SqliteStore::load_clients() {
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

Result<Neighbours> SqliteStore::load_neighbours(const Report& report) {
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

Result<std::unique_ptr<StoreReader>> SqliteStore::open_reader() { return open_sqlite_reader(file_); }

StoredReport SqliteStore::stored_report(const Statement& row) {
  return {static_cast<std::uint64_t>(row.integer(0)), parse_state(row.text(1)).value_or(State::warning),
          WallTime{std::chrono::microseconds{row.integer(2)}}, decode_leak_text(row.text(3))};
}

Result<void> SqliteStore::catch_up(Report& last_report) {
  const auto name = name_of(last_report.client_id);
  if (!name) return fail(name.error());
  const auto highest = numbers_.highest(*name, last_report.boot_id);
  if (!highest) return fail(highest.error());
  last_report.seq = std::max(last_report.seq, static_cast<std::uint64_t>(*highest));
  return {};
}

Result<std::int64_t> SqliteStore::name_of(const std::string& client_id) {
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

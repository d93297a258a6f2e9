// What is stored beside reports and clients: changes, incidents and their comments, alerts, and what is kept by name.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "hub/store/codec.hpp"
#include "hub/store/sqlite_kept.hpp"
#include "hub/store/sqlite_store.hpp"
#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

std::int64_t limit_of(std::size_t most) {
  return static_cast<std::int64_t>(std::min<std::size_t>(most, std::numeric_limits<std::int64_t>::max()));
}

}  // namespace

template <typename... Values>
Result<std::vector<Incident>> SqliteStore::read_incidents(Statement& statement, const Values&... values) {
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

Result<void> SqliteStore::add_change(const Change& change) {
  const auto name = name_of(change.client_id);
  if (!name) return fail(name.error());
  return sql_.add_change.run(*name, number_of(change.at), number_of(change.noticed), to_string(change.kind), encode_change_text(change));
}

Result<void> SqliteStore::save_incident(Incident& incident) {
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

Result<std::vector<Incident>> SqliteStore::load_open_incidents() { return read_incidents(sql_.open_incidents); }

Result<std::vector<Incident>> SqliteStore::load_incidents(const std::string& client_id, WallTime from, WallTime to) {
  return read_incidents(sql_.incidents, client_id, number_of(from), number_of(to));
}

Result<std::optional<Incident>> SqliteStore::load_incident(std::int64_t id) {
  auto found = read_incidents(sql_.incident, id);
  if (!found) return fail(found.error());
  return found->empty() ? std::nullopt : std::optional(std::move(found->front()));
}

Result<void> SqliteStore::add_comment(std::int64_t incident, IncidentComment& comment) {
  std::int64_t count = 0;
  auto done = sql_.count_comments.query([&count](const Statement& row) { count = row.integer(0); }, incident);
  if (done && count >= static_cast<std::int64_t>(IncidentComment::most)) {
    return fail(Error::Kind::invalid, fmt::format("The incident has {} comments; more are refused", count));
  }
  if (done) done = sql_.add_comment.run(incident, number_of(comment.at), comment.by, comment.text);
  if (done) comment.id = sqlite3_last_insert_rowid(database_.handle());
  return done;
}

Result<void> SqliteStore::move_comments(std::int64_t from, std::int64_t to) { return sql_.move_comments.run(from, to); }

Result<void> SqliteStore::add_alert(StoredAlert& alert) {
  auto done = sql_.add_alert.run(alert.channel, alert.text, number_of(alert.created), std::int64_t{alert.attempts});
  if (done) alert.id = sqlite3_last_insert_rowid(database_.handle());
  return done;
}

Result<void> SqliteStore::mark_alert_delivered(std::int64_t id, WallTime when) { return sql_.alert_delivered.run(id, number_of(when)); }

Result<void> SqliteStore::mark_alert_failed(std::int64_t id, const std::string& reason, bool give_up) {
  return sql_.alert_failed.run(id, reason, std::int64_t{give_up ? 1 : 0});
}

Result<std::vector<std::string>> SqliteStore::load_pending_channels() {
  std::vector<std::string> channels;
  auto done = sql_.pending_channels.query([&channels](const Statement& row) { channels.emplace_back(row.text(0)); });
  if (!done) return fail(done.error());
  return channels;
}

Result<std::vector<StoredAlert>> SqliteStore::load_pending_alerts(const std::string& channel, std::int64_t after, std::size_t most) {
  std::vector<StoredAlert> alerts;
  auto done = sql_.load_alerts.query(
      [&alerts](const Statement& row) {
        alerts.push_back({row.integer(0), std::string(row.text(1)), std::string(row.text(2)),
                          WallTime{std::chrono::microseconds{row.integer(3)}}, static_cast<int>(row.integer(4))});
      },
      channel, after, limit_of(most));
  if (!done) return fail(done.error());
  return alerts;
}

Result<void> SqliteStore::keep(KeptKind kind, const Kept& kept) {
  return sql_.keep.run(static_cast<std::int64_t>(kind), kept.name, kept.json);
}

Result<bool> SqliteStore::drop(KeptKind kind, const std::string& name) {
  return sql_.drop.run_counted(static_cast<std::int64_t>(kind), name).map([](std::int64_t rows) { return rows > 0; });
}

Result<std::vector<Kept>> SqliteStore::load_kept(KeptKind kind) { return read_kept(sql_.kept, kind); }

}  // namespace vpn_sentinel

#include "hub/store/sqlite_statements.hpp"

#include <utility>

namespace vpn_sentinel {
namespace {

struct StatementText {
  Statement StoreStatements::*statement;
  std::string_view sql;
};

constexpr StatementText statement_texts[] = {
    {&StoreStatements::begin, "BEGIN IMMEDIATE"},
    {&StoreStatements::commit, "COMMIT"},
    {&StoreStatements::find_name, "SELECT id FROM names WHERE client_id = ?1"},
    {&StoreStatements::add_name, "INSERT INTO names (client_id) VALUES (?1)"},
    {&StoreStatements::add_report,
     "INSERT INTO reports (id, client, boot_id, seq, time, received, state, path, source, json) "
     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
    {&StoreStatements::add_change, "INSERT INTO changes (client, at, noticed, kind, json) VALUES (?1, ?2, ?3, ?4, ?5)"},
    {&StoreStatements::save_client, "INSERT OR REPLACE INTO clients (client, state, json) VALUES (?1, ?2, ?3)"},
    {&StoreStatements::add_alert, "INSERT INTO alerts (channel, text, created, attempts) VALUES (?1, ?2, ?3, ?4)"},
    {&StoreStatements::alert_delivered, "UPDATE alerts SET delivered = ?2, attempts = attempts + 1, last_error = '' WHERE id = ?1"},
    {&StoreStatements::alert_failed, "UPDATE alerts SET attempts = attempts + 1, last_error = ?2, gave_up = ?3 WHERE id = ?1"},
    {&StoreStatements::load_clients, "SELECT json FROM clients"},
    {&StoreStatements::add_incident, "INSERT INTO incidents (client, start, until, json) VALUES (?1, ?2, ?3, ?4)"},
    {&StoreStatements::save_incident, "INSERT OR REPLACE INTO incidents (client, start, until, json, id) VALUES (?1, ?2, ?3, ?4, ?5)"},
    {&StoreStatements::remove_incident, "DELETE FROM incidents WHERE id = ?1"},
    {&StoreStatements::open_incidents, "SELECT id, json FROM incidents WHERE until = 9223372036854775807 ORDER BY id"},
    {&StoreStatements::incidents,
     "SELECT id, json FROM incidents WHERE client = (SELECT id FROM names WHERE client_id = ?1) AND start <= ?3 AND until >= ?2 "
     "ORDER BY start, id"},
    {&StoreStatements::incident, "SELECT id, json FROM incidents WHERE id = ?1"},
    {&StoreStatements::count_comments, "SELECT count(*) FROM comments WHERE incident = ?1"},
    {&StoreStatements::add_comment, "INSERT INTO comments (incident, at, author, text) VALUES (?1, ?2, ?3, ?4)"},
    {&StoreStatements::move_comments, "UPDATE comments SET incident = ?2 WHERE incident = ?1"},
    {&StoreStatements::keep, "INSERT OR REPLACE INTO kept (kind, name, json) VALUES (?1, ?2, ?3)"},
    {&StoreStatements::drop, "DELETE FROM kept WHERE kind = ?1 AND name = ?2"},
    {&StoreStatements::kept, "SELECT name, json FROM kept WHERE kind = ?1 ORDER BY name"},
    {&StoreStatements::report_at, "SELECT seq, state, time, json_extract(json, '$.leak') FROM reports WHERE id = ?1"},
    {&StoreStatements::pending_channels, "SELECT DISTINCT channel FROM alerts WHERE delivered IS NULL AND gave_up = 0"},
    {&StoreStatements::load_alerts,
     "SELECT id, channel, text, created, attempts FROM alerts WHERE delivered IS NULL AND gave_up = 0 AND channel = ?1 AND id > ?2 "
     "ORDER BY id LIMIT ?3"},
    {&StoreStatements::remove_client, "DELETE FROM clients WHERE client = (SELECT id FROM names WHERE client_id = ?1)"},
    {&StoreStatements::unused_names,
     "SELECT id FROM names WHERE id NOT IN (SELECT client FROM clients) AND "
     "NOT EXISTS (SELECT 1 FROM changes WHERE client = names.id) AND NOT EXISTS (SELECT 1 FROM incidents WHERE client = names.id) AND "
     "NOT EXISTS (SELECT 1 FROM samples WHERE client = names.id AND resolution = 2) AND "
     "NOT EXISTS (SELECT 1 FROM boots WHERE client = names.id) AND "
     "NOT EXISTS (SELECT 1 FROM reports WHERE client = names.id AND boot_id = '') LIMIT ?1"},
    {&StoreStatements::remove_name, "DELETE FROM names WHERE id = ?1"},
};

}  // namespace

Result<StoreStatements> StoreStatements::prepare(Database& database) {
  StoreStatements statements;
  for (const auto& text : statement_texts) {
    auto statement = database.prepare(text.sql);
    if (!statement) return fail(statement.error());
    statements.*text.statement = std::move(*statement);
  }
  return statements;
}

}  // namespace vpn_sentinel

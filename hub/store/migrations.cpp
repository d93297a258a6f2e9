#include "hub/store/migrations.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace vpn_sentinel {
namespace {

/// "VPNS": tells our files from other SQLite databases.
constexpr long application_id = 0x56504e53;

// Times are microseconds since 1970 UTC. Names of clients are kept once. An index on reports costs half of the writing speed and more
// (measured): each report dirties a page of it.
constexpr std::array steps{
    R"sql(
CREATE TABLE names (
  id INTEGER PRIMARY KEY,
  client_id TEXT NOT NULL UNIQUE
);
CREATE TABLE reports (
  id INTEGER PRIMARY KEY,
  client INTEGER NOT NULL REFERENCES names(id),
  boot_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  time INTEGER NOT NULL,
  received INTEGER NOT NULL,
  state TEXT NOT NULL,
  path TEXT NOT NULL,
  source TEXT NOT NULL,
  json TEXT NOT NULL
);
CREATE UNIQUE INDEX reports_once ON reports (client, boot_id, seq) WHERE boot_id <> '';
CREATE TABLE changes (
  id INTEGER PRIMARY KEY,
  client INTEGER NOT NULL REFERENCES names(id),
  at INTEGER NOT NULL,
  noticed INTEGER NOT NULL,
  kind TEXT NOT NULL,
  json TEXT NOT NULL
);
CREATE INDEX changes_of_client ON changes (client, id);
CREATE TABLE clients (
  client INTEGER PRIMARY KEY REFERENCES names(id),
  state TEXT NOT NULL,
  json TEXT NOT NULL
);
CREATE TABLE alerts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL,
  text TEXT NOT NULL,
  created INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  delivered INTEGER,
  gave_up INTEGER NOT NULL DEFAULT 0,
  last_error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX alerts_pending ON alerts (id) WHERE delivered IS NULL AND gave_up = 0;
)sql",
    // Reports without a boot are the Python original's, which come every five minutes: an index of them costs nothing.
    "CREATE INDEX reports_without_boot ON reports (client) WHERE boot_id = ''",
    // `until` is that of an open incident as far as questions about a range go: far in the future.
    R"sql(
CREATE TABLE incidents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  client INTEGER NOT NULL REFERENCES names(id),
  start INTEGER NOT NULL,
  until INTEGER NOT NULL,
  json TEXT NOT NULL
);
CREATE INDEX incidents_of_client ON incidents (client, id);
CREATE INDEX incidents_open ON incidents (client) WHERE until = 9223372036854775807;
)sql",
    // Minutes (0), hours (1) and days (2), ordered by time: the newest stretches of all clients share a few pages, however many clients
    // there are.
    R"sql(
CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE samples (
  resolution INTEGER NOT NULL,
  start INTEGER NOT NULL,
  client INTEGER NOT NULL,
  reports INTEGER NOT NULL,
  worst INTEGER NOT NULL,
  secure INTEGER NOT NULL,
  warning INTEGER NOT NULL,
  contained INTEGER NOT NULL,
  danger INTEGER NOT NULL,
  latencies INTEGER NOT NULL,
  latency_sum INTEGER NOT NULL,
  latency_min INTEGER NOT NULL,
  latency_max INTEGER NOT NULL,
  exits TEXT NOT NULL,
  more_exits INTEGER NOT NULL,
  PRIMARY KEY (resolution, start, client)
) WITHOUT ROWID;
CREATE INDEX days_of_client ON samples (client) WHERE resolution = 2;
)sql",
    // What left outside the tunnel. Of what was rolled up before nobody had counted anything.
    R"sql(
ALTER TABLE samples ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN packets_outside INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN bytes_outside INTEGER NOT NULL DEFAULT 0;
)sql",
    // What makes delivery exactly-once, apart from the reports: it is written for many of them at a time (see ReportNumbers), up to the
    // mark.
    R"sql(
CREATE TABLE boots (
  id INTEGER PRIMARY KEY,
  client INTEGER NOT NULL REFERENCES names(id),
  boot_id TEXT NOT NULL,
  UNIQUE (client, boot_id)
);
CREATE TABLE numbers (
  boot INTEGER NOT NULL REFERENCES boots(id),
  seq INTEGER NOT NULL,
  report INTEGER NOT NULL,
  PRIMARY KEY (boot, seq)
) WITHOUT ROWID;
INSERT INTO boots (client, boot_id) SELECT DISTINCT client, boot_id FROM reports WHERE boot_id <> '' ORDER BY client, boot_id;
INSERT INTO numbers (boot, seq, report) SELECT boots.id, seq, reports.id FROM reports INDEXED BY reports_once
  JOIN boots ON boots.client = reports.client AND boots.boot_id = reports.boot_id
  WHERE reports.boot_id <> '' ORDER BY reports.client, reports.boot_id, seq;
INSERT INTO marks (name, value)
  SELECT 'numbered', max(coalesce((SELECT max(id) FROM reports), 0), coalesce((SELECT max(value) FROM marks), 0));
DROP INDEX reports_once;
)sql",
    // Up to which number reports were removed, and when the last of these had come: who sends one of them again sends a duplicate.
    R"sql(
ALTER TABLE boots ADD COLUMN gone_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE boots ADD COLUMN gone_received INTEGER NOT NULL DEFAULT 0;
)sql",
};

Result<long> pragma_number(Database& database, std::string_view sql) {
  const auto text = database.value(sql);
  if (!text) return fail(text.error());
  long number = 0;
  std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

Result<void> apply_step(Database& database, std::size_t number) {
  const auto sql = fmt::format("BEGIN IMMEDIATE; {}; PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT;", steps.at(number),
                               application_id, number + 1);
  auto done = database.execute(sql);
  // The first error is the one to tell; a failing ROLLBACK means that there was nothing left to take back.
  if (!done && database.in_transaction()) static_cast<void>(database.execute("ROLLBACK"));
  return done;
}

}  // namespace

Result<void> check_owner(Database& database, const std::string& file) {
  const auto version = pragma_number(database, "PRAGMA user_version");
  if (!version) return fail(version.error());
  const auto owner = pragma_number(database, "PRAGMA application_id");
  if (!owner) return fail(owner.error());
  const auto tables = pragma_number(database, "SELECT count(*) FROM sqlite_schema");
  if (!tables) return fail(tables.error());
  if (*tables > 0 && *owner != application_id) {
    return fail(Error::Kind::invalid, fmt::format("{}: the file is another program's database; name another file", file));
  }
  if (*version < 0 || static_cast<std::size_t>(*version) > steps.size()) {
    return fail(Error::Kind::invalid, fmt::format("{}: the database has version {}, this program knows up to {}; install the newer one",
                                                  file, *version, steps.size()));
  }
  return {};
}

Result<void> migrate(Database& database) {
  const auto version = pragma_number(database, "PRAGMA user_version");
  if (!version) return fail(version.error());
  for (auto number = static_cast<std::size_t>(*version); number < steps.size(); ++number) {
    if (auto done = apply_step(database, number); !done) return done;
  }
  return {};
}

}  // namespace vpn_sentinel

#include "hub/store/migrations.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace vpn_sentinel {
namespace {

/// "VPNS" and "VPNF": tell our files from other SQLite databases, and from each other.
constexpr long reports_application_id = 0x56504e53;
constexpr long flows_application_id = 0x56504e46;

// Times are microseconds since 1970 UTC. Names of clients are kept once. An index on reports costs half of the writing speed and more
// (measured): each report dirties a page of it.
constexpr std::array report_steps{
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
    // What people said about incidents goes with these; not when one is written again, for which SQLite runs no trigger. What is kept by
    // name: see KeptKind.
    R"sql(
CREATE TABLE comments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  incident INTEGER NOT NULL,
  at INTEGER NOT NULL,
  author TEXT NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX comments_of_incident ON comments (incident, id);
CREATE TRIGGER incident_removed AFTER DELETE ON incidents BEGIN DELETE FROM comments WHERE incident = old.id; END;
CREATE TABLE kept (
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;
)sql",
    // When a hub was there to hear its clients: one row from each start to its end.
    R"sql(
CREATE TABLE IF NOT EXISTS presence (start INTEGER PRIMARY KEY, until INTEGER NOT NULL);
)sql",
    // What the tunnel carried and how old its handshake was. Of what was rolled up before nothing was recorded.
    R"sql(
ALTER TABLE samples ADD COLUMN handshakes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN handshake_sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN handshake_max INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN traffic_time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN rx_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN tx_bytes INTEGER NOT NULL DEFAULT 0;
)sql",
};

// Kinds of flows are kept once; what came to them lies in the order of time, as `samples` above. A kind is found by a hash of its texts:
// an index over the texts would be as large as the table. Its number is never used again: a sample must not become another kind's.
constexpr std::array flow_steps{
    R"sql(
CREATE TABLE flow_clients (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  client_id TEXT NOT NULL UNIQUE
);
CREATE TABLE flow_boots (
  client INTEGER NOT NULL REFERENCES flow_clients(id),
  boot_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  received INTEGER NOT NULL,
  PRIMARY KEY (client, boot_id)
) WITHOUT ROWID;
CREATE TABLE flow_kinds (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key INTEGER NOT NULL,
  client INTEGER NOT NULL REFERENCES flow_clients(id),
  incoming INTEGER NOT NULL,
  listener TEXT NOT NULL,
  program TEXT NOT NULL,
  uid INTEGER NOT NULL,
  container TEXT NOT NULL,
  protocol TEXT NOT NULL,
  destination TEXT NOT NULL,
  port INTEGER NOT NULL,
  country TEXT NOT NULL,
  asn INTEGER NOT NULL,
  organisation TEXT NOT NULL,
  interface TEXT NOT NULL,
  way TEXT NOT NULL,
  folded INTEGER NOT NULL
);
CREATE INDEX flow_kinds_by_key ON flow_kinds (key);
CREATE TABLE flow_samples (
  resolution INTEGER NOT NULL,
  start INTEGER NOT NULL,
  kind INTEGER NOT NULL REFERENCES flow_kinds(id),
  entries INTEGER NOT NULL,
  counted INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  bytes_in INTEGER NOT NULL,
  packets_counted INTEGER NOT NULL,
  packets_out INTEGER NOT NULL,
  packets_in INTEGER NOT NULL,
  opened INTEGER NOT NULL,
  closed INTEGER NOT NULL,
  folded INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (resolution, start, kind)
) WITHOUT ROWID;
CREATE INDEX flow_days_of_kind ON flow_samples (kind) WHERE resolution = 2;
CREATE TABLE flow_gaps (
  resolution INTEGER NOT NULL,
  start INTEGER NOT NULL,
  client INTEGER NOT NULL REFERENCES flow_clients(id),
  folded INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  batches INTEGER NOT NULL,
  PRIMARY KEY (resolution, start, client)
) WITHOUT ROWID;
)sql",
    // Until when samples were removed, by resolution: what is older is not all there.
    R"sql(
CREATE TABLE flow_kept (
  resolution INTEGER PRIMARY KEY,
  since INTEGER NOT NULL
);
)sql",
};

Result<long> pragma_number(Database& database, std::string_view sql) {
  const auto text = database.value(sql);
  if (!text) return fail(text.error());
  long number = 0;
  std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

Result<void> apply_step(Database& database, const Schema& schema, std::size_t number) {
  const auto sql = fmt::format("BEGIN IMMEDIATE; {}; PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT;", schema.steps[number],
                               schema.application_id, number + 1);
  auto done = database.execute(sql);
  // The first error is the one to tell; a failing ROLLBACK means that there was nothing left to take back.
  if (!done && database.in_transaction()) static_cast<void>(database.execute("ROLLBACK"));
  return done;
}

}  // namespace

const Schema& report_schema() {
  static constexpr Schema schema{reports_application_id, report_steps};
  return schema;
}

const Schema& flow_schema() {
  static constexpr Schema schema{flows_application_id, flow_steps};
  return schema;
}

Result<void> check_owner(Database& database, const Schema& schema, const std::string& file) {
  const auto version = pragma_number(database, "PRAGMA user_version");
  if (!version) return fail(version.error());
  const auto owner = pragma_number(database, "PRAGMA application_id");
  if (!owner) return fail(owner.error());
  const auto tables = pragma_number(database, "SELECT count(*) FROM sqlite_schema");
  if (!tables) return fail(tables.error());
  if (*tables > 0 && *owner != schema.application_id) {
    return fail(Error::Kind::invalid, fmt::format("{}: the file is another program's database; name another file", file));
  }
  if (*version < 0 || static_cast<std::size_t>(*version) > schema.steps.size()) {
    return fail(Error::Kind::invalid, fmt::format("{}: the database has version {}, this program knows up to {}; install the newer one",
                                                  file, *version, schema.steps.size()));
  }
  return {};
}

Result<void> migrate(Database& database, const Schema& schema) {
  const auto version = pragma_number(database, "PRAGMA user_version");
  if (!version) return fail(version.error());
  for (auto number = static_cast<std::size_t>(*version); number < schema.steps.size(); ++number) {
    if (auto done = apply_step(database, schema, number); !done) return done;
  }
  return {};
}

}  // namespace vpn_sentinel

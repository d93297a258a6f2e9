/// What the SQLite store says to its database, prepared once.
#pragma once

#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

struct StoreStatements {
  Statement begin, commit, find_name, add_name, add_report, add_change, save_client, add_alert, alert_delivered, alert_failed, load_clients,
      add_incident, save_incident, remove_incident, open_incidents, incidents, incident, count_comments, add_comment, move_comments, keep,
      drop, kept, report_at, load_alerts, pending_channels, remove_client, unused_names, remove_name;

  [[nodiscard]] static Result<StoreStatements> prepare(Database& database);
};

}  // namespace vpn_sentinel

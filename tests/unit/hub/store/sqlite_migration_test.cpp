#include <boost/test/unit_test.hpp>

#include "hub/store/sqlite.hpp"
#include "tests/unit/hub/store/sqlite_store_tools.hpp"
#include "tests/unit/hub/store/store_contract_tools.hpp"

BOOST_AUTO_TEST_SUITE(sqlite_migration)

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

/// As hubs had it that recorded no traffic.
const std::string without_traffic =
    "ALTER TABLE samples DROP COLUMN handshakes; ALTER TABLE samples DROP COLUMN handshake_sum; ALTER TABLE samples DROP COLUMN "
    "handshake_max; ALTER TABLE samples DROP COLUMN traffic_time; ALTER TABLE samples DROP COLUMN rx_bytes; ALTER TABLE samples DROP "
    "COLUMN tx_bytes;";

BOOST_AUTO_TEST_CASE(a_database_without_the_newest_columns_keeps_its_reports_and_their_numbers) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  {
    const auto store = open_or_fail(file);
    BOOST_REQUIRE(store_report(*store, 7).has_value());
    while (store->maintain(keeping(at(-1000))).value()) continue;
    while (store->roll_up().value()) continue;
  }
  run_sql(file, without_traffic +
                    "DROP TABLE comments; DROP TABLE kept; DROP TRIGGER incident_removed; ALTER TABLE boots DROP COLUMN gone_until; "
                    "ALTER TABLE boots DROP COLUMN gone_received; PRAGMA user_version = 6");
  const auto store = open_or_fail(file);
  BOOST_REQUIRE(store->begin().has_value());
  BOOST_TEST(!store->add_report(report("a", "b", 7, State::secure, at(0))).value());
  BOOST_TEST(store->add_report(report("a", "b", 8, State::secure, at(0))).value());
  store->rollback();
}

BOOST_AUTO_TEST_CASE(a_filled_database_of_the_seventh_version_keeps_its_incidents_which_can_be_commented_then) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  Incident incident;
  incident.client_id = "a";
  incident.start = incident.since = at(0);
  {
    const auto store = open_or_fail(file);
    BOOST_REQUIRE(store_report(*store, 7).has_value());
    BOOST_REQUIRE(store->begin().has_value());
    BOOST_REQUIRE(store->save_incident(incident).has_value());
    BOOST_REQUIRE(store->commit().has_value());
  }
  run_sql(file, without_traffic + "DROP TABLE comments; DROP TABLE kept; DROP TRIGGER incident_removed; PRAGMA user_version = 7");
  const auto store = open_or_fail(file);
  BOOST_TEST((store->load_open_incidents().value() == std::vector{incident}));
  IncidentComment comment{0, at(1), "anna", "still there"};
  BOOST_REQUIRE(store->begin().has_value());
  BOOST_REQUIRE(store->add_comment(incident.id, comment).has_value());
  BOOST_REQUIRE(store->commit().has_value());
  BOOST_TEST(store->open_reader().value()->incident(incident.id, at(2)).value()["comments"][0]["text"] == "still there");
}

BOOST_AUTO_TEST_CASE(traffic_of_before_it_was_recorded_is_not_recorded_and_never_zero) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  const auto carried = [](std::uint64_t seq, double time, std::uint64_t bytes) {
    auto admitted = report("a", "b", seq, State::secure, at(time));
    admitted.report.tunnel = TunnelReport{"wg0", "wireguard", true, at(-100), bytes, bytes, 30};
    return admitted;
  };
  const auto add = [&](const std::vector<Admitted>& reports) {
    const auto store = open_or_fail(file);
    BOOST_REQUIRE(store->begin().has_value());
    for (const auto& each : reports) BOOST_TEST(store->add_report(each).value());
    BOOST_REQUIRE(store->commit().has_value());
    while (store->roll_up().value()) continue;
  };
  const auto samples = [&](Resolution resolution) {
    SampleQuery question{"a", resolution};
    return open_or_fail(file)->open_reader().value()->samples(question).value().items;
  };
  add({carried(1, 0, 1'000), carried(3, 60, 61'000)});
  run_sql(file, without_traffic + "PRAGMA user_version = 9");
  BOOST_TEST(samples(Resolution::day).at(0).at("traffic_bytes_per_s").is_null());
  BOOST_TEST(samples(Resolution::day).at(0).at("handshake_age_s").is_null());
  // A late report of that time takes nothing away from what was never added.
  add({carried(2, 30, 31'000)});
  BOOST_TEST(samples(Resolution::minute).at(1).at("traffic_bytes_per_s").is_null());
  add({carried(4, 120, 61'600)});
  BOOST_TEST(samples(Resolution::minute).at(2).at("traffic_bytes_per_s").at("rx") == 10.0);
  BOOST_TEST(samples(Resolution::minute).at(2).at("handshake_age_s").at("max") == 30);
  BOOST_TEST(samples(Resolution::minute).at(1).at("reports") == 1);
}

BOOST_AUTO_TEST_CASE(a_database_of_the_first_version_is_brought_up_to_date_and_rolled_up) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  open_or_fail(file).reset();
  run_sql(file,
          "DROP TABLE comments; DROP TABLE kept; DROP TABLE incidents; DROP TABLE samples; DROP TABLE marks; DROP TABLE numbers; DROP "
          "TABLE boots; PRAGMA user_version = 2;"
          "CREATE UNIQUE INDEX reports_once ON reports (client, boot_id, seq) WHERE boot_id <> '';"
          "INSERT INTO names (client_id) VALUES ('a');"
          "INSERT INTO reports (client, boot_id, seq, time, received, state, path, source, json) VALUES "
          "(1, 'b', 1, 1795255200000000, 1795255200000000, 'danger', 'tunnel', '192.0.2.7', '{\"lease_s\":30}')");
  const auto store = open_or_fail(file);
  BOOST_TEST(!store->roll_up().value());
  SampleQuery question;
  question.client_id = "a";
  BOOST_TEST(store->open_reader().value()->samples(question).value().items.at(0).at("danger_s") == 30.0);
  BOOST_TEST(store->open_reader().value()->reports({"a"}).value().items.size() == 1U);
  BOOST_REQUIRE(store->begin().has_value());
  BOOST_TEST(!store->add_report(report("a", "b", 1, State::danger, at(0))).value());
  BOOST_TEST(store->add_report(report("a", "b", 2, State::danger, at(0))).value());
  store->rollback();
}

BOOST_AUTO_TEST_CASE(a_filled_database_of_the_fifth_version_loses_no_number_when_its_index_moves) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  open_or_fail(file).reset();
  // 20 clients with three boots each, 50 reports of each boot in a mixed order, and some of the Python original's without a boot.
  run_sql(file,
          without_traffic +
              "DROP TABLE comments; DROP TABLE kept; DROP TRIGGER incident_removed; "
              "DROP TABLE numbers; DROP TABLE boots; DELETE FROM marks; PRAGMA user_version = 5;"
              "CREATE UNIQUE INDEX reports_once ON reports (client, boot_id, seq) WHERE boot_id <> '';"
              "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19) INSERT INTO names SELECT i + 1, 'client-' || i "
              "FROM n;"
              "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2999) "
              "INSERT INTO reports (client, boot_id, seq, time, received, state, path, source, json) "
              "SELECT i % 20 + 1, 'boot-' || (i / 20 % 3), (i / 60 * 7) % 50 + 1, 1795255200000000 + i, 1795255200000000 + i, 'secure', "
              "'tunnel', '192.0.2.7', '{\"lease_s\":30}' FROM n;"
              "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99) "
              "INSERT INTO reports (client, boot_id, seq, time, received, state, path, source, json) "
              "SELECT i % 20 + 1, '', 0, 1795255200000000 + i, 1795255200000000 + i, 'warning', '', '192.0.2.7', '{}' FROM n;"
              "INSERT INTO marks (name, value) VALUES ('rolled_up', 1000)");
  const auto store = open_or_fail(file);
  auto database = Database::open(file).value();
  const auto answer = [&database](const char* question) { return database.value(question).value(); };
  BOOST_TEST(answer("SELECT count(*) FROM boots") == "60");
  BOOST_TEST(answer("SELECT count(*) FROM numbers") == "3000");
  BOOST_TEST(answer("SELECT count(*) FROM reports JOIN numbers ON report = reports.id JOIN boots ON boots.id = boot "
                    "WHERE boots.client = reports.client AND boots.boot_id = reports.boot_id AND numbers.seq = reports.seq") == "3000");
  BOOST_TEST(answer("SELECT value FROM marks WHERE name = 'numbered'") == "3100");
  BOOST_TEST(answer("SELECT value FROM marks WHERE name = 'rolled_up'") == "1000");
  BOOST_TEST(answer("SELECT count(*) FROM sqlite_schema WHERE name = 'reports_once'") == "0");
  BOOST_TEST(answer("PRAGMA integrity_check") == "ok");
  BOOST_REQUIRE(store->begin().has_value());
  for (const std::uint64_t seq : {1U, 25U, 50U}) {
    BOOST_TEST(!store->add_report(report("client-7", "boot-2", seq, State::secure, at(0))).value());
  }
  BOOST_TEST(store->add_report(report("client-7", "boot-2", 51, State::secure, at(0))).value());
  BOOST_TEST(store->add_report(report("client-7", "boot-3", 1, State::secure, at(0))).value());
  BOOST_TEST(store->add_report(report("client-7", "", 0, State::secure, at(0))).value());
  store->rollback();
  while (store->roll_up().value()) continue;
  BOOST_TEST(answer("SELECT value FROM marks WHERE name = 'rolled_up'") == "3100");
}

BOOST_AUTO_TEST_SUITE_END()

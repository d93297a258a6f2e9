// What every store of flows must do; SQLite's is the one there is.
#include "hub/store/flow_store.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/store/sqlite.hpp"
#include "tests/unit/hub/make.hpp"
#include "tests/unit/hub/store/store_contract_tools.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

namespace vpn_sentinel::test {
namespace {

using nlohmann::json;

FlowRow row(const std::string& program, const std::string& way, std::uint64_t out, WallTime when = at(0)) {
  FlowRow row;
  row.program = program;
  row.uid = 1000;
  row.protocol = "tcp";
  row.destination = "203.0.113.9";
  row.port = 443;
  row.country = "NL";
  row.interface = way == "tunnel" ? "wg0" : "eth0";
  row.way = way;
  row.bytes_out = out;
  row.bytes_in = 0;
  row.opened = 1;
  row.first = row.last = when;
  return row;
}

FlowBatch batch(const std::string& client, std::uint64_t seq, std::vector<FlowRow> rows, WallTime when = at(0)) {
  FlowBatch batch;
  batch.client_id = client;
  batch.boot_id = "b";
  batch.seq = seq;
  batch.timestamp = when;
  batch.interval_s = 10;
  batch.flows = std::move(rows);
  return batch;
}

FlowQuery last_day() { return {{}, {at(-12 * 3600), at(12 * 3600)}, Resolution::hour}; }

struct OpenStore {
  TemporaryDirectory directory;
  std::unique_ptr<FlowStore> store = open();
  [[nodiscard]] std::unique_ptr<FlowStore> open() const { return take(open_sqlite_flow_store(directory.file("flows.db"))); }
  void reopen() {
    store.reset();
    store = open();
  }
  void add(const FlowBatch& batch) { BOOST_TEST_REQUIRE(take(store->add(batch, batch.timestamp))); }
  [[nodiscard]] json stats(const FlowQuery& query = last_day()) const { return take(take(store->open_reader())->stats(query)); }
  [[nodiscard]] json history(const FlowPageQuery& query = {last_day()}) const {
    return take(take(store->open_reader())->history(query)).items;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(flow_store, OpenStore)

BOOST_AUTO_TEST_CASE(rows_of_one_kind_add_up_and_others_stay_apart) {
  add(batch("a", 1, {row("curl", "tunnel", 10), row("curl", "tunnel", 5, at(61)), row("curl", "outside", 7)}));
  add(batch("b", 1, {row("curl", "tunnel", 100)}));
  check(store->write());
  add(batch("a", 2, {row("curl", "tunnel", 1, at(62))}));
  check(store->write());
  const auto flows = history();
  BOOST_TEST_REQUIRE(flows.size() == 3U);
  const auto outside = history({{{{}, true}, {at(-3600), at(3600)}, Resolution::minute}});
  BOOST_TEST_REQUIRE(outside.size() == 1U);
  BOOST_TEST(outside[0]["bytes_out"] == 7);
  BOOST_TEST(outside[0]["client_id"] == "a");
  BOOST_TEST(outside[0]["port"] == 443);
  auto of_a = last_day();
  of_a.filter.clients = {"a"};
  const auto numbers = stats(of_a);
  BOOST_TEST(numbers["totals"]["tunnel"]["bytes_out"] == 16);
  BOOST_TEST(numbers["totals"]["tunnel"]["opened"] == 3);
  BOOST_TEST(numbers["totals"]["outside"]["bytes_out"] == 7);
  BOOST_TEST(stats()["totals"]["tunnel"]["bytes_out"] == 116);
  of_a.filter.clients = std::vector<std::string>();
  BOOST_TEST(stats(of_a)["totals"]["tunnel"]["opened"] == 0);
}

BOOST_AUTO_TEST_CASE(minutes_hours_and_days_say_the_same) {
  add(batch("a", 1, {row("curl", "tunnel", 10), row("wget", "tunnel", 5, at(7200))}));
  check(store->write());
  for (const auto resolution : {Resolution::minute, Resolution::hour, Resolution::day}) {
    FlowQuery query = last_day();
    query.resolution = resolution;
    const auto numbers = stats(query);
    BOOST_TEST(numbers["totals"]["tunnel"]["bytes_out"] == 15);
    BOOST_TEST(numbers["bytes_over_time"].size() == (resolution == Resolution::day ? 1U : 2U));
  }
}

BOOST_AUTO_TEST_CASE(a_batch_counts_once_also_after_a_restart) {
  const auto first = batch("a", 5, {row("curl", "tunnel", 10)});
  add(first);
  BOOST_TEST(!take(store->add(first, at(0))));
  BOOST_TEST(!take(store->add(batch("a", 4, {row("curl", "tunnel", 10)}), at(0))));
  check(store->write());
  reopen();
  BOOST_TEST(!take(store->add(first, at(0))));
  add(batch("a", 6, {row("curl", "tunnel", 1)}));
  auto of_next_boot = batch("a", 1, {row("curl", "tunnel", 1)});
  of_next_boot.boot_id = "c";
  add(of_next_boot);
  check(store->write());
  BOOST_TEST(stats()["totals"]["tunnel"]["bytes_out"] == 12);
  // The kind is the same one as before the restart.
  BOOST_TEST(history().size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_was_not_counted_is_not_zero) {
  auto uncounted = row("curl", "tunnel", 0);
  uncounted.bytes_out.reset();
  uncounted.bytes_in.reset();
  add(batch("a", 1, {uncounted}));
  check(store->write());
  BOOST_TEST(!history()[0].contains("bytes_out"));
  BOOST_TEST(!history()[0].contains("packets_out"));
  BOOST_TEST(stats()["totals"]["tunnel"]["uncounted"] == 1);
}

BOOST_AUTO_TEST_CASE(the_top_is_by_bytes_and_nobody_is_null) {
  auto nobodys = row("", "outside", 500);
  nobodys.country.clear();
  add(batch("a", 1, {row("curl", "tunnel", 10), nobodys}));
  check(store->write());
  const auto numbers = stats();
  BOOST_TEST(numbers["top_processes"][0]["program"].is_null());
  BOOST_TEST(numbers["top_processes"][1]["program"] == "curl");
  BOOST_TEST(numbers["top_countries"][0]["country"].is_null());
  BOOST_TEST(numbers["top_countries"][1]["country"] == "NL");
  const auto arcs = take(take(store->open_reader())->arcs(last_day()));
  BOOST_TEST_REQUIRE(arcs.size() == 2U);
  BOOST_TEST(arcs[0].outside);
  BOOST_TEST(arcs[1].country == "NL");
}

BOOST_AUTO_TEST_CASE(arcs_outside_the_tunnel_stand_first_however_little_they_carried) {
  add(batch("a", 1, {row("curl", "tunnel", 1'000), row("curl", "outside", 5)}));
  check(store->write());
  const auto arcs = take(take(store->open_reader())->arcs(last_day()));
  BOOST_TEST_REQUIRE(arcs.size() == 2U);
  BOOST_TEST(arcs[0].outside);
  BOOST_TEST(!arcs[1].outside);
}

BOOST_AUTO_TEST_CASE(gaps_are_added_up_and_are_those_of_the_clients_that_are_asked_about) {
  auto with_gaps = batch("a", 1, {});
  with_gaps.gaps = {2, 3, 4};
  add(with_gaps);
  with_gaps.seq = 2;
  add(with_gaps);
  check(store->write());
  const json expected{{"folded", 4}, {"lost", 6}, {"batches", 8}};
  BOOST_TEST(stats()["gaps"] == expected);
  auto of_b = last_day();
  of_b.filter.clients = {"b"};
  BOOST_TEST(stats(of_b)["gaps"]["lost"] == 0);
}

BOOST_AUTO_TEST_CASE(a_number_that_is_left_out_is_a_missing_batch_also_after_a_restart_and_counts_once) {
  add(batch("a", 3, {}));
  check(store->write());
  BOOST_TEST(stats()["gaps"].value("batches", 0) == 0);  // of a boot that is not known
  reopen();
  add(batch("a", 6, {}));
  check(store->write());
  BOOST_TEST(stats()["gaps"]["batches"] == 2);
  // The probe tells of them later, and of one that it gave up without a number.
  auto telling = batch("a", 7, {});
  telling.gaps.batches = 1;
  add(telling);
  telling.seq = 9;
  telling.gaps.batches = 3;
  add(telling);
  check(store->write());
  BOOST_TEST(stats()["gaps"]["batches"] == 4);
}

BOOST_AUTO_TEST_CASE(pages_follow_each_other_newest_kind_first) {
  std::vector<FlowRow> rows;
  for (int i = 0; i < 5; ++i) rows.push_back(row("program" + std::to_string(i), "tunnel", 1));
  add(batch("a", 1, rows));
  check(store->write());
  const auto reader = take(store->open_reader());
  FlowPageQuery query{last_day(), 0, 2};
  std::vector<std::string> programs;
  for (bool more = true; more;) {
    const auto page = take(reader->history(query));
    for (const auto& flow : page.items) programs.push_back(flow["program"]);
    more = page.next.has_value();
    query.cursor = page.next.value_or(0);
  }
  BOOST_TEST(programs == std::vector<std::string>({"program4", "program3", "program2", "program1", "program0"}));
}

BOOST_AUTO_TEST_CASE(what_is_old_goes_minutes_first_and_its_kinds_with_the_last_day) {
  add(batch("a", 1, {row("curl", "tunnel", 10)}));
  check(store->write());
  FlowRetention retention;
  const auto bytes_in = [&](Resolution resolution) {
    auto query = last_day();
    query.resolution = resolution;
    return stats(query)["totals"]["tunnel"]["bytes_out"].get<int>();
  };
  retention.now = at(25 * 3600);
  while (take(store->maintain(retention))) continue;
  BOOST_TEST(bytes_in(Resolution::minute) == 0);
  BOOST_TEST(bytes_in(Resolution::hour) == 10);
  retention.now = at(366 * 24 * 3600);
  while (take(store->maintain(retention))) continue;
  BOOST_TEST(bytes_in(Resolution::day) == 0);
  auto database = take(Database::open(directory.file("flows.db")));
  for (const auto* table : {"flow_kinds", "flow_samples", "flow_clients", "flow_boots"}) {
    BOOST_TEST(take(database.value(std::string("SELECT count(*) FROM ") + table)) == "0");
  }
  // The kind, its client and its number are made anew.
  add(batch("a", 2, {row("curl", "tunnel", 3, at(366 * 24 * 3600))}, at(366 * 24 * 3600)));
  check(store->write());
  BOOST_TEST(take(database.value("SELECT count(*) FROM flow_samples JOIN flow_kinds ON id = kind")) == "3");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_too_large_loses_the_oldest_of_each_resolution_and_says_so) {
  constexpr double day = 24 * 3600;
  std::uint64_t seq = 0;
  // Twenty days with kinds of their own; the last one is now.
  for (int past = 20; past >= 0; --past) {
    const auto when = at(20 * day - past * day);
    std::vector<FlowRow> rows;
    for (int i = 0; i < 500; ++i) rows.push_back(row("p" + std::to_string(past) + "-" + std::to_string(i), "tunnel", 1, when));
    add(batch("a", ++seq, rows, when));
  }
  check(store->write());
  FlowRetention retention;
  retention.now = at(20 * day);
  retention.most_bytes = 1'000'000;
  while (take(store->maintain(retention))) continue;
  const auto sums = [&](Resolution resolution, double hours) {
    FlowQuery query{{}, {at(20 * day - hours * 3600), at(20 * day + 1)}, resolution};
    return stats(query)["totals"]["tunnel"]["bytes_out"].get<int>();
  };
  // The present is all there, much of the past is not; and hours are no longer kept for the sake of days, nor the other way round.
  for (const auto resolution : {Resolution::minute, Resolution::hour, Resolution::day}) BOOST_TEST(sums(resolution, 1) == 500);
  BOOST_TEST(sums(Resolution::hour, 20 * 24) < 20 * 500);
  BOOST_TEST(sums(Resolution::day, 20 * 24) < 20 * 500);
  BOOST_TEST(sums(Resolution::day, 20 * 24) >= sums(Resolution::hour, 20 * 24));
  const auto reader = take(store->open_reader());
  const auto since = take(reader->kept_since(Resolution::day));
  BOOST_TEST_REQUIRE(since.has_value());
  BOOST_TEST((*since > at(0) && *since <= at(19 * day)));
  // Kinds go with their last day, and no others.
  auto database = take(Database::open(directory.file("flows.db")));
  BOOST_TEST(take(database.value("SELECT count(*) FROM flow_kinds WHERE id NOT IN (SELECT kind FROM flow_samples)")) == "0");
  BOOST_TEST(take(database.value("SELECT count(*) FROM flow_samples WHERE kind NOT IN (SELECT id FROM flow_kinds)")) == "0");
}

BOOST_AUTO_TEST_CASE(a_file_that_one_day_fills_keeps_that_day_and_folds_what_comes_on_top) {
  std::vector<FlowRow> rows;
  for (int i = 0; i < 5'000; ++i) rows.push_back(row("p" + std::to_string(i), "tunnel", 1));
  add(batch("a", 1, rows));
  check(store->write());
  FlowRetention retention;
  retention.now = at(60);
  retention.most_bytes = 600'000;
  BOOST_TEST(!take(store->maintain(retention)));
  for (const auto resolution : {Resolution::minute, Resolution::hour, Resolution::day}) {
    FlowQuery query{{}, {at(-60), at(60)}, resolution};
    BOOST_TEST(stats(query)["totals"]["tunnel"]["bytes_out"] == 5'000);
  }
  BOOST_TEST(!take(take(store->open_reader())->kept_since(Resolution::hour)).has_value());
  auto database = take(Database::open(directory.file("flows.db")));
  add(batch("a", 2, {row("new1", "outside", 7), row("new2", "outside", 8)}));
  check(store->write());
  BOOST_TEST(take(database.value("SELECT count(*) FROM flow_kinds")) == "5001");
  BOOST_TEST(stats()["totals"]["outside"]["bytes_out"] == 15);
  BOOST_TEST(stats()["gaps"]["folded"] == 2);
  // With room again, each is itself.
  retention.most_bytes = 0;
  BOOST_TEST(!take(store->maintain(retention)));
  add(batch("a", 3, {row("new1", "outside", 7)}));
  check(store->write());
  BOOST_TEST(take(database.value("SELECT count(*) FROM flow_kinds")) == "5002");
}

BOOST_AUTO_TEST_CASE(more_than_fits_into_memory_is_refused_and_nothing_of_it_is_noted) {
  std::vector<FlowRow> rows(FlowStore::most_waiting / 4, row("curl", "tunnel", 1));
  for (std::uint64_t seq = 1; seq <= 4; ++seq) add(batch("a", seq, rows));
  BOOST_TEST(store->waiting() == FlowStore::most_waiting);
  BOOST_TEST(!store->add(batch("a", 5, rows), at(0)).has_value());
  check(store->write());
  BOOST_TEST(take(store->add(batch("a", 5, rows), at(0))));
}

BOOST_AUTO_TEST_CASE(sums_stop_at_the_largest_number) {
  auto huge = row("curl", "tunnel", most_flow_number);
  std::vector<FlowRow> rows(5'000, huge);
  add(batch("a", 1, rows));
  check(store->write());
  add(batch("a", 2, rows));
  check(store->write());
  BOOST_TEST(stats()["totals"]["tunnel"]["bytes_out"].get<std::uint64_t>() == std::uint64_t{1} << 61U);
}

BOOST_AUTO_TEST_CASE(a_database_of_reports_is_no_database_of_flows) {
  BOOST_TEST(!open_sqlite_flow_store(directory.file("flows.db")).has_value());  // in use
  const auto other = directory.file("other.db");
  auto database = take(Database::open(other));
  check(database.execute("CREATE TABLE cookies (name)"));
  BOOST_TEST(!open_sqlite_flow_store(other).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace vpn_sentinel::test

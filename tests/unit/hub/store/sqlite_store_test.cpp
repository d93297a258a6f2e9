#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>

#include "hub/store/sqlite.hpp"
#include "hub/store/store.hpp"
#include "tests/unit/hub/make.hpp"
#include "tests/unit/hub/store/store_contract.hpp"
#include "tests/unit/hub/store/store_contract_tools.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

namespace vpn_sentinel::test {
namespace {

std::unique_ptr<Store> open_or_fail(const std::string& file) {
  auto store = open_sqlite_store(file);
  BOOST_REQUIRE_MESSAGE(store.has_value(), (store ? "" : store.error().message));
  return std::move(*store);
}

const StoreFactory sqlite{"sqlite", [] {
                            auto directory = std::make_shared<TemporaryDirectory>();
                            return [directory] { return open_or_fail(directory->file("hub.db")); };
                          }};

void write_file(const std::string& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

void run_sql(const std::string& file, const char* sql) {
  sqlite3* handle = nullptr;
  BOOST_REQUIRE_EQUAL(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
  BOOST_CHECK_EQUAL(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(handle);
}

std::string error_of(const std::string& file) {
  const auto store = open_sqlite_store(file);
  return store ? std::string() : store.error().message;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Result<void> store_report(Store& store, std::uint64_t seq) {
  if (auto begun = store.begin(); !begun) return begun;
  if (auto added = store.add_report(report("a", "b", seq, State::secure, at(0))); !added) return fail(added.error());
  return store.commit();
}

}  // namespace
}  // namespace vpn_sentinel::test

BOOST_AUTO_TEST_SUITE(sqlite_store)

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

BOOST_AUTO_TEST_CASE(it_passes_the_contract_of_every_store) {
  for (const auto& contract : store_contract()) {
    BOOST_TEST_CONTEXT(sqlite.backend << ": " << contract.name) { contract.run(sqlite); }
  }
}

BOOST_AUTO_TEST_CASE(its_files_are_for_its_user_only) {
  const TemporaryDirectory directory;
  const auto store = open_or_fail(directory.file("hub.db"));
  BOOST_REQUIRE(store_report(*store, 1).has_value());
  for (const char* name : {"hub.db", "hub.db-wal", "hub.db-shm"}) {
    struct stat status {};
    BOOST_REQUIRE_EQUAL(::stat(directory.file(name).c_str(), &status), 0);
    BOOST_TEST((status.st_mode & 0777U) == 0600U);
  }
}

BOOST_AUTO_TEST_CASE(a_missing_directory_is_named) {
  const TemporaryDirectory directory;
  const auto message = error_of(directory.file("missing/hub.db"));
  BOOST_TEST_CONTEXT(message) { BOOST_TEST(has(message, directory.file("missing") + " does not exist")); }
}

BOOST_AUTO_TEST_CASE(a_second_hub_on_the_same_file_is_refused) {
  const TemporaryDirectory directory;
  const auto first = open_or_fail(directory.file("hub.db"));
  BOOST_TEST(has(error_of(directory.file("hub.db")), "another hub uses this file"));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_database_is_refused_and_left_alone) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  const std::string bytes(5000, 'x');
  write_file(file, bytes);
  BOOST_TEST(has(error_of(file), file + ": the file is no SQLite database"));
  std::ifstream stream(file, std::ios::binary);
  BOOST_TEST((std::string(std::istreambuf_iterator<char>(stream), {}) == bytes));
}

BOOST_AUTO_TEST_CASE(another_programs_database_is_refused) {
  const TemporaryDirectory directory;
  run_sql(directory.file("hub.db"), "CREATE TABLE cookies (name)");
  BOOST_TEST(has(error_of(directory.file("hub.db")), "another program's database"));
}

BOOST_AUTO_TEST_CASE(a_newer_hubs_database_is_refused) {
  const TemporaryDirectory directory;
  open_or_fail(directory.file("hub.db")).reset();
  run_sql(directory.file("hub.db"), "PRAGMA user_version = 99");
  BOOST_TEST(has(error_of(directory.file("hub.db")), "version 99"));
}

BOOST_AUTO_TEST_CASE(a_damaged_database_is_found_when_it_is_opened) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  {
    const auto store = open_or_fail(file);
    for (std::uint64_t seq = 1; seq <= 300; ++seq) BOOST_REQUIRE(store_report(*store, seq).has_value());
  }
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(3 * 8192);
  stream << std::string(16 * 8192, 'x');
  stream.close();
  const auto message = error_of(file);
  BOOST_TEST_CONTEXT(message) { BOOST_TEST(has(message, file + ": the database is damaged")); }
}

BOOST_AUTO_TEST_CASE(a_limit_on_the_file_is_an_error_and_everything_before_it_stays) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  auto store = open_or_fail(file);
  rlimit old_limit{};
  ::getrlimit(RLIMIT_FSIZE, &old_limit);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit low{400'000, old_limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &low);
  std::uint64_t stored = 0;
  Result<void> result;
  while (stored < 10'000 && (result = store_report(*store, stored + 1))) ++stored;
  store->rollback();
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  BOOST_REQUIRE(!result.has_value());
  BOOST_TEST(has(result.error().message, file));
  BOOST_TEST(stored > 0U);
  BOOST_TEST(store_report(*store, stored + 1).has_value());
  store.reset();
  store = open_or_fail(file);
  BOOST_REQUIRE(store->begin().has_value());
  for (std::uint64_t seq = 1; seq <= stored + 1; ++seq) {
    BOOST_TEST(store->add_report(report("a", "b", seq, State::secure, at(0))).value() == false);
  }
  store->rollback();
}

BOOST_AUTO_TEST_CASE(whatever_was_committed_survives_a_kill) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  int pipe_ends[2];
  BOOST_REQUIRE_EQUAL(::pipe(pipe_ends), 0);
  const auto child = ::fork();
  if (child == 0) {
    auto store = open_sqlite_store(file);
    if (!store) ::_exit(1);
    for (std::uint64_t seq = 1;; ++seq) {
      if (!store_report(**store, seq)) ::_exit(2);
      if (::write(pipe_ends[1], &seq, sizeof seq) != sizeof seq) ::_exit(3);
    }
  }
  ::close(pipe_ends[1]);
  std::uint64_t acknowledged = 0;
  while (acknowledged < 200 && ::read(pipe_ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) continue;
  ::kill(child, SIGKILL);
  std::uint64_t next = 0;
  while (::read(pipe_ends[0], &next, sizeof next) == sizeof next) acknowledged = next;
  ::close(pipe_ends[0]);
  ::waitpid(child, nullptr, 0);

  BOOST_TEST(acknowledged >= 200U);
  const auto store = open_or_fail(file);
  BOOST_REQUIRE(store->begin().has_value());
  for (std::uint64_t seq = 1; seq <= acknowledged; ++seq) {
    BOOST_REQUIRE_EQUAL(store->add_report(report("a", "b", seq, State::secure, at(0))).value(), false);
  }
  store->rollback();
}

BOOST_AUTO_TEST_CASE(a_name_is_kept_as_long_as_something_refers_to_it) {
  const TemporaryDirectory directory;
  const auto store = open_or_fail(directory.file("hub.db"));
  auto database = Database::open(directory.file("hub.db")).value();
  const auto names = [&] { return database.value("SELECT count(*) FROM names").value(); };
  BOOST_REQUIRE(store_report(*store, 1).has_value());
  BOOST_REQUIRE(store->maintain(keeping(at(-1000))).has_value());
  BOOST_TEST(names() == "1");
  BOOST_REQUIRE(store->maintain(keeping(at(0) + std::chrono::hours{24})).has_value());
  BOOST_TEST(names() == "1");  // a day of its roll-up
  auto tiny = keeping(at(0) + std::chrono::hours{24});
  tiny.most_bytes = 1;
  while (store->maintain(tiny).value()) continue;
  BOOST_TEST(names() == "0");
  BOOST_REQUIRE(store_report(*store, 2).has_value());
  BOOST_TEST(names() == "1");
}

BOOST_AUTO_TEST_CASE(housekeeping_empties_the_log_and_bounds_its_own_work) {
  const TemporaryDirectory directory;
  const auto store = open_or_fail(directory.file("hub.db"));
  BOOST_REQUIRE(store->begin().has_value());
  for (std::uint64_t seq = 1; seq <= 3000; ++seq) BOOST_REQUIRE(store->add_report(report("a", "b", seq, State::secure, at(0))).has_value());
  BOOST_REQUIRE(store->commit().has_value());
  BOOST_TEST(store->maintain(keeping(at(1))).value());
  const auto is_gone = [&](std::uint64_t seq) {
    auto database = Database::open(directory.file("hub.db")).value();
    return database.value("SELECT count(*) FROM reports WHERE seq = " + std::to_string(seq)).value() == "0";
  };
  BOOST_TEST(is_gone(1));
  BOOST_TEST(is_gone(2000));
  BOOST_TEST(!is_gone(2001));
  BOOST_TEST(!store->maintain(keeping(at(1))).value());
  BOOST_TEST(is_gone(3000));
  std::uintmax_t log_size = 0;
  for (std::uint64_t round = 0; round < 20; ++round) {
    BOOST_REQUIRE(store_report(*store, 5000 + round).has_value());
    BOOST_REQUIRE(store->maintain(keeping(at(-1))).has_value());
    if (round == 0) log_size = std::filesystem::file_size(directory.file("hub.db-wal"));
  }
  BOOST_TEST(std::filesystem::file_size(directory.file("hub.db-wal")) == log_size);
}

BOOST_AUTO_TEST_CASE(a_report_that_was_removed_is_a_duplicate_as_long_as_an_outbox_may_bring_it_again) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  const auto is_new = [&](Store& store, const std::string& boot_id, std::uint64_t seq) {
    BOOST_REQUIRE(store.begin().has_value());
    const auto added = store.add_report(report("a", boot_id, seq, State::danger, at(0))).value();
    store.rollback();
    return added;
  };
  {
    const auto store = open_or_fail(file);
    BOOST_REQUIRE(store->begin().has_value());
    for (std::uint64_t seq = 1; seq <= 9'000; ++seq) {
      BOOST_REQUIRE(store->add_report(report("a", "b", seq, State::secure, at(0))).has_value());
    }
    BOOST_REQUIRE(store->commit().has_value());
    Retention small;
    small.now = at(1);
    small.most_bytes = 1'000'000;
    while (store->maintain(small).value()) continue;
    BOOST_TEST(!is_new(*store, "b", 1));
    BOOST_TEST(!is_new(*store, "b", 9'000));
    BOOST_TEST(is_new(*store, "b", 9'001));
    BOOST_TEST(is_new(*store, "c", 1));
  }
  const auto store = open_or_fail(file);
  BOOST_TEST(!is_new(*store, "b", 1));
  const auto boots = [&] { return Database::open(file).value().value("SELECT count(*) FROM boots").value(); };
  Retention nothing_stays;
  nothing_stays.reports = std::chrono::hours{0};
  nothing_stays.now = at(0) + std::chrono::hours{24 * 7};
  while (store->maintain(nothing_stays).value()) continue;
  BOOST_TEST(boots() == "1");
  BOOST_TEST(!is_new(*store, "b", 9'000));
  nothing_stays.now = at(0) + std::chrono::hours{24 * 9};
  while (store->maintain(nothing_stays).value()) continue;
  BOOST_TEST(boots() == "0");
}

BOOST_AUTO_TEST_CASE(a_database_without_the_newest_columns_keeps_its_reports_and_their_numbers) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  {
    const auto store = open_or_fail(file);
    BOOST_REQUIRE(store_report(*store, 7).has_value());
    while (store->maintain(keeping(at(-1000))).value()) continue;
    while (store->roll_up().value()) continue;
  }
  run_sql(file,
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
  run_sql(file, "DROP TABLE comments; DROP TABLE kept; DROP TRIGGER incident_removed; PRAGMA user_version = 7");
  const auto store = open_or_fail(file);
  BOOST_TEST((store->load_open_incidents().value() == std::vector{incident}));
  IncidentComment comment{0, at(1), "anna", "still there"};
  BOOST_REQUIRE(store->begin().has_value());
  BOOST_REQUIRE(store->add_comment(incident.id, comment).has_value());
  BOOST_REQUIRE(store->commit().has_value());
  BOOST_TEST(store->open_reader().value()->incident(incident.id, at(2)).value()["comments"][0]["text"] == "still there");
}

BOOST_AUTO_TEST_CASE(the_log_stays_bounded_beside_the_writer_without_any_housekeeping) {
  const TemporaryDirectory directory;
  const auto store = open_or_fail(directory.file("hub.db"));
  std::uint64_t seq = 0;
  for (int round = 0; round < 40; ++round) {
    BOOST_REQUIRE(store->begin().has_value());
    for (int i = 0; i < 2'000; ++i) {
      BOOST_REQUIRE(store->add_report(report("a", std::string(64, 'b'), ++seq, State::danger, at(0))).has_value());
    }
    BOOST_REQUIRE(store->commit().has_value());
  }
  BOOST_TEST(std::filesystem::file_size(directory.file("hub.db")) > std::uintmax_t{16} * 1024 * 1024);
  BOOST_TEST(std::filesystem::file_size(directory.file("hub.db-wal")) < std::uintmax_t{48} * 1024 * 1024);
}

BOOST_AUTO_TEST_CASE(pages_that_a_lowered_limit_frees_are_given_back) {
  const TemporaryDirectory directory;
  const auto store = open_or_fail(directory.file("hub.db"));
  BOOST_REQUIRE(store->begin().has_value());
  for (std::uint64_t seq = 1; seq <= 8'000; ++seq)
    BOOST_REQUIRE(store->add_report(report("a", "b", seq, State::secure, at(0))).has_value());
  BOOST_REQUIRE(store->commit().has_value());
  auto small = keeping(at(-1));
  while (store->maintain(small).value()) continue;
  const auto before = std::filesystem::file_size(directory.file("hub.db"));
  BOOST_REQUIRE(before > 2'000'000U);
  small.most_bytes = 1'000'000;
  while (store->maintain(small).value()) continue;
  BOOST_REQUIRE(store->maintain(small).has_value());
  BOOST_TEST(std::filesystem::file_size(directory.file("hub.db")) <= 1'100'000U);
}

BOOST_AUTO_TEST_CASE(only_the_same_report_again_is_a_duplicate_and_no_other_row_that_cannot_be_stored) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  const auto store = open_or_fail(file);
  run_sql(file, "CREATE UNIQUE INDEX one_at_a_time ON reports (received)");
  BOOST_REQUIRE(store->begin().has_value());
  BOOST_TEST(store->add_report(report("a", "b", 1, State::secure, at(0))).value());
  BOOST_TEST(!store->add_report(report("a", "b", 1, State::secure, at(1))).value());
  BOOST_TEST(!store->add_report(report("a", "b", 2, State::secure, at(0))).has_value());
  store->rollback();
}

BOOST_AUTO_TEST_CASE(a_value_that_cannot_be_bound_is_an_error_and_nothing_is_written) {
  const TemporaryDirectory directory;
  auto database = Database::open(directory.file("some.db")).value();
  BOOST_REQUIRE(database.execute("CREATE TABLE words (word TEXT, number INTEGER)").has_value());
  auto add = database.prepare("INSERT INTO words VALUES (?1, ?2)").value();
  sqlite3_limit(database.handle(), SQLITE_LIMIT_LENGTH, 100);
  BOOST_TEST(!add.run(std::string(200, 'x'), std::int64_t{1}).has_value());
  BOOST_TEST(!add.run(std::string("too many"), std::int64_t{1}, std::int64_t{2}).has_value());
  BOOST_TEST(add.run(std::string("fits"), std::int64_t{2}).has_value());
  BOOST_TEST(database.value("SELECT group_concat(word || number) FROM words").value() == "fits2");
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
  run_sql(
      file,
      "DROP TABLE comments; DROP TABLE kept; DROP TRIGGER incident_removed; "
      "DROP TABLE numbers; DROP TABLE boots; DELETE FROM marks; PRAGMA user_version = 5;"
      "CREATE UNIQUE INDEX reports_once ON reports (client, boot_id, seq) WHERE boot_id <> '';"
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19) INSERT INTO names SELECT i + 1, 'client-' || i FROM n;"
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

BOOST_AUTO_TEST_CASE(commits_take_along_what_waits_for_its_number_when_it_is_much) {
  const TemporaryDirectory directory;
  const auto file = directory.file("hub.db");
  constexpr std::uint64_t boots = 50;
  constexpr std::uint64_t last = 1'000;
  {
    const auto store = open_or_fail(file);
    for (std::uint64_t seq = 1; seq <= last; ++seq) {
      BOOST_REQUIRE(store->begin().has_value());
      for (std::uint64_t boot = 0; boot < boots; ++boot) {
        BOOST_REQUIRE(store->add_report(report("a", std::to_string(boot), seq, State::secure, at(0))).value());
      }
      BOOST_REQUIRE(store->commit().has_value());
    }
  }
  auto database = Database::open(file).value();
  const auto waiting = database.value("SELECT 50000 - count(*) FROM numbers").value();
  BOOST_TEST(std::stoi(waiting) < 30'000);
  BOOST_TEST(database.value("SELECT count(*) FROM numbers JOIN reports ON reports.id = report WHERE reports.seq <> numbers.seq").value() ==
             "0");
  const auto store = open_or_fail(file);
  BOOST_REQUIRE(store->begin().has_value());
  for (std::uint64_t seq = 1; seq <= last; ++seq) {
    BOOST_REQUIRE(!store->add_report(report("a", std::to_string(seq % boots), seq, State::secure, at(0))).value());
  }
  store->rollback();
}

BOOST_AUTO_TEST_CASE(a_number_that_comes_again_is_another_report_by_time_or_state_but_not_by_a_time_that_the_hub_put_there) {
  const TemporaryDirectory directory;
  const auto store = take(open_sqlite_store(directory.file("hub.db")));
  check(store->begin());
  static_cast<void>(take(store->add_report(report("a", "b", 1, State::secure, at(0)))));
  check(store->commit());
  auto again = report("a", "b", 1, State::secure, at(50));
  BOOST_TEST(!take(store->is_another(again)));
  again.report.timestamp = at(300);
  BOOST_TEST(take(store->is_another(again)));
  again.time_is_replaced = true;
  BOOST_TEST(!take(store->is_another(again)));
  BOOST_TEST(take(store->is_another(report("a", "b", 1, State::danger, at(0)))));
}

BOOST_AUTO_TEST_SUITE_END()

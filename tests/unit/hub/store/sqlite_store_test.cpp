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
#include "tests/unit/hub/store/sqlite_store_tools.hpp"
#include "tests/unit/hub/store/store_contract.hpp"
#include "tests/unit/hub/store/store_contract_tools.hpp"

namespace vpn_sentinel::test {
namespace {

const StoreFactory sqlite{"sqlite", [] {
                            auto directory = std::make_shared<TemporaryDirectory>();
                            return [directory] { return open_or_fail(directory->file("hub.db")); };
                          }};

void write_file(const std::string& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

std::string error_of(const std::string& file) {
  const auto store = open_sqlite_store(file);
  return store ? std::string() : store.error().message;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

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

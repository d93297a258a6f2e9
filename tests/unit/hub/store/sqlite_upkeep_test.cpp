#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "hub/store/sqlite.hpp"
#include "tests/unit/hub/store/sqlite_store_tools.hpp"
#include "tests/unit/hub/store/store_contract_tools.hpp"

BOOST_AUTO_TEST_SUITE(sqlite_upkeep)

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

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

BOOST_AUTO_TEST_SUITE_END()

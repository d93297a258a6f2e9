#include "hub/store/backup.hpp"

#include <sys/stat.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <thread>

#include "hub/store/store.hpp"
#include "tests/unit/hub/make.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(backup)

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

bool add(Store& store, std::uint64_t seq) {
  const bool stored = store.begin() && store.add_report(report("a", "b", seq, State::secure, at(0))).value_or(false);
  return store.commit() && stored;
}

struct Hub {
  TemporaryDirectory directory;
  std::string file = directory.file("hub.db");
  std::string copy = directory.file("copy.db");
  std::unique_ptr<Store> store = open_sqlite_store(file).value();
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_copy_made_while_the_hub_writes_is_whole_and_has_all_that_was_acknowledged_before, Hub) {
  for (std::uint64_t seq = 1; seq <= 2'000; ++seq) BOOST_REQUIRE(add(*store, seq));
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> last{2'000};
  std::thread writer([&] {
    for (std::uint64_t seq = 2'001; !stop && add(*store, seq); ++seq) last = seq;
  });
  while (last < 2'050) std::this_thread::yield();
  const auto before = last.load();
  int told = 0;
  const auto done = backup_database(file, copy, [&told](int copied, int total) {
    told = copied == total ? told + 1 : told;
    return true;
  });
  const auto after = last.load();
  stop = true;
  writer.join();
  BOOST_REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().message));
  BOOST_TEST(told == 2);  // all is copied, and checked
  struct stat status {};
  BOOST_REQUIRE_EQUAL(::stat(copy.c_str(), &status), 0);
  BOOST_TEST((status.st_mode & 0777U) == 0600U);
  BOOST_TEST(!std::filesystem::exists(copy + ".part"));
  BOOST_TEST(!std::filesystem::exists(copy + "-wal"));
  const auto seen = check_database(copy).value();
  BOOST_TEST(seen.reports >= static_cast<std::int64_t>(before));
  BOOST_TEST(seen.reports <= static_cast<std::int64_t>(after) + 1);
  const auto restored = open_sqlite_store(copy);
  BOOST_REQUIRE(restored.has_value());
  BOOST_TEST(add(**restored, 1'000'000));
}

BOOST_FIXTURE_TEST_CASE(what_exists_is_not_overwritten_and_a_part_of_an_earlier_try_is, Hub) {
  std::ofstream(copy) << "mine";
  const auto refused = backup_database(file, copy, nullptr);
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error().message.find("exists already") != std::string::npos));
  BOOST_TEST(std::filesystem::file_size(copy) == 4U);
  std::filesystem::remove(copy);
  std::ofstream(copy + ".part") << "torn";
  BOOST_TEST(backup_database(file, copy, nullptr).has_value());
  BOOST_TEST(check_database(copy).has_value());
}

BOOST_FIXTURE_TEST_CASE(a_backup_that_fails_leaves_nothing, Hub) {
  BOOST_TEST(!backup_database(directory.file("missing.db"), copy, nullptr).has_value());
  BOOST_TEST(!std::filesystem::exists(directory.file("missing.db")));
  // Whatever the folder is called.
  BOOST_TEST((backup_database(file, directory.file("damaged/copy.db"), nullptr).error().kind == BackupFailure::Kind::not_made));
  std::ofstream(directory.file("other")) << std::string(5'000, 'x');
  BOOST_TEST((backup_database(directory.file("other"), copy, nullptr).error().kind == BackupFailure::Kind::damaged));
  BOOST_TEST(!std::filesystem::exists(copy));
  BOOST_TEST(!std::filesystem::exists(copy + ".part"));
}

BOOST_FIXTURE_TEST_CASE(a_backup_that_is_stopped_leaves_nothing_at_any_step, Hub) {
  for (std::uint64_t seq = 1; seq <= 300; ++seq) BOOST_REQUIRE(add(*store, seq));
  for (int steps = 1; steps <= 2; ++steps) {
    int left = steps;
    const auto done = backup_database(file, copy, [&left](int, int) { return --left > 0; });
    BOOST_REQUIRE(!done.has_value());
    BOOST_TEST((done.error().kind == BackupFailure::Kind::stopped));
    BOOST_TEST(!std::filesystem::exists(copy));
    BOOST_TEST(!std::filesystem::exists(copy + ".part"));
  }
  BOOST_TEST(add(*store, 301));
}

BOOST_FIXTURE_TEST_CASE(damage_is_found_and_named, Hub) {
  for (std::uint64_t seq = 1; seq <= 300; ++seq) BOOST_REQUIRE(add(*store, seq));
  store.reset();
  BOOST_TEST(check_database(file).value().reports == 300);
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(5 * 8192);
  stream << std::string(16 * 8192, 'x');
  stream.close();
  const auto checked = check_database(file);
  BOOST_REQUIRE(!checked.has_value());
  BOOST_TEST((checked.error().message.find("damaged") != std::string::npos));
  BOOST_TEST((backup_database(file, copy, nullptr).error().kind == BackupFailure::Kind::damaged));
  BOOST_TEST(!std::filesystem::exists(copy));
}

BOOST_AUTO_TEST_SUITE_END()

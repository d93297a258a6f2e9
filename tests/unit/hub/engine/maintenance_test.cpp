#include <boost/test/unit_test.hpp>
#include <future>
#include <thread>

#include "hub/engine/engine.hpp"
#include "tests/unit/hub/engine/memory_store.hpp"
#include "tests/unit/hub/make.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(maintenance)

using namespace vpn_sentinel;
using namespace std::chrono_literals;
using test::MemoryStore;
using test::Shelf;

namespace {

std::unique_ptr<Engine> start(std::unique_ptr<Store> store, EngineOptions options) {
  auto engine = Engine::start(std::move(store), {}, {}, std::move(options));
  BOOST_REQUIRE_MESSAGE(engine.has_value(), (engine ? "" : engine.error().message));
  return std::move(*engine);
}

std::unique_ptr<Store> sqlite(const test::TemporaryDirectory& directory) {
  auto store = open_sqlite_store(directory.file("hub.db"));
  BOOST_REQUIRE_MESSAGE(store.has_value(), (store ? "" : store.error().message));
  return std::move(*store);
}

Admitted now_report(const std::string& client_id, std::uint64_t seq) {
  return test::report(client_id, "b", seq, State::secure, wall_now());
}

SubmitResult submit(Engine& engine, Admitted admitted) {
  std::promise<SubmitResult> answer;
  auto result = answer.get_future();
  BOOST_REQUIRE(engine.submit(std::move(admitted), [&answer](SubmitResult stored) { answer.set_value(stored); }));
  return result.get();
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(10ms);
  return condition();
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_first_housekeeping_comes_soon_after_the_start) {
  const auto shelf = std::make_shared<Shelf>();
  EngineOptions options;
  options.maintenance_pause = 1h;
  const auto engine = start(std::make_unique<MemoryStore>(shelf), options);
  BOOST_TEST(eventually([&shelf] { return shelf->maintained == 1; }));
}

BOOST_AUTO_TEST_CASE(a_hub_that_is_never_idle_is_maintained_by_time_and_when_the_store_asks) {
  const auto shelf = std::make_shared<Shelf>();
  EngineOptions options;
  options.maintenance_pause = 100ms;
  auto engine = start(std::make_unique<MemoryStore>(shelf), options);
  std::uint64_t seq = 0;
  const auto begun = mono_now();
  while (mono_now() - begun < 1s) BOOST_REQUIRE(submit(*engine, now_report("a", ++seq)) == SubmitResult::stored);
  BOOST_TEST(shelf->maintained >= 3);
  BOOST_TEST(shelf->maintained <= 10);

  options.maintenance_pause = 1h;
  engine.reset();
  shelf->maintained = 0;
  engine = start(std::make_unique<MemoryStore>(shelf), options);
  BOOST_TEST(eventually([&] { return shelf->maintained == 1; }));
  BOOST_REQUIRE(submit(*engine, now_report("a", ++seq)) == SubmitResult::stored);
  BOOST_TEST(shelf->maintained == 1);
  shelf->asks_for_maintenance = true;
  shelf->slices_left = 500;
  BOOST_REQUIRE(submit(*engine, now_report("a", ++seq)) == SubmitResult::stored);
  BOOST_TEST(eventually([&] { return shelf->maintained == 501; }));
}

BOOST_AUTO_TEST_CASE(after_a_great_step_of_the_clock_nothing_is_too_old_for_a_day) {
  for (const auto jump : {24h * 365 * 50, -24h * 365}) {
    const auto shelf = std::make_shared<Shelf>();
    std::atomic<std::chrono::hours::rep> ahead{0};
    std::atomic<std::chrono::hours::rep> passed{0};
    EngineOptions options;
    options.maintenance_pause = 10ms;
    options.now = [&] { return wall_now() + std::chrono::hours{ahead + passed}; };
    options.uptime = [&] { return uptime() + std::chrono::hours{passed}; };
    const auto engine = start(std::make_unique<MemoryStore>(shelf), options);
    std::uint64_t seq = 0;
    const auto turns_until = [&](bool by_age) {
      return eventually([&] {
        BOOST_TEST((submit(*engine, now_report("a", ++seq)) == SubmitResult::stored));
        return shelf->maintained > 0 && shelf->removes_by_age == by_age;
      });
    };
    BOOST_TEST(turns_until(true));
    ahead = jump.count();
    BOOST_TEST(turns_until(false));
    passed = 25;
    BOOST_TEST(turns_until(true));
  }
}

BOOST_AUTO_TEST_CASE(a_hub_that_is_never_idle_forgets_what_is_too_old) {
  const test::TemporaryDirectory directory;
  constexpr std::uint64_t old_reports = 9'000;
  {
    const auto store = sqlite(directory);
    BOOST_REQUIRE(store->begin().has_value());
    for (std::uint64_t seq = 1; seq <= old_reports; ++seq) {
      const auto old = test::report("old", "b", seq, State::secure, wall_now() - std::chrono::hours{48});
      BOOST_REQUIRE(store->add_report(old).value());
    }
    BOOST_REQUIRE(store->commit().has_value());
  }
  EngineOptions options;
  options.keep_reports = std::chrono::hours{24};
  options.maintenance_pause = 50ms;
  auto engine = start(sqlite(directory), options);
  std::uint64_t seq = 0;
  const auto begun = mono_now();
  const auto is_gone = [&engine] {
    std::promise<bool> answer;
    auto gone = answer.get_future();
    const auto look = [&answer](StoreReader& reader) { answer.set_value(reader.reports({"old"}).value().items.empty()); };
    BOOST_REQUIRE(engine->query(look));
    return gone.get();
  };
  // On a busy machine the hub gets little done within a second.
  do {
    for (int i = 0; i < 20; ++i) BOOST_REQUIRE(submit(*engine, now_report("a", ++seq)) == SubmitResult::stored);
  } while (mono_now() - begun < 30s && !is_gone());
  engine.reset();
  const auto store = sqlite(directory);
  BOOST_REQUIRE(store->begin().has_value());
  BOOST_TEST(store->open_reader().value()->reports({"old"}).value().items.empty());
  BOOST_TEST(!store->add_report(now_report("a", seq)).value());
  store->rollback();
}

BOOST_AUTO_TEST_SUITE_END()

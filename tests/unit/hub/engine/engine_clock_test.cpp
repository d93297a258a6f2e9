// What the engine makes of clocks that are set, a machine that sleeps, and a disk that does not answer.
#include "tests/unit/hub/engine/engine_fixture.hpp"

BOOST_AUTO_TEST_SUITE(engine_clock)

using namespace vpn_sentinel;
using namespace test;

namespace {

/// An engine whose clocks can be moved on, and one client with a lease of a second.
struct Machine {
  std::shared_ptr<Shelf> shelf = std::make_shared<Shelf>();
  std::atomic<std::chrono::microseconds::rep> ahead{0};
  std::atomic<std::chrono::microseconds::rep> slept{0};
  Record record;

  std::unique_ptr<Engine> start() {
    EngineOptions options;
    options.now = [this] { return wall_now() + std::chrono::microseconds{ahead + slept}; };
    options.uptime = [this] { return uptime() + std::chrono::microseconds{slept}; };
    FleetPolicy policy;
    policy.lease_grace = 0ms;
    return test::start(std::make_unique<MemoryStore>(shelf), record.hooks(), policy, options);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_makes_nobody_silent_and_nobody_immortal) {
  for (const auto jump : {std::chrono::hours{5}, std::chrono::hours{-5}}) {
    const auto shelf = std::make_shared<Shelf>();
    Record record;
    std::atomic<std::chrono::microseconds::rep> ahead{0};
    EngineOptions options;
    options.now = [&ahead] { return wall_now() + std::chrono::microseconds{ahead.load()}; };
    FleetPolicy policy;
    policy.lease_grace = 0ms;
    const auto engine = start(std::make_unique<MemoryStore>(shelf), record.hooks(), policy, options);
    auto admitted = now_report("a", 1);
    admitted.report.lease_s = 2;
    const auto begun = mono_now();
    BOOST_TEST((submit(*engine, admitted) == SubmitResult::stored));
    ahead = std::chrono::microseconds{jump}.count();
    BOOST_REQUIRE(record.wait([](Record& seen) { return seen.changes_.size() == 2; }));
    const auto took = mono_now() - begun;
    BOOST_TEST((took >= 1900ms));
    BOOST_TEST((took < 5s));
  }
}

BOOST_AUTO_TEST_CASE(a_report_that_waited_while_the_clock_was_set_is_as_old_as_before) {
  for (const auto jump : {std::chrono::hours{5}, std::chrono::hours{-5}}) {
    Machine machine;
    const auto engine = machine.start();
    machine.ahead = std::chrono::microseconds{jump}.count();
    BOOST_TEST((submit(*engine, now_report("a", 1)) == SubmitResult::stored));  // stamped by the clock before
    const auto client = engine->client("a");
    BOOST_REQUIRE(client);
    const auto now = wall_now() + jump;
    BOOST_TEST((client->last_seen <= now));
    BOOST_TEST((client->last_seen >= now - 20s));
    const auto lease = std::chrono::seconds{client->last_report.lease_s.value()};
    BOOST_TEST((client->lease_deadline == client->last_seen + lease));
  }
}

BOOST_AUTO_TEST_CASE(after_the_machine_slept_an_old_colour_is_not_shown_and_nobody_is_blamed) {
  Machine machine;
  const auto engine = machine.start();
  BOOST_TEST((submit(*engine, now_report("a", 1)) == SubmitResult::stored));
  machine.slept = std::chrono::microseconds{8h}.count();
  BOOST_TEST((engine->client("a")->state == State::offline));
  std::this_thread::sleep_for(2500ms);  // two turns
  BOOST_TEST((engine->client("a")->state == State::offline));
  BOOST_TEST((machine.record.changes() == std::vector<std::string>{"connected"}));
  auto heard = now_report("a", 2);
  heard.received += 8h;
  BOOST_TEST((submit(*engine, heard) == SubmitResult::stored));
  BOOST_TEST((engine->client("a")->state == State::secure));
}

BOOST_AUTO_TEST_CASE(after_a_restart_an_old_colour_is_not_shown_and_nobody_is_blamed) {
  Machine machine;
  auto admitted = now_report("a", 1);
  admitted.received -= 1h;
  machine.shelf->content.clients["a"] = Fleet{{}}.preview(admitted).value();
  const auto engine = machine.start();
  BOOST_TEST((engine->client("a")->state == State::offline));
  BOOST_TEST((engine->clients().at(0)->state == State::offline));
  BOOST_TEST((submit(*engine, now_report("b", 1)) == SubmitResult::stored));
  BOOST_TEST((machine.record.changes() == std::vector<std::string>{"connected"}));
}

BOOST_AUTO_TEST_CASE(while_the_disk_does_not_answer_readers_see_who_is_overdue_and_that_the_engine_hangs) {
  Machine machine;
  const auto engine = machine.start();
  auto admitted = now_report("a", 1);
  admitted.report.lease_s = 1;
  BOOST_TEST((submit(*engine, admitted) == SubmitResult::stored));
  std::promise<void> release;
  auto released = release.get_future().share();
  BOOST_REQUIRE(engine->submit(now_report("b", 1), [released](SubmitResult) { released.wait(); }));
  BOOST_TEST(eventually([&] { return engine->client("a")->state == State::offline; }));
  BOOST_TEST((engine->clients().at(0)->state == State::offline));
  BOOST_TEST((engine->since_last_turn() >= 3s));
  BOOST_TEST((machine.record.changes() == std::vector<std::string>{"connected", "connected"}));
  release.set_value();
  BOOST_TEST(eventually([&] { return engine->since_last_turn() < 2s; }));
}

BOOST_AUTO_TEST_CASE(a_client_that_was_silent_for_longer_than_history_is_kept_is_known_no_longer) {
  const auto shelf = std::make_shared<Shelf>();
  Record record;
  auto stopped = now_report("gone", 1);
  stopped.received -= 24h * 31;
  stopped.report.timestamp = stopped.received;
  shelf->content.clients["gone"] = Fleet{{}}.preview(stopping(stopped)).value();
  EngineOptions options;
  options.maintenance_pause = 1ms;
  const auto engine = start(std::make_unique<MemoryStore>(shelf), record.hooks(), {}, options);
  BOOST_TEST(record.wait([](Record& seen) { return seen.removed_ == std::vector<std::string>{"gone"}; }));
  BOOST_TEST((engine->client("gone") == nullptr));
  BOOST_TEST(engine->clients().empty());
}

BOOST_AUTO_TEST_SUITE_END()

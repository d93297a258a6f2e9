// A hub that starts again and again: who is gone is said to be, and nobody else.
#include "tests/unit/hub/engine/engine_fixture.hpp"

BOOST_AUTO_TEST_SUITE(engine_restart)

using namespace vpn_sentinel;
using namespace test;

namespace {

/// Time goes on by steps only, and each step is a turn of the engine: "b" reports.
struct RestartLoop {
  std::shared_ptr<Shelf> shelf = std::make_shared<Shelf>();
  std::atomic<std::chrono::seconds::rep> seconds{0};
  WallTime begun = wall_now();
  Record record;
  std::uint64_t seq = 0;

  std::unique_ptr<Engine> load() {
    EngineOptions options;
    options.now = [this] { return begun + std::chrono::seconds{seconds}; };
    options.uptime = [this] { return std::chrono::microseconds{std::chrono::hours{1}} + std::chrono::seconds{seconds}; };
    auto engine = Engine::load(std::make_unique<MemoryStore>(shelf), {}, record.hooks(), options);
    BOOST_REQUIRE(engine.has_value());
    return std::move(*engine);
  }
  std::unique_ptr<Engine> start() {
    auto engine = load();
    engine->run();
    return engine;
  }
  void kill(std::unique_ptr<Engine> engine) {
    shelf->commit_fails = true;  // nothing more is written at its end
    engine.reset();
    shelf->commit_fails = false;
  }
  [[nodiscard]] Admitted heard(const std::string& client_id) {
    return test::report(client_id, "b", ++seq, State::secure, begun + std::chrono::seconds{seconds});
  }
  void listen(Engine& engine, int steps) {
    for (int step = 0; step < steps; ++step) {
      seconds += 4;
      submit(engine, heard("b"));
    }
  }
  [[nodiscard]] std::ptrdiff_t offline() { return std::ranges::count(record.changes(), "went_offline"); }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(who_never_comes_back_is_offline_after_some_short_runs_and_who_reports_in_each_is_not, RestartLoop) {
  {
    const auto engine = start();
    submit(*engine, heard("a"));
    listen(*engine, 1);
  }
  int runs = 0;
  for (; runs < 20 && offline() == 0; ++runs) {
    seconds += 7;
    const auto engine = start();
    listen(*engine, 5);
  }
  // 32 s of lease and 60 s of grace, in runs of 20 s.
  BOOST_TEST(runs == 5);
  BOOST_TEST(offline() == 1);
  seconds += 7;
  const auto engine = start();
  listen(*engine, 5);
  BOOST_TEST(offline() == 1);
  BOOST_TEST((engine->client("b")->state == State::secure));
}

BOOST_FIXTURE_TEST_CASE(a_hub_that_is_killed_again_and_again_blames_nobody_who_reports_to_it, RestartLoop) {
  {
    const auto engine = start();
    submit(*engine, heard("a"));
  }
  for (int run = 0; run < 12; ++run) {
    seconds += 30;
    auto engine = start();
    listen(*engine, 5);
    kill(std::move(engine));
  }
  BOOST_TEST(offline() == 1);
  const auto engine = start();
  BOOST_TEST((engine->client("b")->state == State::secure));
}

BOOST_FIXTURE_TEST_CASE(a_hub_that_can_store_no_report_blames_nobody_who_sends, RestartLoop) {
  const auto engine = start();
  submit(*engine, heard("a"));
  submit(*engine, heard("b"));
  shelf->report_fails = true;
  for (int step = 0; step < 40; ++step) {
    seconds += 4;
    BOOST_TEST((submit(*engine, heard("a")) != SubmitResult::stored));
    BOOST_TEST((submit(*engine, heard("b")) != SubmitResult::stored));
    BOOST_REQUIRE(eventually([&] { return engine->healthy(); }));  // all else can be stored
  }
  BOOST_TEST(offline() == 0);
}

BOOST_FIXTURE_TEST_CASE(the_time_that_a_hub_takes_to_start_is_no_silence, RestartLoop) {
  {
    const auto engine = start();
    submit(*engine, heard("a"));
  }
  for (int run = 0; run < 30; ++run) {
    const auto engine = load();
    seconds += 4;
    engine->run();
    submit(*engine, heard("b"));
  }
  BOOST_TEST(offline() == 0);
}

BOOST_FIXTURE_TEST_CASE(while_a_hub_ends_nobody_can_be_heard_and_nobody_is_silent, RestartLoop) {
  const auto engine = start();
  submit(*engine, heard("a"));
  engine->stop_listening();
  listen(*engine, 40);
  BOOST_TEST(offline() == 0);
}

BOOST_FIXTURE_TEST_CASE(who_was_stored_by_an_older_version_is_missed_too_when_the_hub_starts_again_and_again, RestartLoop) {
  {
    const auto engine = start();
    submit(*engine, heard("a"));
  }
  shelf->content.clients.at("a").heard_after.reset();
  int runs = 0;
  for (; runs < 20 && offline() == 0; ++runs) {
    seconds += 7;
    auto engine = start();
    listen(*engine, 5);
    kill(std::move(engine));
  }
  BOOST_TEST(offline() == 1);
}

BOOST_FIXTURE_TEST_CASE(the_first_report_of_a_run_is_kept_at_once_also_from_who_was_heard_last, RestartLoop) {
  {
    const auto engine = start();
    listen(*engine, 1);
  }
  const auto before = shelf->content.clients.at("b").heard_after;
  auto engine = start();
  listen(*engine, 1);
  kill(std::move(engine));
  BOOST_TEST((shelf->content.clients.at("b").heard_after > before));
}

BOOST_AUTO_TEST_SUITE_END()

#include "hub/engine/flow_engine.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/hub/make.hpp"

namespace vpn_sentinel::test {
namespace {

/// What outlives the store, and what goes wrong with it.
struct FlowShelf {
  std::atomic<bool> write_fails{false};
  std::atomic<int> written{0};
  std::atomic<int> failed{0};
  std::atomic<int> maintained{0};
  std::atomic<std::size_t> room{1'000'000};  ///< rows that may wait
  std::shared_future<void> pause{};          ///< add() waits for it; invalid: it does not
};

class NoFlows final : public FlowReader {
 public:
  Result<nlohmann::json> stats(const FlowQuery&) override { return nlohmann::json::object(); }
  Result<std::vector<FlowArc>> arcs(const FlowQuery&) override { return std::vector<FlowArc>(); }
  Result<Page> history(const FlowPageQuery&) override { return Page{}; }
  Result<std::optional<WallTime>> kept_since(Resolution) override { return std::nullopt; }
};

class FlowMemory final : public FlowStore {
 public:
  explicit FlowMemory(std::shared_ptr<FlowShelf> shelf) : shelf_(std::move(shelf)) {}
  Result<bool> add(const FlowBatch& batch, WallTime) override {
    if (shelf_->pause.valid()) shelf_->pause.wait();
    if (rows_ + batch.flows.size() > shelf_->room) return fail(Error::Kind::overrun, "too much waits");
    if (batch.seq <= seq_) return false;
    seq_ = batch.seq;
    rows_ += batch.flows.size();
    return true;
  }
  std::size_t waiting() const override { return rows_; }
  Result<void> write() override {
    if (shelf_->write_fails) {
      ++shelf_->failed;
      return fail(Error::Kind::no_space, "the disk is full");
    }
    shelf_->written += static_cast<int>(std::exchange(rows_, 0));
    return {};
  }
  Result<bool> maintain(const FlowRetention&) override {
    ++shelf_->maintained;
    return false;
  }
  Result<std::unique_ptr<FlowReader>> open_reader() override { return std::make_unique<NoFlows>(); }

 private:
  std::shared_ptr<FlowShelf> shelf_;
  std::uint64_t seq_ = 0;
  std::size_t rows_ = 0;
};

AdmittedFlows admitted(std::uint64_t seq, std::size_t rows = 3) {
  AdmittedFlows admitted;
  admitted.batch.client_id = "a";
  admitted.batch.seq = seq;
  admitted.batch.timestamp = admitted.received = wall_now();
  admitted.batch.interval_s = 10;
  admitted.batch.flows.resize(rows);
  admitted.batch.flows[0].open = 1;
  return admitted;
}

FlowResult submit(FlowEngine& engine, std::uint64_t seq) {
  std::promise<FlowResult> promise;
  BOOST_TEST_REQUIRE(engine.submit(admitted(seq), [&promise](FlowResult result) { promise.set_value(result); }));
  return promise.get_future().get();
}

struct RunningEngine {
  std::shared_ptr<FlowShelf> shelf = std::make_shared<FlowShelf>();
  std::vector<std::string> troubles;
  std::unique_ptr<FlowEngine> engine;

  void start(std::chrono::milliseconds write_pause, FlowEngineOptions options = {}) {
    options.write_pause = write_pause;
    options.on_trouble = [this](const std::string& problem) { troubles.push_back(problem); };
    engine = FlowEngine::start(std::make_unique<FlowMemory>(shelf), options).value();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(flow_engine, RunningEngine)

BOOST_AUTO_TEST_CASE(what_was_taken_is_active_at_once_and_written_at_the_end) {
  start(std::chrono::hours{1});
  BOOST_TEST((submit(*engine, 1) == FlowResult::taken));
  BOOST_TEST((submit(*engine, 1) == FlowResult::duplicate));
  BOOST_TEST(engine->active().all(wall_now()).size() == 1U);
  BOOST_TEST(engine->taken_rows() == 3U);
  BOOST_TEST(shelf->written == 0);
  engine.reset();
  BOOST_TEST(shelf->written == 3);
}

BOOST_AUTO_TEST_CASE(while_nothing_can_be_written_nothing_is_taken_and_that_is_told_once) {
  shelf->write_fails = true;
  start(std::chrono::milliseconds{1});
  while (engine->healthy()) std::this_thread::yield();
  BOOST_TEST((submit(*engine, 1) == FlowResult::disk_full));
  shelf->write_fails = false;
  engine.reset();  // tries once more
  BOOST_TEST_REQUIRE(troubles.size() == 2U);
  BOOST_TEST(troubles[0].find("the disk is full") != std::string::npos);
  BOOST_TEST(troubles[1] == "flows are written again");
}

BOOST_AUTO_TEST_CASE(what_waits_is_bounded_by_rows_and_texts_until_it_is_in_memory) {
  std::promise<void> go;
  shelf->pause = go.get_future().share();
  FlowEngineOptions options;
  options.queue_rows = 1'000;
  options.queue_texts = 10'000;
  start(std::chrono::hours{1}, options);
  const auto nothing = [](FlowResult) {};
  BOOST_TEST(engine->submit(admitted(1, 600), nothing));
  BOOST_TEST(!engine->submit(admitted(2, 600), nothing));
  BOOST_TEST(engine->submit(admitted(2, 10), nothing));
  auto wordy = admitted(3);
  wordy.batch.flows[0].program.assign(10'001, 'x');
  BOOST_TEST(!engine->submit(std::move(wordy), nothing));
  go.set_value();
  BOOST_TEST((submit(*engine, 3) == FlowResult::taken));
  BOOST_TEST(engine->submit(admitted(4, 600), nothing));
}

BOOST_AUTO_TEST_CASE(a_burst_is_written_while_it_is_taken) {
  std::promise<void> go;
  shelf->pause = go.get_future().share();
  shelf->room = 60'000;
  start(std::chrono::hours{1});
  std::vector<std::future<FlowResult>> results;
  for (std::uint64_t seq = 1; seq <= 150; ++seq) {
    const auto promise = std::make_shared<std::promise<FlowResult>>();
    results.push_back(promise->get_future());
    BOOST_TEST_REQUIRE(engine->submit(admitted(seq, 1'000), [promise](FlowResult result) { promise->set_value(result); }));
  }
  go.set_value();
  for (auto& result : results) BOOST_TEST((result.get() == FlowResult::taken));
  BOOST_TEST(shelf->written >= 100'000);
}

BOOST_AUTO_TEST_CASE(too_much_at_once_is_not_called_a_disk_that_fails) {
  shelf->room = 0;
  start(std::chrono::hours{1});
  BOOST_TEST((submit(*engine, 1) == FlowResult::too_many));
  BOOST_TEST(engine->healthy());
}

BOOST_AUTO_TEST_CASE(questions_are_answered_on_a_thread_of_their_own) {
  start(std::chrono::milliseconds{1});
  std::promise<std::thread::id> answered;
  BOOST_TEST(engine->query([&answered](FlowReader&) { answered.set_value(std::this_thread::get_id()); }));
  BOOST_TEST((answered.get_future().get() != std::this_thread::get_id()));
  while (shelf->maintained == 0) std::this_thread::yield();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace vpn_sentinel::test

/// An engine with a store of choice, and what its hooks were told.
#pragma once

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "hub/engine/engine.hpp"
#include "tests/unit/hub/engine/compose_desk.hpp"
#include "tests/unit/hub/engine/memory_store.hpp"
#include "tests/unit/hub/make.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

namespace vpn_sentinel::test {

using namespace std::chrono_literals;

/// What the hooks were told, for any thread.
class Record {
 public:
  EngineHooks hooks() {
    EngineHooks hooks;
    hooks.desk = std::make_shared<ComposeDesk>([](const Change& change) -> std::vector<StoredAlert> {
      return {{0, "telegram", std::string(to_string(change.kind)), change.noticed, 0}};
    });
    hooks.on_committed = [this](const auto& changes, const auto&) {
      note([&] {
        for (const auto& change : changes) changes_.push_back(std::string(to_string(change.kind)));
      });
    };
    hooks.on_alerts = [this](const std::vector<StoredAlert>& alerts) {
      note([&] { alerts_.insert(alerts_.end(), alerts.begin(), alerts.end()); });
    };
    hooks.on_removed = [this](const std::vector<std::string>& client_ids) { note([&] { removed_ = client_ids; }); };
    hooks.on_store_trouble = [this](const std::string& problem) { note([&] { troubles_.push_back(problem); }); };
    return hooks;
  }

  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return told_.wait_for(lock, 10s, [&] { return condition(*this); });
  }

  std::vector<std::string> changes() { return copy(changes_); }
  std::vector<std::string> troubles() { return copy(troubles_); }
  std::vector<StoredAlert> alerts() { return copy(alerts_); }

  // For conditions of wait(): the lock is held.
  std::vector<std::string> changes_;
  std::vector<std::string> troubles_;
  std::vector<StoredAlert> alerts_;
  std::vector<std::string> removed_;

 private:
  void note(const std::function<void()>& add) {
    {
      const std::lock_guard lock(mutex_);
      add();
    }
    told_.notify_all();
  }
  template <typename T>
  T copy(const T& list) {
    const std::lock_guard lock(mutex_);
    return list;
  }

  std::mutex mutex_;
  std::condition_variable told_;
};

inline std::unique_ptr<Engine> start(std::unique_ptr<Store> store, EngineHooks hooks, FleetPolicy policy = {}, EngineOptions options = {}) {
  auto engine = Engine::start(std::move(store), policy, std::move(hooks), std::move(options));
  BOOST_REQUIRE_MESSAGE(engine.has_value(), (engine ? "" : engine.error().message));
  return std::move(*engine);
}

inline Admitted now_report(const std::string& client_id, std::uint64_t seq, State state = State::secure) {
  return test::report(client_id, "b", seq, state, wall_now());
}

inline SubmitResult submit(Engine& engine, Admitted admitted) {
  std::promise<SubmitResult> answer;
  auto result = answer.get_future();
  BOOST_REQUIRE(engine.submit(std::move(admitted), [&answer](SubmitResult stored) { answer.set_value(stored); }));
  return result.get();
}

inline std::unique_ptr<Store> sqlite(const test::TemporaryDirectory& directory) {
  auto store = open_sqlite_store(directory.file("hub.db"));
  BOOST_REQUIRE_MESSAGE(store.has_value(), (store ? "" : store.error().message));
  return std::move(*store);
}

inline bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(10ms);
  return condition();
}

}  // namespace vpn_sentinel::test

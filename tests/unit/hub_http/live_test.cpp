#include <boost/test/unit_test.hpp>
#include <thread>

#include "fake_engine.hpp"
#include "hub/live/broker.hpp"
#include "hub/live/feed.hpp"

namespace vpn_sentinel {
namespace {

using Text = std::shared_ptr<const std::string>;

/// Keeps what it hears; from any thread.
struct Listener {
  std::mutex mutex;
  std::vector<nlohmann::json> heard;

  Broker::Sink sink() {
    return [this](const Text& text) {
      const std::lock_guard lock(mutex);
      heard.push_back(nlohmann::json::parse(*text));
    };
  }
  std::vector<std::string> types() {
    std::vector<std::string> all;
    for (const auto& message : heard) all.push_back(message["type"]);
    return all;
  }
};

/// A state whose order can be seen: first_seen counts up.
std::shared_ptr<const ClientState> numbered(const std::string& id, int number) {
  auto client = client_of(id, State::secure);
  client.first_seen = WallTime{std::chrono::seconds{number}};
  client.lease_deadline = wall_now() + std::chrono::hours{1};
  return std::make_shared<const ClientState>(std::move(client));
}

int number_of(const nlohmann::json& client) {
  return static_cast<int>(parse_rfc3339(client["first_seen"].get<std::string>()).value().time_since_epoch() / std::chrono::seconds{1});
}

Change change_to(const ClientState& client) {
  Change change;
  change.client_id = client.client_id;
  change.client = client;
  change.to = client.state;
  return change;
}

struct Live {
  std::unique_ptr<Broker> broker = Broker::make();
  LiveFeed feed{*broker};
  Listener listener;
};

using Types = std::vector<std::string>;

BOOST_FIXTURE_TEST_SUITE(live, Live)

BOOST_AUTO_TEST_CASE(every_subscriber_hears_every_message_until_it_leaves) {
  int first = 0;
  int second = 0;
  auto a = broker->subscribe([&](const Text&) { ++first; });
  const auto b = broker->subscribe([&](const Text&) { ++second; });
  broker->publish(std::make_shared<const std::string>("{}"));
  a.reset();
  broker->publish(std::make_shared<const std::string>("{}"));
  BOOST_TEST(first == 1);
  BOOST_TEST(second == 2);
  BOOST_TEST(broker->subscribers() == 1U);
}

BOOST_AUTO_TEST_CASE(a_listener_hears_the_snapshot_first_and_then_changes_at_once) {
  feed.restore({numbered("a", 1)});
  const auto subscription = feed.join(listener.sink(), wall_now());
  const auto changed = numbered("a", 2);
  feed.committed({change_to(*changed)}, {changed});
  BOOST_TEST((listener.types() == Types{"snapshot", "change"}));
  BOOST_TEST(number_of(listener.heard[0]["clients"][0]) == 1);
  BOOST_TEST(number_of(listener.heard[1]["client"]) == 2);
  BOOST_TEST(feed.flush(wall_now()) == 0U);  // the change said it all
}

BOOST_AUTO_TEST_CASE(reports_without_change_are_gathered_and_only_the_latest_is_told) {
  const auto subscription = feed.join(listener.sink(), wall_now());
  for (int i = 1; i <= 5; ++i) feed.committed({}, {numbered("a", i), numbered("b", i)});
  BOOST_TEST(listener.heard.size() == 1U);
  BOOST_TEST(feed.flush(wall_now()) == 2U);
  BOOST_TEST((listener.types() == Types{"snapshot", "client", "client"}));
  BOOST_TEST(number_of(listener.heard[1]["client"]) == 5);
}

BOOST_AUTO_TEST_CASE(a_report_that_was_gathered_before_a_change_never_comes_after_it) {
  const auto subscription = feed.join(listener.sink(), wall_now());
  feed.committed({}, {numbered("a", 1)});
  const auto changed = numbered("a", 2);
  feed.committed({change_to(*changed)}, {changed});
  BOOST_TEST(feed.flush(wall_now()) == 0U);
  BOOST_TEST((listener.types() == Types{"snapshot", "change"}));
}

BOOST_AUTO_TEST_CASE(what_was_gathered_for_a_listener_that_left_is_never_told_to_the_next_one) {
  auto subscription = feed.join(listener.sink(), wall_now());
  feed.committed({}, {numbered("a", 1)});
  subscription.reset();
  const auto changed = numbered("a", 2);
  feed.committed({change_to(*changed)}, {changed});
  Listener next;
  const auto joined = feed.join(next.sink(), wall_now());
  BOOST_TEST(number_of(next.heard.at(0)["clients"][0]) == 2);
  BOOST_TEST(feed.flush(wall_now()) == 0U);
  BOOST_TEST(next.heard.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_listener_that_joins_between_two_flushes_hears_only_states_as_new_as_its_snapshot) {
  auto subscription = feed.join(listener.sink(), wall_now());
  feed.committed({}, {numbered("a", 1)});
  subscription.reset();
  Listener next;
  const auto joined = feed.join(next.sink(), wall_now());
  feed.committed({}, {numbered("a", 2)});
  feed.flush(wall_now());
  BOOST_TEST((next.types() == Types{"snapshot", "client"}));
  BOOST_TEST(number_of(next.heard.at(1)["client"]) == 2);
}

BOOST_AUTO_TEST_CASE(a_change_that_was_followed_by_a_report_in_the_same_commit_is_followed_by_its_state) {
  const auto subscription = feed.join(listener.sink(), wall_now());
  feed.committed({change_to(*numbered("a", 1))}, {numbered("a", 2)});
  BOOST_TEST(feed.flush(wall_now()) == 1U);
  BOOST_TEST((listener.types() == Types{"snapshot", "change", "client"}));
  BOOST_TEST(number_of(listener.heard[2]["client"]) == 2);
}

BOOST_AUTO_TEST_CASE(what_was_committed_before_restore_is_newer_and_stays) {
  feed.committed({}, {numbered("a", 2)});
  feed.restore({numbered("a", 1), numbered("b", 1)});
  const auto subscription = feed.join(listener.sink(), wall_now());
  BOOST_TEST(number_of(listener.heard.at(0)["clients"][0]) == 2);
  BOOST_TEST(listener.heard[0]["clients"].size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_snapshot_shows_no_old_colour_even_when_nobody_judged_the_silence) {
  auto client = client_of("a", State::secure);
  client.lease_deadline = wall_now() - std::chrono::seconds{10};
  feed.restore({std::make_shared<const ClientState>(client)});
  const auto subscription = feed.join(listener.sink(), wall_now());
  BOOST_TEST(listener.heard.at(0)["clients"][0]["state"] == "offline");
}

BOOST_AUTO_TEST_CASE(a_client_that_was_removed_is_told_once_and_is_in_no_snapshot) {
  feed.restore({numbered("a", 1), numbered("b", 1)});
  const auto subscription = feed.join(listener.sink(), wall_now());
  feed.committed({}, {numbered("a", 2)});
  feed.removed({"a"}, parse_rfc3339("2026-11-21T10:00:00Z").value());
  BOOST_TEST(feed.flush(wall_now()) == 0U);
  BOOST_TEST((listener.types() == Types{"snapshot", "removed"}));
  BOOST_TEST(listener.heard[1]["client_id"] == "a");
  BOOST_TEST(listener.heard[1]["server_time"] == "2026-11-21T10:00:00.000000Z");
  Listener next;
  const auto joined = feed.join(next.sink(), wall_now());
  BOOST_TEST(next.heard.at(0)["clients"].size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_heartbeat_carries_the_time_of_the_hub) {
  feed.heartbeat(wall_now());
  const auto subscription = feed.join(listener.sink(), wall_now());
  feed.heartbeat(parse_rfc3339("2026-11-21T10:00:00Z").value());
  BOOST_TEST(listener.heard.at(1)["server_time"] == "2026-11-21T10:00:00.000000Z");
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_and_nobody_goes_back_in_time_while_listeners_join_under_load) {
  constexpr int last = 3000;
  std::vector<std::shared_ptr<const ClientState>> many;
  for (int i = 0; i < 200; ++i) many.push_back(numbered("filler-" + std::to_string(i), 0));
  feed.restore(many);
  std::thread engine([&] {
    for (int i = 1; i <= last; ++i) {
      const auto state = numbered("a", i);
      feed.committed(i % 3 == 0 ? std::vector<Change>{change_to(*state)} : std::vector<Change>{}, {state});
    }
  });
  std::atomic<bool> done{false};
  std::thread flusher([&] {
    while (!done) feed.flush(wall_now());
  });
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::unique_ptr<Broker::Subscription>> subscriptions;
  for (int i = 0; i < 10; ++i) {
    listeners.push_back(std::make_unique<Listener>());
    subscriptions.push_back(feed.join(listeners.back()->sink(), wall_now()));
  }
  engine.join();
  done = true;
  flusher.join();
  feed.flush(wall_now());
  for (const auto& each : listeners) {
    int number = -1;
    bool backwards = false;
    BOOST_TEST(each->heard.at(0)["type"] == "snapshot");
    for (const auto& message : each->heard) {
      nlohmann::json client = message.value("client", nlohmann::json());
      if (message["type"] == "snapshot" && message["clients"][0]["client_id"] == "a") client = message["clients"][0];
      if (client.is_null()) continue;
      backwards = backwards || number_of(client) < number;
      number = number_of(client);
    }
    BOOST_TEST(!backwards);
    BOOST_TEST(number == last);
  }
}

BOOST_AUTO_TEST_CASE(a_subscription_that_ended_is_never_called_again) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<bool> ended{false};
    std::atomic<bool> late{false};
    std::atomic<bool> stop{false};
    auto subscription = broker->subscribe([&](const Text&) {
      if (ended) late = true;
    });
    std::thread publisher([&] {
      while (!stop) broker->publish(std::make_shared<const std::string>("{}"));
    });
    std::this_thread::yield();
    subscription.reset();
    ended = true;
    stop = true;
    publisher.join();
    BOOST_TEST(!late);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

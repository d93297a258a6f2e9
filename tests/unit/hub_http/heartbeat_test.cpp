#include "hub/app/heartbeat.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "hook_server.hpp"
#include "hub/store/sqlite.hpp"
#include "hub_fixture.hpp"
#include "netns/daemon/log.hpp"
#include "raw_client.hpp"
#include "tests/unit/netns_clients/http_server.hpp"

BOOST_AUTO_TEST_SUITE(heartbeat)

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

struct Watcher {
  boost::asio::io_context io;
  std::atomic<bool> takes{true};
  test::HttpServer server{io, [this](const std::string&) { return test::http_reply("", takes ? "200 OK" : "404 Not Found"); }};
  std::atomic<bool> works{true};
  std::atomic<int> asked{0};  ///< while it does not work
  Heartbeat::Options options{server.url("/beat"), 20ms, "", 20ms};

  Watcher() { init_log(LogLevel::error); }

  [[nodiscard]] bool asks() {
    if (!works) ++asked;
    return works;
  }
  void until(const char* what, const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      BOOST_REQUIRE_MESSAGE(std::chrono::steady_clock::now() < end, what);
      io.run_one_for(5ms);
    }
  }
  /// Also those that were sent and nobody has read yet.
  [[nodiscard]] std::size_t beats() {
    while (io.poll() > 0) {
    }
    return server.requests().size();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(it_beats_as_long_as_the_hub_works_and_not_while_it_does_not, Watcher) {
  Heartbeat heart(options, [this] { return asks(); });
  until("beats", [&] { return beats() >= 3; });
  BOOST_TEST(server.requests().front().starts_with("GET /beat HTTP/1.1\r\n"));
  works = false;
  // When it is asked again, no beat is on its way any more.
  until("it is asked", [&] { return asked >= 1; });
  const auto before = beats();
  until("it is asked again", [&] { return asked >= 6; });
  BOOST_TEST(beats() == before);
  works = true;
  until("it beats again", [&] { return beats() > before; });
}

BOOST_FIXTURE_TEST_CASE(a_beat_that_is_not_taken_is_told_and_tried_again, Watcher) {
  takes = false;
  Heartbeat heart(options, [this] { return asks(); });
  until("it fails", [&] { return heart.is_failing(); });
  takes = true;
  until("it is taken", [&] { return !heart.is_failing(); });
}

BOOST_FIXTURE_TEST_CASE(a_server_that_never_answers_is_told_and_asked_again, Watcher) {
  std::atomic<bool> answers{false};
  test::HttpServer slow{io, [&](const std::string&) { return answers ? test::http_reply("") : std::string(); }};
  options.url = slow.url("/beat");
  Heartbeat heart(options, [this] { return asks(); });
  until("it fails", [&] { return heart.is_failing(); });
  answers = true;
  until("it is taken", [&] { return !heart.is_failing(); });
}

BOOST_FIXTURE_TEST_CASE(what_was_lost_on_the_way_is_made_up_for_long_before_the_next_beat, Watcher) {
  takes = false;
  options.interval = 1h;
  options.most_retry = 20ms;
  Heartbeat heart(options, [this] { return asks(); });
  until("it fails", [&] { return heart.is_failing(); });
  takes = true;
  until("it is taken", [&] { return !heart.is_failing(); });
}

BOOST_FIXTURE_TEST_CASE(a_hub_whose_store_takes_nothing_falls_silent_until_it_does_again, HubFolder) {
  HookServer watcher;
  auto beating = config();
  beating.heartbeat_url = watcher.url("/beat");
  beating.heartbeat_interval = 50ms;
  const Hub hub(beating);
  static_cast<void>(watcher.wait("GET /beat", 2));
  RawClient probe(endpoint_of(hub, "api"));
  const std::string report =
      R"({"client_id":"office","public_ip":"198.51.100.2","location":{"country":"RO"},"dns_test":{"location":"RO","colo":"OTP"}})";
  probe.send(post(report));
  BOOST_TEST(status_of(probe.read_reply()) == 200);
  auto locker = Database::open(beating.data_dir + "/hub.db");
  BOOST_REQUIRE(locker.has_value());
  BOOST_REQUIRE(locker->execute("BEGIN IMMEDIATE").has_value());
  probe.send(post(report));
  BOOST_TEST(status_of(probe.read_reply()) == 503);
  // The last one may still be on its way.
  auto last = watcher.count("GET /beat");
  for (auto before = last - 1; before != last; last = watcher.count("GET /beat")) {
    before = last;
    std::this_thread::sleep_for(1s);
  }
  std::this_thread::sleep_for(1s);  // twenty pauses: nothing can be awaited that must not come
  BOOST_TEST(watcher.count("GET /beat") == last);
  BOOST_REQUIRE(locker->execute("ROLLBACK").has_value());
  static_cast<void>(watcher.wait("GET /beat", last + 2));
}

BOOST_FIXTURE_TEST_CASE(a_running_hub_takes_another_address_and_none, HubFolder) {
  HookServer watcher;
  auto beating = config();
  beating.heartbeat_interval = 50ms;
  beating.heartbeat_url = watcher.url("/one");
  Hub hub(beating);
  static_cast<void>(watcher.wait("GET /one", 1));
  beating.heartbeat_url = watcher.url("/two");
  hub.apply_heartbeat(beating);
  static_cast<void>(watcher.wait("GET /two", 2));  // the last of /one has been read meanwhile
  const auto before = watcher.count("GET /one");
  static_cast<void>(watcher.wait("GET /two", 6));
  BOOST_TEST(watcher.count("GET /one") == before);
  beating.heartbeat_url.clear();
  hub.apply_heartbeat(beating);
  beating.heartbeat_url = watcher.url("/three");
  hub.apply_heartbeat(beating);
  static_cast<void>(watcher.wait("GET /three", 2));
}

BOOST_AUTO_TEST_SUITE_END()

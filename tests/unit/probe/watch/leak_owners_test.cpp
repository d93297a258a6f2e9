#include "probe/watch/leak_owners.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>
#include <future>

#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

/// A leak that nobody but a slow kernel can be asked about.
struct Asked {
  Asked() {
    target.client_id = "leaking";
    target.meter.on = true;
    target.connections.mode = ConnectionsMode::sock_diag;
  }
  ~Asked() { answer.set_value(); }

  void attach() {
    owners.attach([waits = answer.get_future().share()](int, int, int) -> Result<Fd> {
      waits.wait();
      return fail(Error::Kind::failed, "the kernel says nothing");
    });
  }
  void answer_now() {
    answer.set_value();
    answer = {};
    BOOST_TEST_REQUIRE(test::run_until(io, [this] { return news > 0; }));
  }
  /// The leak as it is told after a look.
  std::optional<OutsideTraffic> told(std::uint64_t packets = 1) {
    Observation seen;
    seen.packets.emplace();
    if (packets > 0) {
      seen.packets->leak.emplace();
      seen.packets->leak->v4 = {packets, 60 * packets};
      seen.packets->leak->destinations = {{IpAddress::parse("203.0.113.7").value(), IPPROTO_TCP, 443, 1000, {packets, 60 * packets}}};
      seen.packets->leak_since = wall_now();
    }
    owners.follow(seen, Snapshot{});
    unattributed = seen.packets->unattributed;
    BOOST_TEST(seen.packets->leak.has_value() == seen.packets->leak_since.has_value());
    return seen.packets->leak;
  }

  std::promise<void> answer;
  boost::asio::io_context io{1};
  TargetPolicy target;
  int news = 0;
  std::vector<UnattributedTraffic> unattributed;
  LeakOwners owners{io, target, [this] { ++news; }};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(leak_owners, Asked)

BOOST_AUTO_TEST_CASE(the_first_word_of_a_leak_waits_until_it_is_known_who_sends) {
  attach();
  BOOST_TEST(!told().has_value());
  BOOST_TEST(owners.pending());
  answer_now();
  BOOST_TEST(told().has_value());
  BOOST_TEST_REQUIRE(unattributed.size() == 1U);
  BOOST_TEST(unattributed[0].why == "who sends it could not be asked: the kernel says nothing");
}

BOOST_AUTO_TEST_CASE(it_does_not_wait_longer_than_a_tenth_of_a_second) {
  attach();
  const auto began = mono_now();
  BOOST_TEST(!told().has_value());
  BOOST_TEST_REQUIRE(test::run_until(io, [this] { return news > 0; }));
  BOOST_TEST((mono_now() - began >= LeakOwners::patience));
  BOOST_TEST(told().has_value());
  BOOST_TEST(unattributed.empty());
}

BOOST_AUTO_TEST_CASE(what_closes_a_kill_switch_never_waits) {
  target.kill_switch.mode = KillSwitchMode::on_danger;
  attach();
  BOOST_TEST(told().has_value());
  BOOST_TEST(owners.pending());
}

BOOST_AUTO_TEST_CASE(what_has_been_told_is_not_taken_back_and_the_next_leak_waits_anew) {
  attach();
  BOOST_TEST(!told().has_value());
  answer_now();
  BOOST_TEST(told().has_value());
  BOOST_TEST(told(2).has_value());
  BOOST_TEST(!told(0).has_value());
  attach();
  BOOST_TEST(!told().has_value());
}

BOOST_AUTO_TEST_CASE(where_nobody_is_asked_nothing_waits) {
  target.connections.mode = ConnectionsMode::off;
  attach();
  BOOST_TEST(told().has_value());
  BOOST_TEST(!owners.pending());
}

BOOST_AUTO_TEST_SUITE_END()

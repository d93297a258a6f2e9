// A thousand probes after an outage of the hub: they must not all be there in the same second.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <random>

#include "netns/base/backoff.hpp"
#include "probe/delivery/lane.hpp"

using namespace vpn_sentinel;
using std::chrono::milliseconds;

namespace {

constexpr int probes = 1000;

/// All fail for the first time at 0, as when the network goes. How many come in the busiest second after `outage`, and how long it takes
/// until all have come.
struct Return {
  int busiest = 0;
  std::chrono::seconds last{};
};
Return return_after(milliseconds outage) {
  std::mt19937 engine(7);
  std::uniform_real_distribution<double> random(0, 1);
  std::map<std::chrono::seconds, int> arrivals;
  for (int probe = 0; probe < probes; ++probe) {
    Backoff backoff{milliseconds{500}, std::chrono::seconds{30}};
    milliseconds at{0};
    while (at < outage) at += backoff.next(random(engine));
    ++arrivals[std::chrono::floor<std::chrono::seconds>(at - outage)];
  }
  Return result;
  for (const auto& [second, count] : arrivals) result.busiest = std::max(result.busiest, count);
  result.last = arrivals.rbegin()->first;
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(spread)

BOOST_AUTO_TEST_CASE(a_thousand_probes_come_back_over_half_a_minute) {
  for (const auto outage : {std::chrono::seconds{60}, std::chrono::seconds{600}, std::chrono::seconds{3600}}) {
    const auto back = return_after(outage);
    BOOST_TEST_MESSAGE("after " << outage.count() << " s: " << back.busiest << " in the busiest second, the last after "
                                << back.last.count());
    BOOST_TEST(back.busiest < 100, outage.count() << " s: " << back.busiest);
    BOOST_TEST((back.last <= std::chrono::seconds{30}));
  }
}

BOOST_AUTO_TEST_CASE(after_a_short_outage_they_come_back_over_about_as_long_as_it_was) {
  const auto back = return_after(std::chrono::seconds{10});
  BOOST_TEST_MESSAGE(back.busiest << " in the busiest second");
  BOOST_TEST(back.busiest < 300, back.busiest);
}

BOOST_AUTO_TEST_CASE(a_thousand_that_were_told_to_wait_a_minute_come_over_half_a_minute) {
  std::map<long, int> arrivals;
  std::mt19937 engine(7);
  std::uniform_real_distribution<double> random(0, 1);
  for (int probe = 0; probe < probes; ++probe) {
    const auto spread = Lane::spread_of(std::chrono::seconds{60}, random(engine));
    BOOST_TEST((spread >= milliseconds{0} && spread < std::chrono::seconds{30}));
    ++arrivals[spread / std::chrono::seconds{1}];
  }
  for (const auto& [second, count] : arrivals) BOOST_TEST(count < 70, second << ": " << count);
  BOOST_TEST((Lane::spread_of(milliseconds{0}, 0.999) < milliseconds{500}));
  BOOST_TEST((Lane::spread_of(std::chrono::seconds{5}, 0.999) > std::chrono::seconds{4}));
}

BOOST_AUTO_TEST_SUITE_END()

#include "hub/state/twin.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using enum State;

namespace {

bool has(const ClientState& client, std::string_view code) {
  return std::ranges::find(client.findings, code, &Finding::code) != client.findings.end();
}

Admitted from(Admitted admitted, std::string address) {
  admitted.source_address = std::move(address);
  return admitted;
}

struct Watch {
  Fleet fleet{FleetPolicy{}};
  const ClientState& take(const Admitted& admitted) {
    (void)fleet.apply(admitted);
    return *fleet.find("vpn");
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(twin)

BOOST_AUTO_TEST_CASE(a_restart_is_no_twin) {
  Watch watch;
  (void)watch.take(report("vpn", "a", 1, secure, at(0)));
  (void)watch.take(report("vpn", "b", 1, secure, at(5)));
  BOOST_TEST(!has(watch.take(report("vpn", "b", 2, secure, at(6))), "duplicate_client_id"));
  BOOST_TEST((watch.take(report("vpn", "c", 1, secure, at(9))).state == secure));
}

BOOST_AUTO_TEST_CASE(two_probes_that_take_turns_are_told_with_both_addresses) {
  Watch watch;
  (void)watch.take(from(report("vpn", "a", 1, secure, at(0)), "192.0.2.7"));
  (void)watch.take(from(report("vpn", "b", 1, secure, at(5)), "192.0.2.8"));
  const auto& both = watch.take(from(report("vpn", "a", 2, secure, at(6)), "192.0.2.7"));
  BOOST_TEST((both.state == warning));
  BOOST_TEST_REQUIRE(has(both, "duplicate_client_id"));
  BOOST_TEST((both.findings.back().evidence["addresses"] == nlohmann::json::array({"192.0.2.7", "192.0.2.8"})));
  BOOST_TEST((both.findings.back().since == at(6)));
}

BOOST_AUTO_TEST_CASE(the_green_of_one_never_hides_the_red_of_the_other) {
  Watch watch;
  (void)watch.take(report("vpn", "a", 1, secure, at(0)));
  (void)watch.take(report("vpn", "b", 1, danger, at(5)));
  const auto& both = watch.take(report("vpn", "a", 2, secure, at(6)));
  BOOST_TEST((both.state == danger));
  BOOST_TEST(has(both, "default_route_outside"));
  BOOST_TEST((watch.take(report("vpn", "a", 3, secure, at(7))).state == danger));
  BOOST_TEST((watch.take(report("vpn", "b", 2, danger, at(8))).state == danger));
  BOOST_TEST((watch.take(report("vpn", "a", 4, secure, at(9))).state == danger));
}

BOOST_AUTO_TEST_CASE(what_one_saw_counts_while_its_lease_lasts) {
  Watch watch;
  (void)watch.take(report("vpn", "a", 1, secure, at(0)));
  (void)watch.take(report("vpn", "b", 1, danger, at(5)));
  (void)watch.take(report("vpn", "a", 2, secure, at(6)));
  const auto& later = watch.take(report("vpn", "a", 3, secure, at(60)));
  BOOST_TEST((later.state == warning));
  BOOST_TEST(!has(later, "default_route_outside"));
  BOOST_TEST(has(later, "duplicate_client_id"));
}

BOOST_AUTO_TEST_CASE(ten_minutes_after_one_of_them_was_taken_away_it_is_over) {
  Watch watch;
  (void)watch.take(report("vpn", "a", 1, secure, at(0)));
  (void)watch.take(report("vpn", "b", 1, secure, at(5)));
  (void)watch.take(report("vpn", "a", 2, secure, at(6)));
  BOOST_TEST((watch.take(report("vpn", "a", 3, secure, at(600))).state == warning));
  BOOST_TEST((watch.take(report("vpn", "a", 4, secure, at(607))).state == secure));
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

Admitted skewed(WallTime when, std::chrono::seconds skew, std::uint64_t seq = 1) {
  auto admitted = report("vpn", "a", seq, secure, when);
  admitted.clock_skew = skew;
  return admitted;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(clock_skew)

using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(a_large_difference_is_told_and_is_no_danger) {
  Watch watch;
  const auto& client = watch.take(skewed(at(0), -90s));
  BOOST_TEST((client.state == secure));
  BOOST_TEST_REQUIRE(has(client, "clock_skewed"));
  BOOST_TEST(client.findings[0].evidence["probe_behind_hub_s"] == -90);
}

BOOST_AUTO_TEST_CASE(the_way_of_one_slow_report_is_no_skew) {
  Watch watch;
  (void)watch.take(skewed(at(0), 1s));
  const auto& client = watch.take(skewed(at(10), 45s, 2));
  BOOST_TEST(!has(client, "clock_skewed"));
  BOOST_TEST((client.clock_skew == 1s));
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_set_shows_after_ten_minutes) {
  Watch watch;
  (void)watch.take(skewed(at(0), 1s));
  const auto& client = watch.take(skewed(at(600), 45s, 2));
  BOOST_TEST(has(client, "clock_skewed"));
  const auto& corrected = watch.take(skewed(at(610), 0s, 3));
  BOOST_TEST(!has(corrected, "clock_skewed"));
}

BOOST_AUTO_TEST_CASE(a_report_that_names_no_time_of_sending_tells_nothing) {
  Watch watch;
  BOOST_TEST(!watch.take(report("vpn", "a", 1, secure, at(0))).clock_skew.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

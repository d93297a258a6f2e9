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

BOOST_AUTO_TEST_CASE(of_three_probes_the_danger_of_one_is_never_hidden) {
  Watch watch;
  (void)watch.take(report("vpn", "a", 1, danger, at(0)));
  (void)watch.take(report("vpn", "b", 1, secure, at(1)));
  (void)watch.take(report("vpn", "c", 1, secure, at(2)));
  for (std::uint64_t round = 2; round < 5; ++round) {
    const auto now = static_cast<double>(round) * 10;
    BOOST_TEST((watch.take(report("vpn", "a", round, danger, at(now))).state == danger));
    BOOST_TEST((watch.take(report("vpn", "b", round, secure, at(now + 1))).state == danger));
    BOOST_TEST((watch.take(report("vpn", "c", round, secure, at(now + 2))).state == danger));
    BOOST_TEST(watch.fleet.find("vpn")->findings.back().evidence["boots"].size() == 3U);
  }
}

BOOST_AUTO_TEST_CASE(as_many_as_are_remembered_take_turns) {
  Watch watch;
  for (std::uint64_t round = 1; round < 4; ++round) {
    for (int probe = 0; probe < 9; ++probe) {
      const auto now = at(static_cast<double>(round) * 10 + probe);
      (void)watch.take(report("vpn", "boot-" + std::to_string(probe), round, secure, now));
      BOOST_TEST(watch.fleet.find("vpn")->twins.size() <= most_twins);
    }
  }
}

BOOST_AUTO_TEST_CASE(who_stops_takes_nothing_away_from_what_the_other_sees) {
  Watch watch;
  (void)watch.take(report("vpn", "a", 1, danger, at(0)));
  (void)watch.take(report("vpn", "b", 1, secure, at(5)));
  (void)watch.take(report("vpn", "a", 2, danger, at(6)));
  auto stop = report("vpn", "b", 2, secure, at(7));
  stop.report.trigger = "stop";
  const auto& left = watch.take(stop);
  BOOST_TEST((left.state == danger));
  BOOST_TEST(has(left, "default_route_outside"));
  BOOST_TEST(!has(left, "probe_stopped"));
  BOOST_TEST(!has(left, "duplicate_client_id"));
  BOOST_TEST((left.lease_deadline > at(30)));
  const auto& alone = watch.take(report("vpn", "a", 3, danger, at(8)));
  BOOST_TEST(!has(alone, "duplicate_client_id"));
  stop = report("vpn", "a", 4, danger, at(9));
  stop.report.trigger = "stop";
  BOOST_TEST((watch.take(stop).state == offline));
}

BOOST_AUTO_TEST_CASE(who_stops_beside_one_that_is_silent_is_offline) {
  Watch watch;
  (void)watch.take(report("vpn", "a", 1, danger, at(0)));
  (void)watch.take(report("vpn", "b", 1, secure, at(5)));
  (void)watch.take(report("vpn", "a", 2, danger, at(6)));
  (void)watch.take(report("vpn", "b", 2, secure, at(60)));
  auto stop = report("vpn", "b", 3, secure, at(61));
  stop.report.trigger = "stop";
  BOOST_TEST((watch.take(stop).state == offline));
}

BOOST_AUTO_TEST_CASE(a_python_client_beside_a_probe_is_told_and_hides_no_danger) {
  Watch watch;
  (void)watch.take(original("vpn", warning, at(0)));
  (void)watch.take(report("vpn", "a", 1, danger, at(5)));
  const auto& both = watch.take(original("vpn", warning, at(6)));
  BOOST_TEST((both.state == danger));
  BOOST_TEST_REQUIRE(has(both, "duplicate_client_id"));
  BOOST_TEST((both.findings.back().evidence["boots"] == nlohmann::json::array({"python", "a"})));
  BOOST_TEST((watch.take(report("vpn", "a", 2, danger, at(7))).state == danger));
  BOOST_TEST((watch.take(original("vpn", warning, at(8))).state == danger));
}

BOOST_AUTO_TEST_CASE(two_python_clients_that_take_turns_are_told_once) {
  Watch watch;
  std::size_t changes = 0;
  for (int round = 0; round < 10; ++round) {
    for (const std::string address : {"192.0.2.7", "192.0.2.8"}) {
      const auto now = at(round * 60 + (address == "192.0.2.8" ? 5 : 0));
      changes = watch.fleet.apply(from(with_address(original("vpn", warning, now), address), address)).size();
      if (round >= 3) BOOST_TEST(changes == 0U);
    }
  }
  const auto& both = *watch.fleet.find("vpn");
  BOOST_TEST_REQUIRE(has(both, "duplicate_client_id"));
  BOOST_TEST((both.findings.back().evidence["addresses"] == nlohmann::json::array({"192.0.2.8", "192.0.2.7"})));
  // An exit that really moves is told, by whichever address it shows.
  const auto home = watch.fleet.apply(from(with_address(original("vpn", warning, at(601)), "203.0.113.9"), "192.0.2.7"));
  BOOST_TEST_REQUIRE(home.size() == 1U);
  BOOST_TEST((home[0].kind == Change::Kind::address_changed));
  BOOST_TEST(watch.fleet.apply(from(with_address(original("vpn", warning, at(602)), "203.0.113.8"), "203.0.113.8")).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_probe_whose_clock_is_slow_is_believed_beside_a_python_client) {
  Watch watch;
  auto slow = [](std::uint64_t seq, State state, double now) {
    auto admitted = late(report("vpn", "a", seq, state, at(now - 120)), at(now));
    admitted.report.sent_at = at(now - 120);
    return admitted;
  };
  (void)watch.take(slow(1, secure, 0));
  for (std::uint64_t round = 1; round < 5; ++round) {
    const auto now = static_cast<double>(round) * 60;
    (void)watch.take(original("vpn", warning, at(now)));
    BOOST_TEST((watch.take(slow(round + 1, danger, now + 10)).state == danger));
  }
}

BOOST_AUTO_TEST_CASE(a_python_client_whose_exit_changes_and_comes_back_is_alone) {
  Watch watch;
  for (const auto& [address, time] : {std::pair{"192.0.2.7", 0}, {"192.0.2.8", 300}, {"192.0.2.7", 600}, {"192.0.2.7", 900}}) {
    const auto& client = watch.take(from(with_address(original("vpn", warning, at(time)), address), address));
    BOOST_TEST(!has(client, "duplicate_client_id"));
    BOOST_TEST(client.known_address == address);
  }
}

BOOST_AUTO_TEST_CASE(a_probe_that_replaced_a_python_client_is_alone) {
  Watch watch;
  (void)watch.take(original("vpn", warning, at(0)));
  (void)watch.take(report("vpn", "a", 1, secure, at(5)));
  BOOST_TEST((watch.take(report("vpn", "a", 2, secure, at(6))).state == secure));
}

BOOST_AUTO_TEST_CASE(a_hub_that_starts_again_knows_what_the_other_saw) {
  Watch before;
  (void)before.take(report("vpn", "a", 1, danger, at(0)));
  (void)before.take(report("vpn", "b", 1, secure, at(5)));
  (void)before.take(report("vpn", "a", 2, danger, at(6)));
  Watch watch;
  // For longer than their leases.
  watch.fleet.restore({*before.fleet.find("vpn")}, at(100));
  const auto& after = watch.take(report("vpn", "b", 2, secure, at(101)));
  BOOST_TEST((after.state == danger));
  BOOST_TEST(has(after, "duplicate_client_id"));
  BOOST_TEST(has(after, "default_route_outside"));
}

BOOST_AUTO_TEST_CASE(a_hub_that_starts_again_and_again_makes_nobody_his_own_twin) {
  Watch before;
  (void)before.take(report("vpn", "a", 1, danger, at(0)));
  (void)before.take(report("vpn", "b", 1, secure, at(5)));
  (void)before.take(report("vpn", "a", 2, danger, at(6)));
  auto client = *before.fleet.find("vpn");
  for (int start = 0; start < 20; ++start) {
    Fleet fleet{FleetPolicy{}};
    fleet.restore({client}, at(7 + start));
    client = *fleet.find("vpn");
    BOOST_TEST(client.twins.size() == 2U);
  }
  Watch watch;
  watch.fleet.restore({client}, at(30));
  const auto& both = watch.take(report("vpn", "a", 3, danger, at(31)));
  BOOST_TEST_REQUIRE(both.twins.size() == 1U);
  BOOST_TEST(both.twins[0].boot_id == "b");
}

BOOST_AUTO_TEST_CASE(an_exit_that_changed_is_no_twin_of_the_probe_that_replaced_it_by_a_restart_of_the_hub) {
  Watch before;
  (void)before.take(from(with_address(original("vpn", warning, at(0)), "192.0.2.7"), "192.0.2.7"));
  (void)before.take(from(with_address(original("vpn", warning, at(60)), "192.0.2.8"), "192.0.2.8"));
  (void)before.take(report("vpn", "a", 1, secure, at(70)));
  Watch watch;
  watch.fleet.restore({*before.fleet.find("vpn")}, at(75));
  BOOST_TEST((watch.take(report("vpn", "b", 1, secure, at(80))).state == secure));
}

BOOST_AUTO_TEST_CASE(a_hub_that_starts_again_wakes_nobody_who_had_gone) {
  Watch before;
  (void)before.take(report("vpn", "a", 1, danger, at(0)));
  (void)before.take(report("vpn", "b", 1, secure, at(5)));
  (void)before.take(report("vpn", "a", 2, danger, at(6)));
  auto stop = report("vpn", "a", 3, danger, at(7));
  stop.report.trigger = "stop";
  Watch stopped;
  (void)before.take(stop);
  stopped.fleet.restore({*before.fleet.find("vpn")}, at(8));
  BOOST_TEST((stopped.take(report("vpn", "b", 2, secure, at(9))).state == secure));

  (void)before.take(report("vpn", "a", 4, danger, at(10)));
  (void)before.take(report("vpn", "b", 3, secure, at(11)));
  (void)before.fleet.expire(at(100));
  BOOST_TEST_REQUIRE((before.fleet.find("vpn")->state == offline));
  Watch watch;
  watch.fleet.restore({*before.fleet.find("vpn")}, at(100'000));
  BOOST_TEST((watch.take(report("vpn", "c", 1, secure, at(100'001))).state == secure));
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

BOOST_AUTO_TEST_CASE(of_a_new_start_the_difference_is_its_own) {
  Watch watch;
  (void)watch.take(skewed(at(0), 1s));
  auto restarted = skewed(at(10), 7200s);
  restarted.report.boot_id = "b";
  const auto& client = watch.take(restarted);
  BOOST_TEST((client.clock_skew == 7200s));
  BOOST_TEST(has(client, "clock_skewed"));
}

BOOST_AUTO_TEST_CASE(a_report_that_names_no_time_of_sending_tells_nothing) {
  Watch watch;
  BOOST_TEST(!watch.take(report("vpn", "a", 1, secure, at(0))).clock_skew.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

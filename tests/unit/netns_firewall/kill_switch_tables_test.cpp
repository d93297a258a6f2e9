#include "netns/firewall/kill_switch.hpp"

#include <boost/test/unit_test.hpp>

#include "netns/firewall/leak_meter.hpp"
#include "tests/unit/netns_firewall/switched.hpp"

using namespace vpn_sentinel;

namespace {

using State = KillSwitchStatus::State;

}  // namespace

BOOST_AUTO_TEST_SUITE(kill_switch_tables)

BOOST_FIXTURE_TEST_CASE(who_is_there_is_told_by_id, Switched) {
  BOOST_TEST(good(kill_switch_ids(client.opener())).empty());
  auto first = opened();
  (void)good(first.arm(with_uplinks()));
  auto second = good(KillSwitch::open(client.opener(), "other-1"));
  BOOST_TEST_REQUIRE(second.prepare(policy()).has_value());
  client.run("nft add table inet vpn-sentinel-x-meter && nft add table inet somebody-killswitch");
  BOOST_TEST(good(kill_switch_ids(client.opener())) == (std::vector<std::string>{"other-1", "test"}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_prepared_one_drops_nothing_until_it_is_armed, Switched) {
  const auto before = client.output_of("nft list ruleset");
  auto kill_switch = opened();
  BOOST_TEST_REQUIRE(kill_switch.prepare(with_uplinks()).has_value());
  BOOST_TEST_REQUIRE(kill_switch.prepare(with_uplinks()).has_value());
  BOOST_TEST((good(kill_switch.status(with_uplinks())).state == State::prepared));
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  BOOST_TEST(arrived() == 1U);
  BOOST_TEST(!good(kill_switch.arm(with_uplinks())).adopted);
  BOOST_TEST((good(kill_switch.status(with_uplinks())).state == State::armed));
  try_to_leave();
  BOOST_TEST(arrived() == 0U);
  // To prepare again would open it.
  BOOST_TEST((kill_switch.prepare(with_uplinks()).error().kind == Error::Kind::failed));
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == EPERM);
  BOOST_TEST_REQUIRE(kill_switch.disarm().has_value());
  BOOST_TEST(client.output_of("nft list ruleset") == before);
}

BOOST_FIXTURE_TEST_CASE(what_others_did_to_a_prepared_one_does_not_keep_it_open, Switched) {
  for (const auto* change : {"nft flush ruleset", "nft flush chain inet vpn-sentinel-test-killswitch outside",
                             "nft insert rule inet vpn-sentinel-test-killswitch outside accept"}) {
    auto kill_switch = opened();
    BOOST_TEST_REQUIRE(kill_switch.prepare(policy()).has_value());
    client.run(change);
    BOOST_TEST(!good(kill_switch.arm(policy())).adopted);
    BOOST_TEST((good(kill_switch.status(policy())).state == State::armed));
    BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == EPERM);
    BOOST_TEST_REQUIRE(kill_switch.disarm().has_value());
  }
}

BOOST_FIXTURE_TEST_CASE(what_was_only_prepared_can_be_taken_away_alone, Switched) {
  auto kill_switch = opened();
  BOOST_TEST(!good(kill_switch.remove_prepared()));
  BOOST_TEST_REQUIRE(kill_switch.prepare(with_uplinks()).has_value());
  auto other = opened();
  BOOST_TEST(good(other.remove_prepared()));
  BOOST_TEST(tables().empty());
  (void)good(kill_switch.arm(with_uplinks()));
  BOOST_TEST(!good(other.remove_prepared()));
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == EPERM);
}

BOOST_FIXTURE_TEST_CASE(meters_that_nobody_owns_are_taken_away_and_others_stay, Switched) {
  const auto meter = LeakMeter::install(client.opener(), "mine", policy());
  BOOST_TEST_REQUIRE(meter.has_value());
  client.run("nft add table inet vpn-sentinel-x-meter && nft add table netdev vpn-sentinel-x-meter && nft add table inet other-meter");
  BOOST_TEST(good(remove_left_meters(client.opener())) == (meter->is_owned() ? 2U : 3U));
  const auto left = tables();
  BOOST_TEST(left.find("vpn-sentinel-x-meter") == std::string::npos, left);
  BOOST_TEST(left.find("other-meter") != std::string::npos, left);
  BOOST_TEST((left.find("vpn-sentinel-mine-meter") != std::string::npos) == meter->is_owned(), left);
}

BOOST_FIXTURE_TEST_CASE(all_can_be_taken_away_at_once_and_nothing_else_is, Switched) {
  client.run("nft add table inet vpn-sentinel-x-meter && nft add table inet vpn-sentinel && nft add table ip vpn-sentinel-a-killswitch");
  const auto before = client.output_of("nft list ruleset");
  for (const auto* id : {"a", "b-2"}) {
    auto kill_switch = KillSwitch::open(client.opener(), id).value();
    (void)good(kill_switch.arm(with_uplinks()));
  }
  const auto removed = good(disarm_all(client.opener()));
  BOOST_TEST((removed == 2U || removed == 4U));
  BOOST_TEST(client.output_of("nft list ruleset") == before);
  BOOST_TEST(good(disarm_all(client.opener())) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

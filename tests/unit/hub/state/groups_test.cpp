/// All groups of a fleet, as the engine has them judged.
#include "hub/state/groups.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/unit/hub/make.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using enum State;

namespace {

Admitted in_group(Admitted admitted, std::string group) {
  admitted.report.group = std::move(group);
  return admitted;
}

/// A fleet with its groups, fed as the engine does it.
struct Watch {
  Fleet fleet{FleetPolicy{}};
  Groups groups{GroupRules{}};

  std::vector<Change> take(const Admitted& admitted) {
    (void)fleet.apply(admitted);
    return judge({admitted.report.client_id}, admitted.received);
  }
  std::vector<Change> judge(std::set<std::string> touched, WallTime now) { return groups.judge(fleet, touched, now); }
  [[nodiscard]] const ClientState& office() const { return *fleet.find("group:office"); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(groups)

BOOST_AUTO_TEST_CASE(the_first_member_makes_the_group) {
  Watch watch;
  const auto changes = watch.take(in_group(report("a", "boot", 1, secure, at(0)), "office"));
  BOOST_TEST_REQUIRE(changes.size() == 1U);
  BOOST_TEST((changes[0].kind == Change::Kind::connected));
  BOOST_TEST(changes[0].client_id == "group:office");
  BOOST_TEST((changes[0].to == secure));
  BOOST_TEST(watch.office().is_group());
  BOOST_TEST(watch.office().known_address == "198.51.100.2");
  BOOST_TEST(watch.office().members.size() == 1U);
}

BOOST_AUTO_TEST_CASE(clients_without_a_group_make_none) {
  Watch watch;
  BOOST_TEST(watch.take(report("a", "boot", 1, secure, at(0))).empty());
  BOOST_TEST(watch.fleet.clients().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_leak_that_one_member_sees_is_a_change_of_the_group) {
  Watch watch;
  (void)watch.take(in_group(report("a", "boot", 1, secure, at(0)), "office"));
  (void)watch.take(in_group(report("b", "boot", 1, secure, at(1)), "office"));
  const auto changes = watch.take(in_group(report("b", "boot", 2, danger, at(5)), "office"));
  BOOST_TEST_REQUIRE(changes.size() == 1U);
  BOOST_TEST((changes[0].from == secure));
  BOOST_TEST((changes[0].to == danger));
  BOOST_TEST(changes[0].client.findings[0].evidence["seen_by"][0] == "b");
  BOOST_TEST(watch.take(in_group(report("b", "boot", 3, danger, at(6)), "office")).empty());
}

BOOST_AUTO_TEST_CASE(what_only_some_look_at_is_told_by_the_one_to_whom_it_looks_worst) {
  Watch watch;
  const auto tell = [&](const std::string& client_id, std::uint64_t seq, const std::string& kill_switch, BoxedOptional<LeakReport> leak) {
    auto admitted = in_group(report(client_id, "boot", seq, contained, at(static_cast<double>(seq))), "office");
    if (!kill_switch.empty()) admitted.report.kill_switch = KillSwitchReport{"armed", kill_switch, {}, {}, 0};
    admitted.report.leak = std::move(leak);
    (void)watch.take(admitted);
  };
  LeakReport seen;
  seen.counting = true;
  LeakReport blind;
  blind.why = "CAP_NET_ADMIN is needed";
  tell("a", 1, "armed", seen);
  BOOST_TEST(watch.office().last_report.kill_switch.value().state == "armed");
  BOOST_TEST(watch.office().last_report.leak.value().counting);
  tell("b", 1, "", {});
  BOOST_TEST(watch.office().last_report.kill_switch.value().state == "armed");
  tell("b", 2, "changed", blind);
  BOOST_TEST(watch.office().last_report.kill_switch.value().state == "changed");
  BOOST_TEST(watch.office().last_report.leak.value().why == blind.why);
  seen.packets = 3;
  tell("a", 2, "armed", seen);
  BOOST_TEST(watch.office().last_report.leak.value().packets == 3U);
}

BOOST_AUTO_TEST_CASE(one_silent_member_changes_nothing_and_the_last_one_makes_it_offline) {
  Watch watch;
  (void)watch.take(in_group(report("a", "boot", 1, secure, at(0)), "office"));
  (void)watch.take(in_group(report("b", "boot", 1, secure, at(10)), "office"));
  BOOST_TEST(watch.fleet.expire(at(35)).size() == 1U);
  BOOST_TEST(watch.judge({"a"}, at(35)).empty());
  BOOST_TEST((watch.office().state == secure));
  BOOST_TEST(watch.fleet.expire(at(50)).size() == 1U);
  const auto changes = watch.judge({"b"}, at(50));
  BOOST_TEST_REQUIRE(changes.size() == 1U);
  BOOST_TEST((changes[0].kind == Change::Kind::went_offline));
  BOOST_TEST((watch.office().state_before_offline == secure));
}

BOOST_AUTO_TEST_CASE(the_group_never_expires_by_itself_and_readers_see_when_all_leases_have_passed) {
  Watch watch;
  (void)watch.take(in_group(report("a", "boot", 1, secure, at(0)), "office"));
  BOOST_TEST(watch.fleet.expire(at(1000)).size() == 1U);
  BOOST_TEST((watch.office().lease_deadline == at(32)));
}

BOOST_AUTO_TEST_CASE(a_client_that_changes_its_group_leaves_the_old_one) {
  Watch watch;
  (void)watch.take(in_group(report("a", "boot", 1, danger, at(0)), "office"));
  (void)watch.take(in_group(report("b", "boot", 1, secure, at(0)), "office"));
  (void)watch.take(in_group(report("a", "boot", 2, danger, at(1)), "home"));
  BOOST_TEST((watch.office().state == secure));
  BOOST_TEST((watch.fleet.find("group:home")->state == danger));
  BOOST_TEST(watch.groups.take_emptied().empty());
}

BOOST_AUTO_TEST_CASE(a_group_that_everybody_has_left_is_gone_without_an_alarm) {
  Watch watch;
  (void)watch.take(in_group(report("a", "boot", 1, danger, at(0)), "office"));
  const auto changes = watch.take(report("a", "boot", 2, danger, at(1)));
  BOOST_TEST(changes.empty());
  BOOST_TEST((watch.fleet.find("group:office") == nullptr));
  BOOST_TEST((watch.groups.take_emptied() == std::vector<std::string>{"group:office"}));
  BOOST_TEST(watch.groups.take_emptied().empty());
}

BOOST_AUTO_TEST_CASE(a_group_without_members_that_was_stored_goes_after_a_restart) {
  Watch before;
  (void)before.take(in_group(report("a", "boot", 1, danger, at(0)), "office"));
  Watch watch;
  watch.fleet.restore({before.office()}, at(1));
  watch.groups.rebuild(watch.fleet);
  BOOST_TEST(watch.judge({}, at(1)).empty());
  BOOST_TEST((watch.groups.take_emptied() == std::vector<std::string>{"group:office"}));
}

BOOST_AUTO_TEST_CASE(after_a_restart_the_groups_are_known_and_judged_at_once) {
  Watch watch;
  Fleet before{FleetPolicy{}};
  (void)before.apply(in_group(report("a", "boot", 1, danger, at(0)), "office"));
  watch.fleet.restore({*before.find("a")}, at(1));
  watch.groups.rebuild(watch.fleet);
  BOOST_TEST((watch.groups.next_alarm() <= at(1)));
  BOOST_TEST(watch.judge({}, at(1)).size() == 1U);
  BOOST_TEST((watch.office().state == danger));
}

BOOST_AUTO_TEST_CASE(a_disagreement_is_judged_again_when_its_patience_is_over) {
  Watch watch;
  (void)watch.take(in_group(report("a", "boot", 1, secure, at(0)), "office"));
  (void)watch.take(in_group(report("b", "boot", 1, danger, at(5)), "office"));
  BOOST_TEST((watch.groups.next_alarm() == at(15)));
  (void)watch.judge({}, at(15));
  BOOST_TEST(watch.office().findings.back().code == "group_disagrees");
  BOOST_TEST(!watch.groups.next_alarm().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

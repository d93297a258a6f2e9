#include "hub/state/client_room.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(client_room)

using namespace vpn_sentinel;
using test::at;
using Verdict = ClientRoom::Verdict;

namespace {

Admitted from(const std::string& key, const std::string& client_id, std::uint64_t seq = 1) {
  auto admitted = test::report(client_id, "b", seq, State::secure, at(0));
  admitted.key = key;
  return admitted;
}

Fleet fleet_with(ClientLimits limits) {
  FleetPolicy policy;
  policy.limits = limits;
  return Fleet(policy);
}

}  // namespace

BOOST_AUTO_TEST_CASE(without_limits_there_is_always_room) {
  auto fleet = fleet_with({});
  for (int i = 0; i < 100; ++i) fleet.apply(from("k", "c" + std::to_string(i)));
  BOOST_TEST((fleet.room_for(from("k", "new")) == Verdict::free));
}

BOOST_AUTO_TEST_CASE(a_full_hub_has_no_room_for_a_new_client_and_goes_on_with_those_it_knows) {
  auto fleet = fleet_with({2, 0});
  fleet.apply(from("", "a"));
  BOOST_TEST((fleet.room_for(from("", "b")) == Verdict::free));
  fleet.apply(from("k", "b"));
  BOOST_TEST((fleet.room_for(from("other", "c")) == Verdict::full));
  BOOST_TEST((fleet.room_for(from("other", "a", 2)) == Verdict::free));
}

BOOST_AUTO_TEST_CASE(a_key_that_is_full_leaves_room_to_others) {
  auto fleet = fleet_with({10, 1});
  fleet.apply(from("k", "a"));
  BOOST_TEST((fleet.room_for(from("k", "b")) == Verdict::key_is_full));
  BOOST_TEST((fleet.room_for(from("", "b")) == Verdict::free));
  fleet.apply(from("", "b"));
  BOOST_TEST((fleet.room_for(from("", "c")) == Verdict::key_is_full));
}

BOOST_AUTO_TEST_CASE(a_client_counts_for_the_key_that_told_it_first) {
  auto fleet = fleet_with({10, 1});
  fleet.apply(from("k", "a"));
  fleet.apply(from("other", "a", 2));
  BOOST_TEST(fleet.find("a")->key == "k");
  BOOST_TEST((fleet.room_for(from("other", "b")) == Verdict::free));
  BOOST_TEST((fleet.room_for(from("k", "b")) == Verdict::key_is_full));
}

BOOST_AUTO_TEST_CASE(a_client_of_a_database_without_keys_counts_for_the_key_that_it_comes_with) {
  auto fleet = fleet_with({10, 1});
  fleet.apply(from("", "a"));
  BOOST_TEST((fleet.room_for(from("", "b")) == Verdict::key_is_full));
  fleet.begin();
  fleet.apply(from("k", "a", 2));
  BOOST_TEST((fleet.room_for(from("", "b")) == Verdict::free));
  BOOST_TEST((fleet.room_for(from("k", "b")) == Verdict::key_is_full));
  fleet.take_back();
  BOOST_TEST(fleet.find("a")->key.empty());
  BOOST_TEST((fleet.room_for(from("", "b")) == Verdict::key_is_full));
  BOOST_TEST((fleet.room_for(from("k", "b")) == Verdict::free));
  fleet.apply(from("k", "a", 2));
  fleet.forget("a");
  BOOST_TEST((fleet.room_for(from("", "b")) == Verdict::free));
  BOOST_TEST((fleet.room_for(from("k", "b")) == Verdict::free));
}

BOOST_AUTO_TEST_CASE(who_is_forgotten_or_was_never_stored_makes_room) {
  auto fleet = fleet_with({1, 1});
  fleet.begin();
  fleet.apply(from("k", "a"));
  fleet.take_back();
  BOOST_TEST((fleet.room_for(from("k", "b")) == Verdict::free));
  fleet.begin();
  fleet.apply(from("k", "b"));
  fleet.forget("b");
  fleet.forget("b");
  BOOST_TEST((fleet.room_for(from("k", "c")) == Verdict::free));
  fleet.apply(from("k", "c"));
  BOOST_TEST((fleet.room_for(from("k", "d")) == Verdict::full));
}

BOOST_AUTO_TEST_CASE(after_a_restart_all_are_counted_again_and_groups_are_not) {
  auto before = fleet_with({});
  before.apply(from("k", "a"));
  auto group = *before.find("a");
  group.client_id = "group:g";
  group.rule = "any";
  auto fleet = fleet_with({2, 1});
  fleet.restore({*before.find("a"), group}, at(1));
  BOOST_TEST((fleet.room_for(from("k", "b")) == Verdict::key_is_full));
  BOOST_TEST((fleet.room_for(from("other", "b")) == Verdict::free));
}

BOOST_AUTO_TEST_SUITE_END()

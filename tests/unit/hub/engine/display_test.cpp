/// What is shown of groups while nothing can be stored.
#include "tests/unit/hub/engine/engine_fixture.hpp"

namespace vpn_sentinel {
namespace {

using namespace test;

Admitted member(const std::string& client_id, std::uint64_t seq, State state = State::secure, std::uint32_t lease_s = 60) {
  auto admitted = now_report(client_id, seq, state);
  admitted.report.group = "office";
  admitted.report.lease_s = lease_s;
  return admitted;
}

std::map<std::string, State> members_shown(const Engine& engine) {
  std::map<std::string, State> shown;
  for (const auto& each : engine.client("group:office")->members) shown[each.client_id] = each.state;
  return shown;
}

struct Office {
  Office() {
    policy.lease_grace = 0ms;
    engine = start(std::make_unique<MemoryStore>(shelf), record.hooks(), policy);
  }
  void take(const Admitted& admitted) const { BOOST_REQUIRE((submit(*engine, admitted) == SubmitResult::stored)); }
  void refuse(const Admitted& admitted) const { BOOST_REQUIRE((submit(*engine, admitted) == SubmitResult::store_failed)); }

  std::shared_ptr<Shelf> shelf = std::make_shared<Shelf>();
  Record record;
  FleetPolicy policy;
  std::unique_ptr<Engine> engine;
};

BOOST_FIXTURE_TEST_SUITE(display, Office)

BOOST_AUTO_TEST_CASE(a_group_shows_the_danger_of_a_member_that_could_not_be_stored) {
  take(member("a", 1));
  take(member("b", 1));
  shelf->commit_fails = true;
  refuse(member("b", 2, State::danger));
  BOOST_TEST((engine->client("group:office")->state == State::danger));
  BOOST_TEST((members_shown(*engine) == std::map<std::string, State>{{"a", State::secure}, {"b", State::danger}}));
  refuse(member("a", 2));
  BOOST_TEST((members_shown(*engine) == std::map<std::string, State>{{"a", State::warning}, {"b", State::danger}}));
  refuse(member("c", 1, State::danger));
  BOOST_TEST((members_shown(*engine)["c"] == State::danger));
  shelf->commit_fails = false;
  // As long as something of a member waits to be stored.
  take(member("a", 2));
  BOOST_TEST((members_shown(*engine)["b"] == State::danger));
  take(member("b", 2));
  take(member("c", 1));
  const std::map<std::string, State> all_well{{"a", State::secure}, {"b", State::secure}, {"c", State::secure}};
  BOOST_TEST((members_shown(*engine) == all_well));
}

BOOST_AUTO_TEST_CASE(a_member_that_falls_silent_while_nothing_can_be_stored_is_no_green_one_of_its_group) {
  take(member("a", 1, State::secure, 1));
  take(member("b", 1));
  shelf->commit_fails = true;
  refuse(member("b", 2, State::danger));
  BOOST_TEST(eventually([&] { return members_shown(*engine)["a"] == State::offline; }));
  BOOST_TEST((members_shown(*engine)["b"] == State::danger));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

#include "hub/state/snapshot_map.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(snapshot_map)

using namespace vpn_sentinel;

namespace {

SnapshotMap::Snapshot client(std::string client_id, State state) {
  ClientState made;
  made.client_id = std::move(client_id);
  made.state = state;
  return std::make_shared<const ClientState>(std::move(made));
}

std::string names(const SnapshotMap& map) {
  std::string text;
  for (const auto& [client_id, snapshot] : map.sorted()) text += client_id + " ";
  return text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_newest_snapshot_is_found_and_all_are_sorted) {
  SnapshotMap map;
  for (const auto* const name : {"c", "a", "b"}) map.set(client(name, State::secure));
  map.set(client("a", State::danger));
  BOOST_TEST(names(map) == "a b c ");
  BOOST_TEST((map.find("a")->state == State::danger));
  BOOST_TEST((map.sorted().at("a") == map.find("a")));
  BOOST_TEST((map.find("d") == nullptr));
}

BOOST_AUTO_TEST_CASE(what_is_merely_added_replaces_nothing) {
  SnapshotMap map;
  map.add(client("a", State::secure));
  map.add(client("a", State::danger));
  BOOST_TEST((map.find("a")->state == State::secure));
}

BOOST_AUTO_TEST_CASE(one_that_was_erased_is_gone_and_may_come_again) {
  SnapshotMap map;
  for (const auto* const name : {"a", "b"}) map.set(client(name, State::secure));
  map.erase("a");
  map.erase("unknown");
  BOOST_TEST((map.find("a") == nullptr));
  BOOST_TEST(names(map) == "b ");
  map.set(client("a", State::warning));
  BOOST_TEST((map.find("a")->state == State::warning));
  BOOST_TEST(names(map) == "a b ");
}

BOOST_AUTO_TEST_SUITE_END()

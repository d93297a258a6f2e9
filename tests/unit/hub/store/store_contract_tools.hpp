/// What the cases of the store's contract are written with.
#pragma once

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"
#include "tests/unit/hub/store/store_contract.hpp"

namespace vpn_sentinel::test {

using nlohmann::json;

template <typename T>
T take(Result<T> result) {
  BOOST_REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
  return std::move(*result);
}

inline void check(const Result<void>& result) { BOOST_REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message)); }

inline Change change_of(const std::string& client_id, State state, WallTime when) {
  Fleet fleet{FleetPolicy{}};
  return fleet.apply(report(client_id, "b", 1, state, when)).at(0);
}

inline StoredAlert alert(const std::string& text, WallTime when = at(0)) { return {0, "telegram", text, when, 0}; }

inline std::vector<std::string> pending(Store& store, std::int64_t after = 0, std::size_t most = 100) {
  std::vector<std::string> texts;
  for (const auto& waiting : take(store.load_pending_alerts("telegram", after, most))) texts.push_back(waiting.text);
  return texts;
}

inline json changes_of(Store& store, const std::string& client_id, std::size_t most) {
  HistoryQuery question;
  question.client_id = client_id;
  question.most = most;
  return take(take(store.open_reader())->history(question)).items;
}

inline void add_and_roll_up(Store& store, const std::vector<Admitted>& reports) {
  check(store.begin());
  for (const auto& admitted : reports) BOOST_TEST(take(store.add_report(admitted)));
  check(store.commit());
  while (take(store.roll_up())) continue;
}

inline json samples_of(Store& store, const std::string& client_id, Resolution resolution) {
  SampleQuery question;
  question.client_id = client_id;
  question.resolution = resolution;
  return take(take(store.open_reader())->samples(question)).items;
}

}  // namespace vpn_sentinel::test

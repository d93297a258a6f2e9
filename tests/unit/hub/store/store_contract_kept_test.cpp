// The contract of stores: comments, and what is kept by name.
#include "tests/unit/hub/store/store_contract_tools.hpp"

namespace vpn_sentinel::test {
namespace {

Incident stored_incident(Store& store, const std::string& client_id, std::optional<WallTime> end) {
  Incident incident;
  incident.client_id = client_id;
  incident.start = incident.since = at(0);
  incident.end = end;
  check(store.begin());
  check(store.save_incident(incident));
  check(store.commit());
  return incident;
}

std::vector<std::string> comments_of(Store& store, std::int64_t id) {
  const auto found = take(take(store.open_reader())->incident(id, at(0)));
  std::vector<std::string> texts;
  if (found.is_null()) return texts;
  for (const auto& comment : found.value("comments", json::array())) texts.push_back(comment["text"]);
  return texts;
}

void add_comment(Store& store, std::int64_t incident, const std::string& text) {
  IncidentComment comment{0, at(1), "anna", text};
  check(store.begin());
  check(store.add_comment(incident, comment));
  check(store.commit());
  BOOST_TEST(comment.id > 0);
}

void comments_stay_when_their_incident_is_written_again_and_move_with_it(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  auto first = stored_incident(*store, "a", std::nullopt);
  const auto second = stored_incident(*store, "a", at(60));
  add_comment(*store, first.id, "one");
  add_comment(*store, second.id, "two");
  first.acknowledged = Acknowledgement{"anna", at(2), ""};
  check(store->begin());
  check(store->save_incident(first));
  check(store->move_comments(second.id, first.id));
  auto gone = second;
  gone.client_id.clear();
  check(store->save_incident(gone));
  check(store->commit());
  store.reset();
  store = open();
  BOOST_TEST(comments_of(*store, first.id) == (std::vector<std::string>{"one", "two"}), boost::test_tools::per_element());
  BOOST_TEST(take(take(store->open_reader())->incident(second.id, at(0))).is_null());
  check(store->begin());
  BOOST_TEST((take(store->load_incident(first.id))->acknowledged == first.acknowledged));
  BOOST_TEST(!take(store->load_incident(second.id)).has_value());
  store->rollback();
}

void comments_go_with_their_incident(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  const auto incident = stored_incident(*store, "a", at(60));
  add_comment(*store, incident.id, "one");
  auto retention = keeping(at(120));
  retention.now += retention.changes();
  while (take(store->maintain(retention))) continue;
  BOOST_TEST(comments_of(*store, incident.id).empty());
  check(store->begin());
  BOOST_TEST(!take(store->load_incident(incident.id)).has_value());
  store->rollback();
}

void what_is_kept_by_name_is_replaced_dropped_and_told_apart_by_kind(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  check(store->keep(KeptKind::mute, {"b", "1"}));
  check(store->keep(KeptKind::mute, {"a", "2"}));
  check(store->keep(KeptKind::mute, {"b", "3"}));
  check(store->keep(KeptKind::rule, {"b", "4"}));
  check(store->commit());
  check(store->begin());
  BOOST_TEST(take(store->drop(KeptKind::rule, "b")));
  BOOST_TEST(!take(store->drop(KeptKind::rule, "b")));
  store->rollback();
  store.reset();
  store = open();
  BOOST_TEST((take(store->load_kept(KeptKind::mute)) == std::vector<Kept>{{"a", "2"}, {"b", "3"}}));
  BOOST_TEST((take(take(store->open_reader())->kept(KeptKind::rule)) == std::vector<Kept>{{"b", "4"}}));
  BOOST_TEST(take(store->load_kept(KeptKind::desk)).empty());
}

}  // namespace

std::vector<ContractCase> kept_contract() {
  return {
      {"comments_stay_when_their_incident_is_written_again_and_move_with_it",
       comments_stay_when_their_incident_is_written_again_and_move_with_it},
      {"comments_go_with_their_incident", comments_go_with_their_incident},
      {"what_is_kept_by_name_is_replaced_dropped_and_told_apart_by_kind", what_is_kept_by_name_is_replaced_dropped_and_told_apart_by_kind},
  };
}

}  // namespace vpn_sentinel::test

// The contract of stores: what is asked for, by range and page.
#include <algorithm>

#include "tests/unit/hub/store/store_contract_tools.hpp"

namespace vpn_sentinel::test {
namespace {

void reports_are_read_page_by_page_within_a_range_newest_first(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  for (std::uint64_t seq = 1; seq <= 10; ++seq) {
    BOOST_TEST(take(store->add_report(report("a", seq % 2 == 0 ? "x" : "y", seq, State::secure, at(static_cast<double>(seq))))));
    BOOST_TEST(take(store->add_report(original("old", State::secure, at(static_cast<double>(seq))))));
  }
  check(store->commit());
  const auto reader = take(store->open_reader());
  ReportQuery question{"a", {at(3), at(9)}};
  question.most = 4;
  std::vector<int> seen;
  std::optional<std::int64_t> next;
  do {
    question.cursor = next.value_or(0);
    const auto page = take(reader->reports(question));
    BOOST_TEST(page.items.size() <= 4U);
    for (const auto& item : page.items) seen.push_back(item.at("seq").get<int>());
    next = page.next;
  } while (next);
  BOOST_TEST(seen == (std::vector<int>{8, 7, 6, 5, 4, 3}), boost::test_tools::per_element());
  const auto old = take(reader->reports({"old"})).items;
  BOOST_REQUIRE_EQUAL(old.size(), 10U);
  BOOST_TEST(old[0].at("source_address") == "192.0.2.7");
  BOOST_TEST(old[0].at("time") == "2026-11-21T10:00:10.000000Z");
  BOOST_TEST(old[0].contains("received"));
}

void changes_are_asked_for_by_range_kind_and_page(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  for (int second = 0; second < 6; ++second) {
    auto change = change_of("a", State::danger, at(second));
    if (second % 2 == 1) change.kind = Change::Kind::state_changed;
    check(store->add_change(change));
  }
  check(store->commit());
  const auto reader = take(store->open_reader());
  HistoryQuery question{"a", {at(1), at(5)}};
  BOOST_TEST(take(reader->history(question)).items.size() == 4U);
  question.kind = Change::Kind::state_changed;
  BOOST_TEST(take(reader->history(question)).items.size() == 2U);
  question.kind.reset();
  question.most = 3;
  const auto page = take(reader->history(question));
  BOOST_REQUIRE(page.next.has_value());
  question.cursor = *page.next;
  const auto last = take(reader->history(question));
  BOOST_TEST(last.items.size() == 1U);
  BOOST_TEST(!last.next.has_value());
  BOOST_TEST(last.items[0].at("at") == "2026-11-21T10:00:01.000000Z");
}

Incident incident(const std::string& client_id, double start, std::optional<double> end, State worst) {
  Incident incident;
  incident.client_id = client_id;
  incident.start = at(start);
  if (end) incident.end = at(*end);
  incident.worst = worst;
  incident.state = worst;
  incident.since = end ? *incident.end : incident.start;
  incident.findings = {finding("default_route_outside", Severity::danger, at(start))};
  return incident;
}

void incidents_are_saved_changed_removed_and_asked_for(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  auto first = incident("a", 10, 20, State::danger);
  auto second = incident("b", 15, std::nullopt, State::danger);
  auto third = incident("a", 30, std::nullopt, State::offline);
  auto gone = incident("a", 1, 2, State::warning);
  check(store->begin());
  for (auto* each : {&first, &second, &third, &gone}) check(store->save_incident(*each));
  check(store->commit());
  BOOST_TEST(first.id < second.id);
  check(store->begin());
  gone.client_id.clear();
  check(store->save_incident(gone));
  first.exposed = std::chrono::seconds{10};
  check(store->save_incident(first));
  check(store->commit());
  store.reset();
  store = open();
  BOOST_TEST((take(store->load_open_incidents()) == std::vector{second, third}));
  BOOST_TEST((take(store->load_incidents("a", at(20), at(25))) == std::vector{first}));
  const auto reader = take(store->open_reader());
  IncidentQuery question;
  question.now = at(35);
  const auto all = take(reader->incidents(question)).items;
  BOOST_REQUIRE_EQUAL(all.size(), 3U);
  BOOST_TEST(all[0].at("id") == third.id);
  BOOST_TEST(all[1].at("exposed_s") == 20.0);
  BOOST_TEST(all[1].at("open") == true);
  BOOST_TEST(all[1].at("end").is_null());
  BOOST_TEST(all[2].at("exposed_s") == 10.0);
  BOOST_TEST(all[2].at("worst") == "danger");
  BOOST_TEST(all[2].at("findings").at(0).contains("advice"));
  question.open_only = true;
  BOOST_TEST(take(reader->incidents(question)).items.size() == 2U);
  question.client_id = "a";
  BOOST_TEST(take(reader->incidents(question)).items.size() == 1U);
  question.open_only = false;
  question.range = {at(0), at(20)};
  BOOST_TEST(take(reader->incidents(question)).items.size() == 1U);
  question.range = {at(20), at(30)};
  BOOST_TEST(take(reader->incidents(question)).items.empty());
  question.range = {};
  question.most = 1;
  const auto page = take(reader->incidents(question));
  question.cursor = page.next.value();
  BOOST_TEST(take(reader->incidents(question)).items.at(0).at("id") == first.id);
}

void a_report_knows_its_neighbours_of_the_same_boot(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  check(store->begin());
  BOOST_TEST(take(store->add_report(report("a", "b", 1, State::danger, at(1)))));
  BOOST_TEST(take(store->add_report(report("a", "b", 9, State::secure, at(9)))));
  BOOST_TEST(take(store->add_report(report("a", "c", 4, State::secure, at(4)))));
  const auto found = take(store->load_neighbours(report("a", "b", 5, State::secure, at(5)).report));
  check(store->commit());
  BOOST_TEST((found.before == StoredReport{1, State::danger, at(1)}));
  BOOST_TEST((found.after == StoredReport{9, State::secure, at(9)}));
  BOOST_TEST((!take(store->load_neighbours(original("a", State::secure, at(5)).report)).before));
}

}  // namespace

std::vector<ContractCase> query_contract() {
#define CASE(name) \
  { #name, name }
  return {
      CASE(reports_are_read_page_by_page_within_a_range_newest_first),
      CASE(changes_are_asked_for_by_range_kind_and_page),
      CASE(incidents_are_saved_changed_removed_and_asked_for),
      CASE(a_report_knows_its_neighbours_of_the_same_boot),
  };
#undef CASE
}

}  // namespace vpn_sentinel::test

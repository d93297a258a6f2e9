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

LeakReport counted(std::uint64_t packets) {
  LeakReport leak;
  leak.counting = true;
  leak.since = at(-100);
  leak.packets = packets;
  leak.bytes = packets * 100;
  leak.destinations = {{"203.0.113.53", "udp", 53, 1000, packets, packets * 100}, {"2001:db8::9", "47", {}, {}, 1, UINT64_MAX}};
  return leak;
}

void what_left_during_an_incident_is_kept_and_told(const StoreFactory& factory) {
  const auto open = factory.fresh();
  auto store = open();
  auto leaky = incident("a", 10, 20, State::danger);
  auto unknown = incident("a", 30, 40, State::danger);
  std::vector<LeakReport> meters(LeakLedger::most_meters + 2, counted(7));
  for (std::size_t i = 0; i < meters.size(); ++i) {
    const LeakReport nothing;
    meters[i].since = at(static_cast<double>(i));
    static_cast<void>(add(leaky.exposure, {"a", "b", 5, &meters[i], 4, &nothing}));
  }
  check(store->begin());
  check(store->save_incident(leaky));
  check(store->save_incident(unknown));
  check(store->commit());
  store.reset();
  store = open();
  BOOST_TEST((take(store->load_incidents("a", at(0), at(100))) == std::vector{leaky, unknown}));
  IncidentQuery question;
  const auto all = take(take(store->open_reader())->incidents(question)).items;
  BOOST_TEST(all.at(0).at("leaked").is_null());
  const auto& leaked = all.at(1).at("leaked");
  BOOST_TEST(leaked.at("packets") == 70);
  BOOST_TEST(leaked.at("bytes") == 7000);
  BOOST_TEST(leaked.at("destinations").size() == 2U);
  BOOST_TEST(leaked.at("destinations").at(1).at("uid") == 1000);
}

void a_change_tells_what_its_incident_has_cost(const StoreFactory& factory) {
  auto change = change_of("a", State::danger, at(0));
  change.exposed = std::chrono::milliseconds{2500};
  change.leaked = LeakTotal{9, 900, std::vector<LeakDestinationReport>(9, {"203.0.113.53", "udp", 53, {}, 1, 100})};
  const auto open = factory.fresh();
  const auto store = open();
  check(store->begin());
  check(store->add_change(change));
  check(store->add_change(change_of("a", State::secure, at(1))));
  check(store->commit());
  const auto changes = changes_of(*store, "a", 10);
  BOOST_TEST(!changes.at(0).contains("leaked"));
  BOOST_TEST(changes.at(1).at("exposed_s") == 2.5);
  BOOST_TEST(changes.at(1).at("leaked").at("packets") == 9);
  BOOST_TEST(changes.at(1).at("leaked").at("destinations").size() == 5U);
}

void a_neighbour_tells_what_it_counted(const StoreFactory& factory) {
  const auto open = factory.fresh();
  const auto store = open();
  auto first = report("a", "b", 1, State::secure, at(1));
  first.report.leak = counted(7);
  check(store->begin());
  BOOST_TEST(take(store->add_report(first)));
  BOOST_TEST(take(store->add_report(report("a", "b", 3, State::secure, at(3)))));
  check(store->commit());
  const auto found = take(store->load_neighbours(report("a", "b", 2, State::secure, at(2)).report));
  BOOST_TEST((found.before.value().leak == first.report.leak));
  BOOST_TEST(!found.after.value().leak.has_value());
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
      CASE(what_left_during_an_incident_is_kept_and_told),
      CASE(a_change_tells_what_its_incident_has_cost),
      CASE(a_neighbour_tells_what_it_counted),
      CASE(a_report_knows_its_neighbours_of_the_same_boot),
  };
#undef CASE
}

}  // namespace vpn_sentinel::test

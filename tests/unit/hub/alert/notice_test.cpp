#include "hub/alert/notice.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(notice)

using namespace vpn_sentinel;
using test::at;
using test::report;

namespace {

Change last_change(const std::vector<Admitted>& reports) {
  Fleet fleet{FleetPolicy{}};
  std::vector<Change> changes;
  for (const auto& admitted : reports) changes = fleet.apply(admitted);
  BOOST_REQUIRE_EQUAL(changes.size(), 1U);
  return changes.front();
}

Change danger_after_secure() {
  return last_change({report("office", "b", 1, State::secure, at(0)), report("office", "b", 2, State::danger, at(70))});
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_stored_reads_back_as_it_was) {
  auto change = danger_after_secure();
  change.leaked = LeakTotal{8, 1540, {{"203.0.113.53", "udp", 53, 1000, 7, 1440}}};
  auto notice = notice_of(change).value();
  notice.rule = "leak";
  notice.incident = 42;
  notice.clients = {"a", "b"};
  notice.more_clients = 3;
  BOOST_TEST((parse_notice(to_text(notice)) == notice));
  for (const auto& other : {start_notice("1.0.0", at(0), 3), store_fails_notice("the disk is full", at(1)),
                            store_works_notice(std::chrono::seconds{60}, at(2)), test_notice("phone", "ann", at(3))}) {
    BOOST_TEST((parse_notice(to_text(other)) == other));
  }
}

BOOST_AUTO_TEST_CASE(every_kind_has_a_word_of_its_own) {
  std::set<std::string_view> words;
  for (int i = 0; i <= static_cast<int>(Notice::Kind::report); ++i) {
    const auto kind = static_cast<Notice::Kind>(i);
    words.insert(to_string(kind));
    BOOST_TEST((parse_notice_kind(to_string(kind)) == kind));
  }
  BOOST_TEST(words.size() == static_cast<std::size_t>(Notice::Kind::report) + 1);
  BOOST_TEST(!parse_notice_kind("").has_value());
}

BOOST_AUTO_TEST_CASE(a_row_of_an_older_hub_is_no_notice) {
  for (const char* text : {"", "🔴 <b>DANGER</b>", "{}", "[]", "{\"notice\":1}", "{\"title\":\"x\"}", "42"}) {
    BOOST_TEST(!parse_notice(text).has_value(), text);
  }
}

BOOST_AUTO_TEST_CASE(words_of_a_newer_hub_never_make_danger_harmless) {
  auto object = nlohmann::json::parse(to_text(notice_of(danger_after_secure()).value()));
  object["kind"] = "something_new";
  object["facts"][0]["private"] = "perhaps";
  object["facts"][0]["look"] = "new";
  const auto read = parse_notice(object.dump()).value();
  BOOST_TEST((read.kind == Notice::Kind::danger));
  BOOST_TEST(read.facts.at(0).is_private);
}

BOOST_AUTO_TEST_CASE(leak_bypass_and_danger_begin_differently) {
  auto change = danger_after_secure();
  BOOST_TEST(notice_of(change)->title == "🔴 DANGER: traffic can leave outside the VPN");
  BOOST_TEST((notice_of(change)->kind == Notice::Kind::danger));
  change.leaked = LeakTotal{8, 1540, {}};
  BOOST_TEST(notice_of(change)->title == "🔴 LEAK: packets have left outside the VPN");
  BOOST_TEST((notice_of(change)->kind == Notice::Kind::leak));
  change.client.findings.push_back(test::finding("exit_is_uplink", Severity::danger, at(70)));
  BOOST_TEST(notice_of(change)->title == "🔴 BYPASS: others see your own address, the VPN is not used");
}

BOOST_AUTO_TEST_CASE(addresses_places_and_providers_are_private_and_the_amount_is_not) {
  auto change = danger_after_secure();
  change.leaked = LeakTotal{8, 1540, {{"203.0.113.53", "udp", 53, 1000, 7, 1440}}};
  change.previous_address = "198.51.100.9";
  change.client.last_report.location = LocationReport{"RO", "Bucharest", "B", "AS64500 Example", "Europe/Bucharest"};
  const auto told = notice_of(change).value();
  for (const auto& line : told.facts) {
    const auto all = line.label + line.value + line.after;
    const bool tells = all.find("198.51.100.") != std::string::npos || all.find("203.0.113.") != std::string::npos ||
                       all.find("Bucharest") != std::string::npos || all.find("Example") != std::string::npos;
    BOOST_TEST(line.is_private == tells, all);
  }
}

BOOST_AUTO_TEST_CASE(a_cut_never_splits_a_character) {
  BOOST_TEST(shortened("ńńń", 2) == "ńń…");
  BOOST_TEST(shortened("ńńń", 3) == "ńńń");
  BOOST_TEST(shortened("", 3) == "");
}

BOOST_AUTO_TEST_SUITE_END()

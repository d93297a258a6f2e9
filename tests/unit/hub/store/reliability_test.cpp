// Hand-made histories whose truth is known, from the reports to the numbers.
#include "hub/store/sqlite_reliability.hpp"

#include "hub/store/sqlite_presence.hpp"
#include "tests/unit/hub/store/store_contract_tools.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::at;
using test::check;
using test::take;

constexpr auto day = hours{24};

struct History {
  test::TemporaryDirectory directory;
  std::string file = directory.file("hub.db");
  std::unique_ptr<Store> store = take(open_sqlite_store(file));
  std::uint64_t seq = 0;

  /// Reports every 30 s, the last one up to `to`, with a lease of as much.
  void reports(const std::string& client, State state, WallTime from, WallTime to, const std::string& boot = "b") {
    check(store->begin());
    for (auto when = from; when < to; when += seconds{30})
      static_cast<void>(take(store->add_report(test::report(client, boot, ++seq, state, when))));
    check(store->commit());
  }
  void change(const std::string& client, State from, State to, WallTime when, Change::Kind kind = Change::Kind::state_changed) {
    Change change;
    change.kind = kind;
    change.client_id = client;
    change.from = from;
    change.to = to;
    change.at = change.noticed = when;
    change.client = {};
    change.client.client_id = client;
    check(store->begin());
    check(store->add_change(change));
    check(store->commit());
  }
  void incident(const std::string& client, WallTime from, std::optional<WallTime> to) {
    Incident incident;
    incident.client_id = client;
    incident.start = incident.since = from;
    incident.end = to;
    check(store->begin());
    check(store->save_incident(incident));
    check(store->commit());
  }
  /// A hub that ran then.
  void hub(WallTime from, WallTime to) {
    Retention retention;
    for (retention.now = from; retention.now < to; retention.now += seconds{60}) check(maintained(retention));
    retention.now = to;
    check(maintained(retention));
  }
  Result<void> maintained(const Retention& retention) {
    auto done = store->maintain(retention);
    return done ? Result<void>() : fail(done.error());
  }
  SubjectReliability ask(const std::string& client, std::vector<Stretch> periods) {
    while (take(store->roll_up())) {
    }
    auto answer = take(take(store->open_reader())->reliability({{client}, std::move(periods)}));
    BOOST_TEST_REQUIRE(answer.size() == 1U);
    for (const auto& period : answer[0].periods) BOOST_TEST((period.parts.total() == period.period.length()));
    return std::move(answer[0]);
  }
};

BOOST_FIXTURE_TEST_SUITE(reliability, History)

BOOST_AUTO_TEST_CASE(an_hour_with_a_leak_a_silence_and_a_hub_that_was_down) {
  // 10:00 secure, 10:20 danger, 10:22 secure, 10:30 silent (heard), 10:40 back, 10:45 the hub is gone, 10:55 it hears again.
  hub(at(-600), at(2700));
  hub(at(3300), at(3600));
  change("a", State::offline, State::secure, at(0), Change::Kind::connected);
  reports("a", State::secure, at(0), at(1200));
  change("a", State::secure, State::danger, at(1200));
  reports("a", State::danger, at(1200), at(1320));
  change("a", State::danger, State::secure, at(1320));
  reports("a", State::secure, at(1320), at(1800));
  change("a", State::secure, State::offline, at(1800), Change::Kind::went_offline);
  change("a", State::offline, State::secure, at(2400), Change::Kind::came_back);
  reports("a", State::secure, at(2400), at(2700));
  change("a", State::secure, State::offline, at(2700), Change::Kind::went_offline);
  change("a", State::offline, State::secure, at(3300), Change::Kind::came_back);
  reports("a", State::secure, at(3300), at(3600));
  incident("a", at(1200), at(1320));
  incident("a", at(1800), at(2400));
  incident("a", at(2700), at(3300));
  const auto answer = ask("a", {{at(0), at(3600)}});
  const auto& parts = answer.total.parts;
  BOOST_TEST((parts.in(State::secure) == seconds{1200 + 480 + 300 + 300}));
  BOOST_TEST((parts.in(State::danger) == seconds{120}));
  BOOST_TEST((parts.offline == seconds{600}));
  BOOST_TEST((parts.unknown == seconds{600}));
  BOOST_TEST(!answer.total.approximate);
  BOOST_TEST((answer.total.incidents.count == 3 && answer.total.incidents.recovered == 3));
  BOOST_TEST((answer.total.incidents.recovery_sum == seconds{120 + 600 + 600} && answer.total.incidents.longest == seconds{600}));
}

BOOST_AUTO_TEST_CASE(late_reports_of_a_silence_fill_it) {
  hub(at(0), at(3600));
  change("a", State::offline, State::secure, at(0), Change::Kind::connected);
  reports("a", State::secure, at(0), at(600));
  change("a", State::secure, State::offline, at(600), Change::Kind::went_offline);
  change("a", State::offline, State::secure, at(1800), Change::Kind::came_back);
  reports("a", State::secure, at(600), at(1200), "late");
  reports("a", State::secure, at(1800), at(3600));
  const auto parts = ask("a", {{at(0), at(3600)}}).total.parts;
  BOOST_TEST((parts.in(State::secure) == seconds{3000} && parts.offline == seconds{600} && parts.unknown == seconds{0}));
}

BOOST_AUTO_TEST_CASE(days_of_a_zone_with_summer_time_are_exact_at_their_ends) {
  // Berlin's 25 October 2026 goes from the 24th 22:00Z to the 25th 23:00Z. Danger from 21:59:30Z to 22:00:30Z: half a minute on each side.
  const auto berlin = TimeZone::find("Europe/Berlin").value();
  const auto midnight = parse_rfc3339("2026-10-24T22:00:00Z").value();
  const auto end = midnight + hours{25};
  reports("a", State::secure, midnight - minutes{30}, midnight - seconds{30});
  reports("a", State::danger, midnight - seconds{30}, midnight + seconds{30});
  reports("a", State::secure, midnight + seconds{30}, end + minutes{10});
  const auto days = berlin.split({midnight - minutes{30}, end + minutes{10}}, CalendarUnit::day, 10).value();
  const auto answer = ask("a", days);
  BOOST_TEST_REQUIRE(answer.periods.size() == 3U);
  BOOST_TEST((answer.periods[0].parts.in(State::danger) == seconds{30}));
  BOOST_TEST((answer.periods[1].parts.in(State::danger) == seconds{30}));
  BOOST_TEST((answer.periods[1].parts.in(State::secure) == hours{25} - seconds{30}));
  BOOST_TEST((answer.periods[2].parts.in(State::secure) == minutes{10}));
  BOOST_TEST(!answer.total.approximate);
}

BOOST_AUTO_TEST_CASE(where_hours_are_gone_as_much_counts_as_protected_as_certainly_was) {
  const auto start = parse_rfc3339("2026-10-24T00:00:00Z").value();
  reports("a", State::secure, start, start + hours{18});
  reports("a", State::danger, start + hours{18}, start + hours{19});
  while (take(store->roll_up())) {
  }
  Retention retention;
  retention.now = start + day * 500;
  while (take(store->maintain(retention))) {
  }
  const auto answer = ask("a", {{start, start + hours{12}}, {start + hours{12}, start + day}});
  BOOST_TEST(answer.total.approximate);
  BOOST_TEST((answer.total.parts.total() == day));
  BOOST_TEST((answer.periods[0].parts.in(State::secure) == hours{6}));  // of 18 hours 12 may lie in the other half
  BOOST_TEST((answer.periods[0].parts.in(State::danger) == hours{1}));
  BOOST_TEST((answer.periods[1].parts.in(State::secure) == hours{6}));
  BOOST_TEST((ask("a", {{start, start + day}}).total.parts.in(State::secure) == hours{18}));
}

BOOST_AUTO_TEST_CASE(a_client_that_was_new_in_the_middle_of_a_month_is_judged_from_then_on) {
  const auto month = TimeZone::utc().month("2026-10").value();
  const auto born = month.from + day * 30 + hours{12};
  change("a", State::offline, State::secure, born, Change::Kind::connected);
  reports("a", State::secure, born, month.to);
  const auto parts = ask("a", {month}).total.parts;
  BOOST_TEST((parts.absent == day * 30 + hours{12}));
  BOOST_TEST((parts.in(State::secure) == hours{12} && parts.unknown == seconds{0}));
  BOOST_TEST(*protected_share(parts) == 1.0);
  const auto nobody = ask("nobody", {month}).total.parts;
  BOOST_TEST((nobody.absent == month.length()));
}

BOOST_AUTO_TEST_CASE(an_incident_over_the_end_of_a_month_counts_in_both_and_began_in_one) {
  const auto october = TimeZone::utc().month("2026-10").value();
  const auto november = TimeZone::utc().month("2026-11").value();
  change("a", State::offline, State::secure, october.from, Change::Kind::connected);
  incident("a", october.to - hours{1}, october.to + hours{2});
  incident("a", november.to - hours{1}, std::nullopt);
  const auto answer = ask("a", {october, november});
  const auto& first = answer.periods[0].incidents;
  const auto& second = answer.periods[1].incidents;
  BOOST_TEST((first.count == 1 && first.began == 1 && first.open == 1 && first.recovered == 0 && first.longest == hours{1}));
  BOOST_TEST((second.count == 2 && second.began == 1 && second.open == 1 && second.recovered == 1 && second.recovery_sum == hours{3}));
  BOOST_TEST((answer.total.incidents.count == 2 && answer.total.incidents.began == 2 && answer.total.incidents.longest == hours{3}));
}

BOOST_AUTO_TEST_CASE(a_group_is_judged_by_its_own_marks) {
  hub(at(-600), at(3600));
  change("group:office", State::offline, State::secure, at(0), Change::Kind::connected);
  change("group:office", State::secure, State::danger, at(600));
  change("group:office", State::danger, State::offline, at(720), Change::Kind::went_offline);
  change("group:office", State::offline, State::secure, at(1020), Change::Kind::came_back);
  const auto parts = ask("group:office", {{at(-300), at(3600)}}).total.parts;
  BOOST_TEST((parts.absent == seconds{300} && parts.in(State::danger) == seconds{120} && parts.offline == seconds{300}));
  BOOST_TEST((parts.in(State::secure) == seconds{600 + 2580} && parts.unknown == seconds{0}));
}

BOOST_AUTO_TEST_CASE(a_short_restart_is_no_gap_and_a_long_one_is) {
  hub(at(0), at(600));
  store.reset();
  store = take(open_sqlite_store(file));
  hub(at(660), at(1200));
  hub(at(3000), at(3600));
  auto database = take(Database::open(file));
  auto statement = take(database.prepare(presence_sql));
  const auto present = take(read_presence(statement));
  BOOST_TEST((present == std::vector<Stretch>{{at(0), at(1200)}, {at(3000), at(3600)}}));
}

BOOST_AUTO_TEST_CASE(a_clock_that_may_be_wrong_notes_nothing) {
  Retention retention;
  retention.now = at(0);
  retention.by_age = false;
  check(maintained(retention));
  auto database = take(Database::open(file));
  auto statement = take(database.prepare(presence_sql));
  BOOST_TEST(take(read_presence(statement)).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

// What was exported and read again is what it was, once, however often it is read.
#include "hub/store/history_export.hpp"

#include <algorithm>

#include "hub/store/history_import.hpp"
#include "tests/unit/hub/store/store_contract_tools.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::hours;
using test::at;
using test::check;
using test::take;
using Lines = std::vector<std::string>;

struct Hubs {
  test::TemporaryDirectory directory;
  std::string old_file = directory.file("old.db");
  std::string new_file = directory.file("new.db");

  Hubs() {
    auto store = take(open_sqlite_store(old_file));
    check(store->begin());
    for (std::uint64_t seq = 1; seq <= 1500; ++seq) {
      const auto state = seq % 100 == 0 ? State::danger : State::secure;
      static_cast<void>(take(store->add_report(test::report("a", "b", seq, state, at(30.0 * static_cast<double>(seq))))));
    }
    static_cast<void>(take(store->add_report(test::original("old", State::secure, at(5)))));
    static_cast<void>(take(store->add_report(test::original("old", State::secure, at(305)))));
    for (const auto state : {State::danger, State::secure, State::offline}) check(store->add_change(test::change_of("a", state, at(60))));
    Incident closed;
    closed.client_id = "a";
    closed.start = closed.since = at(60);
    closed.end = at(120);
    Incident open = closed;
    open.client_id = "group:office";
    open.end.reset();
    check(store->save_incident(closed));
    check(store->save_incident(open));
    ClientState client;
    client.client_id = "a";
    client.last_report.client_id = "a";
    check(store->save_client(client));
    check(store->commit());
    while (take(store->roll_up())) {
    }
    Retention retention;
    retention.now = at(60);
    static_cast<void>(take(store->maintain(retention)));
  }

  /// The reports have become old: of them minutes, hours and days are left.
  void keep_sums_only() const {
    const auto store = take(open_sqlite_store(old_file));
    Retention retention;
    retention.now = at(0) + hours{24 * 40};
    retention.minutes = hours{24 * 100};
    while (take(store->maintain(retention))) {
    }
  }
  /// What became of the time of all reports of "a".
  static auto judged(const std::string& file) {
    const auto store = take(open_sqlite_store(file));
    while (take(store->roll_up())) {
    }
    return take(take(store->open_reader())->reliability({{"a"}, {Stretch{at(0), at(30 * 1500)}}})).at(0).total.parts.judged;
  }

  Lines exported(const ExportWish& wish = {}) const { return exported(old_file, wish); }
  static Lines exported(const std::string& file, const ExportWish& wish = {}) {
    Lines lines;
    static_cast<void>(take(export_history(file, wish, [&lines](std::string_view line) -> Result<void> {
      lines.emplace_back(line);
      return {};
    })));
    return lines;
  }
  HistoryImport::Count read(const Lines& lines) const {
    const auto import = take(HistoryImport::open(new_file));
    for (const auto& line : lines) check(import->take(line));
    check(import->finish());
    return import->count();
  }
  /// What an export says apart from when it was made, in no order.
  static Lines sorted(Lines lines) {
    lines.erase(lines.begin());
    std::ranges::sort(lines);
    return lines;
  }
  static std::size_t of_type(const Lines& lines, const std::string& type) {
    return static_cast<std::size_t>(
        std::ranges::count_if(lines, [&](const auto& line) { return line.starts_with(R"({"type":")" + type + "\""); }));
  }
};

BOOST_FIXTURE_TEST_SUITE(history, Hubs)

BOOST_AUTO_TEST_CASE(what_is_exported_and_imported_is_exported_again_as_it_was) {
  ExportWish closed;
  const auto lines = exported(closed);
  BOOST_TEST(of_type(lines, "report") == 1502U);
  BOOST_TEST(of_type(lines, "change") == 3U);
  BOOST_TEST(of_type(lines, "incident") == 2U);
  BOOST_TEST(of_type(lines, "client") == 1U);
  BOOST_TEST(of_type(lines, "presence") == 1U);
  BOOST_TEST(of_type(lines, "sample") == 0U);  // the reports behind them are all there
  const auto count = read(lines);
  BOOST_TEST((count.added == lines.size() - 1 && count.known == 0));
  auto expected = sorted(lines);
  auto again = sorted(exported(new_file));
  // But for the incident that went on, which ends with the export.
  const auto is_open = [](const std::string& line) { return line.find("group:office") != std::string::npos; };
  BOOST_TEST(std::erase_if(expected, is_open) == 1U);
  BOOST_TEST(std::erase_if(again, is_open) == 1U);
  BOOST_TEST(again == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_export_that_is_read_again_adds_nothing) {
  const auto lines = exported();
  static_cast<void>(read(lines));
  const auto count = read(lines);
  BOOST_TEST((count.added == 0 && count.known == lines.size() - 1));
  // Also when the first reading was cut off in the middle, and when lines stand in a file twice.
  Lines twice(lines.begin(), lines.begin() + 700);
  twice.insert(twice.end(), lines.begin() + 1, lines.end());
  Hubs other;
  const auto after = other.read(twice);
  BOOST_TEST((after.added == lines.size() - 1 && after.known == 699));
}

BOOST_AUTO_TEST_CASE(an_import_that_ends_in_the_middle_leaves_whole_portions_and_may_be_read_again) {
  const auto lines = exported();
  {
    const auto import = take(HistoryImport::open(new_file));
    for (std::size_t i = 0; i < 1200; ++i) check(import->take(lines[i]));
  }
  const auto left = of_type(exported(new_file), "report");
  BOOST_TEST((left > 0U && left <= 1200U));
  const auto count = read(lines);
  BOOST_TEST(count.added + count.known == lines.size() - 1);
  BOOST_TEST(of_type(exported(new_file), "report") == 1502U);
}

BOOST_AUTO_TEST_CASE(minutes_hours_and_days_come_from_the_reports_or_from_the_export_and_never_from_both) {
  const auto before = judged(old_file);
  static_cast<void>(read(exported()));
  BOOST_TEST((judged(new_file) == before));
  // Without the reports, the sums alone.
  keep_sums_only();
  const auto lines = exported();
  BOOST_TEST(of_type(lines, "report") == 0U);
  BOOST_TEST(of_type(lines, "sample") > 700U);
  Hubs third;
  std::filesystem::remove(third.new_file);
  static_cast<void>(third.read(lines));
  BOOST_TEST((judged(third.new_file) == before));
}

BOOST_AUTO_TEST_CASE(sums_of_a_later_export_give_way_to_the_reports_of_an_earlier_one) {
  const auto earlier = exported();
  keep_sums_only();
  const auto later = exported();
  BOOST_TEST(of_type(later, "sample") > 700U);
  static_cast<void>(read(earlier));
  static_cast<void>(read(later));
  BOOST_TEST((judged(new_file) == judged(old_file)));
}

BOOST_AUTO_TEST_CASE(sums_of_an_older_hub_are_taken_without_what_it_did_not_record) {
  const Lines lines{
      R"({"vpn_sentinel_export":1,"made":"2026-11-21T10:00:00Z"})",
      R"({"type":"sample","client_id":"a","start":"2026-11-20T10:00:00Z","resolution":1,"values":[1,0,1,0,0,0,0,0,0,0,"",0,0,0,0]})"};
  BOOST_TEST(read(lines).added == 1U);
  const auto again = exported(new_file);
  BOOST_TEST(std::ranges::count_if(again, [](const auto& line) { return line.find(R"("",0,0,0,0,0,0,0,0,0,0])") != std::string::npos; }) ==
             1);
}

BOOST_AUTO_TEST_CASE(a_report_of_a_wrong_clock_hides_no_sums_of_other_times) {
  keep_sums_only();
  {
    const auto store = take(open_sqlite_store(old_file));
    check(store->begin());
    static_cast<void>(take(store->add_report(test::report("a", "c", 1, State::secure, WallTime{hours{1}}))));
    check(store->commit());
    while (take(store->roll_up())) {
    }
  }
  const auto lines = exported();
  BOOST_TEST(of_type(lines, "report") == 1U);
  BOOST_TEST(of_type(lines, "sample") > 700U);
  const auto of_1970 = [](const std::string& line) { return line.find(R"("start":"1970)") != std::string::npos; };
  BOOST_TEST(std::ranges::none_of(lines, of_1970));
}

BOOST_AUTO_TEST_CASE(an_export_of_one_client_or_of_some_time_has_nothing_else) {
  ExportWish wish;
  wish.client = "old";
  BOOST_TEST(of_type(exported(wish), "report") == 2U);
  wish.range = {at(300), at(400)};
  BOOST_TEST(of_type(exported(wish), "report") == 1U);
  wish.client = "nobody";
  const auto none = export_history(old_file, wish, [](std::string_view) -> Result<void> { return {}; });
  BOOST_TEST(none.error().message == "no client 'nobody' is known");
}

BOOST_AUTO_TEST_CASE(a_spreadsheet_gets_reports_with_a_heading_and_no_formula) {
  ExportWish wish;
  wish.format = ExportWish::Format::csv;
  wish.range = {at(2990), at(3010)};
  const auto lines = exported(wish);
  BOOST_TEST_REQUIRE(lines.size() == 2U);
  BOOST_TEST(lines[0].starts_with("time,received,client_id,"));
  BOOST_TEST(
      lines[1] ==
      "2026-11-21T10:50:00.000000Z,2026-11-21T10:50:00.000000Z,a,b,100,danger,tunnel,192.0.2.7,198.51.100.2,,,default_route_outside");
  {
    const auto store = take(open_sqlite_store(old_file));
    auto odd = test::report("odd", "b", 1, State::secure, at(3000));
    odd.source_address = "=cmd|\"x\",y; =z";
    check(store->begin());
    static_cast<void>(take(store->add_report(odd)));
    check(store->commit());
  }
  wish.client = "odd";
  BOOST_TEST(exported(wish)[1].find(R"("'=cmd|""x"",y; '=z")") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_wrong_line_is_refused_with_what_was_expected_and_changes_nothing) {
  const auto import = take(HistoryImport::open(new_file));
  const std::string head = R"({"vpn_sentinel_export":1,"made":"2026-11-21T10:00:00Z"})";
  BOOST_TEST(import->take(R"({"type":"presence"})").error().message.starts_with("the first line: expected"));
  BOOST_TEST(!import->take(R"({"vpn_sentinel_export":2,"made":"2026-11-21T10:00:00Z"})").has_value());
  check(import->take(head));
  struct Row {
    std::string line, begins;
  };
  const std::string change = R"({"type":"change","client_id":"a","at":"2026-11-21T10:00:00Z","noticed":"2026-11-21T10:00:00Z",)";
  for (
      const auto& row : {
          Row{"", "the line: expected"},
          Row{"[]", "the line: expected"},
          Row{"{\"type\":\"report\"", "the line: expected"},
          Row{std::string(longest_line + 1, ' '), "the line: expected"},
          Row{R"({"type":)" + std::string(100'000, '['), "the line: expected"},
          Row{R"({"type":"word"})", "type: expected"},
          Row{R"({"type":"report","report":{}})", "report: expected"},
          Row{R"({"type":"change","client_id":"/","at":"2026-11-21T10:00:00Z"})", "noticed: expected"},
          Row{R"({"type":"change","at":"now"})", "at: expected an RFC 3339 time"},
          Row{change + R"("kind":"connected","change":{"to":"green"}})", "change.to: expected"},
          Row{change + R"("kind":"connected","change":[]})", "change: expected"},
          Row{R"({"type":"incident","client_id":"a","incident":{"start":1}})", "incident: expected"},
          Row{R"({"type":"presence","start":"2026-11-21T10:00:00Z","until":"2026-11-21T09:00:00Z"})", "until: expected"},
          Row{R"({"type":"sample","client_id":"a","start":"2026-11-21T10:00:01Z","resolution":0,"values":[]})", "start: expected"},
          Row{R"({"type":"sample","client_id":"a","start":"2026-11-21T10:00:00Z","resolution":3,"values":[]})", "resolution: expected"},
          Row{R"({"type":"sample","client_id":"a","start":"2026-11-21T10:00:00Z","resolution":1,"values":[1]})", "values: expected"},
          Row{R"({"type":"sample","client_id":"a","start":"2026-11-21T10:00:00Z","resolution":1,"values":[1,0,-1,0,0,0,0,0,0,0,"",0,0,0,0]})",
              "values: expected"},
          Row{R"({"type":"sample","client_id":"a/b","start":"2026-11-21T10:00:00Z","resolution":1,"values":[1,0,1,0,0,0,0,0,0,0,"",0,0,0,0]})",
              "client_id: expected"},
          Row{R"({"type":"client","client":{"client_id":"a"}})", "client: expected"},
      }) {
    BOOST_TEST_CONTEXT(row.line.substr(0, 100)) {
      const auto taken = import->take(row.line);
      BOOST_TEST_REQUIRE(!taken.has_value());
      BOOST_TEST((taken.error().kind == Error::Kind::invalid));
      BOOST_TEST(taken.error().message.starts_with(row.begins), taken.error().message);
    }
  }
  check(import->finish());
  BOOST_TEST((import->count().added == 0 && import->count().known == 0));
}

BOOST_AUTO_TEST_CASE(a_database_that_a_hub_uses_takes_no_import) {
  const auto hub = take(open_sqlite_store(new_file));
  BOOST_TEST(HistoryImport::open(new_file).error().message.find("another hub uses this file") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

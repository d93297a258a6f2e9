// What people do about clients and incidents, through a whole engine with its file.
#include "tests/unit/hub/engine/engine_fixture.hpp"

BOOST_AUTO_TEST_SUITE(engine_care)

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using nlohmann::json;

namespace {

Result<json> care(Engine& engine, CareOrder order) {
  std::promise<Result<json>> answer;
  auto result = answer.get_future();
  BOOST_REQUIRE(engine.care(std::move(order), [&answer](const Result<json>& given) { answer.set_value(given); }));
  return result.get();
}

json incident(Engine& engine, std::int64_t id) {
  std::promise<json> answer;
  auto result = answer.get_future();
  BOOST_REQUIRE(engine.query([&](StoreReader& reader) { answer.set_value(reader.incident(id, wall_now()).value()); }));
  return result.get();
}

std::vector<Kept> kept(Engine& engine, KeptKind kind) {
  std::promise<std::vector<Kept>> answer;
  auto result = answer.get_future();
  BOOST_REQUIRE(engine.query([&](StoreReader& reader) { answer.set_value(reader.kept(kind).value()); }));
  return result.get();
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_incident_that_grows_stays_acknowledged_and_keeps_its_comments_over_a_restart) {
  const TemporaryDirectory directory;
  {
    const auto engine = test::start(sqlite(directory), {});
    submit(*engine, now_report("a", 1, State::danger));
    BOOST_TEST(care(*engine, AcknowledgeOrder{1, Acknowledgement{"anna", at(1), "on it"}}).value()["acknowledged"]["by"] == "anna");
    BOOST_TEST(care(*engine, CommentOrder{1, {0, at(2), "bert", "the router\nis new"}}).value()["id"] == 1);
    submit(*engine, now_report("a", 2, State::warning));
  }
  const auto engine = test::start(sqlite(directory), {});
  submit(*engine, now_report("a", 3, State::danger));
  const auto found = incident(*engine, 1);
  BOOST_TEST(found["acknowledged"]["note"] == "on it");
  BOOST_TEST(found["comment_count"] == 1);
  BOOST_TEST(found["comments"][0]["text"] == "the router\nis new");
  BOOST_TEST(found["open"] == true);
  submit(*engine, now_report("a", 4, State::secure));
  BOOST_TEST(incident(*engine, 1)["acknowledged"]["by"] == "anna");
  BOOST_TEST(care(*engine, AcknowledgeOrder{1, std::nullopt}).value()["acknowledged"].is_null());
  BOOST_TEST(incident(*engine, 1)["acknowledged"].is_null());
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_told_so) {
  const TemporaryDirectory directory;
  const auto engine = test::start(sqlite(directory), {});
  const auto is_not_found = [&](CareOrder order) { return care(*engine, std::move(order)).error().kind == Error::Kind::not_found; };
  BOOST_TEST(is_not_found(AcknowledgeOrder{7, std::nullopt}));
  BOOST_TEST(is_not_found(CommentOrder{7, {0, at(0), "anna", "x"}}));
  BOOST_TEST(is_not_found(UnmuteOrder{"a"}));
  BOOST_TEST(is_not_found(EndMaintenanceOrder{7}));
  BOOST_TEST(incident(*engine, 7).is_null());
}

BOOST_AUTO_TEST_CASE(mutes_and_windows_outlive_a_restart_and_go_when_they_are_over) {
  const TemporaryDirectory directory;
  const auto now = wall_now();
  {
    const auto engine = test::start(sqlite(directory), {});
    BOOST_TEST(care(*engine, MuteOrder{{"a", std::nullopt, "anna", now}}).has_value());
    BOOST_TEST(care(*engine, MuteOrder{{"b", now - 1s, "anna", now - 60s}}).has_value());
    BOOST_TEST(care(*engine, MaintenanceOrder{{0, "move", {"a*"}, now, now + 60s}}).has_value());
    BOOST_TEST(care(*engine, MaintenanceOrder{{0, "past", {"a*"}, now - 60s, now - 1s}}).has_value());
  }
  const auto engine = test::start(sqlite(directory), {});
  BOOST_TEST(care(*engine, MuteOrder{{"c", std::nullopt, "anna", now}}).has_value());
  std::vector<std::string> names;
  for (const auto& row : kept(*engine, KeptKind::mute)) names.push_back(row.name);
  BOOST_TEST(names == (std::vector<std::string>{"a", "c"}), boost::test_tools::per_element());
  const auto windows = kept(*engine, KeptKind::maintenance);
  BOOST_TEST_REQUIRE(windows.size() == 1U);
  BOOST_TEST(parse_maintenance(windows[0].json)->name == "move");
  BOOST_TEST(care(*engine, EndMaintenanceOrder{parse_maintenance(windows[0].json)->id}).has_value());
  BOOST_TEST(care(*engine, UnmuteOrder{"a"}).has_value());
  BOOST_TEST(kept(*engine, KeptKind::maintenance).empty());
  BOOST_TEST(kept(*engine, KeptKind::mute).size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_incident_has_no_more_comments_than_it_may) {
  const TemporaryDirectory directory;
  const auto engine = test::start(sqlite(directory), {});
  submit(*engine, now_report("a", 1, State::danger));
  for (std::size_t i = 0; i < IncidentComment::most; ++i) {
    BOOST_REQUIRE(care(*engine, CommentOrder{1, {0, at(0), "anna", "x"}}).has_value());
  }
  BOOST_TEST((care(*engine, CommentOrder{1, {0, at(0), "anna", "x"}}).error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(a_change_that_cannot_be_stored_did_not_happen) {
  const auto shelf = std::make_shared<Shelf>();
  const auto engine = test::start(std::make_unique<MemoryStore>(shelf), {});
  shelf->commit_fails = true;
  BOOST_TEST(!care(*engine, MuteOrder{{"a", std::nullopt, "anna", wall_now()}}).has_value());
  shelf->commit_fails = false;
  BOOST_TEST((care(*engine, UnmuteOrder{"a"}).error().kind == Error::Kind::not_found));
}

BOOST_AUTO_TEST_SUITE_END()

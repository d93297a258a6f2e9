#include "hub/engine/engine.hpp"

#include "tests/unit/hub/engine/engine_fixture.hpp"

BOOST_AUTO_TEST_SUITE(engine)

using namespace vpn_sentinel;
using namespace std::chrono_literals;
using namespace test;

BOOST_AUTO_TEST_CASE(an_acknowledged_report_is_visible_and_survives_a_restart) {
  const test::TemporaryDirectory directory;
  Record record;
  {
    const auto engine = start(sqlite(directory), record.hooks());
    BOOST_TEST((submit(*engine, now_report("a", 1, State::danger)) == SubmitResult::stored));
    BOOST_TEST((engine->client("a")->state == State::danger));
    BOOST_TEST((submit(*engine, now_report("a", 1, State::danger)) == SubmitResult::duplicate));
    BOOST_TEST(engine->stored_reports() == 1U);
    BOOST_TEST(engine->healthy());
    BOOST_TEST((engine->client("nobody") == nullptr));
  }
  const auto again = start(sqlite(directory), record.hooks());
  BOOST_TEST((again->client("a")->state == State::danger));
  BOOST_TEST((submit(*again, now_report("a", 1, State::danger)) == SubmitResult::duplicate));
  BOOST_TEST((submit(*again, now_report("a", 2, State::secure)) == SubmitResult::stored));
  BOOST_TEST((record.changes() == std::vector<std::string>{"connected", "state_changed"}));
}

BOOST_AUTO_TEST_CASE(many_senders_at_once_are_all_answered_and_stored_once) {
  const test::TemporaryDirectory directory;
  Record record;
  const auto engine = start(sqlite(directory), record.hooks());
  std::atomic<int> stored{0};
  std::atomic<int> duplicates{0};
  std::vector<std::thread> senders;
  for (int sender = 0; sender < 4; ++sender) {
    senders.emplace_back([&, sender] {
      for (std::uint64_t seq = 1; seq <= 250; ++seq) {
        const auto client_id = "client-" + std::to_string(sender / 2);
        const bool taken = engine->submit(now_report(client_id, seq),
                                          [&](SubmitResult result) { ++(result == SubmitResult::stored ? stored : duplicates); });
        if (!taken) ++duplicates;
      }
    });
  }
  for (auto& sender : senders) sender.join();
  BOOST_TEST(eventually([&] { return stored + duplicates == 1000; }));
  BOOST_TEST(stored == 500);
  BOOST_TEST(engine->stored_reports() == 500U);
  BOOST_TEST(engine->clients().size() == 2U);
  BOOST_TEST(engine->clients()[0]->client_id == "client-0");
}

BOOST_AUTO_TEST_CASE(what_is_queued_when_the_engine_ends_is_still_stored_and_answered) {
  const auto shelf = std::make_shared<Shelf>();
  std::atomic<int> answered{0};
  {
    const auto engine = start(std::make_unique<MemoryStore>(shelf), {});
    for (std::uint64_t seq = 1; seq <= 500; ++seq) BOOST_REQUIRE(engine->submit(now_report("a", seq), [&](SubmitResult) { ++answered; }));
  }
  BOOST_TEST(answered == 500);
  BOOST_TEST(shelf->content.reports.size() == 500U);
}

BOOST_AUTO_TEST_CASE(a_full_queue_refuses) {
  const auto shelf = std::make_shared<Shelf>();
  EngineOptions options;
  options.queue_bound = 2;
  std::promise<void> entered;
  std::promise<void> release;
  const auto engine = start(std::make_unique<MemoryStore>(shelf), {}, {}, options);
  BOOST_REQUIRE(engine->submit(now_report("a", 1), [&](SubmitResult) {
    entered.set_value();
    release.get_future().wait();
  }));
  entered.get_future().wait();
  BOOST_TEST(engine->submit(now_report("a", 2), nullptr));
  BOOST_TEST(engine->submit(now_report("a", 3), nullptr));
  BOOST_TEST(!engine->submit(now_report("a", 4), nullptr));
  release.set_value();
}

BOOST_AUTO_TEST_CASE(a_silent_client_goes_offline_by_itself_at_its_deadline) {
  const test::TemporaryDirectory directory;
  Record record;
  FleetPolicy policy;
  policy.lease_grace = 100ms;
  const auto engine = start(sqlite(directory), record.hooks(), policy);
  auto admitted = now_report("a", 1);
  admitted.report.lease_s = 1;
  const auto begun = mono_now();
  BOOST_TEST((submit(*engine, admitted) == SubmitResult::stored));
  BOOST_REQUIRE(record.wait([](Record& seen) { return seen.changes_.size() == 2; }));
  const auto took = mono_now() - begun;
  BOOST_TEST((took >= 1000ms));
  BOOST_TEST((took < 2500ms));
  BOOST_TEST((record.changes() == std::vector<std::string>{"connected", "went_offline"}));
  BOOST_TEST((engine->client("a")->state == State::offline));
  BOOST_TEST((submit(*engine, now_report("a", 2)) == SubmitResult::stored));
  BOOST_TEST(record.changes().back() == "came_back");
}

BOOST_AUTO_TEST_CASE(new_clients_that_find_no_room_do_not_make_a_failing_store_well) {
  const auto shelf = std::make_shared<Shelf>();
  Record record;
  FleetPolicy policy;
  policy.limits = {1, 0};
  const auto engine = start(std::make_unique<MemoryStore>(shelf), record.hooks(), policy);
  BOOST_TEST((submit(*engine, now_report("a", 1)) == SubmitResult::stored));
  shelf->report_fails = true;
  shelf->client_fails = true;
  BOOST_TEST((submit(*engine, now_report("a", 2)) == SubmitResult::store_failed));
  BOOST_TEST((submit(*engine, now_report("new", 1)) == SubmitResult::too_many_clients));
  BOOST_TEST((submit(*engine, now_report("a", 1)) == SubmitResult::store_failed));
  BOOST_TEST(!engine->healthy());
  BOOST_TEST(record.troubles().size() == 1U);
  shelf->report_fails = false;
  shelf->client_fails = false;
  BOOST_TEST((submit(*engine, now_report("a", 2)) == SubmitResult::stored));
  BOOST_TEST(engine->healthy());
}

BOOST_AUTO_TEST_CASE(a_danger_that_cannot_be_stored_is_shown_and_the_engine_says_so_once) {
  const auto shelf = std::make_shared<Shelf>();
  Record record;
  const auto engine = start(std::make_unique<MemoryStore>(shelf), record.hooks());
  BOOST_TEST((submit(*engine, now_report("a", 1)) == SubmitResult::stored));
  shelf->commit_fails = true;
  BOOST_TEST((submit(*engine, now_report("a", 2, State::danger)) == SubmitResult::store_failed));
  BOOST_TEST((submit(*engine, now_report("a", 2, State::danger)) == SubmitResult::store_failed));
  BOOST_TEST(!engine->healthy());
  BOOST_TEST((engine->client("a")->state == State::danger));
  BOOST_TEST(engine->client("a")->findings.at(1).code == "hub_cannot_store");
  BOOST_TEST((submit(*engine, now_report("a", 3, State::secure)) == SubmitResult::store_failed));
  BOOST_TEST((engine->client("a")->state == State::danger));
  shelf->commit_fails = false;
  BOOST_TEST((submit(*engine, now_report("a", 2, State::danger)) == SubmitResult::stored));
  BOOST_TEST((engine->client("a")->state == State::danger));
  BOOST_TEST(engine->client("a")->findings.size() == 1U);
  BOOST_TEST(engine->healthy());
  BOOST_TEST((record.changes() == std::vector<std::string>{"connected", "state_changed"}));
  const auto troubles = record.troubles();
  BOOST_REQUIRE_EQUAL(troubles.size(), 2U);
  BOOST_TEST((troubles[0].find("the disk is full") != std::string::npos));
  BOOST_TEST(troubles[1] == "reports are stored again");
}

BOOST_AUTO_TEST_CASE(a_refused_report_carries_the_reason_and_the_engine_keeps_the_sentence_until_it_works_again) {
  const auto shelf = std::make_shared<Shelf>();
  const auto engine = start(std::make_unique<MemoryStore>(shelf), {});
  BOOST_TEST((submit(*engine, now_report("a", 1)) == SubmitResult::stored));
  BOOST_TEST(engine->store_trouble().empty());
  shelf->commit_fails = true;
  shelf->failure = Error::Kind::no_space;
  BOOST_TEST((submit(*engine, now_report("a", 2)) == SubmitResult::store_full));
  shelf->failure = Error::Kind::not_permitted;
  BOOST_TEST((submit(*engine, now_report("a", 2)) == SubmitResult::store_read_only));
  shelf->failure = Error::Kind::failed;
  BOOST_TEST((submit(*engine, now_report("a", 2)) == SubmitResult::store_failed));
  BOOST_TEST(engine->store_trouble() == "the disk is full");
  shelf->commit_fails = false;
  BOOST_TEST((submit(*engine, now_report("a", 2)) == SubmitResult::stored));
  BOOST_TEST(engine->store_trouble().empty());
}

BOOST_AUTO_TEST_CASE(a_store_that_works_again_is_noticed_without_a_report) {
  const auto shelf = std::make_shared<Shelf>();
  Record record;
  const auto engine = start(std::make_unique<MemoryStore>(shelf), record.hooks());
  BOOST_TEST((submit(*engine, now_report("a", 1)) == SubmitResult::stored));
  shelf->begin_fails = true;
  BOOST_TEST((submit(*engine, now_report("a", 2)) == SubmitResult::store_failed));
  shelf->begin_fails = false;
  BOOST_TEST(eventually([&] { return engine->healthy(); }));
}

BOOST_AUTO_TEST_CASE(what_could_not_be_stored_is_shown_until_the_client_is_stored_again_and_ends_with_its_lease) {
  const auto shelf = std::make_shared<Shelf>();
  Record record;
  FleetPolicy policy;
  policy.lease_grace = 0ms;
  const auto engine = start(std::make_unique<MemoryStore>(shelf), record.hooks(), policy);
  BOOST_TEST((submit(*engine, now_report("a", 1)) == SubmitResult::stored));
  shelf->commit_fails = true;
  BOOST_TEST((submit(*engine, now_report("a", 2, State::danger)) == SubmitResult::store_failed));
  auto stranger = now_report("stranger", 1);
  stranger.report.lease_s = 1;
  BOOST_TEST((submit(*engine, stranger) == SubmitResult::store_failed));
  BOOST_TEST((engine->client("stranger")->state == State::warning));
  shelf->commit_fails = false;
  BOOST_TEST((submit(*engine, now_report("b", 1)) == SubmitResult::stored));
  BOOST_TEST((engine->client("a")->state == State::danger));
  BOOST_TEST(record.wait([](Record& seen) { return seen.removed_ == std::vector<std::string>{"stranger"}; }));
  BOOST_TEST((engine->client("stranger") == nullptr));
  BOOST_TEST((submit(*engine, now_report("a", 3)) == SubmitResult::stored));
  BOOST_TEST((engine->client("a")->state == State::secure));
}

BOOST_AUTO_TEST_CASE(while_nothing_can_be_stored_an_overdue_client_looks_offline_and_afterwards_until_it_is_heard) {
  const auto shelf = std::make_shared<Shelf>();
  Record record;
  FleetPolicy policy;
  policy.lease_grace = 0ms;
  const auto engine = start(std::make_unique<MemoryStore>(shelf), record.hooks(), policy);
  auto admitted = now_report("a", 1);
  admitted.report.lease_s = 1;
  BOOST_TEST((submit(*engine, admitted) == SubmitResult::stored));
  shelf->commit_fails = true;
  BOOST_TEST(eventually([&] { return engine->client("a")->state == State::offline; }));
  BOOST_TEST(record.changes().size() == 1U);
  shelf->commit_fails = false;
  BOOST_TEST(eventually([&] { return engine->healthy(); }));
  BOOST_TEST((engine->client("a")->state == State::offline));
  BOOST_TEST((submit(*engine, now_report("a", 2)) == SubmitResult::stored));
  BOOST_TEST((engine->client("a")->state == State::secure));
  BOOST_TEST((record.changes() == std::vector<std::string>{"connected"}));
}

BOOST_AUTO_TEST_CASE(alerts_are_stored_first_then_handed_on_and_their_results_kept) {
  const test::TemporaryDirectory directory;
  Record record;
  {
    const auto engine = start(sqlite(directory), record.hooks());
    engine->add_alert({0, "telegram", "started", wall_now(), 0});
    submit(*engine, now_report("a", 1));
    submit(*engine, now_report("b", 1));
    BOOST_REQUIRE(record.wait([](Record& seen) { return seen.alerts_.size() == 3; }));
    const auto alerts = record.alerts();
    BOOST_TEST(alerts[0].id < alerts[1].id);
    engine->alert_delivered(alerts[0].id);
    engine->alert_failed(alerts[1].id, "bad text", true);
    engine->alert_failed(alerts[2].id, "no network", false);
  }
  const auto again = start(sqlite(directory), {});
  const auto pending = again->pending_alerts();
  BOOST_REQUIRE_EQUAL(pending.size(), 1U);
  BOOST_TEST(pending[0].id == record.alerts()[2].id);
  BOOST_TEST(pending[0].attempts == 1);
  BOOST_TEST(again->pending_alerts().empty());
}

BOOST_AUTO_TEST_CASE(what_is_added_before_it_runs_is_told_before_all_that_is_due_at_once) {
  const test::TemporaryDirectory directory;
  Record record;
  {
    const auto engine = start(sqlite(directory), record.hooks());
    submit(*engine, now_report("a", 1));
    BOOST_REQUIRE(record.wait([](Record& seen) { return seen.alerts_.size() == 1; }));
  }
  // Everybody is silent at its first turn.
  EngineOptions later;
  later.now = [] { return wall_now() + 24h; };
  FleetPolicy policy;
  policy.restart_grace = 0s;
  policy.default_lease = 0s;
  const auto engine = Engine::load(sqlite(directory), policy, record.hooks(), later).value();
  BOOST_REQUIRE(engine->submit(test::report("b", "b", 1, State::danger, later.now()), {}));
  engine->add_alert({0, "telegram", "started", later.now(), 0});
  engine->run();
  BOOST_REQUIRE(record.wait([](Record& seen) { return seen.alerts_.size() >= 4; }));
  const auto alerts = record.alerts();
  BOOST_TEST(alerts.at(1).text == "started");
  BOOST_TEST(alerts.at(0).id < alerts.at(1).id);
  BOOST_TEST(alerts.at(1).id < alerts.at(2).id);
}

BOOST_AUTO_TEST_CASE(alerts_and_results_wait_for_a_store_that_fails) {
  const auto shelf = std::make_shared<Shelf>();
  Record record;
  const auto engine = start(std::make_unique<MemoryStore>(shelf), record.hooks());
  submit(*engine, now_report("a", 1));
  shelf->commit_fails = true;
  engine->alert_delivered(1);
  engine->add_alert({0, "telegram", "hello", wall_now(), 0});
  BOOST_TEST(eventually([&] { return !engine->healthy(); }));
  shelf->commit_fails = false;
  BOOST_TEST(record.wait([](Record& seen) { return seen.alerts_.size() == 2; }));
  BOOST_TEST(record.alerts().back().text == "hello");
  BOOST_TEST((submit(*engine, now_report("a", 2)) == SubmitResult::stored));
  BOOST_TEST(shelf->content.finished.at(1) == "delivered");
}

BOOST_AUTO_TEST_CASE(a_late_report_fills_history_and_incidents_and_never_the_present) {
  const test::TemporaryDirectory directory;
  Record record;
  const auto now = wall_now();
  const auto ago = [now](int seconds) { return now - std::chrono::seconds{seconds}; };
  {
    const auto engine = start(sqlite(directory), record.hooks());
    BOOST_TEST((submit(*engine, test::report("a", "b", 1, State::secure, ago(20))) == SubmitResult::stored));
    BOOST_TEST((submit(*engine, test::report("a", "b", 9, State::secure, now)) == SubmitResult::stored));
    BOOST_TEST((submit(*engine, queued(test::report("a", "b", 2, State::danger, ago(15)), now)) == SubmitResult::stored));
    BOOST_TEST((engine->client("a")->state == State::secure));
    BOOST_TEST((submit(*engine, queued(test::report("a", "b", 3, State::secure, ago(10)), now)) == SubmitResult::stored));
    BOOST_TEST((submit(*engine, queued(test::report("a", "b", 3, State::secure, ago(10)), now)) == SubmitResult::duplicate));
  }
  BOOST_TEST(record.changes() == std::vector<std::string>{"connected"}, boost::test_tools::per_element());
  BOOST_TEST(record.alerts().size() >= 2U);
  const auto store = sqlite(directory);
  const auto reader = store->open_reader().value();
  const auto changes = reader->history({"a"}).value().items;
  const auto danger = std::ranges::count_if(changes, [](const auto& change) { return change.at("to") == "danger"; });
  BOOST_TEST(danger == 1);
  BOOST_TEST(changes.at(0).at("past") == true);
  BOOST_TEST(changes.at(0).at("to") == "secure");
  IncidentQuery question;
  const auto incidents = reader->incidents(question).value().items;
  BOOST_REQUIRE_EQUAL(incidents.size(), 1U);
  BOOST_TEST(incidents[0].at("start") == to_rfc3339(ago(15)));
  BOOST_TEST(incidents[0].at("end") == to_rfc3339(ago(10)));
  BOOST_TEST(incidents[0].at("exposed_s") == 5.0);
  BOOST_TEST(incidents[0].at("worst") == "danger");
}

BOOST_AUTO_TEST_CASE(an_incident_that_was_open_goes_on_after_a_restart_and_is_taken_back_with_its_transaction) {
  const test::TemporaryDirectory directory;
  {
    const auto engine = start(sqlite(directory), {});
    BOOST_TEST((submit(*engine, now_report("a", 1, State::danger)) == SubmitResult::stored));
  }
  {
    const auto engine = start(sqlite(directory), {});
    BOOST_TEST((submit(*engine, now_report("a", 2, State::secure)) == SubmitResult::stored));
  }
  const auto incidents = sqlite(directory)->open_reader().value()->incidents({}).value().items;
  BOOST_REQUIRE_EQUAL(incidents.size(), 1U);
  BOOST_TEST(incidents[0].at("open") == false);

  const auto shelf = std::make_shared<Shelf>();
  const auto engine = start(std::make_unique<MemoryStore>(shelf), {});
  BOOST_TEST((submit(*engine, now_report("a", 1, State::secure)) == SubmitResult::stored));
  shelf->commit_fails = true;
  BOOST_TEST((submit(*engine, now_report("a", 2, State::danger)) == SubmitResult::store_failed));
  shelf->commit_fails = false;
  BOOST_TEST((submit(*engine, now_report("a", 3, State::secure)) == SubmitResult::stored));
  BOOST_TEST(shelf->content.incidents.empty());
}

BOOST_AUTO_TEST_CASE(reports_are_rolled_up_while_the_hub_runs) {
  const test::TemporaryDirectory directory;
  EngineOptions options;
  options.roll_up_pause = 10ms;
  const auto engine = start(sqlite(directory), {}, {}, options);
  BOOST_TEST((submit(*engine, now_report("a", 1)) == SubmitResult::stored));
  const auto rolled_up = [&engine] {
    std::promise<bool> answer;
    SampleQuery question;
    question.client_id = "a";
    BOOST_REQUIRE(engine->query([&](StoreReader& reader) { answer.set_value(!reader.samples(question).value().items.empty()); }));
    return answer.get_future().get();
  };
  BOOST_TEST(eventually(rolled_up));
}

BOOST_AUTO_TEST_CASE(a_question_sees_what_was_acknowledged_before_it) {
  const test::TemporaryDirectory directory;
  const auto engine = start(sqlite(directory), {});
  BOOST_REQUIRE(engine->submit(now_report("a", 1, State::secure), nullptr));
  BOOST_TEST((submit(*engine, now_report("a", 2, State::danger)) == SubmitResult::stored));
  std::promise<nlohmann::json> answer;
  BOOST_REQUIRE(engine->query([&](StoreReader& reader) { answer.set_value(reader.history({"a"}).value().items); }));
  const auto changes = answer.get_future().get();
  BOOST_REQUIRE_EQUAL(changes.size(), 2U);
  BOOST_TEST(changes.at(0).at("to") == "danger");
}

BOOST_AUTO_TEST_SUITE_END()

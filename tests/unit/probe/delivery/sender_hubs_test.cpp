// Several hubs: the first that answers.
#include <boost/test/unit_test.hpp>

#include "probe/delivery/hub_choice.hpp"
#include "tests/unit/probe/delivery/sender_fixture.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

using Order = std::deque<std::size_t>;

struct TwoHubs : SenderFixture {
  TwoHubs() { address.urls = {hub.url(), second.url()}; }
  LoopbackHub second{io};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(hub_choice)

BOOST_AUTO_TEST_CASE(the_hub_that_answered_last_is_asked_first) {
  HubChoice choice(3, std::chrono::seconds{60});
  const MonoTime now{};
  BOOST_TEST((choice.order(true, now) == Order{0, 1, 2}));
  choice.answered(2, now);
  BOOST_TEST((choice.order(true, now) == Order{2, 0, 1}));
  BOOST_TEST((choice.order(false, now) == Order{2, 0, 1}));
  choice.answered(0, now);
  BOOST_TEST((choice.order(false, now + std::chrono::hours{1}) == Order{0, 1, 2}));
}

BOOST_AUTO_TEST_CASE(after_a_while_one_keepalive_looks_whether_a_better_hub_is_back) {
  HubChoice choice(2, std::chrono::seconds{60});
  const MonoTime start{};
  choice.answered(1, start);
  choice.answered(1, start + std::chrono::seconds{30});
  BOOST_TEST((choice.order(false, start + std::chrono::seconds{59}) == Order{1, 0}));
  BOOST_TEST((choice.order(true, start + std::chrono::seconds{60}) == Order{1, 0}));
  BOOST_TEST((choice.order(false, start + std::chrono::seconds{60}) == Order{0, 1}));
  BOOST_TEST((choice.order(false, start + std::chrono::seconds{61}) == Order{1, 0}));  // it was not
  BOOST_TEST((choice.order(false, start + std::chrono::seconds{120}) == Order{0, 1}));
}

BOOST_AUTO_TEST_CASE(a_hub_that_was_away_for_a_moment_is_looked_at_within_the_grace_after_its_restart) {
  constexpr std::chrono::seconds interval{15};
  constexpr std::chrono::seconds grace{60};
  HubChoice choice(2, HubAddress{}.look_back);
  choice.answered(1, MonoTime{});
  std::chrono::seconds at = interval;
  while (choice.order(false, MonoTime{} + at).front() != 0) at += interval;
  BOOST_TEST((at <= grace / 2));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(sender_hubs, TwoHubs)

BOOST_AUTO_TEST_CASE(the_first_gets_everything_as_long_as_it_answers) {
  start();
  sender->submit(change(1));
  sender->submit(keepalive(2));
  BOOST_TEST_REQUIRE(run_until_events(2));
  BOOST_TEST(hub.seqs() == "1 2");
  BOOST_TEST(second.received.empty());
}

BOOST_AUTO_TEST_CASE(a_hub_that_is_gone_is_followed_by_the_next_at_once_and_that_one_is_kept) {
  hub.stop();
  start();
  sender->submit(change(1));
  BOOST_TEST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 uplink");
  BOOST_TEST(failures.empty());
  hub.start();
  sender->submit(change(2));
  BOOST_TEST_REQUIRE(run_until_events(2));
  BOOST_TEST(second.seqs() == "1 2");
  BOOST_TEST(hub.received.empty());
  second.stop();
  sender->submit(change(3));
  BOOST_TEST_REQUIRE(run_until_events(3));
  BOOST_TEST(event(2) == "delivered a 3 uplink");
  BOOST_TEST(hub.seqs() == "3");
}

BOOST_AUTO_TEST_CASE(a_hub_that_cannot_store_is_followed_by_the_next_but_one_that_is_asked_too_often_is_not) {
  hub.answer = [](const Received&) { return Answer{503, "Retry-After: 60\r\n"}; };
  start();
  sender->submit(change(1));
  BOOST_TEST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 uplink");
  BOOST_TEST(second.seqs() == "1");
  second.answer = [](const Received&) { return Answer{429, "Retry-After: 60\r\n"}; };
  sender->submit(change(2));
  BOOST_TEST_REQUIRE(run_until_events(2));
  BOOST_TEST(event(1) == "failed a");
  BOOST_TEST((waits.back() >= std::chrono::seconds{60}));
  BOOST_TEST(hub.seqs() == "1");
}

BOOST_AUTO_TEST_CASE(a_hub_without_room_for_one_client_keeps_the_others) {
  hub.answer = [](const Received& report) {
    if (report.body.at("client_id") == "a") return Answer{};
    return Answer{507, "Retry-After: 60\r\n", R"({"error":"Too many clients","message":"m"})"};
  };
  start();
  sender->submit(change(1));
  BOOST_TEST_REQUIRE(run_until_events(1));
  sender->submit(change(2, "new"));
  BOOST_TEST_REQUIRE(run_until_events(2));
  BOOST_TEST(event(1) == "delivered new 2 uplink");
  sender->submit(change(3));
  BOOST_TEST_REQUIRE(run_until_events(3));
  BOOST_TEST(second.seqs() == "2");
  // The next hub may be back before the one without room wants to be asked again.
  second.answer = [](const Received&) { return Answer{500, ""}; };
  sender->submit(change(4, "new"));
  BOOST_TEST_REQUIRE(run_until_events(4));
  BOOST_TEST(event(3) == "failed new");
  BOOST_TEST((waits.back() < std::chrono::seconds{60}));
}

BOOST_AUTO_TEST_CASE(a_keepalive_goes_back_to_the_first_and_takes_the_changes_with_it) {
  address.look_back = std::chrono::milliseconds{0};
  hub.stop();
  start();
  sender->submit(change(1));
  BOOST_TEST_REQUIRE(run_until_events(1));
  sender->submit(keepalive(2));  // looks, and it is not there yet
  BOOST_TEST_REQUIRE(run_until_events(2));
  hub.start();
  sender->submit(change(3));
  BOOST_TEST_REQUIRE(run_until_events(3));
  sender->submit(keepalive(4));
  BOOST_TEST_REQUIRE(run_until_events(4));
  sender->submit(change(5));
  BOOST_TEST_REQUIRE(run_until_events(5));
  BOOST_TEST(second.seqs() == "1 2 3");
  BOOST_TEST(hub.seqs() == "4 5");
  BOOST_TEST(failures.empty());
  BOOST_TEST(outbox->size() == 0U);
}

BOOST_AUTO_TEST_CASE(looking_back_at_a_hub_that_does_not_answer_costs_a_keepalive_little_and_a_change_nothing) {
  address.look_back = std::chrono::milliseconds{0};
  address.tunnel_timeout = std::chrono::milliseconds{300};
  address.timeout = std::chrono::seconds{15};
  hub.answer = [](const Received&) { return Answer{503, ""}; };
  start();
  sender->submit(change(1));
  BOOST_TEST_REQUIRE(run_until_events(1));
  hub.answer = [](const Received&) { return std::nullopt; };
  const auto before = hub.received.size();
  const auto begin = mono_now();
  sender->submit(keepalive(2));
  BOOST_TEST_REQUIRE(run_until([&] { return hub.received.size() > before; }));
  sender->submit(change(3));
  BOOST_TEST_REQUIRE(run_until_events(3));
  BOOST_TEST(event(1) == "delivered a 3 uplink");
  BOOST_TEST(event(2).starts_with("delivered a 2"));
  BOOST_TEST((mono_now() - begin < std::chrono::seconds{5}));
  BOOST_TEST(second.seqs() == "1 3 2");
  BOOST_TEST(failures.empty());
}

BOOST_AUTO_TEST_CASE(a_better_hub_that_is_asked_too_often_keeps_no_keepalive_from_the_one_in_use) {
  address.look_back = std::chrono::milliseconds{0};
  hub.answer = [](const Received&) { return Answer{503, ""}; };
  start();
  sender->submit(change(1));
  BOOST_TEST_REQUIRE(run_until_events(1));
  hub.answer = [](const Received&) { return Answer{429, "Retry-After: 60\r\n"}; };
  sender->submit(keepalive(2));
  BOOST_TEST_REQUIRE(run_until_events(2));
  BOOST_TEST(event(1).starts_with("delivered a 2"));
  BOOST_TEST(second.seqs() == "1 2");
}

BOOST_AUTO_TEST_CASE(when_none_answers_the_reason_of_each_is_told_and_the_longest_wait_kept) {
  hub.answer = [](const Received&) { return Answer{503, "Retry-After: 40\r\n"}; };
  second.answer = [](const Received&) { return Answer{500, ""}; };
  start();
  sender->submit(change(1));
  BOOST_TEST_REQUIRE(run_until_events(1));
  const auto& message = failures.at(0).message;
  BOOST_TEST(message.find(hub.url() + ": the hub answered 503") != std::string::npos, message);
  BOOST_TEST(message.find(second.url() + ": the hub answered 500") != std::string::npos, message);
  BOOST_TEST((waits.at(0) >= std::chrono::seconds{40}));
  BOOST_TEST(outbox->size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_second_hub_without_batches_gets_single_reports) {
  hub.takes_batches = true;
  hub.batch_answer = [](const Received&) { return Answer{503, ""}; };
  hub.answer = [](const Received&) { return Answer{503, ""}; };
  second.answer = [](const Received&) { return Answer{503, ""}; };
  start();
  for (std::uint64_t seq = 1; seq <= 6; ++seq) sender->submit(change(seq));
  BOOST_TEST_REQUIRE(run_until_events(1));
  second.received.clear();
  second.answer = [](const Received&) { return Answer{}; };
  sender->kick();
  BOOST_TEST_REQUIRE(run_until([&] { return outbox->size() == 0; }));
  BOOST_TEST(second.seqs() == "1 2 3 4 5 6");
}

BOOST_AUTO_TEST_SUITE_END()

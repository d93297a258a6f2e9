// What is sent when: order, lanes, superseding, drain.
#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/delivery/sender_fixture.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

std::optional<Answer> hold(const Received&) { return std::nullopt; }
std::optional<Answer> hold_keepalives(const Received& request) {
  return request.body.at("trigger") == "interval" ? std::nullopt : std::optional<Answer>(Answer{});
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sender_order, SenderFixture)

BOOST_AUTO_TEST_CASE(a_report_is_one_post_with_key_and_content_type) {
  address.urls[0] += "/";
  address.api_path = "api/v1/";
  start();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 uplink");
  const auto& request = hub.received.at(0);
  BOOST_TEST(request.target == "POST /api/v1/keepalive");
  BOOST_TEST(request.headers.at("content-type") == "application/json");
  BOOST_TEST(request.headers.at("x-api-key") == "the-key");
  auto expected = change(1).report;
  expected.path = "uplink";
  expected.sent_at = parse_rfc3339(request.body.at("sent_at").get<std::string>()).value();
  BOOST_TEST(request.body == encode(expected));
  BOOST_TEST(outbox->size() == 0U);
}

BOOST_AUTO_TEST_CASE(without_a_key_there_is_no_header_and_without_a_path_the_root_is_taken) {
  address.api_key.clear();
  address.api_path = "/";
  start();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(hub.received.at(0).target == "POST /keepalive");
  BOOST_TEST(hub.received.at(0).headers.count("x-api-key") == 0U);
}

BOOST_AUTO_TEST_CASE(changes_of_one_client_go_one_after_the_other) {
  hub.answer = hold;
  start();
  for (std::uint64_t seq = 1; seq <= 3; ++seq) sender->submit(change(seq));
  for (std::size_t count = 1; count <= 3; ++count) {
    BOOST_REQUIRE(run_until([&] { return hub.received.size() == count; }));
    run_ready();
    BOOST_TEST(hub.received.size() == count);  // the next one waits for the answer
    hub.release();
  }
  BOOST_REQUIRE(run_until_events(3));
  BOOST_TEST(hub.seqs() == "1 2 3");
}

BOOST_AUTO_TEST_CASE(one_client_does_not_wait_for_another) {
  hub.answer = [](const Received& request) { return request.body.at("client_id") == "a" ? std::nullopt : std::optional<Answer>(Answer{}); };
  start();
  sender->submit(change(1, "a"));
  BOOST_REQUIRE(run_until([&] { return hub.received.size() == 1; }));
  sender->submit(change(1, "b"));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered b 1 uplink");
}

BOOST_AUTO_TEST_CASE(a_change_does_not_wait_for_a_keepalive_that_is_stuck_in_the_tunnel) {
  hub.answer = hold_keepalives;
  start();
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until([&] { return hub.received.size() == 1; }));
  sender->submit(change(2));
  sender->submit(change(3));
  BOOST_REQUIRE(run_until_events(2));
  BOOST_TEST(event(0) == "delivered a 2 uplink");
  BOOST_TEST(event(1) == "delivered a 3 uplink");
  hub.release();
  BOOST_REQUIRE(run_until_events(3));
  BOOST_TEST(event(2) == "delivered a 1 tunnel");
  BOOST_TEST(outbox->size() == 0U);
}

BOOST_AUTO_TEST_CASE(of_the_keepalives_that_wait_only_the_newest_is_sent) {
  hub.answer = hold_keepalives;
  start();
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until([&] { return hub.received.size() == 1; }));
  for (std::uint64_t seq = 2; seq <= 4; ++seq) sender->submit(keepalive(seq));
  hub.answer = [](const Received&) { return Answer{}; };
  hub.release();
  BOOST_REQUIRE(run_until_events(2));
  BOOST_TEST(hub.seqs() == "1 4");
  BOOST_TEST(event(0) == "delivered a 1 tunnel");
  BOOST_TEST(event(1) == "delivered a 4 tunnel");
  BOOST_TEST(outbox->size() == 0U);
  BOOST_TEST(outbox->dropped() == 0U);
}

BOOST_AUTO_TEST_CASE(the_answer_to_a_replaced_keepalive_does_not_acknowledge_its_successor) {
  hub.answer = hold;
  start();
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until([&] { return hub.received.size() == 1; }));
  sender->submit(keepalive(2));
  hub.release();
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(outbox->size() == 1U);
  BOOST_TEST(seq_of(outbox->keepalive("a")) == "2");
}

BOOST_AUTO_TEST_CASE(what_an_earlier_run_left_is_sent_first_and_in_order) {
  const TemporaryFolder folder;
  outbox = open_outbox(folder.file());
  hub.stop();
  start();
  for (std::uint64_t seq = 1; seq <= 3; ++seq) sender->submit(change(seq));
  sender->submit(keepalive(4));
  BOOST_REQUIRE(run_until_events(2));
  BOOST_TEST(hub.received.empty());
  sender.reset();
  outbox.reset();
  events.clear();

  hub.start();
  outbox = open_outbox(folder.file());
  BOOST_TEST(outbox->size() == 3U);  // the keepalive said nothing about the time after it
  start();
  sender->submit(change(5));
  BOOST_REQUIRE(run_until([&] { return outbox->size() == 0; }));
  std::string changes;
  for (const auto& request : hub.received) {
    if (request.body.at("trigger") == "change") changes += request.body.at("seq").dump() + " ";
    if (request.body.at("seq") == 1) BOOST_TEST(request.body.at("timestamp") == to_rfc3339(*change(1).report.timestamp));
  }
  BOOST_TEST(changes == "1 2 3 5 ");
  BOOST_TEST(hub.received.size() == 4U);
}

BOOST_AUTO_TEST_CASE(drain_ends_when_everything_is_delivered_and_never_from_inside_the_call) {
  start();
  bool done = false;
  sender->drain(std::chrono::minutes{1}, [&] { done = true; });
  BOOST_TEST(!done);
  BOOST_REQUIRE(run_until([&] { return done; }));

  done = false;
  sender->submit(change(1));
  sender->submit(keepalive(2));
  sender->drain(std::chrono::minutes{1}, [&] { done = true; });
  BOOST_REQUIRE(run_until([&] { return done; }));
  BOOST_TEST(events.size() == 2U);
  BOOST_TEST(outbox->size() == 0U);
}

BOOST_AUTO_TEST_CASE(drain_gives_up_at_its_deadline) {
  hub.answer = hold;
  start();
  sender->submit(change(1));
  int done = 0;
  sender->drain(std::chrono::milliseconds{30}, [&] { ++done; });
  BOOST_REQUIRE(run_until([&] { return done > 0; }));
  BOOST_TEST(outbox->size() == 1U);
  hub.release();
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(done == 1);
}

BOOST_AUTO_TEST_CASE(drain_tries_at_once_what_waits_for_its_next_try) {
  hub.answer = [](const Received&) { return Answer{503, "Retry-After: 60\r\n"}; };
  start();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until_events(1));
  hub.answer = [](const Received&) { return Answer{}; };
  bool done = false;
  sender->drain(std::chrono::minutes{1}, [&] { done = true; });
  BOOST_REQUIRE(run_until([&] { return done; }));
  BOOST_TEST(event(1) == "delivered a 1 uplink");
}

BOOST_AUTO_TEST_CASE(of_a_client_that_nobody_watches_any_more_nothing_is_kept_once_its_last_report_is_through) {
  hub.answer = [](const Received&) { return std::nullopt; };
  start();
  sender->submit(change(1));
  sender->submit(change(1, "b"));
  BOOST_REQUIRE(run_until([&] { return hub.received.size() == 2; }));
  sender->forget("a");
  sender->forget("nobody");
  run_ready();
  BOOST_TEST(sender->clients() == 2U);
  hub.answer = [](const Received&) { return Answer{}; };
  hub.release();
  BOOST_REQUIRE(run_until([&] { return sender->clients() == 1; }));
  BOOST_TEST(outbox->size() == 0U);
  sender->submit(change(2));
  BOOST_REQUIRE(run_until_events(3));
  BOOST_TEST(sender->clients() == 2U);
  sender->forget("b");  // nothing of it waits
  BOOST_REQUIRE(run_until([&] { return sender->clients() == 1; }));
}

BOOST_AUTO_TEST_CASE(what_an_earlier_run_left_of_a_client_that_is_no_target_any_more_leaves_with_it) {
  outbox->enqueue(change(1, "old"));
  start();
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered old 1 uplink");
  BOOST_REQUIRE(run_until([&] { return sender->clients() == 0; }));
}

BOOST_AUTO_TEST_CASE(a_sender_that_is_gone_is_not_called_back) {
  hub.answer = hold;
  start();
  sender->submit(change(1));
  sender->submit(keepalive(2));
  bool done = false;
  sender->drain(std::chrono::milliseconds{1}, [&] { done = true; });
  BOOST_REQUIRE(run_until([&] { return hub.received.size() == 2; }));
  sender.reset();
  outbox.reset();
  hub.release();
  BOOST_TEST(run_until([&] {
    run_ready();
    return true;
  }));
  BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_SUITE_END()

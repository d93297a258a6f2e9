// What the hub's answers lead to.
#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/delivery/sender_fixture.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

std::function<std::optional<Answer>(const Received&)> always(Answer answer) {
  return [answer = std::move(answer)](const Received&) { return answer; };
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sender_retry, SenderFixture)

BOOST_AUTO_TEST_CASE(after_503_the_same_report_is_sent_again_and_then_the_next) {
  hub.answer = [this](const Received&) { return hub.received.size() == 1 ? Answer{503, ""} : Answer{}; };
  start();
  sender->submit(change(1));
  sender->submit(change(2));
  BOOST_REQUIRE(run_until_events(3));
  BOOST_TEST(event(0) == "failed a");
  BOOST_TEST((waits.at(0) >= std::chrono::milliseconds{250} && waits.at(0) <= std::chrono::milliseconds{500}));
  BOOST_TEST(hub.seqs() == "1 1 2");
}

BOOST_AUTO_TEST_CASE(every_try_says_when_it_was_made_and_the_report_keeps_its_own_time) {
  hub.answer = [this](const Received&) { return hub.received.size() == 1 ? Answer{503, ""} : Answer{}; };
  start();
  const auto begun = wall_now();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until_events(2));
  const auto sent_at = [this](std::size_t index) { return parse_rfc3339(hub.received.at(index).body.value("sent_at", "")).value(); };
  BOOST_TEST((sent_at(0) >= begun));
  BOOST_TEST((sent_at(1) - sent_at(0) >= std::chrono::milliseconds{250}));
  BOOST_TEST(hub.received.at(0).body.at("timestamp") == hub.received.at(1).body.at("timestamp"));
}

BOOST_AUTO_TEST_CASE(any_2xx_that_says_ok_is_an_acknowledgement) {
  for (const auto status : {200, 201, 202}) {
    hub.answer = always({status, ""});
    start();
    sender->submit(change(1));
    BOOST_REQUIRE(run_until([&] { return outbox->size() == 0; }));
    BOOST_TEST(event(0) == "delivered a 1 uplink");
    events.clear();
  }
}

BOOST_AUTO_TEST_CASE(retry_after_is_honoured_up_to_five_minutes) {
  const struct {
    int status;
    const char* header;
    long least;
    long most;
  } rows[]{
      {503, "Retry-After: 7\r\n", 7'000, 14'000},
      {429, "Retry-After: 60\r\n", 60'000, 90'000},
      {429, "Retry-After: 99999\r\n", 300'000, 330'000},
      {500, "Retry-After: 60\r\n", 250, 500},
      {503, "Retry-After: 0\r\n", 250, 500},
      {503, "", 250, 500},
  };
  for (const auto& row : rows) {
    hub.answer = always({row.status, row.header});
    outbox = open_outbox("");
    events.clear();
    waits.clear();
    start();
    sender->submit(change(1));
    BOOST_REQUIRE(run_until_events(1));
    const auto wait = waits.at(0).count();
    BOOST_TEST((wait >= row.least && wait <= row.most), row.status << " " << row.header << ": " << wait << " ms");
    sender.reset();
  }
}

BOOST_AUTO_TEST_CASE(kick_ends_the_wait_even_if_the_hub_had_asked_for_it) {
  hub.answer = always({429, "Retry-After: 300\r\n"});
  start();
  sender->submit(change(1, "a"));
  sender->submit(keepalive(1, "b"));
  BOOST_REQUIRE(run_until_events(2));
  hub.answer = always({});
  sender->kick();
  BOOST_REQUIRE(run_until_events(4));
  BOOST_TEST(outbox->size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_new_change_is_a_reason_to_try_now_unless_the_hub_asked_to_wait) {
  hub.answer = always({500, ""});
  start();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until_events(1));
  auto asked = paths_asked;
  sender->submit(change(2));
  BOOST_TEST(paths_asked == asked + 1);  // from inside submit(): no timer has a part in it
  hub.answer = always({429, "Retry-After: 60\r\n"});
  BOOST_REQUIRE(run_until([&] { return waits.size() >= 2 && waits.back() > std::chrono::seconds{10}; }));
  asked = paths_asked;
  sender->submit(change(3));
  BOOST_TEST(paths_asked == asked);
}

BOOST_AUTO_TEST_CASE(a_new_keepalive_does_not_shorten_the_wait) {
  hub.answer = always({500, ""});
  start();
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until_events(1));
  const auto asked = paths_asked;
  sender->submit(keepalive(2));
  BOOST_TEST(paths_asked == asked);
}

BOOST_AUTO_TEST_CASE(a_delivered_change_ends_the_wait_of_the_keepalive) {
  hub.answer = [](const Received& request) { return request.body.at("seq") == 1 ? Answer{500, ""} : Answer{}; };
  start();
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until_events(1));
  sender->submit(change(2));
  const auto asked = paths_asked;
  BOOST_REQUIRE(run_until([&] { return events.back() == "delivered a 2 uplink"; }));
  BOOST_TEST(paths_asked > asked);  // the keepalive's next try began with the change's answer
}

BOOST_AUTO_TEST_CASE(a_keepalive_never_overtakes_a_change_but_is_a_reason_to_try_it) {
  hub.answer = always({500, ""});
  start();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until_events(1));
  const auto asked = paths_asked;
  sender->submit(keepalive(2));
  BOOST_TEST(paths_asked == asked + 1);
  BOOST_REQUIRE(run_until_events(2));
  hub.answer = always({});
  BOOST_REQUIRE(run_until([&] { return outbox->size() == 0; }));
  BOOST_TEST(events.back() == "delivered a 2 tunnel");
  for (std::size_t i = 0; i + 1 < hub.received.size(); ++i) BOOST_TEST(hub.received[i].body.at("seq") == 1);
}

BOOST_AUTO_TEST_CASE(what_the_hub_refuses_is_dropped_and_counted_and_the_next_goes) {
  hub.answer = [](const Received& request) {
    return request.body.at("seq") == 1 ? Answer{400, "", R"({"error":"Invalid report","message":"seq: expected a whole number"})"}
                                       : Answer{};
  };
  start();
  sender->submit(change(1));
  sender->submit(change(2));
  BOOST_REQUIRE(run_until_events(2));
  BOOST_TEST(event(0) == "refused a 1");
  BOOST_TEST(event(1) == "delivered a 2 uplink");
  BOOST_TEST(failures.at(0).message == "the hub answered 400 (Invalid report: seq: expected a whole number)");
  BOOST_TEST(sender->refused() == 1U);
  BOOST_TEST(outbox->size() == 0U);
  BOOST_TEST(!hub.received.at(0).body.contains("dropped"));
  BOOST_TEST(hub.received.at(1).body.at("dropped") == 1);
}

BOOST_AUTO_TEST_CASE(what_something_else_refuses_in_the_hubs_place_is_kept) {
  hub.answer = always({400, "", R"({"message":"Bad Request"})"});
  start();
  sender->submit(change(1));
  sender->submit(change(2));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(sender->refused() == 0U);
  BOOST_TEST(outbox->size() == 2U);
  BOOST_TEST(failures.at(0).message.find("no hub answered 400") != std::string::npos);
  hub.answer = always({});
  BOOST_REQUIRE(run_until([&] { return outbox->size() == 0; }));
}

BOOST_AUTO_TEST_CASE(a_wrong_setting_keeps_the_report_and_names_the_setting) {
  const struct {
    int status;
    const char* setting;
  } rows[]{{401, "VPN_SENTINEL_API_KEY"},
           {403, "VPN_SENTINEL_API_KEY"},
           {404, "VPN_SENTINEL_API_PATH"},
           {502, "VPN_SENTINEL_URL"},
           {302, "VPN_SENTINEL_URL"}};
  for (const auto& row : rows) {
    hub.answer = always({row.status, ""});
    outbox = open_outbox("");
    failures.clear();
    events.clear();
    start();
    sender->submit(change(1));
    BOOST_REQUIRE(run_until_events(1));
    BOOST_TEST(failures.at(0).message.find(row.setting) != std::string::npos, failures.at(0).message);
    BOOST_TEST(outbox->size() == 1U);
    hub.answer = always({});
    sender->kick();
    BOOST_REQUIRE(run_until_events(2));
    BOOST_TEST(event(1) == "delivered a 1 uplink");
    sender.reset();
  }
}

BOOST_AUTO_TEST_CASE(an_outage_of_the_hub_loses_no_change_and_keeps_one_keepalive) {
  hub.stop();
  start();
  for (std::uint64_t seq = 1; seq <= 20; ++seq) sender->submit(seq % 5 == 0 ? keepalive(seq) : change(seq));
  BOOST_REQUIRE(run_until_events(3));
  BOOST_TEST(hub.received.empty());
  BOOST_TEST(outbox->size() == 17U);
  hub.start();
  sender->kick();
  BOOST_REQUIRE(run_until([&] { return outbox->size() == 0; }));
  std::string changes;
  for (const auto& request : hub.received) {
    if (request.body.at("trigger") == "change") changes += request.body.at("seq").dump() + " ";
  }
  BOOST_TEST(changes == "1 2 3 4 6 7 8 9 11 12 13 14 16 17 18 19 ");
  BOOST_TEST(hub.received.size() == 17U);
}

BOOST_AUTO_TEST_CASE(a_change_of_the_network_during_a_try_that_fails_leads_to_the_next_try_at_once) {
  hub.answer = [](const Received&) { return std::nullopt; };
  start();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until([&] { return hub.received.size() == 1; }));
  sender->kick();
  tunnel.exists = false;
  hub.stop();
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(waits.at(0).count() == 0);
  BOOST_REQUIRE(run_until_events(2));
  BOOST_TEST(waits.at(1).count() >= 250);
}

BOOST_AUTO_TEST_SUITE_END()

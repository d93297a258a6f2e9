// More than a few changes go together: what happens to each of them.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/delivery/sender_fixture.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

/// A hub that takes batches and was away while `count` changes came.
struct BatchFixture : SenderFixture {
  BatchFixture() { hub.takes_batches = true; }

  void after_an_outage(std::uint64_t count, const std::string& client = "a") {
    hub.stop();
    if (!sender) start();
    for (std::uint64_t seq = 1; seq <= count; ++seq) sender->submit(change(seq, client));
    BOOST_TEST_REQUIRE(run_until([&] { return std::ranges::count(events, "failed " + client) > 0; }));
    // Whatever is under way must have failed before the hub is back: then everything goes together.
    BOOST_TEST_REQUIRE(run_until([&, seen = events.size(), quiet = 0]() mutable {
      quiet = seen == events.size() ? quiet + 1 : 0;
      seen = events.size();
      return quiet > 3;
    }));
    events.clear();
    tunnel.sockets = uplink.sockets = 0;
    hub.start();
    sender->kick();
  }
  bool run_until_empty() {
    return run_until([this] { return outbox->size() == 0; });
  }
};

std::string seqs_up_to(std::uint64_t last) {
  std::string text;
  for (std::uint64_t seq = 1; seq <= last; ++seq) text += (seq == 1 ? "" : " ") + std::to_string(seq);
  return text;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sender_batch, BatchFixture)

BOOST_AUTO_TEST_CASE(after_an_outage_the_changes_go_together_in_order_and_each_is_acknowledged) {
  after_an_outage(600);
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(hub.batches == (std::vector<std::size_t>{256, 256, 88}), boost::test_tools::per_element());
  BOOST_TEST(hub.seqs() == seqs_up_to(600));
  BOOST_TEST(events.size() == 600U);
  BOOST_TEST(event(599) == "delivered a 600 uplink");
  const auto& request = hub.received.at(0);
  BOOST_TEST(request.target == "POST /api/v1/events");
  BOOST_TEST(request.headers.at("x-api-key") == "the-key");
  BOOST_TEST(request.headers.at("content-type") == "application/json");
  auto expected = change(1).report;
  expected.path = "uplink";
  expected.sent_at = parse_rfc3339(request.body.at("sent_at").get<std::string>()).value();
  BOOST_TEST(request.body == encode(expected));
}

BOOST_AUTO_TEST_CASE(a_few_go_one_by_one) {
  after_an_outage(3);
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(hub.batches.empty());
  BOOST_TEST(hub.seqs() == "1 2 3");
}

BOOST_AUTO_TEST_CASE(a_batch_is_smaller_than_a_mebibyte) {
  hub.stop();
  start();
  auto item = change(1);
  item.report.findings.assign(20, Finding{"filler", Severity::warning, {}, {{"text", std::string(4000, 'e')}}});
  for (; item.report.seq <= 30; ++item.report.seq) sender->submit(item);  // 80 KB each
  BOOST_TEST_REQUIRE(run_until_events(1));
  hub.start();
  sender->kick();
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(hub.seqs() == seqs_up_to(30));
  BOOST_TEST_REQUIRE(!hub.batches.empty());
  for (const auto size : hub.batches) BOOST_TEST(size <= 12U);
  for (const auto& request : hub.received) BOOST_TEST(std::stoul(request.headers.at("content-length")) <= 1024U * 1024U);
}

BOOST_AUTO_TEST_CASE(results_are_taken_one_by_one) {
  int tries = 0;
  hub.answer = [&](const Received& request) -> std::optional<Answer> {
    const auto seq = request.body.at("seq").get<int>();
    if (seq == 2) return Answer{400, "", R"({"error":"Invalid report","message":"state: expected secure"})"};
    if (seq == 4 && ++tries == 1) return Answer{503, "", R"({"error":"Store","message":"I/O error"})"};
    return Answer{200, "", R"({"status":"ok","result":"duplicate"})"};
  };
  after_an_outage(6);
  BOOST_TEST_REQUIRE(run_until_empty());
  const std::vector<std::string> expected{"delivered a 1 uplink", "refused a 2", "delivered a 3 uplink", "delivered a 5 uplink",
                                          "delivered a 6 uplink", "failed a",    "delivered a 4 uplink"};
  BOOST_TEST(events == expected, boost::test_tools::per_element());
  BOOST_TEST(hub.seqs() == "1 2 3 4 5 6 4");
  BOOST_TEST(sender->refused() == 1U);
  BOOST_TEST(failures[failures.size() - 2].message == "the hub answered 400 (Invalid report: state: expected secure)");
  BOOST_TEST(failures.back().message.find("503 (Store: I/O error)") != std::string::npos, failures.back().message);
}

BOOST_AUTO_TEST_CASE(a_hub_that_cannot_store_gets_all_of_it_again_when_it_has_asked_for) {
  hub.batch_answer = [](const Received&) { return Answer{507, "Retry-After: 60\r\n", R"({"error":"full","message":"disk full"})"}; };
  after_an_outage(10);
  BOOST_TEST_REQUIRE(run_until_events(1));
  BOOST_TEST((waits.back() >= std::chrono::seconds{60}));
  BOOST_TEST(failures.back().message.find("507 (full: disk full)") != std::string::npos, failures.back().message);
  BOOST_TEST(outbox->size() == 10U);
  hub.batch_answer = [](const Received&) { return std::nullopt; };
  sender->kick();
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(hub.seqs() == seqs_up_to(10));
}

BOOST_AUTO_TEST_CASE(a_hub_without_batches_is_asked_once_and_then_gets_single_reports) {
  hub.takes_batches = false;
  after_an_outage(8);
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(hub.batches == std::vector<std::size_t>{8}, boost::test_tools::per_element());
  BOOST_TEST(hub.seqs() == seqs_up_to(8));
  BOOST_TEST(std::ranges::count(events, "failed a") == 0);
  hub.received.clear();
  after_an_outage(8);
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(hub.batches.size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_answer_that_no_hub_gives_acknowledges_nothing) {
  hub.batch_answer = [](const Received&) { return Answer{200, "", "<html>Welcome to the hotel</html>"}; };
  hub.answer = [](const Received&) { return Answer{500, ""}; };
  after_an_outage(8);
  BOOST_TEST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "failed a");
  BOOST_TEST(outbox->size() == 8U);
}

BOOST_AUTO_TEST_CASE(a_batch_that_is_too_large_for_a_proxy_is_made_smaller_at_once) {
  hub.batch_answer = [](const Received& request) {
    return request.body.at("reports").size() > 20 ? std::optional<Answer>(Answer{413, ""}) : std::nullopt;
  };
  after_an_outage(100);
  BOOST_TEST_REQUIRE(run_until([&] { return !hub.received.empty(); }));
  BOOST_TEST(hub.batches == (std::vector<std::size_t>{100, 25, 6}), boost::test_tools::per_element());
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(hub.seqs() == seqs_up_to(100));
  BOOST_TEST(std::ranges::count(events, "failed a") == 0);
}

BOOST_AUTO_TEST_CASE(a_batch_that_does_not_pass_in_time_is_smaller_the_next_time) {
  address.timeout = address.tunnel_timeout = std::chrono::milliseconds{100};
  hub.batch_answer = [](const Received& request) {
    return request.body.at("reports").size() > 30 ? std::optional<Answer>(Answer{0, ""}) : std::nullopt;
  };
  after_an_outage(100);
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(hub.seqs() == seqs_up_to(100));
  BOOST_TEST(hub.batches.at(0) == 100U);
  BOOST_TEST(std::ranges::count(hub.batches, 25U) > 0);
}

BOOST_AUTO_TEST_CASE(a_batch_takes_the_uplink_and_the_tunnel_when_there_is_none) {
  after_an_outage(5);
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(tunnel.sockets == 0);
  hub.received.clear();
  uplink.broken = true;
  after_an_outage(5);
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(tunnel.sockets > 0);
  for (const auto& request : hub.received) BOOST_TEST(request.body.at("path") == "tunnel");
  BOOST_TEST(event(0) == "delivered a 1 tunnel");
}

BOOST_AUTO_TEST_CASE(the_trouble_of_one_client_does_not_hold_up_another) {
  hub.answer = [](const Received& request) {
    return request.body.at("client_id") == "a" ? Answer{403, "", R"({"error":"Not your client"})"} : Answer{};
  };
  after_an_outage(6, "a");
  for (std::uint64_t seq = 1; seq <= 6; ++seq) sender->submit(change(seq, "b"));
  BOOST_TEST_REQUIRE(run_until([&] { return std::ranges::count(events, "delivered b 6 uplink") == 1; }));
  BOOST_TEST(outbox->size() == 6U);
  BOOST_TEST(outbox->clients() == std::vector<std::string>{"a"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_had_to_be_given_up_is_told_with_the_next_reports) {
  outbox = open_outbox("", 5);
  after_an_outage(12);
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(hub.seqs() == "8 9 10 11 12");
  for (const auto& request : hub.received) BOOST_TEST(request.body.at("dropped") == 7);
}

BOOST_AUTO_TEST_CASE(a_change_that_comes_meanwhile_goes_with_the_next_request_and_a_keepalive_after_all) {
  hub.answer = [](const Received&) { return std::nullopt; };
  after_an_outage(5);
  BOOST_TEST_REQUIRE(run_until([&] { return hub.batches.size() == 1; }));
  sender->submit(change(6));
  sender->submit(keepalive(7));
  hub.answer = [](const Received&) { return Answer{}; };
  hub.stop();
  hub.start();
  BOOST_TEST_REQUIRE(run_until_empty());
  BOOST_TEST(hub.seqs() == "1 2 3 4 5 1 2 3 4 5 6 7");
}

BOOST_AUTO_TEST_SUITE_END()

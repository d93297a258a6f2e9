#include "probe/watch/outside_facts.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "tests/unit/netns_clients/dns_servers.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  asio::io_context io;
  int news = 0;
  OutsideQuestion question;
  OutsideFacts& facts = asio::use_service<OutsideFacts>(io);

  Fixture() { question.timeout = 2000ms; }
  OutsideFacts::Subscription subscribe() {
    return facts.subscribe(question, [this] { ++news; });
  }
  template <typename Reached>
  bool await(Reached reached) {
    const auto end = mono_now() + 10s;
    while (!reached() && mono_now() < end) io.run_one_for(10ms);
    return reached();
  }
  static std::vector<std::string> texts(const std::vector<IpAddress>& addresses) {
    std::vector<std::string> all;
    for (const auto& address : addresses) all.push_back(address.to_string());
    return all;
  }
};

/// Answers A with `v4` and nothing else.
Messages only_v4(const Message& query, std::initializer_list<unsigned> v4) {
  auto message = answer_to(query);
  if (message[message.size() - 3] == std::byte{1}) add_record(message, 1, 1, bytes(v4));
  return {message};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(outside_facts, Fixture)

BOOST_AUTO_TEST_CASE(a_hubs_literal_address_needs_nobody_and_private_ones_are_left_out) {
  question.hub_hosts = {"203.0.113.80", "192.168.1.2", "2001:db8:80::1"};
  const auto seat = subscribe();
  BOOST_REQUIRE(await([&] { return !seat->pending(); }));
  BOOST_TEST(texts(seat->hubs()) == (std::vector<std::string>{"2001:db8:80::1", "203.0.113.80"}), boost::test_tools::per_element());
  BOOST_TEST(seat->uplink().addresses.empty());
}

BOOST_AUTO_TEST_CASE(a_hubs_name_is_looked_up_and_a_failure_is_no_truth) {
  bool broken = false;
  UdpServer resolver(io, [&](const Message& query) { return broken ? Messages{answer_to(query, 3)} : only_v4(query, {203, 0, 113, 80}); });
  question.hub_hosts = {"hub.test"};
  question.resolvers = {resolver.endpoint()};
  question.interval = 50ms;
  const auto seat = subscribe();
  BOOST_REQUIRE(await([&] { return !seat->pending(); }));
  BOOST_TEST(texts(seat->hubs()) == std::vector<std::string>{"203.0.113.80"}, boost::test_tools::per_element());
  broken = true;
  const auto told = news;
  BOOST_REQUIRE(await([&] { return news > told + 1; }));
  BOOST_TEST(seat->hubs().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_hub_that_is_never_found_is_simply_not_known) {
  UdpServer resolver(io, [](const Message& query) { return Messages{answer_to(query, 3)}; });
  question.hub_hosts = {"hub.test"};
  question.resolvers = {resolver.endpoint()};
  const auto seat = subscribe();
  BOOST_REQUIRE(await([&] { return !seat->pending(); }));
  BOOST_TEST(seat->hubs().empty());
}

BOOST_AUTO_TEST_CASE(who_asks_the_same_shares_the_answer) {
  question.hub_hosts = {"203.0.113.80"};
  const auto first = subscribe();
  BOOST_REQUIRE(await([&] { return !first->pending(); }));
  const auto second = subscribe();
  BOOST_TEST(!second->pending());
  BOOST_TEST(second->hubs().size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_has_left_is_told_nothing_more) {
  question.hub_hosts = {"203.0.113.80"};
  question.interval = 20ms;
  auto seat = subscribe();
  BOOST_REQUIRE(await([&] { return news > 1; }));
  seat.reset();
  news = 0;
  io.run_for(100ms);
  BOOST_TEST(news == 0);
}

BOOST_AUTO_TEST_CASE(what_one_type_of_record_told_stays_when_only_the_other_answers) {
  bool broken = false;
  UdpServer resolver(io, [&](const Message& query) {
    auto message = answer_to(query);
    const bool asks_v4 = message[message.size() - 3] == std::byte{1};
    if (broken && asks_v4) return Messages{answer_to(query, 2)};
    if (asks_v4) return only_v4(query, {203, 0, 113, 80});
    add_record(message, 28, 1, bytes({0x20, 1, 0xd, 0xb8, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
    return Messages{message};
  });
  question.hub_hosts = {"hub.test"};
  question.resolvers = {resolver.endpoint()};
  question.interval = 50ms;
  const auto seat = subscribe();
  BOOST_REQUIRE(await([&] { return !seat->pending(); }));
  const std::vector<std::string> both{"203.0.113.80", "2001:db8:80::1"};
  BOOST_TEST(texts(seat->hubs()) == both, boost::test_tools::per_element());
  broken = true;
  const auto told = news;
  BOOST_REQUIRE(await([&] { return news > told + 1; }));
  BOOST_TEST(texts(seat->hubs()) == both, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(names_of_the_local_network_are_asked_of_nobody) {
  int asked = 0;
  UdpServer resolver(io, [&](const Message& query) {
    ++asked;
    return Messages{answer_to(query, 3)};
  });
  question.hub_hosts = {"localhost", "hub", "hub.lan", "Hub.Local.", "hub.home.arpa"};
  question.resolvers = {resolver.endpoint()};
  question.interval = 20ms;
  const auto seat = subscribe();
  BOOST_REQUIRE(await([&] { return news > 2; }));
  BOOST_TEST(asked == 0);
}

BOOST_AUTO_TEST_CASE(a_question_that_fails_does_not_have_the_others_asked_again) {
  int good = 0;
  int bad = 0;
  UdpServer resolver(io, [&](const Message& query) {
    const bool is_bad = (query.at(13) | std::byte{0x20}) == std::byte{'b'};  // the name's first letter, of either case
    ++(is_bad ? bad : good);
    return is_bad ? Messages{answer_to(query, 3)} : only_v4(query, {203, 0, 113, 80});
  });
  question.hub_hosts = {"a.test", "b.test"};
  question.resolvers = {resolver.endpoint()};
  question.interval = 1h;
  const auto seat = subscribe();
  BOOST_REQUIRE(await([&] { return !seat->pending(); }));
  BOOST_TEST((good == 2 && bad == 2));
  seat->ask_again();  // is about the uplink
  io.run_for(50ms);
  BOOST_TEST((good == 2 && bad == 2));
}

BOOST_AUTO_TEST_SUITE_END()

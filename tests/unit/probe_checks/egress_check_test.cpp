#include "probe/checks/egress_check.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cctype>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/netns_clients/dns_servers.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  asio::io_context io;
  DnsClient dns{io};
  EgressCheck check{io, dns};
  int sockets = 0;

  EgressRequest request(unsigned short port, std::vector<std::string> servers = {"127.0.0.1"}) {
    EgressRequest made;
    made.open_socket = counting_opener(sockets);
    for (const auto& server : servers) made.servers.push_back({IpAddress::parse(server).value(), {}});
    made.port = port;
    made.zone = "test.example";
    made.pause = 1ms;
    made.timeout = 2000ms;
    return made;
  }
  EgressAnswer ask(EgressRequest made) {
    std::optional<EgressAnswer> result;
    check.run(std::move(made), [&](const EgressAnswer& answer) { result = answer; });
    BOOST_REQUIRE(!result);
    BOOST_REQUIRE(run_until(io, result));
    return *result;
  }
  /// The first label of a question in lower case: its letters change with each question.
  static std::string label_of(const Message& query) {
    const auto length = std::to_integer<std::size_t>(query.at(12));
    std::string label;
    for (std::size_t i = 0; i < length; ++i) label += static_cast<char>(std::tolower(static_cast<int>(query.at(13 + i))));
    return label;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(egress_check, Fixture)

BOOST_AUTO_TEST_CASE(six_different_names_are_asked_and_each_address_is_told_once) {
  std::vector<std::string> labels;
  UdpServer server(io, [&](const Message& query) {
    labels.push_back(label_of(query));
    return Messages{txt_answer(query, labels.size() % 2 == 0 ? "resolver: 192.0.2.53" : "resolver: 198.51.100.7", 1)};
  });
  const auto answer = ask(request(server.endpoint().port));
  BOOST_TEST(answer.asked == 6U);
  BOOST_TEST(answer.answered == 6U);
  BOOST_TEST(answer.egress.size() == 2U);
  BOOST_TEST(answer.source == "test.example");
  BOOST_TEST(answer.error.empty());
  BOOST_REQUIRE(labels.size() == 6U);
  for (const auto& label : labels) {
    BOOST_TEST(label.size() == 8U);
    BOOST_TEST(std::count(labels.begin(), labels.end(), label) == 1);
  }
}

BOOST_AUTO_TEST_CASE(the_next_server_is_asked_when_one_does_not_answer) {
  UdpServer server(io, [&](const Message& query) { return Messages{txt_answer(query, "resolver: 192.0.2.53", 1)}; });
  // Nobody listens on that port of 127.0.0.2.
  const auto answer = ask(request(server.endpoint().port, {"127.0.0.2", "127.0.0.1"}));
  BOOST_TEST(answer.answered == 6U);
  BOOST_REQUIRE(answer.servers.size() == 2U);
  // Each is the first one for half of the names.
  BOOST_TEST(answer.servers[0].asked == 3U);
  BOOST_TEST(answer.servers[0].answered == 0U);
  BOOST_TEST(answer.servers[0].egress.empty());
  BOOST_TEST(!answer.servers[0].error.empty());
  BOOST_TEST(answer.servers[1].asked == 6U);
  BOOST_TEST(answer.servers[1].answered == 6U);
  BOOST_TEST(answer.servers[1].egress.size() == 1U);
}

BOOST_AUTO_TEST_CASE(each_server_tells_from_where_it_asks) {
  std::vector<std::string> labels;
  UdpServer server(io, [&](const Message& query) {
    labels.push_back(label_of(query));
    return Messages{txt_answer(query, labels.size() % 2 == 1 ? "resolver: 192.0.2.53" : "resolver: 198.51.100.7", 1)};
  });
  auto made = request(server.endpoint().port, {"127.0.0.1", "127.0.0.1"});
  made.pause = 30ms;  // so that the questions come in the order of the servers
  const auto answer = ask(std::move(made));
  BOOST_TEST(answer.egress.size() == 2U);
  BOOST_REQUIRE(answer.servers.size() == 2U);
  for (const auto& item : answer.servers) {
    BOOST_TEST(item.asked == 3U);
    BOOST_REQUIRE(item.egress.size() == 1U);
  }
  BOOST_TEST((answer.servers[0].egress != answer.servers[1].egress));
}

BOOST_AUTO_TEST_CASE(a_server_that_refuses_is_followed_by_the_next_one_and_no_such_name_is_not) {
  for (const unsigned rcode : {2U, 4U, 5U, 3U}) {
    std::set<std::string> seen;
    UdpServer server(io, [&](const Message& query) {
      if (seen.insert(label_of(query)).second) return Messages{answer_to(query, rcode)};
      return Messages{txt_answer(query, "resolver: 192.0.2.53", 1)};
    });
    const auto answer = ask(request(server.endpoint().port, {"127.0.0.1", "127.0.0.1"}));
    BOOST_TEST(answer.answered == (rcode == 3 ? 0U : 6U), rcode);
    BOOST_TEST(answer.servers[0].answered == (rcode == 3 ? 3U : 6U), rcode);
  }
}

BOOST_AUTO_TEST_CASE(what_fails_before_it_leaves_is_counted) {
  auto made = request(53);
  made.open_socket = [](int, int, int) -> Result<Fd> { return fail(Error::Kind::not_permitted, "stopped"); };
  const auto stopped = ask(std::move(made));
  BOOST_TEST(stopped.servers.front().asked == 6U);
  BOOST_TEST(stopped.servers.front().stopped == 6U);
  UdpServer silent(io, [](const Message&) { return Messages{}; });
  auto unheard = request(silent.endpoint().port);
  unheard.timeout = 50ms;
  BOOST_TEST(ask(std::move(unheard)).servers.front().stopped == 0U);
}

BOOST_AUTO_TEST_CASE(silence_ends_at_the_deadline) {
  UdpServer server(io, [](const Message&) { return Messages{}; });
  auto made = request(server.endpoint().port);
  made.timeout = 50ms;
  made.second_name = "whoami.example";
  const auto answer = ask(std::move(made));
  BOOST_TEST(answer.asked == 6U);
  BOOST_TEST(answer.answered == 0U);
  BOOST_TEST(answer.egress.empty());
  BOOST_TEST(!answer.error.empty());
}

BOOST_AUTO_TEST_CASE(a_zone_that_tells_nothing_is_followed_by_the_second_source) {
  UdpServer server(io, [&](const Message& query) {
    if (label_of(query).size() == 8U) return Messages{answer_to(query, 3)};
    return Messages{txt_answer(query, "ns192.0.2.53", 1)};
  });
  auto made = request(server.endpoint().port);
  made.second_name = "whoami-ds.example";
  const auto answer = ask(std::move(made));
  BOOST_TEST(answer.source == "whoami-ds.example");
  BOOST_TEST(answer.asked == 1U);
  BOOST_TEST(answer.answered == 1U);
  BOOST_REQUIRE(answer.egress.size() == 1U);
  BOOST_TEST(answer.egress.front().address.to_string() == "192.0.2.53");
  BOOST_TEST(answer.servers.front().answered == 7U);
}

BOOST_AUTO_TEST_CASE(answers_without_an_address_are_answers_of_the_server) {
  UdpServer server(io, [&](const Message& query) { return Messages{answer_to(query, 5)}; });
  const auto answer = ask(request(server.endpoint().port));
  BOOST_TEST(answer.answered == 0U);
  BOOST_TEST(answer.servers.front().answered == 6U);
  BOOST_TEST(answer.error == "127.0.0.1: the answer was REFUSED");
}

BOOST_AUTO_TEST_CASE(without_a_server_there_is_an_answer_that_says_so) {
  const auto answer = ask(request(53, {}));
  BOOST_TEST(answer.asked == 0U);
  BOOST_TEST(!answer.error.empty());
}

BOOST_AUTO_TEST_CASE(after_stop_nobody_is_called_and_no_socket_stays) {
  UdpServer server(io, [](const Message&) { return Messages{}; });
  bool called = false;
  auto opener = std::make_shared<SocketOpener>(counting_opener(sockets));
  const std::weak_ptr<SocketOpener> held = opener;
  auto made = request(server.endpoint().port);
  made.open_socket = [opener = std::move(opener)](int domain, int type, int protocol) { return (*opener)(domain, type, protocol); };
  check.run(std::move(made), [&](const EgressAnswer&) { called = true; });
  check.stop();
  io.restart();
  io.run_for(50ms);
  BOOST_TEST(!called);
  BOOST_TEST(held.expired());
}

BOOST_AUTO_TEST_SUITE_END()

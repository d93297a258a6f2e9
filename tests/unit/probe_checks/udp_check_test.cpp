#include "probe/checks/udp_check.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>
#include <utility>

#include "tests/unit/netns_clients/dns_servers.hpp"
#include "tests/unit/netns_clients/loopback_dns.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

/// Answers with 198.51.100.7.
Messages mapped(const Message& request) {
  Message message = bytes({1, 1, 0, 12});
  message.insert(message.end(), request.begin() + 4, request.begin() + 20);
  const auto attribute = bytes({0, 0x20, 0, 8, 0, 1, 0x88, 0x3b, 0xe7, 0x21, 0xc0, 0x45});
  message.insert(message.end(), attribute.begin(), attribute.end());
  return {message};
}

struct Fixture {
  asio::io_context io;
  DnsClient dns{io};
  StunClient stun{io};
  UdpCheck check{io, stun, dns};
  LoopbackDns names{io};
  UdpRequest request;
  int sockets = 0;

  Fixture() {
    request.open_socket = counting_opener(sockets);
    request.resolvers = {names.endpoint()};
  }
  StunServer on(const UdpServer& server, std::string host = "127.0.0.1") { return {std::move(host), server.endpoint().port}; }
  Result<UdpAnswer> ask(std::vector<StunServer> servers) {
    request.servers = std::move(servers);
    std::optional<Result<UdpAnswer>> result;
    check.run(request, [&](Result<UdpAnswer> answer) { result = std::move(answer); });
    BOOST_TEST(!result.has_value());
    BOOST_REQUIRE(run_until(io, result));
    return *result;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(udp_check, Fixture)

BOOST_AUTO_TEST_CASE(the_address_comes_from_the_first_server_that_answers) {
  UdpServer server(io, mapped);
  const auto answer = ask({{"127.0.0.1", closed_udp_port(io)}, {"2001:db8::3", 3478}, on(server)}).value();
  BOOST_TEST(answer.address.to_string() == "198.51.100.7");
  BOOST_TEST(answer.server == "127.0.0.1");
}

BOOST_AUTO_TEST_CASE(names_are_looked_up_inside_the_namespace) {
  UdpServer server(io, mapped);
  names.names["stun.test"] = {loopback()};
  BOOST_TEST(ask({on(server, "stun.test")}).value().server == "stun.test");
  BOOST_TEST(sockets == 2);  // the question and the binding
  const auto unknown = ask({on(server, "other.test")});
  BOOST_REQUIRE(!unknown);
  BOOST_TEST(unknown.error().message.find("other.test") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_address_of_the_other_family_is_none) {
  UdpServer server(io, mapped, Family::v6);
  request.family = Family::v6;
  const auto answer = ask({{"::1", server.endpoint().port}});
  BOOST_REQUIRE(!answer);
  BOOST_TEST((answer.error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(what_a_server_said_is_not_hidden_by_those_of_the_other_family) {
  const auto answer = ask({{"127.0.0.1", closed_udp_port(io)}, {"2001:db8::3", 3478}});
  BOOST_REQUIRE(!answer);
  BOOST_TEST(answer.error().message.starts_with("127.0.0.1: "));
  const auto none = ask({{"2001:db8::3", 3478}});
  BOOST_REQUIRE(!none);
  BOOST_TEST(none.error().message == "no STUN server of this family is configured");
}

BOOST_AUTO_TEST_CASE(one_deadline_covers_all_servers) {
  UdpServer silent(io, [](const Message&) { return Messages{}; });
  request.timeout = std::chrono::milliseconds{30};
  const auto answer = ask({on(silent), on(silent), on(silent)});
  BOOST_REQUIRE(!answer);
  BOOST_TEST((answer.error().kind == Error::Kind::timed_out));
  BOOST_TEST(!ask({}).has_value());
}

BOOST_AUTO_TEST_CASE(a_stopped_check_tells_nobody) {
  UdpServer silent(io, [](const Message&) { return Messages{}; });
  request.servers = {on(silent)};
  check.run(request, [](const Result<UdpAnswer>&) { BOOST_ERROR("called"); });
  while (silent.queries() == 0) io.run_one();
  check.stop();
  UdpServer server(io, mapped);
  BOOST_TEST(ask({on(server)}).has_value());
}

BOOST_AUTO_TEST_CASE(servers_are_hosts_with_an_optional_port) {
  BOOST_TEST((StunServer::parse("stun.example").value() == StunServer{"stun.example", 3478}));
  BOOST_TEST((StunServer::parse("stun.example:19302").value() == StunServer{"stun.example", 19302}));
  BOOST_TEST((StunServer::parse("198.51.100.3").value() == StunServer{"198.51.100.3", 3478}));
  BOOST_TEST((StunServer::parse("[2001:db8::3]:5349").value() == StunServer{"2001:db8::3", 5349}));
  for (const auto* const wrong :
       {"", ":3478", "stun.example:", "stun.example:0", "stun.example:99999", "stun.example:3478x", "a b:1", "stun://stun.example"}) {
    BOOST_TEST(!StunServer::parse(wrong), wrong);
  }
}

BOOST_AUTO_TEST_SUITE_END()

#include "probe/checks/whoami_check.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/netns_clients/dns_servers.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

struct Fixture {
  asio::io_context io;
  DnsClient dns{io};
  WhoamiCheck check{dns};
  int sockets = 0;

  Result<WhoamiAnswer> ask(std::vector<Endpoint> servers) {
    std::optional<Result<WhoamiAnswer>> result;
    check.run(counting_opener(sockets), std::move(servers), [&](Result<WhoamiAnswer> answer) { result = std::move(answer); });
    BOOST_REQUIRE(run_until(io, result));
    if (!*result) BOOST_TEST_MESSAGE(result->error().message);
    return *result;
  }
  static UdpServer::Reply text(std::string value) {
    return [value = std::move(value)](const Message& query) { return Messages{txt_answer(query, value)}; };
  }
  static UdpServer::Reply code(unsigned rcode) {
    return [rcode](const Message& query) { return Messages{answer_to(query, rcode)}; };
  }
};

Messages silence(const Message&) { return {}; }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(whoami_check, Fixture)

BOOST_AUTO_TEST_CASE(one_text_with_an_address_is_the_answer) {
  UdpServer server(io, text("198.51.100.7"));
  const auto answer = ask({server.endpoint()}).value();
  BOOST_TEST(answer.egress.to_string() == "198.51.100.7");
  BOOST_TEST((answer.server == server.endpoint()));
  BOOST_TEST(answer.round_trip.count() > 0);
  BOOST_TEST(sockets == 1);
}

BOOST_AUTO_TEST_CASE(answers_of_the_wrong_sort_are_never_an_address) {
  struct Row {
    const char* what;
    std::uint8_t rcode;
    std::vector<std::string> texts;
    Error::Kind kind;
  };
  const auto unavailable = Error::Kind::unavailable;
  const auto invalid = Error::Kind::invalid;
  const Row rows[] = {
      {"refused", 5, {}, unavailable},
      {"refused with a text", 5, {"198.51.100.7"}, unavailable},
      {"no such name", 3, {}, unavailable},
      {"nothing", 0, {}, invalid},
      {"two texts", 0, {"198.51.100.7", "198.51.100.7"}, invalid},
      {"a version", 0, {"dnsmasq-2.90"}, invalid},
      {"an empty text", 0, {""}, invalid},
      {"an address and more", 0, {"198.51.100.7 "}, invalid},
  };
  for (const auto& row : rows) {
    DnsAnswer answer;
    answer.rcode = row.rcode;
    answer.texts = row.texts;
    const auto address = read_whoami(answer);
    BOOST_REQUIRE_MESSAGE(!address, row.what);
    BOOST_TEST((address.error().kind == row.kind), row.what);
  }
  DnsAnswer v6;
  v6.texts = {"2001:db8::7"};
  BOOST_TEST(read_whoami(v6).value().to_string() == "2001:db8::7");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told_with_its_server) {
  UdpServer server(io, code(5));
  const auto answer = ask({server.endpoint()});
  BOOST_REQUIRE(!answer);
  BOOST_TEST((answer.error().kind == Error::Kind::unavailable));
  BOOST_TEST(answer.error().message.find("REFUSED") != std::string::npos);
  BOOST_TEST(answer.error().message.find(server.endpoint().to_string()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_next_server_is_asked_after_refusal_nonsense_or_a_closed_port) {
  UdpServer refusing(io, code(5));
  UdpServer wrong(io, text("dnsmasq-2.90"));
  const Endpoint closed{loopback(), closed_udp_port(io)};
  UdpServer good(io, text("198.51.100.7"));
  UdpServer after(io, text("203.0.113.1"));
  const auto answer = ask({refusing.endpoint(), wrong.endpoint(), closed, good.endpoint(), after.endpoint()}).value();
  BOOST_TEST(answer.egress.to_string() == "198.51.100.7");
  BOOST_TEST((answer.server == good.endpoint()));
  BOOST_TEST(after.queries() == 0);
}

BOOST_AUTO_TEST_CASE(a_wrong_answer_says_more_than_none) {
  UdpServer refusing(io, code(5));
  UdpServer silent(io, silence);
  const Endpoint closed{loopback(), closed_udp_port(io)};
  BOOST_TEST((ask({refusing.endpoint(), closed}).error().kind == Error::Kind::unavailable));
  BOOST_TEST((ask({silent.endpoint()}).error().kind == Error::Kind::timed_out));
  BOOST_TEST((ask({}).error().kind == Error::Kind::unavailable));
}

BOOST_AUTO_TEST_CASE(a_stopped_round_asks_no_further_server_and_of_two_rounds_only_the_newer_is_told) {
  UdpServer refusing(io, [](const Message& query) { return Messages{answer_to(query, 5)}; });
  UdpServer unused(io, text("198.51.100.7"));
  check.run({}, {refusing.endpoint(), unused.endpoint()}, [](const Result<WhoamiAnswer>&) { BOOST_ERROR("called"); });
  while (refusing.queries() == 0) io.run_one();
  check.stop();
  io.run_for(std::chrono::milliseconds{50});
  BOOST_TEST(refusing.queries() == 1);
  BOOST_TEST(unused.queries() == 0);
  UdpServer server(io, text("198.51.100.8"));
  check.run({}, {refusing.endpoint()}, [](const Result<WhoamiAnswer>&) { BOOST_ERROR("called"); });
  BOOST_TEST(ask({server.endpoint()}).value().egress.to_string() == "198.51.100.8");
}

BOOST_AUTO_TEST_CASE(a_destroyed_check_calls_nobody) {
  UdpServer server(io, text("198.51.100.7"));
  {
    WhoamiCheck gone(dns);
    gone.run({}, {server.endpoint()}, [](const Result<WhoamiAnswer>&) { BOOST_ERROR("called"); });
    io.poll_one();
  }
  BOOST_TEST(ask({server.endpoint()}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

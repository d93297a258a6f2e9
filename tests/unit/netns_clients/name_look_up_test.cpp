#include "netns/clients/name_look_up.hpp"

#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <optional>

#include "tests/unit/netns_clients/loopback_dns.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

struct Fixture {
  Result<std::vector<IpAddress>> look_up(std::string host, std::vector<Endpoint> resolvers,
                                         std::chrono::milliseconds time = std::chrono::seconds{20}) {
    const SocketOpener opener = [](int domain, int type, int protocol) -> Result<Fd> {
      return Fd(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    };
    std::optional<Result<std::vector<IpAddress>>> answer;
    look_up_name(io, dns, NameQuestion{std::move(host), std::move(resolvers), opener, mono_now() + time},
                 [&](Result<std::vector<IpAddress>> result) { answer = std::move(result); });
    BOOST_TEST(!answer.has_value());  // never from inside
    while (!answer) io.run_one();
    return *answer;
  }

  boost::asio::io_context io;
  DnsClient dns{io};
  LoopbackDns first{io};
  LoopbackDns second{io};
  IpAddress v4 = IpAddress::v4({192, 0, 2, 7});
  IpAddress v6 = IpAddress::parse("2001:db8::7").value();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(name_look_up, Fixture)

BOOST_AUTO_TEST_CASE(a_records_are_enough) {
  first.names["hub.test"] = {v4, v6};
  BOOST_TEST((look_up("hub.test", {first.endpoint(), second.endpoint()}).value() == std::vector{v4}));
  BOOST_TEST(first.asked.size() == 1U);
  BOOST_TEST(second.asked.empty());
}

BOOST_AUTO_TEST_CASE(a_name_with_v6_only_is_found_by_the_second_question) {
  first.names["hub.test"] = {v6};
  BOOST_TEST((look_up("hub.test", {first.endpoint()}).value() == std::vector{v6}));
  BOOST_TEST(first.asked == (std::vector<std::string>{"hub.test A", "hub.test AAAA"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_next_resolver_is_asked_when_one_does_not_know_or_is_silent) {
  second.names["hub.test"] = {v4};
  BOOST_TEST((look_up("hub.test", {first.endpoint(), second.endpoint()}).value() == std::vector{v4}));
  first.silent = true;
  BOOST_TEST((look_up("hub.test", {first.endpoint(), second.endpoint()}).value() == std::vector{v4}));
}

BOOST_AUTO_TEST_CASE(no_answer_names_the_last_resolver_and_what_it_said) {
  const auto unknown = look_up("hub.test", {first.endpoint()});
  BOOST_TEST((unknown.error().kind == Error::Kind::not_found));
  BOOST_TEST(unknown.error().message == "no address for the name hub.test: " + first.endpoint().to_string() + " says NXDOMAIN");
  first.names["hub.test"] = {};
  BOOST_TEST(look_up("hub.test", {first.endpoint()}).error().message.ends_with(" says it has none"));
  first.silent = true;
  const auto silent = look_up("hub.test", {first.endpoint()}, std::chrono::milliseconds{100});
  BOOST_TEST((silent.error().kind == Error::Kind::timed_out));
}

BOOST_AUTO_TEST_CASE(of_one_family_only_that_one_is_asked_for) {
  first.names["hub.test"] = {v4, v6};
  std::optional<Result<std::vector<IpAddress>>> answer;
  look_up_name(io, dns, NameQuestion{"hub.test", {first.endpoint()}, {}, mono_now() + std::chrono::seconds{20}, Family::v6},
               [&](Result<std::vector<IpAddress>> result) { answer = std::move(result); });
  while (!answer) io.run_one();
  BOOST_TEST((answer->value() == std::vector{v6}));
  BOOST_TEST(first.asked == (std::vector<std::string>{"hub.test AAAA"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_look_up_that_was_given_up_asks_and_tells_nobody) {
  const auto give_up = look_up_name(io, dns, NameQuestion{"hub.test", {first.endpoint()}, {}, mono_now() + std::chrono::seconds{20}, {}},
                                    [](const Result<std::vector<IpAddress>>&) { BOOST_ERROR("called"); });
  give_up();
  BOOST_TEST((look_up("other.test", {first.endpoint()}).error().kind == Error::Kind::not_found));
  BOOST_TEST(first.asked == (std::vector<std::string>{"other.test A"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(without_resolvers_nothing_is_asked) {
  const auto nobody = look_up("hub.test", {});
  BOOST_TEST((nobody.error().kind == Error::Kind::unavailable));
  BOOST_TEST(nobody.error().message == "no address for the name hub.test: no resolver is known inside the namespace");
}

BOOST_AUTO_TEST_SUITE_END()

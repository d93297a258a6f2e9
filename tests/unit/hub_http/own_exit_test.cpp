#include "hub/app/own_exit.hpp"

#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <functional>

#include "netns/daemon/log.hpp"
#include "tests/unit/netns_clients/http_server.hpp"
#include "tests/unit/netns_clients/loopback_dns.hpp"

BOOST_AUTO_TEST_SUITE(own_exit)

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

/// Both services on one loopback server.
struct Services {
  boost::asio::io_context io;
  std::string trace = "fl=1\nip=198.51.100.9\nloc=RO\ncolo=OTP\n";
  std::string place = R"({"ip":"198.51.100.9","city":"Bucharest","country":"RO","org":"AS64500 Example Net"})";
  std::atomic<int> traces{0};
  std::atomic<int> places{0};
  test::HttpServer server{io, [this](const std::string& request) { return reply_to(request); }};
  OwnExit::Options options;

  Services() {
    init_log(LogLevel::error);
    options.trace_urls = {server.url("/cdn-cgi/trace")};
    options.place_url = server.url("/json");
    options.resolvers = [] { return std::vector<Endpoint>{}; };
    options.interval = options.retry = 20ms;
  }
  std::string reply_to(const std::string& request) {
    const bool asks_place = request.starts_with("GET /json ");
    ++(asks_place ? places : traces);
    const auto& body = asks_place ? place : trace;
    return body.empty() ? test::http_reply("", "503 Service Unavailable") : test::http_reply(body);
  }
  void until(const char* what, const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      BOOST_REQUIRE_MESSAGE(std::chrono::steady_clock::now() < end, what);
      io.run_one_for(5ms);
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_address_is_told_with_its_place_and_the_place_is_asked_for_once, Services) {
  const OwnExit own(options);
  until("the place", [&] { return own.exit().facts.city == "Bucharest"; });
  const auto exit = own.exit();
  BOOST_REQUIRE(exit.addresses.size() == 1U);
  BOOST_TEST(exit.addresses.front().to_string() == "198.51.100.9");
  BOOST_TEST(exit.facts.country == "RO");
  BOOST_TEST(exit.facts.organisation == "Example Net");
  BOOST_TEST(exit.facts.asn.value_or(0) == 64500U);
  BOOST_TEST(exit.at.has_value());
  BOOST_TEST(exit.problem.empty());
  const int before = traces;
  until("more looks", [&] { return traces > before + 3; });
  BOOST_TEST(places == 1);
  BOOST_TEST(own.dns().state == "not_asked");
  BOOST_TEST(!own.dns().at);
}

BOOST_FIXTURE_TEST_CASE(what_was_known_stays_when_nobody_answers_any_more_and_the_reason_is_told, Services) {
  const OwnExit own(options);
  until("the address", [&] { return own.exit().at.has_value(); });
  trace.clear();
  until("the problem", [&] { return !own.exit().problem.empty(); });
  BOOST_TEST(own.exit().addresses.size() == 1U);
  BOOST_TEST(own.exit().problem.find("503") != std::string::npos);
  trace = "ip=198.51.100.10\nloc=RO\n";
  until("the new address", [&] { return own.exit().problem.empty() && own.exit().addresses.front().to_string() == "198.51.100.10"; });
  // The service still names the place of the old one.
  BOOST_TEST(own.exit().facts.city.empty());
}

BOOST_FIXTURE_TEST_CASE(an_address_that_nobody_on_the_internet_can_see_is_no_address, Services) {
  trace = "ip=192.168.1.1\nloc=RO\n";
  const OwnExit own(options);
  until("the problem", [&] { return !own.exit().problem.empty(); });
  BOOST_TEST(own.exit().addresses.empty());
  BOOST_TEST(places == 0);
}

BOOST_FIXTURE_TEST_CASE(the_hubs_resolvers_are_asked_for_the_services_name, Services) {
  test::LoopbackDns dns(io);
  // The one name that nobody looks for outside this machine.
  dns.names["localhost"] = {IpAddress::parse("127.0.0.1").value()};
  options.trace_urls = {"http://localhost:" + std::to_string(server.port()) + "/cdn-cgi/trace"};
  options.resolvers = [server = dns.endpoint()] { return std::vector<Endpoint>{server}; };
  options.timeout = 2s;
  const auto before = wall_now();
  const OwnExit own(options);
  until("an answer", [&] { return own.dns().state == "answers"; });
  const auto answered = own.dns().at.value();
  BOOST_TEST((answered >= before));
  until("a newer answer", [&] { return own.dns().at.value() > answered; });
  BOOST_TEST(own.dns().took.has_value());
  BOOST_TEST(own.dns().servers == std::vector<std::string>{dns.endpoint().to_string()});
  dns.names.clear();
  until("none", [&] { return own.dns().state == "fails"; });
  BOOST_TEST(own.dns().problem.find("localhost") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_service_that_hangs_holds_nobody_up_when_the_hub_stops, Services) {
  options.timeout = 60s;
  const auto began = std::chrono::steady_clock::now();
  { const OwnExit own(options); }
  BOOST_TEST((std::chrono::steady_clock::now() - began < 30s));
}

BOOST_AUTO_TEST_CASE(resolvers_are_those_of_the_file) {
  const auto file = std::filesystem::temp_directory_path() / ("own_exit_test." + std::to_string(getpid()));
  std::ofstream(file) << "# nameserver 192.0.2.9\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver 2001:db8::53\n";
  std::vector<std::string> servers;
  for (const auto& each : resolvers_of(file.string())) servers.push_back(each.to_string());
  std::filesystem::remove(file);
  BOOST_TEST(servers == (std::vector<std::string>{"192.0.2.53:53", "[2001:db8::53]:53"}), boost::test_tools::per_element());
  BOOST_TEST(resolvers_of(file.string()).empty());
}

BOOST_AUTO_TEST_SUITE_END()

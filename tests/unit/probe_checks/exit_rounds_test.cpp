#include "probe/watch/exit_rounds.hpp"

#include <unistd.h>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/mmdb_writer.hpp"
#include "tests/unit/netns_clients/dns_servers.hpp"
#include "tests/unit/netns_clients/http_server.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

std::string json_of(const std::string& ip) {
  return http_reply(R"({"ip":")" + ip + R"(","city":"Bucharest","country":"RO","org":"AS64500 Example","timezone":"Europe/Bucharest"})");
}
std::string trace_of(const std::string& ip) { return http_reply("ip=" + ip + "\nloc=RO\ncolo=OTP\n"); }

struct Fixture {
  asio::io_context io;
  HttpClient http{io};
  DnsClient dns{io};
  TargetPolicy policy;
  std::string exit_address = "198.51.100.7";
  int facts_told = 0;
  int sockets = 0;
  HttpServer trace{io, [this](const std::string&) { return trace_of(exit_address); }};
  HttpServer ipinfo{io, [this](const std::string&) { return json_of(exit_address); }};
  ExitRounds rounds{io, http, dns, policy, [this] { ++facts_told; }};

  Fixture() {
    policy.check_timeout = 3000ms;
    policy.exit.quorum = 1;
    policy.trace_urls = {trace.url()};
    policy.exit.geolocation_v4 = {{SourceKind::ipinfo, ipinfo.url()}};
  }
  /// Until the round is settled; geolocation may still be under way.
  void run() {
    std::optional<bool> done;
    rounds.run(counting_opener(sockets), false, [&](bool settled) {
      if (settled) done = true;
    });
    BOOST_REQUIRE(run_until(io, done));
  }
  void locate() {
    const auto end = mono_now() + 5s;
    while (rounds.is_locating() && mono_now() < end) io.run_one_for(10ms);
    BOOST_REQUIRE(!rounds.is_locating());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(exit_rounds, Fixture)

BOOST_AUTO_TEST_CASE(where_the_exit_is_comes_after_the_answer_and_only_once_for_each_exit) {
  run();
  BOOST_TEST(rounds.view().v4->to_string() == exit_address);
  BOOST_TEST(!rounds.view().in_v4.facts.asn);
  auto shown = rounds.view();
  locate();
  BOOST_TEST(facts_told == 1);
  rounds.update_facts(shown);
  BOOST_TEST(shown.in_v4.facts.asn.value() == 64500);
  BOOST_TEST(shown.in_v4.facts.city == "Bucharest");
  run();
  BOOST_TEST(rounds.view().in_v4.facts.asn.value() == 64500);
  BOOST_TEST(!rounds.is_locating());
  BOOST_TEST(ipinfo.accepted() == 1);
  exit_address = "203.0.113.9";
  run();
  locate();
  BOOST_TEST(ipinfo.accepted() == 2);
}

BOOST_AUTO_TEST_CASE(what_a_service_says_of_another_address_is_not_about_this_exit) {
  HttpServer elsewhere(io, [](const std::string&) { return json_of("203.0.113.77"); });
  policy.exit.geolocation_v4 = {{SourceKind::ipinfo, elsewhere.url()}};
  run();
  locate();
  BOOST_TEST(!rounds.view().in_v4.facts.asn);
  BOOST_TEST(rounds.view().country == "RO");  // the trace's own word
  run();
  BOOST_TEST(elsewhere.accepted() == 1);  // not again at once
}

BOOST_AUTO_TEST_CASE(with_a_database_that_knows_nobody_is_asked) {
  const auto file = (std::filesystem::temp_directory_path() / ("vs-rounds-" + std::to_string(::getpid()) + ".mmdb")).string();
  MmdbWriter writer;
  writer.put("198.51.100.0/24", {{"country_code", "DE"}, {"asn", "AS64999"}, {"as_name", "Known"}});
  writer.write(file);
  auto database = std::make_shared<GeoDatabase>();
  BOOST_REQUIRE(database->add(file).has_value());
  policy.exit.database = database;
  run();
  BOOST_TEST(!rounds.is_locating());
  BOOST_TEST(ipinfo.accepted() == 0);
  BOOST_TEST(rounds.view().country == "DE");
  BOOST_TEST(rounds.view().in_v4.facts.asn.value() == 64999);
  std::filesystem::remove(file);
}

BOOST_AUTO_TEST_CASE(a_witness_that_knows_the_place_spares_the_question) {
  policy.exit.quorum = 2;
  policy.exit.witnesses_v4 = policy.exit.geolocation_v4;
  run();
  BOOST_TEST(rounds.view().in_v4.facts.asn.value() == 64500);
  BOOST_TEST(!rounds.is_locating());
  BOOST_TEST(ipinfo.accepted() == 1);
  BOOST_TEST(rounds.view().source == "127.0.0.1, 127.0.0.1");
}

BOOST_AUTO_TEST_CASE(another_exit_is_told_with_the_one_before) {
  run();
  BOOST_TEST(!rounds.view().in_v4.changed_from);
  exit_address = "198.51.100.99";
  run();
  BOOST_TEST(!rounds.view().in_v4.changed_from);  // the same network
  exit_address = "203.0.113.9";
  run();
  BOOST_REQUIRE(rounds.view().in_v4.changed_from.has_value());
  BOOST_TEST(rounds.view().in_v4.changed_from->to_string() == "198.51.100.99");
  run();
  BOOST_TEST(rounds.view().in_v4.changed_from.has_value());
}

BOOST_AUTO_TEST_CASE(stopping_ends_the_question_where_it_is) {
  HttpServer silent(io, [](const std::string&) { return std::string{}; });
  policy.exit.geolocation_v4 = {{SourceKind::ipinfo, silent.url()}};
  run();
  BOOST_TEST(rounds.is_locating());
  rounds.stop();
  BOOST_TEST(!rounds.is_locating());
  io.run_for(100ms);
  BOOST_TEST(facts_told == 0);
}

BOOST_AUTO_TEST_CASE(what_a_witness_told_of_an_address_stays_when_the_witness_is_silent) {
  bool silent = false;
  HttpServer witness(io, [&](const std::string&) { return silent ? http_reply("", "503 Busy") : json_of(exit_address); });
  policy.exit.quorum = 2;
  policy.exit.witnesses_v4 = {{SourceKind::ipinfo, witness.url()}};
  policy.exit.geolocation_v4.clear();
  run();
  BOOST_TEST(rounds.view().in_v4.facts.asn.value() == 64500);
  BOOST_TEST(rounds.view().in_v4.quorum == 2U);
  silent = true;
  run();
  BOOST_TEST(rounds.view().in_v4.voices.size() == 1U);
  BOOST_TEST(rounds.view().in_v4.voices.front().plain);
  BOOST_TEST(rounds.view().in_v4.facts.asn.value() == 64500);
}

BOOST_AUTO_TEST_SUITE_END()

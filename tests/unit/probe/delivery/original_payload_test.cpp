// What the Python original's server makes of our reports. Its rules (validation and traffic light) are written out here as it applies
// them; a country's name beside a code is not needed, since both sides of the comparison come from the same place.
#include "probe/delivery/original_payload.hpp"

#include <arpa/inet.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <regex>

#include "tests/unit/probe/delivery/sender_fixture.hpp"
#include "tests/unit/probe/report/full_report.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

/// One field as its server stores it: absent is "unknown", bad is "Unknown".
std::string stored(const nlohmann::json& object, const char* key, const char* pattern) {
  if (!object.contains(key)) return "unknown";
  if (!object[key].is_string()) return "Unknown";
  const auto text = std::regex_replace(object[key].get<std::string>(), std::regex(R"(^\s+|\s+$)"), "");
  return text.size() <= 100 && std::regex_match(text, std::regex(pattern)) ? text : "Unknown";
}
constexpr auto plain = R"([a-zA-Z0-9\s.,'"\-]+)";
constexpr auto zone = R"([a-zA-Z0-9\s.,'"\-/_]+)";

struct Stored {
  std::string light;  ///< "red", "yellow", "green", or the error
  std::string ip, country, city, provider, timezone, dns_loc, dns_colo, version;
};

Stored original_server(const std::string& body) {
  const auto json = nlohmann::json::parse(body);
  Stored s;
  if (!std::regex_match(json.value("client_id", ""), std::regex("[a-zA-Z0-9._-]{1,100}"))) return {"400", {}, {}, {}, {}, {}, {}, {}, {}};
  std::array<unsigned char, 16> address{};
  s.ip = json.value("public_ip", "unknown");
  const bool is_address = s.ip.size() <= 45 &&
                          (inet_pton(AF_INET, s.ip.c_str(), address.data()) == 1 || inet_pton(AF_INET6, s.ip.c_str(), address.data()) == 1);
  if (!is_address) s.ip = "unknown";
  const auto& place = json.at("location");
  BOOST_TEST_REQUIRE(place.contains("country"));
  s.country = stored(place, "country", plain);
  s.city = stored(place, "city", plain);
  s.provider = stored(place, "org", plain);
  s.timezone = stored(place, "timezone", zone);
  s.dns_loc = stored(json.at("dns_test"), "location", plain);
  s.dns_colo = stored(json.at("dns_test"), "colo", plain);
  s.version = stored(json, "client_version", plain);
  if (s.ip == "unknown") {
    s.light = "red";
  } else if (s.dns_loc == "Unknown" || (s.country != "Unknown" && s.country != s.dns_loc)) {
    s.light = "yellow";
  } else {
    s.light = "green";
  }
  return s;
}

Report secure_report() {
  auto report = full_report();
  report.state = State::secure;
  report.dns->egress = {"198.51.100.2"};
  return report;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(original_payload_suite)

BOOST_AUTO_TEST_CASE(the_body_is_byte_for_byte_what_its_client_would_send) {
  Report report;
  report.client_id = "office-vpn-primary";
  report.timestamp = parse_rfc3339("2026-11-20T23:30:56.987654Z").value();
  report.client_version = "1.1.4";
  report.state = State::secure;
  report.location = LocationReport{"RO", "Bucharest", "Bucharest", "AS9009 M247 Europe SRL", "Europe/Bucharest"};
  report.exit = ExitReport{"198.18.7.10", {}, {}, "RO", "cloudflare-trace"};
  report.dns = DnsReport{"unverifiable", "PORT_53_PATH_ONLY", {"198.18.7.10"}};
  report.dns_colo = "OTP";
  BOOST_TEST(original_payload(report, {}) ==
             R"({"client_id": "office-vpn-primary", "timestamp": "2026-11-20T23:30:56+0000", "public_ip": "198.18.7.10", )"
             R"("status": "alive", "client_version": "1.1.4", "location": {"country": "RO", "city": "Bucharest", )"
             R"("region": "Bucharest", "org": "AS9009 M247 Europe SRL", "timezone": "Europe/Bucharest"}, )"
             R"("dns_test": {"location": "RO", "colo": "OTP"}})");
}

BOOST_AUTO_TEST_CASE(its_light_is_never_better_than_ours) {
  const auto light = [](const Report& report) { return original_server(original_payload(report, wall_now())).light; };
  auto report = secure_report();
  BOOST_TEST(light(report) == "green");
  report.state = State::warning;
  BOOST_TEST(light(report) == "yellow");
  for (const auto state : {State::danger, State::contained}) {
    report.state = state;
    BOOST_TEST(light(report) == "red");
  }
  report.state.reset();
  BOOST_TEST(light(report) == "red");
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_never_green) {
  const std::vector<std::function<void(Report&)>> losses{[](Report& r) { r.exit.reset(); },
                                                         [](Report& r) { r.exit->v4.reset(), r.exit->v6.reset(); },
                                                         [](Report& r) { r.exit->country.reset(); },
                                                         [](Report& r) { r.dns.reset(); },
                                                         [](Report& r) { r.dns->egress.clear(); },
                                                         [](Report& r) {
                                                           r.dns = DnsReport{"unverifiable", "PORT_53_PATH_ONLY", {"203.0.113.1"}, {}};
                                                         },
                                                         [](Report& r) {
                                                           r.dns->verdict = "unverifiable";
                                                           r.dns->egress = {"198.51.100.2", "203.0.113.1"};
                                                         }};
  for (std::size_t i = 0; i < losses.size(); ++i) {
    auto report = secure_report();
    losses[i](report);
    BOOST_TEST(original_server(original_payload(report, wall_now())).light != "green", "loss " << i);
  }
}

BOOST_AUTO_TEST_CASE(a_report_with_nothing_in_it_is_taken_too) {
  Report report;
  report.client_id = "a";
  const auto s = original_server(original_payload(report, wall_now()));
  BOOST_TEST(s.light == "red");
  BOOST_TEST(s.country == "Unknown");
  BOOST_TEST(s.dns_loc == "Unknown");
  BOOST_TEST(s.version == "Unknown");
}

BOOST_AUTO_TEST_CASE(texts_that_its_validation_would_refuse_are_cleaned) {
  BOOST_TEST(original_text("AS9009 M247 \"Europe\", S.R.L.'s") == "AS9009 M247 \"Europe\", S.R.L.'s");
  BOOST_TEST(original_text("K\xc3\xb6ln <b>&") == "K-ln -b-");
  BOOST_TEST(original_text("1.2.3+g1234") == "1.2.3-g1234");
  BOOST_TEST(original_text("line\r\nline\ttab") == "line-line-tab");
  BOOST_TEST(original_text("  padded ") == "padded");
  for (const auto* const nothing : {"", " ", "   "}) BOOST_TEST(original_text(nothing) == "Unknown");
  BOOST_TEST(original_text(std::string(500, 'x')).size() == 100U);
  BOOST_TEST(original_text(std::string(500, '\xff')) == "-");
  BOOST_TEST(original_text("Europe/Bucharest") == "Europe-Bucharest");
  BOOST_TEST(original_timezone("America/Port_of_Spain") == "America/Port_of_Spain");
  BOOST_TEST(original_timezone("Etc/GMT+5") == "Etc/GMT-5");
  for (int c = 0; c < 256; ++c) {
    const auto text = original_text(std::string(3, static_cast<char>(c)));
    BOOST_TEST(std::regex_match(text, std::regex(R"([a-zA-Z0-9 .,'"\-]{1,100})")), c);
  }
}

BOOST_AUTO_TEST_CASE(right_after_a_change_an_address_that_is_not_verified_yet_is_waited_for) {
  auto report = secure_report();
  report.trigger = "start";
  BOOST_TEST(!is_too_early_for_original(report));
  report.exit.reset();
  BOOST_TEST(is_too_early_for_original(report));
  report.trigger = "interval";
  BOOST_TEST(!is_too_early_for_original(report));
  report.trigger = "change";
  report.state = State::danger;
  BOOST_TEST(!is_too_early_for_original(report));
}

BOOST_FIXTURE_TEST_CASE(the_sender_speaks_to_the_original_in_its_own_form_and_never_in_batches, SenderFixture) {
  address.schema = 1;
  hub.takes_batches = true;
  hub.answer = [](const Received&) {
    return Answer{200, "", R"({"message":"Keepalive received","server_time":"2026-11-20T23:28:03.156481+00:00","status":"ok"})"};
  };
  hub.stop();
  start();
  for (std::uint64_t seq = 1; seq <= 8; ++seq) sender->submit(keepalive(seq));
  BOOST_TEST_REQUIRE(run_until_events(1));
  hub.start();
  sender->kick();
  BOOST_TEST_REQUIRE(run_until([&] { return outbox->size() == 0; }));
  BOOST_TEST(hub.batches.empty());
  BOOST_TEST_REQUIRE(hub.received.size() == 1U);
  const auto& request = hub.received.at(0);
  BOOST_TEST(request.target == "POST /api/v1/keepalive");
  BOOST_TEST(request.headers.at("content-type") == "application/json");
  BOOST_TEST(request.headers.at("x-api-key") == "the-key");
  BOOST_TEST(request.body.at("status") == "alive");
  BOOST_TEST(!request.body.contains("seq"));
}

BOOST_FIXTURE_TEST_CASE(its_rate_limit_without_a_time_is_met_by_longer_and_longer_pauses, SenderFixture) {
  address.schema = 1;
  hub.answer = [](const Received&) {
    return Answer{429, "", R"({"error":"Rate limit exceeded","message":"Too many requests. Please try again later."})"};
  };
  start();
  sender->submit(keepalive(1));
  BOOST_TEST_REQUIRE(run_until_events(3));
  BOOST_TEST((waits.at(1) >= std::chrono::milliseconds{500} && waits.at(2) >= std::chrono::milliseconds{1000}));
  BOOST_TEST(failures.at(0).message.find("Rate limit exceeded") != std::string::npos);
  BOOST_TEST(outbox->size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

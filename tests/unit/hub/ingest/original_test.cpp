#include "hub/ingest/original.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/ingest/admission.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(original)

using namespace vpn_sentinel;
using nlohmann::json;
using test::at;

namespace {

/// The literal bytes of the Python original's client.
const std::string captured =
    R"({"client_id": "office-vpn-primary", "timestamp": "2026-11-20T23:30:56+0000", "public_ip": "198.18.7.10", "status": "alive", )"
    R"("client_version": "1.1.4", "location": {"country": "RO", "city": "Bucharest", "region": "Bucharest", )"
    R"("org": "AS9009 M247 Europe SRL", "timezone": "Europe/Bucharest"}, "dns_test": {"location": "RO", "colo": "OTP"}})";

Report admitted(const json& body) {
  const auto result = admit(body.dump(), "192.0.2.7", at(0));
  BOOST_REQUIRE_MESSAGE(result.has_value(), body.dump());
  return result->report;
}

json with(const char* where, const json& value) {
  auto body = json::parse(captured);
  body[json::json_pointer(where)] = value;
  return body;
}

std::string codes(const Report& report) {
  std::string list;
  for (const auto& finding : report.findings) list += (list.empty() ? "" : " ") + finding.code;
  return list;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_captured_keepalive_is_read_field_by_field) {
  const auto report = admitted(json::parse(captured));
  BOOST_TEST(report.schema == 1);
  BOOST_TEST(report.client_id == "office-vpn-primary");
  BOOST_TEST(report.client_version == "1.1.4");
  BOOST_TEST(*report.public_ip == "198.18.7.10");
  BOOST_TEST((*report.location == LocationReport{"RO", "Bucharest", "Bucharest", "AS9009 M247 Europe SRL", "Europe/Bucharest"}));
  BOOST_TEST(report.dns_location == "RO");
  BOOST_TEST(report.dns_colo == "OTP");
  BOOST_TEST((report.state == State::warning));
  BOOST_TEST(codes(report) == "routes_not_seen");
}

BOOST_AUTO_TEST_CASE(its_time_counts_unless_its_clock_is_plainly_wrong) {
  BOOST_TEST((admitted(with("/timestamp", "2026-11-21T09:59:30+0000")).timestamp == at(-30)));
  BOOST_TEST((admitted(with("/timestamp", "2026-11-21T10:59:30+0100")).timestamp == at(-30)));
  BOOST_TEST((admitted(with("/timestamp", "2026-11-20T23:30:56+0000")).timestamp == at(0)));
  BOOST_TEST((admitted(with("/timestamp", "2026-11-21T12:00:00+0000")).timestamp == at(0)));
}

BOOST_AUTO_TEST_CASE(what_was_admitted_can_be_read_again) {
  for (const std::size_t characters : {85U, 86U, 100U}) {
    std::string name;
    for (std::size_t i = 0; i < characters; ++i) name += "\xe2\x82\xac";
    const auto report = admitted(with("/location/city", name));
    BOOST_TEST(report.location->city.size() == (characters == 85 ? 255U : 0U));
    BOOST_TEST((decode_report(encode(report)).value() == report));
  }
}

BOOST_AUTO_TEST_CASE(the_flat_layout_means_the_same) {
  const auto report = admitted({{"client_id", "flat"},
                                {"ip", "198.51.100.77"},
                                {"country", "RO"},
                                {"city", "Bucharest"},
                                {"region", "B"},
                                {"provider", "P"},
                                {"timezone", "Europe/Bucharest"},
                                {"dns_loc", "RO"},
                                {"dns_colo", "OTP"}});
  BOOST_TEST(*report.public_ip == "198.51.100.77");
  BOOST_TEST((*report.location == LocationReport{"RO", "Bucharest", "B", "P", "Europe/Bucharest"}));
  BOOST_TEST(report.dns_colo == "OTP");
  BOOST_TEST(codes(report) == "routes_not_seen");
}

BOOST_AUTO_TEST_CASE(a_location_without_country_counts_as_flat) {
  const auto report = admitted({{"client_id", "a"}, {"location", {{"city", "Nested"}}}, {"city", "Flat"}});
  BOOST_TEST(report.location->city == "Flat");
}

BOOST_AUTO_TEST_CASE(a_dead_vpn_whose_client_reports_the_home_lines_address_is_never_secure) {
  auto body = json::parse(captured);
  body["public_ip"] = "203.0.113.7";
  body["location"] = {{"country", "DE"}, {"city", "Berlin"}, {"org", "Home Line"}};
  body["dns_test"] = {{"location", "DE"}, {"colo", "BER"}};
  for (const bool named : {false, true}) {
    if (named) body["schema"] = 1;
    const auto report = admitted(body);
    BOOST_TEST((report.state == State::warning));
    BOOST_REQUIRE_EQUAL(codes(report), "routes_not_seen");
    BOOST_TEST((report.findings.front().severity == Severity::warning));
  }
}

BOOST_AUTO_TEST_CASE(what_the_measurements_do_not_prove_is_named) {
  struct Row {
    const char* where;
    json value;
    const char* codes;
  };
  for (const auto& row :
       {Row{"/public_ip", "unknown", "exit_unverifiable routes_not_seen"}, Row{"/public_ip", "", "exit_unverifiable routes_not_seen"},
        Row{"/public_ip", "not an address", "exit_unverifiable routes_not_seen"}, Row{"/public_ip", 5, "exit_unverifiable routes_not_seen"},
        Row{"/dns_test/location", "ES", "dns_path_differs routes_not_seen"},
        Row{"/dns_test/location", "Spain", "dns_path_differs routes_not_seen"},
        Row{"/dns_test/location", "Unknown", "dns_unverifiable routes_not_seen"},
        Row{"/dns_test/location", "", "dns_unverifiable routes_not_seen"},
        Row{"/dns_test/location", "XX", "dns_unverifiable routes_not_seen"}, Row{"/location/country", "Romania", "routes_not_seen"},
        Row{"/location/country", "romania", "routes_not_seen"}, Row{"/location/country", "Ruritania", "dns_unverifiable routes_not_seen"},
        Row{"/location/country", "", "dns_unverifiable routes_not_seen"},
        Row{"/dns_test", json::object(), "dns_unverifiable routes_not_seen"},
        Row{"/location/city", "Toruń (Old Town) & São Paulo", "routes_not_seen"}}) {
    const auto report = admitted(with(row.where, row.value));
    BOOST_TEST_CONTEXT(row.where << "=" << row.value.dump()) {
      BOOST_TEST((report.state == State::warning));
      BOOST_TEST(codes(report) == row.codes);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_keepalive_with_nothing_but_an_id_is_not_secure) {
  const auto report = admitted({{"client_id", "bare"}});
  BOOST_TEST((report.state == State::warning));
  BOOST_TEST(codes(report) == "exit_unverifiable dns_unverifiable routes_not_seen");
}

BOOST_AUTO_TEST_CASE(bad_text_is_unknown_and_never_a_reason_to_lose_the_keepalive) {
  BOOST_TEST(admitted(with("/location/city", "a\nb")).location->city.empty());
  BOOST_TEST(admitted(with("/location/org", std::string(101, 'x'))).location->org.empty());
  BOOST_TEST(admitted(with("/location/city", "unknown")).location->city.empty());
  BOOST_TEST(admitted(with("/location", 7)).location.has_value() == false);
  BOOST_TEST(admitted(with("/timestamp", "now")).timestamp.has_value() == false);
}

BOOST_AUTO_TEST_CASE(it_cannot_claim_a_state_or_findings) {
  auto body = with("/state", "secure");
  body["schema"] = 1;
  body["findings"] = json::array();
  BOOST_TEST((admitted(body).state == State::warning));
  BOOST_TEST(codes(admitted(body)) == "routes_not_seen");
}

BOOST_AUTO_TEST_SUITE_END()

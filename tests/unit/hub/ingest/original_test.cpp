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
  BOOST_TEST((report.state == State::secure));
  BOOST_TEST(report.findings.empty());
}

BOOST_AUTO_TEST_CASE(its_time_counts_unless_its_clock_is_plainly_wrong) {
  BOOST_TEST((admitted(with("/timestamp", "2026-11-21T09:59:30+0000")).timestamp == at(-30)));
  BOOST_TEST((admitted(with("/timestamp", "2026-11-21T10:59:30+0100")).timestamp == at(-30)));
  BOOST_TEST((admitted(with("/timestamp", "2026-11-20T23:30:56+0000")).timestamp == at(0)));
  BOOST_TEST((admitted(with("/timestamp", "2026-11-21T12:00:00+0000")).timestamp == at(0)));
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
  BOOST_TEST((report.state == State::secure));
}

BOOST_AUTO_TEST_CASE(a_location_without_country_counts_as_flat) {
  const auto report = admitted({{"client_id", "a"}, {"location", {{"city", "Nested"}}}, {"city", "Flat"}});
  BOOST_TEST(report.location->city == "Flat");
}

BOOST_AUTO_TEST_CASE(what_the_measurements_prove_decides_the_state) {
  struct Row {
    const char* where;
    json value;
    State state;
    const char* codes;
  };
  for (const auto& row :
       {Row{"/public_ip", "unknown", State::warning, "exit_unverifiable"}, Row{"/public_ip", "", State::warning, "exit_unverifiable"},
        Row{"/public_ip", "not an address", State::warning, "exit_unverifiable"}, Row{"/public_ip", 5, State::warning, "exit_unverifiable"},
        Row{"/dns_test/location", "ES", State::warning, "dns_answers_differ"},
        Row{"/dns_test/location", "Spain", State::warning, "dns_answers_differ"},
        Row{"/dns_test/location", "Unknown", State::warning, "dns_unverifiable"},
        Row{"/dns_test/location", "", State::warning, "dns_unverifiable"},
        Row{"/dns_test/location", "XX", State::warning, "dns_unverifiable"}, Row{"/location/country", "Romania", State::secure, ""},
        Row{"/location/country", "romania", State::secure, ""}, Row{"/location/country", "Ruritania", State::warning, "dns_unverifiable"},
        Row{"/location/country", "", State::warning, "dns_unverifiable"},
        Row{"/dns_test", json::object(), State::warning, "dns_unverifiable"},
        Row{"/location/city", "Toruń (Old Town) & São Paulo", State::secure, ""}}) {
    const auto report = admitted(with(row.where, row.value));
    BOOST_TEST_CONTEXT(row.where << "=" << row.value.dump()) {
      BOOST_TEST((report.state == row.state));
      BOOST_TEST(codes(report) == row.codes);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_keepalive_with_nothing_but_an_id_is_not_secure) {
  const auto report = admitted({{"client_id", "bare"}});
  BOOST_TEST((report.state == State::warning));
  BOOST_TEST(codes(report) == "exit_unverifiable dns_unverifiable");
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
  body["public_ip"] = "unknown";
  BOOST_TEST((admitted(body).state == State::warning));
}

BOOST_AUTO_TEST_SUITE_END()

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/unit/probe/report/full_report.hpp"

using namespace vpn_sentinel;
using nlohmann::json;

namespace {

/// The error of a full report in which `pointer` is replaced.
std::string error_with(const std::string& pointer, const json& value) {
  auto wire = encode(test::full_report());
  wire[json::json_pointer(pointer)] = value;
  const auto decoded = decode_report(wire);
  if (decoded) return "accepted";
  BOOST_TEST((decoded.error().kind == Error::Kind::invalid));
  return decoded.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decode)

BOOST_AUTO_TEST_CASE(tags_are_few_and_plain_words) {
  BOOST_TEST(error_with("/tags", json::array()) == "accepted");
  auto tags = json::array();
  for (std::size_t length = 17; length <= 32; ++length) tags.push_back(std::string(length, 'x'));
  BOOST_TEST(error_with("/tags", tags) == "accepted");
  BOOST_TEST(error_with("/tags", json(2, "home")).starts_with("tags: expected each word once"));
  BOOST_TEST(error_with("/tags", json(17, "home")).starts_with("tags: expected at most 16 words"));
  BOOST_TEST(error_with("/tags", "home").starts_with("tags: expected at most 16 words"));
  for (const auto& wrong : {json(""), json("two words"), json("<b>"), json(std::string(33, 'x')), json(7)}) {
    BOOST_TEST(error_with("/tags", json::array({wrong})).starts_with("tags: expected"), wrong.dump());
  }
}

BOOST_AUTO_TEST_CASE(the_payload_of_the_python_original_is_schema_1) {
  const auto wire = json::parse(R"({"client_id": "office-vpn-primary", "timestamp": "2026-11-20T23:30:56+0000", "public_ip": "198.18.7.10",
    "status": "alive", "client_version": "1.1.4", "location": {"country": "RO", "city": "Bucharest", "region": "Bucharest",
    "org": "AS9009 M247 Europe SRL", "timezone": "Europe/Bucharest"}, "dns_test": {"location": "RO", "colo": "OTP"}})");
  const auto report = decode_report(wire).value();
  BOOST_TEST(report.schema == 1);
  BOOST_TEST(report.client_id == "office-vpn-primary");
  BOOST_TEST(to_rfc3339(report.timestamp.value()) == "2026-11-20T23:30:56.000000Z");
  BOOST_TEST(report.location.value().org == "AS9009 M247 Europe SRL");
  BOOST_TEST(report.dns_colo == "OTP");
  BOOST_TEST(!report.state.has_value());
  BOOST_TEST(!report.lease_s.has_value());
  BOOST_TEST(report.tags.empty());
}

BOOST_AUTO_TEST_CASE(unknown_keys_and_nulls_are_ignored) {
  auto wire = encode(test::full_report());
  wire["from_the_future"] = json::array({1, 2});
  wire["tunnel"]["mtu"] = 1420;
  wire["exit"]["v6"] = nullptr;
  wire["latency_ms"] = nullptr;
  const auto report = decode_report(wire).value();
  BOOST_TEST(!report.exit.value().v6.has_value());
  BOOST_TEST(!report.latency_ms.has_value());
}

BOOST_AUTO_TEST_CASE(a_bad_field_is_named_with_what_was_expected_and_what_came) {
  const struct {
    const char* pointer;
    json value;
    const char* begins_with;
  } rows[]{
      {"/schema", -1, "schema: expected a whole number"},
      {"/schema", 70000, "schema: expected a whole number from 0 to 65535, got 70000"},
      {"/client_id", "a b", "client_id: expected 1-100 of A-Z a-z 0-9 . _ -, got \"a b\""},
      {"/client_id", nullptr, "client_id: expected 1-100"},
      {"/client_id", 5, "client_id: expected a text, got 5"},
      {"/boot_id", 1, "boot_id: expected a text, got 1"},
      {"/seq", -1, "seq: expected a whole number"},
      {"/seq", 1.5, "seq: expected a whole number"},
      {"/timestamp", "yesterday", "timestamp: expected an RFC 3339 time, got \"yesterday\""},
      {"/timestamp", 1700000000, "timestamp: expected an RFC 3339 time, got 1700000000"},
      {"/lease_s", 4294967296, "lease_s: expected a whole number from 0 to 4294967295"},
      {"/path", json::array(), "path: expected a text, got []"},
      {"/trigger", true, "trigger: expected a text, got true"},
      {"/public_ip", json::object(), "public_ip: expected a text"},
      {"/location", "RO", "location: expected an object, got \"RO\""},
      {"/location/city", 1, "location.city: expected a text, got 1"},
      {"/dns_test", 3, "dns_test: expected an object"},
      {"/dns_test/colo", false, "dns_test.colo: expected a text"},
      {"/state", "green", "state: expected secure, warning, contained or danger, got \"green\""},
      {"/state", "offline", "state: expected secure, warning, contained or danger, got \"offline\""},
      {"/findings", json::object(), "findings: expected a list of at most 100"},
      {"/findings/0", 1, "findings[0]: expected an object, got 1"},
      {"/findings/1/code", "", "findings[1].code: expected a code such as tunnel_down"},
      {"/findings/1/severity", "bad", "findings[1].severity: expected information, warning, contained or danger, got \"bad\""},
      {"/findings/1/since", "x", "findings[1].since: expected an RFC 3339 time"},
      {"/findings/0/evidence", json::array(), "findings[0].evidence: expected an object"},
      {"/tunnel", json::array(), "tunnel: expected an object"},
      {"/tunnel/up", "yes", "tunnel.up: expected true or false, got \"yes\""},
      {"/tunnel/rx_bytes", -5, "tunnel.rx_bytes: expected a whole number"},
      {"/tunnel/handshake_age_s", 1e10, "tunnel.handshake_age_s: expected a whole number"},
      {"/exit/asn", "AS64500", "exit.asn: expected a whole number"},
      {"/exit/v4", 1, "exit.v4: expected a text"},
      {"/dns/egress", "198.51.100.2", "dns.egress: expected a short list of addresses"},
      {"/dns/egress/0", 1, "dns.egress: expected a text, got 1"},
      {"/leak", true, "leak: expected an object, got true"},
      {"/leak/counting", 1, "leak.counting: expected true or false, got 1"},
      {"/leak/packets", -1, "leak.packets: expected a whole number"},
      {"/leak/since", "x", "leak.since: expected an RFC 3339 time"},
      {"/leak/why", 5, "leak.why: expected a text, got 5"},
      {"/leak/destinations", "203.0.113.53", "leak.destinations: expected a short list of destinations"},
      {"/leak/destinations/0", 1, "leak.destinations: expected objects with address, protocol, packets and bytes, got 1"},
      {"/leak/destinations/0/port", 65536, "leak.destinations.port: expected a whole number from 0 to 65535, got 65536"},
      {"/leak/destinations/0/uid", "root", "leak.destinations.uid: expected a whole number"},
      {"/kill_switch/state", 1, "kill_switch.state: expected a text, got 1"},
      {"/kill_switch/stopped_packets", 1.5, "kill_switch.stopped_packets: expected a whole number"},
      {"/ruleset/changed_at", 1, "ruleset.changed_at: expected an RFC 3339 time"},
      {"/udp_exit/v4", 1, "udp_exit.v4: expected a text"},
      {"/mtu/large_packets", false, "mtu.large_packets: expected a text"},
      {"/peers", 1, "peers: expected an object, got 1"},
      {"/peers/connected", -1, "peers.connected: expected a whole number"},
      {"/peers/ports", 1, "peers.ports: expected a short list of ports, got 1"},
      {"/peers/ports/0", 1, "peers.ports: expected objects with port and told_by, got 1"},
      {"/peers/ports/0/unanswered", 1e10, "peers.ports.unanswered: expected a whole number"},
      {"/peers/list", json::array_t(21), "peers.list: expected a short list of clients"},
      {"/peers/list/0", "a", "peers.list: expected objects with port, from, since and bytes, got \"a\""},
      {"/peers/list/0/since", 1, "peers.list.since: expected an RFC 3339 time"},
      {"/peers/list/0/from", json::array(), "peers.list.from: expected a text"},
      {"/latency_ms", -0.5, "latency_ms: expected a number of milliseconds, got -0.5"},
      {"/latency_ms", "23", "latency_ms: expected a number of milliseconds"},
  };
  for (const auto& row : rows) {
    const auto message = error_with(row.pointer, row.value);
    BOOST_TEST(message.starts_with(row.begins_with), row.pointer << ": " << message);
  }
}

BOOST_AUTO_TEST_CASE(no_report_but_an_object) {
  for (const auto* const text : {"[]", "null", "0", "\"\"", "false"}) {
    const auto decoded = decode_report(json::parse(text));
    BOOST_REQUIRE(!decoded.has_value());
    BOOST_TEST(decoded.error().message.starts_with("report: expected an object"));
  }
}

BOOST_AUTO_TEST_CASE(limits_are_kept) {
  const auto finding = encode(test::full_report()).at("findings").at(0);
  BOOST_TEST(error_with("/findings", json(101, finding)).starts_with("findings: expected a list of at most 100"));
  BOOST_TEST(error_with("/findings", json(100, finding)) == "accepted");
  const auto evidence = [](std::size_t bytes) { return json{{"text", std::string(bytes - 11, 'e')}}; };
  BOOST_TEST(error_with("/findings/0/evidence", evidence(4096)) == "accepted");
  BOOST_TEST(error_with("/findings/0/evidence", evidence(60'000)) == "accepted");  // cut, see bounds_test
  BOOST_TEST(error_with("/dns/egress", json(65, "198.51.100.2")).starts_with("dns.egress: expected a short list"));
  const auto destination = encode(test::full_report()).at("leak").at("destinations").at(0);
  BOOST_TEST(error_with("/leak/destinations", json(20, destination)) == "accepted");
  BOOST_TEST(error_with("/leak/destinations", json(21, destination)).starts_with("leak.destinations: expected a short list"));
  BOOST_TEST(error_with("/boot_id", std::string(256, 'x')) == "accepted");
  BOOST_TEST(error_with("/boot_id", std::string(257, 'x')).starts_with("boot_id: expected at most 256 bytes"));
}

BOOST_AUTO_TEST_CASE(a_message_never_repeats_more_than_a_little_of_the_input) {
  BOOST_TEST(error_with("/boot_id", std::string(100'000, 'x')).size() < 250U);
  BOOST_TEST(error_with("/client_id", json(1000, "deep")).size() < 250U);
}

BOOST_AUTO_TEST_CASE(deep_nesting_is_refused_before_anything_walks_down_it) {
  // 30,000 levels fit into the 64 KiB that the hub takes. Texts, because copying such a value would already need the stack.
  const auto with = [](const std::string& field, std::size_t depth) {
    const auto text =
        fmt::format(R"({{"client_id": "a", "state": "danger", "findings": [{{"code": "c", "severity": "danger", "evidence": {{"x": 1}}}}],
      {}: {}1{}}})",
                    field, std::string(depth, '['), std::string(depth, ']'));
    const auto decoded = decode_report(json::parse(text));
    return decoded ? "accepted" : decoded.error().message;
  };
  for (const auto* const field : {"\"client_id\"", "\"findings\"", "\"location\"", "\"unknown\""}) {
    BOOST_TEST(with(field, 30'000) == "report: nested deeper than 32 levels", field);
  }
  BOOST_TEST(with("\"unknown\"", 31) == "accepted");
  BOOST_TEST(with("\"unknown\"", 32) == "report: nested deeper than 32 levels");
}

BOOST_AUTO_TEST_CASE(a_value_made_in_code_is_read_like_one_from_the_wire) {
  const auto report = test::full_report();
  BOOST_TEST((decode_report(encode(report)).value() == report));
  BOOST_TEST(error_with("/seq", json(7)) == "accepted");
  BOOST_TEST(error_with("/seq", json(-7)).starts_with("seq: expected a whole number from 0 to"));
}

BOOST_AUTO_TEST_CASE(a_time_that_leaves_the_years_of_rfc_3339_by_its_offset_is_refused) {
  BOOST_TEST(error_with("/timestamp", "9999-12-31T23:59:59-23:59").starts_with("timestamp: expected an RFC 3339 time"));
  BOOST_TEST(error_with("/timestamp", "1970-01-01T00:00:00+00:01").starts_with("timestamp: expected an RFC 3339 time"));
  BOOST_TEST(error_with("/timestamp", "9999-12-31T23:59:59.999999Z") == "accepted");
  BOOST_TEST(error_with("/timestamp", "1970-01-01T00:00:00Z") == "accepted");
}

BOOST_AUTO_TEST_CASE(control_characters_cannot_forge_log_lines) {
  for (const auto* const text : {"a\nb", "a\rb", "\x1b[2J", "tab\t", "\x7f"}) {
    BOOST_TEST(error_with("/trigger", text).starts_with("trigger: expected at most 256 bytes without control characters"));
    BOOST_TEST(error_with("/findings/0/code", text).starts_with("findings[0].code: expected"));
    BOOST_TEST(error_with("/trigger", text).find('\n') == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(what_somebody_called_a_process_or_a_rule_never_loses_a_report) {
  auto wire = encode(test::full_report());
  wire["ruleset"]["changed_by"] = "nft\n" + std::string(5000, 'x');
  wire["leak"]["why"] = wire["kill_switch"]["why"] = "\x1b[2J";
  const auto report = decode_report(wire).value();
  BOOST_TEST(report.ruleset->changed_by.starts_with("nft?xxx"));
  BOOST_TEST(report.ruleset->changed_by.size() == 200U);
  BOOST_TEST(report.leak->why == "?[2J");
  BOOST_TEST(report.kill_switch->why == "?[2J");
}

BOOST_AUTO_TEST_CASE(a_finding_without_a_severity_or_with_one_of_another_type_is_named) {
  auto wire = encode(test::full_report());
  wire["findings"][0].erase("severity");
  BOOST_TEST(decode_report(wire).error().message.starts_with("findings[0].severity: expected information"));
  BOOST_TEST(error_with("/findings/0/severity", 1).starts_with("findings[0].severity: expected a text"));
  wire = encode(test::full_report());
  wire.erase("client_id");
  BOOST_TEST(decode_report(wire).error().message.starts_with("client_id: expected"));
}

BOOST_AUTO_TEST_SUITE_END()

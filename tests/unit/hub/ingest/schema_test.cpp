// Every field of a report gets every kind of wrong value: each is refused by name, or it is plainly right.
#include <boost/test/unit_test.hpp>
#include <set>

#include "hub/ingest/admission.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(schema)

using namespace vpn_sentinel;
using nlohmann::json;
using test::at;

namespace {

json good() {
  return json::parse(R"({
    "schema": 2, "client_id": "office-vpn", "boot_id": "6f1c", "seq": 1841, "timestamp": "2026-11-21T10:00:00Z",
    "sent_at": "2026-11-21T10:00:01Z", "status": "alive", "client_version": "1.0.0", "lease_s": 30, "path": "tunnel",
    "trigger": "interval", "public_ip": "198.51.100.2",
    "location": {"country": "RO", "city": "Bucharest", "region": "B", "org": "AS64500 Example", "timezone": "Europe/Bucharest"},
    "dns_test": {"location": "RO", "colo": "OTP"},
    "state": "warning",
    "findings": [{"code": "dns_unverifiable", "severity": "warning", "since": "2026-11-21T10:00:00Z", "evidence": {}}],
    "tunnel": {"name": "wg0", "kind": "wireguard", "up": true, "since": "2026-11-21T10:00:00Z", "rx_bytes": 1, "tx_bytes": 1,
               "handshake_age_s": 12},
    "exit": {"v4": "198.51.100.2", "v6": "2001:db8::1", "asn": 64500, "country": "RO", "source": "cloudflare-trace"},
    "dns": {"verdict": "unverifiable", "reason": "EGRESS_IS_EXIT", "egress": ["198.51.100.2"]},
    "leak": {"counting": true, "why": "", "since": "2026-11-21T10:00:00Z", "packets": 7, "bytes": 900, "dns_packets": 3, "v4_packets": 2,
             "v6_packets": 1, "endpoint_packets": 1, "local_packets": 40,
             "destinations": [{"address": "203.0.113.53", "protocol": "udp", "port": 53, "uid": 1000, "packets": 3, "bytes": 300}]},
    "kill_switch": {"mode": "armed", "state": "armed", "why": "", "since": "2026-11-21T10:00:00Z", "stopped_packets": 12},
    "ruleset": {"verdict": "holds", "changed_by": "nft, pid 4242", "changed_at": "2026-11-21T10:00:00Z"},
    "udp_exit": {"v4": "198.51.100.2", "v6": "2001:db8::1"},
    "mtu": {"large_packets": "ok"},
    "peers": {"connected": 2, "ports": [{"port": "udp/51820", "told_by": "wireguard", "connected": 2, "unanswered": 1, "why": ""}],
              "list": [{"port": "udp/51820", "from": "203.0.113.7:40000", "key": "a", "since": "2026-11-21T10:00:00Z",
                        "since_before": true, "rx_bytes": 1, "tx_bytes": 2}],
              "not_listed": 1, "blocked_since": "2026-11-21T10:00:00Z", "blocked_packets": 3, "blocked_lost": 0},
    "latency_ms": 23.1})");
}

using Values = std::set<std::string>;

/// JSON texts, by what they are.
const std::vector<std::pair<std::string, std::string>> values{{"null", "null"},
                                                              {"bool", "true"},
                                                              {"small", "17"},
                                                              {"negative", "-1"},
                                                              {"fraction", "1.5"},
                                                              {"huge", "99999999999999999999"},
                                                              {"overflow", "1e999"},
                                                              {"NaN", "NaN"},
                                                              {"empty", "\"\""},
                                                              {"word", "\"word\""},
                                                              {"long", '"' + std::string(5000, 'x') + '"'},
                                                              {"lines", R"("a\nb")"},
                                                              {"direction", R"("a\u202eb")"},
                                                              {"half", R"("\ud800")"},
                                                              {"list", "[]"},
                                                              {"long list", '[' + std::string(2000, ' ') + "1" +
                                                                                [] {
                                                                                  std::string more;
                                                                                  for (int i = 0; i < 2000; ++i) more += ",1";
                                                                                  return more;
                                                                                }() +
                                                                                ']'},
                                                              {"object", "{}"},
                                                              {"deep", std::string(40, '[') + std::string(40, ']')}};

const Values text{"null", "empty", "word"};
const Values count{"null", "small"};
const Values object{"null", "object"};
const Values optional{"null"};
/// What others worded: made harmless.
const Values words{"null", "empty", "word", "long", "lines", "direction"};
const Values anything{"null", "bool", "small", "negative",  "fraction", "huge",      "empty",
                      "word", "long", "lines", "direction", "list",     "long list", "object"};

/// What is right for each field; all else must be refused.
const std::map<std::string, Values> right{{"/schema", {}},
                                          {"/client_id", {"word"}},
                                          {"/boot_id", {"word"}},
                                          {"/seq", {"small"}},
                                          {"/timestamp", optional},
                                          {"/sent_at", optional},
                                          {"/status", anything},
                                          {"/client_version", text},
                                          {"/lease_s", count},
                                          {"/path", {"null", "empty"}},
                                          {"/trigger", text},
                                          {"/public_ip", optional},
                                          {"/location", object},
                                          {"/location/country", text},
                                          {"/location/city", text},
                                          {"/location/region", text},
                                          {"/location/org", text},
                                          {"/location/timezone", text},
                                          {"/dns_test", object},
                                          {"/dns_test/location", text},
                                          {"/dns_test/colo", text},
                                          {"/state", {}},
                                          {"/findings", {"null", "list"}},
                                          {"/findings/0", {}},
                                          {"/findings/0/code", {"word"}},
                                          {"/findings/0/severity", {}},
                                          {"/findings/0/since", optional},
                                          {"/findings/0/evidence", object},
                                          {"/tunnel", object},
                                          {"/tunnel/name", text},
                                          {"/tunnel/kind", text},
                                          {"/tunnel/up", {"null", "bool"}},
                                          {"/tunnel/since", optional},
                                          {"/tunnel/rx_bytes", count},
                                          {"/tunnel/tx_bytes", count},
                                          {"/tunnel/handshake_age_s", count},
                                          {"/exit", object},
                                          {"/exit/v4", optional},
                                          {"/exit/v6", optional},
                                          {"/exit/asn", count},
                                          {"/exit/country", text},
                                          {"/exit/source", text},
                                          {"/dns", object},
                                          {"/dns/verdict", text},
                                          {"/dns/reason", text},
                                          {"/dns/egress", {"null", "list"}},
                                          {"/dns/egress/0", {}},
                                          {"/leak", object},
                                          {"/leak/counting", {"null", "bool"}},
                                          {"/leak/why", words},
                                          {"/leak/since", optional},
                                          {"/leak/packets", count},
                                          {"/leak/bytes", count},
                                          {"/leak/dns_packets", count},
                                          {"/leak/v4_packets", count},
                                          {"/leak/v6_packets", count},
                                          {"/leak/endpoint_packets", count},
                                          {"/leak/local_packets", count},
                                          {"/leak/destinations", {"null", "list"}},
                                          {"/leak/destinations/0", {}},
                                          {"/leak/destinations/0/address", {}},
                                          {"/leak/destinations/0/protocol", text},
                                          {"/leak/destinations/0/port", count},
                                          {"/leak/destinations/0/uid", count},
                                          {"/leak/destinations/0/packets", count},
                                          {"/leak/destinations/0/bytes", count},
                                          {"/kill_switch", object},
                                          {"/kill_switch/mode", text},
                                          {"/kill_switch/state", text},
                                          {"/kill_switch/why", words},
                                          {"/kill_switch/since", optional},
                                          {"/kill_switch/stopped_packets", count},
                                          {"/ruleset", object},
                                          {"/ruleset/verdict", text},
                                          {"/ruleset/changed_by", words},
                                          {"/ruleset/changed_at", optional},
                                          {"/udp_exit", object},
                                          {"/udp_exit/v4", optional},
                                          {"/udp_exit/v6", optional},
                                          {"/mtu", object},
                                          {"/mtu/large_packets", text},
                                          {"/peers", object},
                                          {"/peers/connected", count},
                                          {"/peers/ports", {"null", "list"}},
                                          {"/peers/ports/0", {"object"}},
                                          {"/peers/ports/0/port", text},
                                          {"/peers/ports/0/told_by", text},
                                          {"/peers/ports/0/connected", count},
                                          {"/peers/ports/0/unanswered", count},
                                          {"/peers/ports/0/why", words},
                                          {"/peers/list", {"null", "list"}},
                                          {"/peers/list/0", {"object"}},
                                          {"/peers/list/0/port", text},
                                          {"/peers/list/0/from", text},
                                          {"/peers/list/0/key", text},
                                          {"/peers/list/0/since", optional},
                                          {"/peers/list/0/since_before", {"null", "bool"}},
                                          {"/peers/list/0/rx_bytes", count},
                                          {"/peers/list/0/tx_bytes", count},
                                          {"/peers/not_listed", count},
                                          {"/peers/blocked_since", optional},
                                          {"/peers/blocked_packets", count},
                                          {"/peers/blocked_lost", count},
                                          {"/latency_ms", {"null", "small", "fraction"}}};

/// A good report in which the value at `where` is this text, JSON or not.
std::string with(const std::string& where, const std::string& value) {
  auto report = good();
  report[json::json_pointer(where)] = "@@@";
  auto body = report.dump();
  return body.replace(body.find("\"@@@\""), 5, value);
}

/// "exit.v4" of "/exit/v4"; "findings[0].code" of "/findings/0/code"; a list's items go by the list's name.
std::string name_of(const std::string& where) {
  std::string name;
  for (const auto& part : json::json_pointer(where).to_string().substr(1) + "/") name += part == '/' ? '.' : part;
  name.pop_back();
  if (const auto item = name.find(".0"); item != std::string::npos) name.replace(item, 2, name.starts_with("findings") ? "[0]" : "");
  return name;
}

std::string last_part(const std::string& where) {
  const auto name = name_of(where);
  const auto key = name.substr(name.rfind('.') + 1);
  return key.substr(0, key.find('['));
}

void walk(const json& value, const std::string& where, std::set<std::string>& found) {
  if (!where.empty()) found.insert(where);
  if (!value.is_structured()) return;
  for (const auto& [key, item] : value.items()) walk(item, where + "/" + key, found);
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_table_has_every_field) {
  std::set<std::string> fields;
  walk(good(), "", fields);
  for (const auto& field : fields) BOOST_TEST(right.contains(field), field);
  BOOST_TEST(fields.size() == right.size());
  BOOST_TEST(admit(good().dump(), "", at(1)).has_value());
}

BOOST_AUTO_TEST_CASE(each_wrong_value_of_each_field_is_refused_by_name_and_each_right_one_admitted) {
  for (const auto& [field, accepted] : right) {
    for (const auto& [what, value] : values) {
      const auto admitted = admit(with(field, value), "192.0.2.7", at(1));
      BOOST_TEST_CONTEXT(field << " = " << what << ": " << (admitted ? "admitted" : admitted.error().message)) {
        BOOST_TEST(admitted.has_value() == accepted.contains(what));
        if (admitted) continue;
        const auto& [status, error, message] = admitted.error();
        BOOST_TEST(status == 400);
        BOOST_TEST(!error.empty());
        BOOST_TEST(message.size() < 400U);
        BOOST_TEST((std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c <= '~'; })));
        const bool unreadable = what == "overflow" || what == "NaN" || what == "half";
        if (what != "deep") BOOST_TEST(message.find(unreadable ? last_part(field) : name_of(field)) != std::string::npos);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_key_that_comes_twice_is_refused_by_name_at_any_depth) {
  const auto message = [](const std::string& body) {
    const auto admitted = admit(body, "", at(1));
    return admitted ? std::string("admitted") : admitted.error().message;
  };
  BOOST_TEST(message(R"({"client_id":"a","client_id":"b"})") == "client_id: expected once in its object, given twice");
  BOOST_TEST(message(R"({"client_id":"a","location":{"country":"RO","country":"DE"}})") ==
             "country: expected once in its object, given twice");
  BOOST_TEST(message(R"({"client_id":"a","x":[{"k\n":1,"k\n":2}]})") == "k?: expected once in its object, given twice");
  BOOST_TEST(message(R"({"client_id":"a","location":{"client_id":"b"},"x":":"})") == "admitted");
}

BOOST_AUTO_TEST_CASE(where_a_body_stops_being_json_is_told_by_byte_and_key) {
  const auto message = [](const std::string& body) { return admit(body, "", at(1)).error().message; };
  BOOST_TEST(message(R"({"client_id":"a","seq":})") == "malformed at byte 24, after seq");
  BOOST_TEST(message(R"({"client_id")") == "malformed at byte 13");
  using namespace std::string_literals;
  BOOST_TEST(message("{\"client_id\":\"a\"}\0{\"client_id\":\"b\"}"s) == "malformed at byte 18: a zero byte");
  BOOST_TEST(message("{\"client_id\":\"a\"}\0"s) == "malformed at byte 18: a zero byte");
  BOOST_TEST(message("{\"client_id\":\"a\",\"n\xc3\xa4me\": x}").find("after n??me") != std::string::npos);
  BOOST_TEST(message(R"({"a":1,"b":1e999})") == "b: expected a number that a double can hold, got 1e999");
}

BOOST_AUTO_TEST_SUITE_END()

#include "hub/ingest/admission.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(admission)

using namespace vpn_sentinel;
using nlohmann::json;
using test::at;

namespace {

json ours() {
  return {{"schema", 2},
          {"client_id", "office-vpn"},
          {"boot_id", "6f1c"},
          {"seq", 1841},
          {"timestamp", "2026-11-21T10:00:00.123456Z"},
          {"status", "alive"},
          {"client_version", "1.0.0"},
          {"lease_s", 30},
          {"path", "tunnel"},
          {"trigger", "interval"},
          {"public_ip", "198.51.100.2"},
          {"location", {{"country", "RO"}, {"city", "Bucharest"}, {"org", "AS64500 Example"}}},
          {"state", "secure"},
          {"findings", json::array()},
          {"tunnel", {{"name", "wg0"}, {"kind", "wireguard"}, {"up", true}}}};
}

json with(json object, const json::json_pointer& where, json value) {
  object[where] = std::move(value);
  return object;
}

json without(json object, const char* key) {
  object.erase(key);
  return object;
}

Rejection rejection_of(const std::string& body) {
  const auto admitted = admit(body, "192.0.2.7", at(1));
  return admitted ? Rejection{200, "", ""} : admitted.error();
}

}  // namespace

BOOST_AUTO_TEST_CASE(our_report_is_admitted_with_source_and_time) {
  const auto admitted = admit(ours().dump(), "192.0.2.7", at(1));
  BOOST_REQUIRE(admitted.has_value());
  BOOST_TEST(admitted->source_address == "192.0.2.7");
  BOOST_TEST((admitted->received == at(1)));
  BOOST_TEST(admitted->report.schema == 2);
  BOOST_TEST(admitted->report.client_id == "office-vpn");
  BOOST_TEST(admitted->report.seq == 1841U);
  BOOST_TEST((admitted->report.state == State::secure));
  BOOST_TEST((admitted->report.timestamp == at(0) + std::chrono::microseconds{123456}));
}

BOOST_AUTO_TEST_CASE(a_body_without_a_usable_object_is_refused_with_the_original_words) {
  struct Row {
    std::string body;
    std::string error;
  };
  const std::string none = "No JSON data provided";
  const std::string invalid = "Invalid JSON";
  for (const auto& row : {Row{"", none}, Row{" \n", none}, Row{"{}", none}, Row{"null", none}, Row{"[]", none}, Row{"0", none},
                          Row{"\"\"", none}, Row{"false", none}, Row{"{", invalid}, Row{"{\"a\":1} x", invalid}, Row{"nul", invalid},
                          Row{"[1]", invalid}, Row{"\"text\"", invalid}, Row{"7", invalid}, Row{"true", invalid},
                          Row{"{\"client_id\":\"\xff\"}", invalid}, Row{"{\"a\":1e999}", invalid}, Row{"{\"a\":01}", invalid}}) {
    BOOST_TEST_CONTEXT(row.body) {
      const auto rejection = rejection_of(row.body);
      BOOST_TEST(rejection.status == 400);
      BOOST_TEST(rejection.error == row.error);
    }
  }
}

BOOST_AUTO_TEST_CASE(deep_and_long_bodies_are_refused_before_they_cost_anything) {
  BOOST_TEST(rejection_of(std::string(60'000, '[')).error == "Invalid JSON");
  BOOST_TEST(rejection_of("{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}").message == "more than 32 levels of nesting");
  BOOST_TEST(rejection_of(std::string(max_report_bytes + 1, ' ')).status == 413);
  BOOST_TEST(rejection_of(R"({"client_id":"a","text":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["})").status == 200);
}

BOOST_AUTO_TEST_CASE(a_missing_client_id_is_required_and_a_bad_one_has_an_invalid_format) {
  const std::string required = "client_id is required";
  const std::string format = "Invalid client_id format";
  const std::vector<std::pair<json, std::string>> rows{{"", required},
                                                       {0, required},
                                                       {nullptr, required},
                                                       {false, required},
                                                       {"   ", format},
                                                       {"a b", format},
                                                       {"unknown", format},
                                                       {5, format},
                                                       {"a/b", format},
                                                       {"Toruń", format},
                                                       {"a\n", "accepted"},
                                                       {" a ", "accepted"},
                                                       {"A.b_c-9", "accepted"},
                                                       {std::string(100, 'a'), "accepted"},
                                                       {std::string(101, 'a'), format}};
  for (const auto& [id, error] : rows) {
    for (const auto& base : {ours(), json{{"public_ip", "198.51.100.2"}}}) {
      const auto rejection = rejection_of(with(base, "/client_id"_json_pointer, id).dump());
      BOOST_TEST_CONTEXT(id.dump()) { BOOST_TEST((error == "accepted" ? rejection.status == 200 : rejection.error == error)); }
    }
  }
  BOOST_TEST(rejection_of(without(ours(), "client_id").dump()).error == required);
}

BOOST_AUTO_TEST_CASE(a_bad_field_of_our_report_is_named) {
  const std::vector<std::pair<std::string, json>> rows{{"boot_id", ""},
                                                       {"boot_id", "a b"},
                                                       {"boot_id", std::string(65, 'a')},
                                                       {"seq", 0},
                                                       {"seq", -1},
                                                       {"seq", "1"},
                                                       {"seq", 9223372036854775808U},
                                                       {"lease_s", 0},
                                                       {"lease_s", 604801},
                                                       {"path", "sideways"},
                                                       {"trigger", "Drop Table"},
                                                       {"state", "fine"},
                                                       {"state", "offline"},
                                                       {"public_ip", "198.51.100.300"},
                                                       {"timestamp", "yesterday"},
                                                       {"client_version", "1\n2"},
                                                       {"schema", 3},
                                                       {"schema", "2"},
                                                       {"location/city", "a\tb"},
                                                       {"location/org", std::string(201, 'x')},
                                                       {"tunnel/name", "wg0\n"},
                                                       {"exit", {{"v4", "x"}}},
                                                       {"dns", {{"egress", {"x"}}}},
                                                       {"latency_ms", -1},
                                                       {"findings", {{{"code", "a b"}, {"severity", "warning"}}}},
                                                       {"findings", {{{"code", "a"}, {"severity", "bad"}}}}};
  for (const auto& [field, value] : rows) {
    const auto rejection = rejection_of(with(ours(), json::json_pointer("/" + field), value).dump());
    const auto name = field.substr(0, field.find('/'));
    BOOST_TEST_CONTEXT(field << "=" << value.dump() << " -> " << rejection.message) {
      BOOST_TEST(rejection.status == 400);
      BOOST_TEST((rejection.message.find(name) == 0));
    }
  }
}

BOOST_AUTO_TEST_CASE(our_report_must_say_its_state_and_its_place_in_order) {
  for (const char* key : {"state", "boot_id", "seq"}) {
    BOOST_TEST_CONTEXT(key) { BOOST_TEST((rejection_of(without(ours(), key).dump()).message.find(key) == 0)); }
  }
}

BOOST_AUTO_TEST_CASE(a_report_with_our_own_words_must_name_its_schema) {
  for (const auto& [key, value] : std::vector<std::pair<const char*, json>>{
           {"state", "danger"}, {"state", nullptr}, {"boot_id", "6f1c"}, {"findings", json::array()}}) {
    const json body{{"client_id", "a"}, {"public_ip", "198.51.100.2"}, {key, value}};
    const auto rejection = rejection_of(body.dump());
    BOOST_TEST_CONTEXT(key << " -> " << rejection.message) {
      BOOST_TEST(rejection.status == 400);
      BOOST_TEST((rejection.message.find("schema") == 0));
    }
  }
  BOOST_TEST((rejection_of(without(ours(), "schema").dump()).message.find("schema") == 0));
}

BOOST_AUTO_TEST_CASE(a_state_milder_than_its_own_findings_is_not_believed) {
  auto body = ours();
  body["findings"] = {{{"code", "default_route_outside"}, {"severity", "danger"}, {"since", "2026-11-21T09:59:59Z"}}};
  const auto admitted = admit(body.dump(), "", at(1));
  BOOST_REQUIRE(admitted.has_value());
  BOOST_TEST((admitted->report.state == State::danger));
}

BOOST_AUTO_TEST_CASE(evidence_with_control_characters_is_made_harmless_not_refused) {
  auto body = ours();
  body["state"] = "warning";
  body["findings"] = {{{"code", "packets_outside"}, {"severity", "warning"}, {"evidence", {{"process", "a\n\u001b[31mb"}}}}};
  const auto admitted = admit(body.dump(), "", at(1));
  BOOST_REQUIRE(admitted.has_value());
  BOOST_TEST(admitted->report.findings.at(0).evidence.at("process") == "a??[31mb");
}

BOOST_AUTO_TEST_CASE(one_address_has_one_spelling) {
  const auto admitted = admit(with(ours(), "/public_ip"_json_pointer, "2001:DB8:0:0::1").dump(), "", at(1));
  BOOST_REQUIRE(admitted.has_value());
  BOOST_TEST(admitted->report.public_ip.value_or("") == "2001:db8::1");
}

BOOST_AUTO_TEST_CASE(a_clock_that_runs_far_ahead_makes_no_waiting_report_look_young) {
  auto body = with(ours(), "/timestamp"_json_pointer, "2026-11-21T11:00:00Z");
  body["sent_at"] = "2026-11-21T11:10:00Z";
  const auto admitted = admit(body.dump(), "", at(1));
  BOOST_TEST((admitted.value().report.sent_at == at(1)));
  BOOST_TEST((admitted->report.timestamp == at(1 - 600)));
  body["sent_at"] = "soon";
  BOOST_TEST(admit(body.dump(), "", at(1)).error().message.find("sent_at") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_report_that_does_not_say_when_it_was_sent_is_as_old_as_the_hubs_clock_says) {
  auto body = with(ours(), "/timestamp"_json_pointer, "2026-11-20T10:00:00Z");
  body.erase("sent_at");
  const auto old = admit(body.dump(), "", at(1));
  BOOST_TEST((age_when_sent(old.value().report) == std::chrono::seconds{86'401}));
  BOOST_TEST(!old->clock_skew.has_value());
  body["timestamp"] = "2026-11-21T10:00:02Z";
  BOOST_TEST((age_when_sent(admit(body.dump(), "", at(1)).value().report) == std::chrono::seconds{0}));
}

BOOST_AUTO_TEST_CASE(a_time_that_became_the_hubs_is_known_as_such) {
  auto body = with(ours(), "/timestamp"_json_pointer, "2026-11-21T11:00:00Z");
  body["sent_at"] = "2026-11-21T10:00:01Z";
  const auto admitted = admit(body.dump(), "", at(1));
  BOOST_TEST(admitted.value().time_is_replaced);
  BOOST_TEST((admitted->report.timestamp == at(1)));
  body["timestamp"] = "2026-11-21T10:00:00Z";
  BOOST_TEST(!admit(body.dump(), "", at(1)).value().time_is_replaced);
}

BOOST_AUTO_TEST_CASE(times_more_than_five_minutes_ahead_become_the_hubs) {
  auto body = with(ours(), "/timestamp"_json_pointer, "2026-11-21T10:06:00Z");
  body["state"] = "warning";
  body["findings"] = {{{"code", "dns_unverifiable"}, {"severity", "warning"}, {"since", "2027-01-01T00:00:00Z"}}};
  const auto admitted = admit(body.dump(), "", at(1));
  BOOST_REQUIRE(admitted.has_value());
  BOOST_TEST((admitted->report.timestamp == at(1)));
  BOOST_TEST((admitted->report.findings.at(0).since == at(1)));
  const auto near = admit(with(ours(), "/timestamp"_json_pointer, "2026-11-21T10:04:00Z").dump(), "", at(1));
  BOOST_TEST((near.value().report.timestamp == at(240)));
}

BOOST_AUTO_TEST_CASE(a_finding_that_does_not_say_since_when_is_as_old_as_its_report) {
  auto body = ours();
  body["state"] = "danger";
  body["findings"] = {{{"code", "tunnel_down"}, {"severity", "danger"}},
                      {{"code", "dns_unverifiable"}, {"severity", "warning"}, {"since", nullptr}},
                      {{"code", "exit_changed"}, {"severity", "information"}, {"since", "2026-11-21T09:00:00Z"}}};
  const auto since = [](const json& report, std::size_t index) {
    return admit(report.dump(), "", at(7)).value().report.findings.at(index).since;
  };
  const auto told = at(0) + std::chrono::microseconds{123456};
  BOOST_TEST((since(body, 0) == told && since(body, 1) == told && since(body, 2) == at(-3600)));
  BOOST_TEST((since(without(body, "timestamp"), 0) == at(7)));
  auto late = with(body, "/timestamp"_json_pointer, "1970-01-01T00:05:00Z");  // its clock has not been set
  late["sent_at"] = "1970-01-01T00:05:03Z";
  BOOST_TEST((since(late, 0) == at(4)));
  BOOST_TEST((since(with(body, "/timestamp"_json_pointer, "2027-01-01T00:00:00Z"), 0) == at(7)));  // a clock that is far ahead
}

BOOST_AUTO_TEST_CASE(unknown_keys_are_ignored) {
  BOOST_TEST(rejection_of(with(ours(), "/future"_json_pointer, {1, 2}).dump()).status == 200);
}

BOOST_AUTO_TEST_SUITE_END()

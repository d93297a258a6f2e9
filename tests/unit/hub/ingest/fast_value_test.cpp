// Two readers of JSON, one set of rules: whatever a body says, it must be admitted or refused alike by both.
#include "hub/ingest/fast_value.hpp"

#include <array>
#include <boost/test/unit_test.hpp>

#include "hub/ingest/admission.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(fast_value)

using namespace vpn_sentinel;
using nlohmann::json;
using test::at;

namespace {

const std::string full = R"({"client_id":"office-vpn","boot_id":"6f1c","seq":1841,"timestamp":"2026-11-21T10:00:00.5Z",)"
                         R"("sent_at":"2026-11-21T10:00:01Z","status":"alive","client_version":"1.0.0","lease_s":30,"path":"tunnel",)"
                         R"("trigger":"change","public_ip":"198.51.100.2","location":{"country":"RO","city":"Boto)"
                         "\xc8\x99"
                         R"(ani","org":"AS64500 Example"},"dns_test":{"location":"RO","colo":"OTP"},"state":"warning",)"
                         R"("findings":[{"code":"dns_unverifiable","severity":"warning","since":"2026-11-21T10:00:00Z",)"
                         R"("evidence":{"list":[1,-2,3.5,true,null,{"a":"b"}],"text":"x"}}],)"
                         R"("tunnel":{"name":"wg0","up":true,"rx_bytes":18446744073709551615},"exit":{"v4":"198.51.100.2","v6":null},)"
                         R"("dns":{"verdict":"unverifiable","egress":["198.51.100.2"]},)"
                         R"("leak":{"counting":true,"since":"2026-11-21T10:00:00Z","packets":7,"bytes":900,"dns_packets":3,)"
                         R"("destinations":[{"address":"203.0.113.53","protocol":"udp","port":53,"uid":0,"packets":3,"bytes":300}]},)"
                         R"("kill_switch":{"mode":"armed","state":"failed","why":"x","since":"2026-11-21T10:00:00Z","stopped_packets":1},)"
                         R"("ruleset":{"verdict":"holds","changed_by":"nft","changed_at":"2026-11-21T10:00:00Z"},)"
                         R"("udp_exit":{"v4":"198.51.100.2"},"mtu":{"large_packets":"ok"},)"
                         R"("peers":{"connected":1,"ports":[{"port":"udp/51820","told_by":"wireguard","connected":1,"why":"x"}],)"
                         R"("list":[{"port":"udp/51820","from":"203.0.113.7:40000","since":"2026-11-21T10:00:00Z","rx_bytes":7}],)"
                         R"("not_listed":0,"blocked_packets":3},"latency_ms":23.125,"schema":2})";

/// The same body for the other reader: it has an escape that the fast one does not take, in a member that nobody reads.
std::string for_the_library(const std::string& body) {
  auto other = body;
  const auto open = other.find('{');
  if (open != std::string::npos)
    other.insert(open + 1, other.find_first_not_of(" \t\r\n", open + 1) == other.find('}') ? "" : R"("zz":"\u0061",)");
  return other;
}

void check_alike(const std::string& body) {
  const auto fast = admit(body, "192.0.2.7", at(1));
  const auto slow = admit(for_the_library(body), "192.0.2.7", at(1));
  BOOST_TEST_CONTEXT(body) {
    BOOST_REQUIRE(fast.has_value() == slow.has_value());
    if (fast) {
      BOOST_TEST((fast->report == slow->report));
      return;
    }
    BOOST_TEST(fast.error().error == slow.error().error);
    const bool tells_a_place = fast.error().message.starts_with("malformed at byte");
    if (!tells_a_place) BOOST_TEST(fast.error().message == slow.error().message);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_report_takes_the_fast_way) {
  const auto object = parse_plain_object(full);
  BOOST_REQUIRE(object.has_value());
  BOOST_TEST(object->to_json() == json::parse(full));
  BOOST_TEST(!parse_plain_object(for_the_library(full)).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_unusual_is_left_to_the_library) {
  for (const auto* const body : {"", "{}", "[]", "7", "{", R"({"a":1,"a":2})", R"({"x":[{"a":1,"a":2}]})", R"({"a":1e999})",
                                 R"({"a":"\udc00"})", R"({"a":99999999999999999999})", "{\"a\":\"\xff\"}", "{} x", "\xef\xbb\xbf{}"}) {
    BOOST_TEST(!parse_plain_object(body).has_value(), body);
  }
  BOOST_TEST(!parse_plain_object("{\"a\":" + std::string(32, '[') + std::string(32, ']') + "}").has_value());
}

BOOST_AUTO_TEST_CASE(keys_that_look_alike_are_told_apart) {
  // One length, one beginning and one end each: they share whatever is hashed.
  const auto object = parse_plain_object(R"({"abc":1,"adc":2,"aec":3,"":4})");
  BOOST_REQUIRE(object.has_value());
  const FastValue::Object members(*object);
  BOOST_TEST((members.find("abc")->whole() == 1U && members.find("adc")->whole() == 2U && members.find("aec")->whole() == 3U));
  BOOST_TEST((members.find("")->whole() == 4U));
  BOOST_TEST((!members.find("afc") && !members.find("abd") && !members.find("a")));
  BOOST_TEST(!parse_plain_object(R"({"abc":1,"adc":2,"aec":3,"adc":4})").has_value());
  BOOST_TEST(!parse_plain_object(R"({"":1,"abc":2,"":3})").has_value());
}

BOOST_AUTO_TEST_CASE(every_key_of_a_large_object_is_found_and_of_a_larger_one_left_to_the_library) {
  auto large = json::object();
  const auto key = [](std::size_t i) { return "key_" + std::to_string(i); };
  for (std::size_t i = 0; i < FastValue::most_members; ++i) large[key(i)] = i;
  const auto body = large.dump();
  const auto object = parse_plain_object(body);
  BOOST_REQUIRE(object.has_value());
  const FastValue::Object members(*object);
  for (std::size_t i = 0; i < FastValue::most_members; ++i) BOOST_TEST((members.find(key(i)) && members.find(key(i))->whole() == i));
  large["one_more"] = true;
  BOOST_TEST(!parse_plain_object(large.dump()).has_value());
}

BOOST_AUTO_TEST_CASE(both_readers_admit_and_refuse_the_same) {
  check_alike(full);
  const std::string others("\"\\{}[],:0-e.x \x80\n\x00", 17);
  // Each place meets a few of them, and each of them every kind of place: all of all would be fifty thousand reports.
  constexpr std::size_t each = 4;
  for (std::size_t i = 1; i < full.size(); ++i) {
    for (std::size_t k = 0; k < each; ++k) {
      auto body = full;
      body[i] = others[(i * each + k) % others.size()];
      check_alike(body);
    }
  }
}

BOOST_AUTO_TEST_CASE(both_readers_cut_too_much_evidence_alike_and_keep_the_report) {
  const auto with_evidence = [](const std::string& evidence) {
    auto body = full;
    const std::string place = R"({"list":[1,-2,3.5,true,null,{"a":"b"}],"text":"x"})";
    return body.replace(body.find(place), place.size(), evidence);
  };
  auto list = json::array();
  for (int i = 0; i < 1500; ++i) list.push_back({{"priority", i}, {"from", "192.0.2.7/32"}});
  for (const auto& evidence : {json{{"rules", list}}, json{{"text", std::string(50'000, 'x')}}, json{{std::string(50'000, 'k'), 1}}}) {
    const auto body = with_evidence(evidence.dump());
    check_alike(body);
    const auto admitted = admit(body, "192.0.2.7", at(1));
    BOOST_REQUIRE(admitted.has_value());
    BOOST_TEST(admitted->report.findings.at(0).evidence.at("cut") == true);
    BOOST_TEST(admitted->report.findings.at(0).evidence.dump().size() <= 4096U);
  }
}

BOOST_AUTO_TEST_CASE(both_readers_see_the_same_when_something_is_missing) {
  constexpr std::array<std::size_t, 3> lengths{1, 2, 7};
  for (std::size_t i = 1; i < full.size(); ++i) {
    auto body = full;
    check_alike(body.erase(i, lengths.at(i % lengths.size())));
  }
}

BOOST_AUTO_TEST_SUITE_END()

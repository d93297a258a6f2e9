#include "hub/ingest/flow_admission.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/ingest/country.hpp"
#include "hub/ingest/country_places.hpp"
#include "probe/report/gzip.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(flow_admission)

using namespace vpn_sentinel;
using nlohmann::json;
using test::at;

namespace {

json good() {
  return json::parse(R"({"client_id":"office","boot_id":"6f1c","seq":7,"timestamp":"2026-11-21T10:00:00Z","interval_s":10,
    "destinations":"full","sources":["sock_diag"],"countries":true,"exit_country":"RO","uplink_country":"DE","why":"",
    "gaps":{"folded":1,"lost":2,"batches":3},"flows":[
    {"direction":"out","program":"curl","uid":1000,"container":"0123456789ab","protocol":"tcp","destination":"198.51.100.7","port":443,
     "country":"NL","asn":64500,"organisation":"Example","interface":"wg0","way":"tunnel","bytes_out":1,"bytes_in":2,"packets_out":3,
     "packets_in":4,"opened":1,"closed":1,"open":1,"folded":0,"first":"2026-11-21T09:59:50Z","last":"2026-11-21T10:00:00Z"}]})");
}

std::string refusal(const json& batch) {
  const auto admitted = admit_flows(batch.dump(), "", at(0));
  if (admitted) return "taken";
  BOOST_TEST(admitted.error().status == 400);
  return admitted.error().message;
}

std::string refusal_with(const char* place, const json& value) {
  auto batch = good();
  batch[json::json_pointer(place)] = value;
  return refusal(batch);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_CASE(a_batch_is_taken_as_it_is_packed_or_not) {
  const auto text = good().dump();
  for (const auto& [body, encoding] : {std::pair(text, ""), std::pair(text, "identity"), std::pair(gzipped(text), "gzip")}) {
    const auto admitted = admit_flows(body, encoding, at(0));
    BOOST_TEST_REQUIRE(admitted.has_value());
    BOOST_TEST((admitted->batch == decode_flow_batch(good()).value()));
    BOOST_TEST((encode(admitted->batch) == encode(decode_flow_batch(encode(admitted->batch)).value())));
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_field_is_named) {
  const std::vector<std::pair<const char*, json>> wrong{{"/client_id", "a b"},
                                                        {"/boot_id", ""},
                                                        {"/seq", 0},
                                                        {"/timestamp", "now"},
                                                        {"/sent_at", 7},
                                                        {"/interval_s", 100'000},
                                                        {"/destinations", "some"},
                                                        {"/sources", json::array({7})},
                                                        {"/countries", "yes"},
                                                        {"/exit_country", "ro"},
                                                        {"/gaps", 7},
                                                        {"/gaps/lost", -1},
                                                        {"/flows", json::object()},
                                                        {"/flows/0", 7},
                                                        {"/flows/0/direction", "up"},
                                                        {"/flows/0/listener", "udp/51820"},
                                                        {"/flows/0/uid", -1},
                                                        {"/flows/0/container", std::string(65, 'a')},
                                                        {"/flows/0/protocol", "quic"},
                                                        {"/flows/0/destination", "203.0.113.0/24"},
                                                        {"/flows/0/port", 65'536},
                                                        {"/flows/0/country", "Netherlands"},
                                                        {"/flows/0/asn", "AS1"},
                                                        {"/flows/0/way", "sideways"},
                                                        {"/flows/0/bytes_out", std::uint64_t{1} << 51U},
                                                        {"/flows/0/opened", 1.5},
                                                        {"/flows/0/first", nullptr},
                                                        {"/flows/0/last", "late"}};
  for (const auto& [place, value] : wrong) {
    const auto message = refusal_with(place, value);
    std::string name(place + 1);
    if (name.starts_with("flows/0")) name.replace(0, 7, "flows[0]");
    std::ranges::replace(name, '/', '.');
    BOOST_TEST_CONTEXT(place << ": " << message) { BOOST_TEST(message.starts_with(name)); }
  }
}

BOOST_AUTO_TEST_CASE(what_the_user_wants_to_keep_to_himself_is_refused_when_it_comes_nonetheless) {
  const auto with_detail = [](const char* detail) {
    auto batch = good();
    batch["destinations"] = detail;
    return batch;
  };
  BOOST_TEST(has(refusal(with_detail("prefix")), "flows[0].destination"));
  BOOST_TEST(has(refusal(with_detail("country")), "flows[0].destination"));
  auto batch = with_detail("country");
  batch["flows"][0].erase("destination");
  BOOST_TEST(has(refusal(batch), "flows[0].asn"));
  batch["flows"][0].erase("asn");
  BOOST_TEST(has(refusal(batch), "flows[0].organisation"));
  batch["flows"][0].erase("organisation");
  BOOST_TEST(refusal(batch) == "taken");
  batch["destinations"] = "none";
  BOOST_TEST(has(refusal(batch), "flows[0].country"));
  batch["flows"][0].erase("country");
  BOOST_TEST(refusal(batch) == "taken");
  batch = with_detail("prefix");
  batch["flows"][0]["destination"] = "203.0.113.7/24";
  BOOST_TEST(admit_flows(batch.dump(), "", at(0))->batch.flows[0].destination == "203.0.113.0/24");
  // A network of one address is that address.
  for (const auto* narrow : {"203.0.113.7/32", "203.0.113.0/25", "2001:db8::1/128", "2001:db8::/49"}) {
    batch["flows"][0]["destination"] = narrow;
    BOOST_TEST(has(refusal(batch), "flows[0].destination"));
  }
  batch["flows"][0]["destination"] = "2001:db8::/48";
  BOOST_TEST(refusal(batch) == "taken");
}

BOOST_AUTO_TEST_CASE(a_peer_of_a_server_has_its_listener) {
  auto batch = good();
  batch["flows"][0]["direction"] = "in";
  batch["flows"][0]["listener"] = "udp/51820";
  BOOST_TEST(admit_flows(batch.dump(), "", at(0))->batch.flows[0].listener == "udp/51820");
  batch["flows"][0]["listener"] = "udp/0";
  BOOST_TEST(has(refusal(batch), "flows[0].listener"));
}

BOOST_AUTO_TEST_CASE(a_body_that_unpacks_to_too_much_or_to_nothing_is_refused) {
  const std::string bomb(most_flow_batch_bytes + 1, ' ');
  BOOST_TEST(admit_flows(gzipped(bomb), "gzip", at(0)).error().status == 413);
  BOOST_TEST(admit_flows(bomb, "", at(0)).error().status == 413);
  BOOST_TEST(admit_flows("no gzip", "gzip", at(0)).error().status == 400);
  const auto packed = gzipped(good().dump());
  BOOST_TEST(admit_flows(packed.substr(0, packed.size() / 2), "gzip", at(0)).error().status == 400);
  BOOST_TEST(admit_flows(packed + "x", "gzip", at(0)).error().status == 400);
  BOOST_TEST(admit_flows(packed, "br", at(0)).error().status == 415);
  BOOST_TEST(admit_flows(gzipped(""), "gzip", at(0)).error().status == 400);
  BOOST_TEST(admit_flows("", "", at(0)).error().status == 400);
  for (const auto* text : {"[]", "7", "{", "{\"a\":\"\\ud800\"}", "{\"flows\":[[[[[[[[[[]]]]]]]]]]}"}) {
    BOOST_TEST(admit_flows(text, "", at(0)).error().status == 400);
  }
}

BOOST_AUTO_TEST_CASE(more_rows_than_a_batch_may_have_are_refused) {
  auto batch = good();
  const auto row = batch["flows"][0];
  batch["flows"] = json::array();
  for (std::size_t i = 0; i <= most_batch_flows; ++i) batch["flows"].push_back(row);
  BOOST_TEST(has(refusal(batch), "flows: expected a list of at most 1000"));
}

BOOST_AUTO_TEST_CASE(names_that_others_chose_are_made_harmless) {
  for (const auto* name : {"a\u202eb", "a\nb", "<script>"}) {
    auto batch = good();
    batch["flows"][0]["program"] = name;
    for (const bool ascii : {true, false}) {
      const auto admitted = admit_flows(batch.dump(-1, ' ', ascii), "", at(0));
      BOOST_TEST_REQUIRE(admitted.has_value());
      const auto& program = admitted->batch.flows[0].program;
      BOOST_TEST(program == (name[0] == '<' ? std::string(name) : "a?b"));
    }
  }
}

BOOST_AUTO_TEST_CASE(times_are_by_the_hubs_clock_and_never_in_the_future) {
  auto batch = good();
  batch["sent_at"] = "2026-11-21T10:00:02Z";
  const auto ahead = admit_flows(batch.dump(), "", at(-3600)).value().batch;  // the probe's clock is an hour fast
  BOOST_TEST((ahead.timestamp == at(-3602)));
  BOOST_TEST((ahead.flows[0].first == at(-3612)));
  batch["sent_at"] = nullptr;
  BOOST_TEST((admit_flows(batch.dump(), "", at(-3600)).value().batch.timestamp == at(-3600)));
  batch["sent_at"] = "2026-11-21T10:30:00Z";  // it waited for half an hour
  BOOST_TEST((admit_flows(batch.dump(), "", at(1801)).value().batch.timestamp == at(0)));
}

BOOST_AUTO_TEST_CASE(places_are_found_by_code_and_lie_on_earth) {
  BOOST_TEST(std::ranges::is_sorted(country_places, {}, &CountryPlace::code));
  for (const auto& place : country_places) BOOST_TEST((std::abs(place.latitude) <= 90 && std::abs(place.longitude) <= 180));
  BOOST_TEST(country_place("NL").value().latitude > 50);
  BOOST_TEST(country_place("US").value().longitude < -90);
  BOOST_TEST(!country_place("ZZ").has_value());
  BOOST_TEST(!country_place("").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

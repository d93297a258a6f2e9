#include "probe/report/flow_batch.hpp"

#include <boost/test/unit_test.hpp>

#include "probe/report/gzip.hpp"

BOOST_AUTO_TEST_SUITE(flow_batch)

using namespace vpn_sentinel;

namespace {

FlowBatch whole_batch() {
  FlowRow row;
  row.incoming = true;
  row.listener = "udp/51820";
  row.program = "curl";
  row.uid = 0;
  row.container = "0123456789ab";
  row.protocol = "47";
  row.destination = "2001:db8::1";
  row.port = 0;
  row.country = "NL";
  row.asn = 64500;
  row.organisation = "Example";
  row.interface = "wg0";
  row.way = "outside";
  row.bytes_out = 0;
  row.bytes_in = most_flow_number;
  row.packets_out = 1;
  row.packets_in = 2;
  row.opened = 3;
  row.closed = 4;
  row.open = 5;
  row.folded = 6;
  row.first = WallTime{std::chrono::microseconds{1}};
  row.last = WallTime{std::chrono::seconds{2}};
  FlowBatch batch{"a",
                  "b",
                  7,
                  WallTime{std::chrono::seconds{3}},
                  WallTime{std::chrono::seconds{4}},
                  10,
                  "full",
                  {"sock_diag"},
                  true,
                  "RO",
                  "DE",
                  "somebody hid",
                  {1, 2, 3},
                  {row, FlowRow{}}};
  batch.flows[1].protocol = "tcp";
  return batch;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_encoded_is_decoded_as_it_was) {
  BOOST_TEST((decode_flow_batch(encode(whole_batch())).value() == whole_batch()));
  FlowBatch bare;
  bare.client_id = "a";
  bare.boot_id = "b";
  bare.seq = 1;
  bare.interval_s = 1;
  BOOST_TEST((decode_flow_batch(encode(bare)).value() == bare));
}

BOOST_AUTO_TEST_CASE(what_nobody_knows_yet_is_ignored_and_what_is_wrong_is_named) {
  auto json = encode(whole_batch());
  json["later"] = 7;
  json["flows"][0]["later"] = 7;
  BOOST_TEST(decode_flow_batch(json).has_value());
  json["flows"][1]["way"] = "sideways";
  BOOST_TEST(decode_flow_batch(json).error().message.starts_with("flows[1].way: expected one of unknown, tunnel, outside"));
  BOOST_TEST(!decode_flow_batch(7).has_value());
}

BOOST_AUTO_TEST_CASE(words_of_the_wire) {
  for (const auto* good : {"tcp", "udp", "icmp", "0", "47", "255"}) BOOST_TEST(is_flow_protocol(good));
  for (const auto* bad : {"", "256", "07", "-1", "TCP", "1x"}) BOOST_TEST(!is_flow_protocol(bad));
  for (const auto* good : {"udp/1", "tcp/65535"}) BOOST_TEST(is_listener(good));
  for (const auto* bad : {"", "udp/", "udp/0", "udp/65536", "icmp/1", "udp/01"}) BOOST_TEST(!is_listener(bad));
  BOOST_TEST(is_country("RO"));
  for (const auto* bad : {"", "R", "ro", "ROU"}) BOOST_TEST(!is_country(bad));
}

BOOST_AUTO_TEST_CASE(what_is_packed_is_unpacked_within_its_bound) {
  const std::string text(100'000, 'x');
  const auto packed = gzipped(text);
  BOOST_TEST(packed.size() < 1'000U);
  BOOST_TEST((gunzipped(packed, text.size()).value() == text));
  BOOST_TEST((gunzipped(packed, text.size() - 1).error().kind == Error::Kind::overrun));
  BOOST_TEST((gunzipped(packed, 0).error().kind == Error::Kind::overrun));
  BOOST_TEST(gunzipped(gzipped(""), 0).value().empty());
  for (const auto& bad : {packed.substr(0, packed.size() - 1), packed + "x", std::string("x"), std::string()}) {
    BOOST_TEST((gunzipped(bad, text.size()).error().kind == Error::Kind::invalid));
  }
}

BOOST_AUTO_TEST_SUITE_END()

#include "netns/firewall/leak_counters.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "netns/firewall/leak_rules.hpp"

using namespace vpn_sentinel;

namespace {

LeakDestination destination(const char* address, std::uint16_t port, Traffic traffic) {
  return {IpAddress::parse(address).value(), IPPROTO_UDP, port, 1000U, traffic};
}

std::vector<nft::Counter> all_counters() {
  std::vector<nft::Counter> counters;
  std::uint64_t number = 1;
  for (const auto name : {leak_names::dns, leak_names::v4, leak_names::v6, leak_names::endpoint_misuse, leak_names::other,
                          leak_names::local, leak_names::answers, leak_names::upkeep, leak_names::unlisted, leak_names::passed_dns}) {
    counters.push_back({std::string(name), {number, number * 100}});
    ++number;
  }
  return counters;
}

nft::Bytes key_v4(std::uint32_t uid) {
  nft::Bytes key{203, 0, 113, 9, 17, 0, 0, 0, 0x12, 0x34, 0, 0};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&uid);
  key.insert(key.end(), bytes, bytes + sizeof uid);
  return key;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(leak_counters)

BOOST_AUTO_TEST_CASE(a_key_is_address_protocol_port_and_user) {
  const auto known = decode_destination({key_v4(1000), {2, 30}}, Family::v4).value();
  BOOST_TEST((known == destination("203.0.113.9", 0x1234, {2, 30})));
  BOOST_TEST(!decode_destination({key_v4(nobody), {}}, Family::v4).value().uid.has_value());
  BOOST_TEST(decode_destination({key_v4(0), {}}, Family::v4).value().uid.value() == 0U);
  BOOST_TEST(!decode_destination({key_v4(0), {}}, Family::v6).has_value());
  BOOST_TEST(!decode_destination({{}, {}}, Family::v4).has_value());
  BOOST_TEST(decode_destination({nft::Bytes(28, 0x20), {}}, Family::v6).value().address.to_string() ==
             "2020:2020:2020:2020:2020:2020:2020:2020");
}

BOOST_AUTO_TEST_CASE(each_counter_goes_to_its_place_and_none_may_be_missing) {
  auto counters = all_counters();
  const std::vector<nft::Element> elements{{key_v4(1), {1, 10}}, {key_v4(2), {1, 20}}, {nft::Bytes(3, 0), {9, 90}}};
  const auto read = make_leak_counters(counters, elements, {}).value();
  BOOST_TEST(read.dns.packets == 1U);
  BOOST_TEST(read.v4.packets == 2U);
  BOOST_TEST(read.v6.packets == 3U);
  BOOST_TEST(read.endpoint_misuse.packets == 4U);
  BOOST_TEST(read.other.packets == 5U);
  BOOST_TEST(read.local.packets == 6U);
  BOOST_TEST(read.answers.packets == 7U);
  BOOST_TEST(read.upkeep.packets == 8U);
  BOOST_TEST(read.unlisted.packets == 9U);
  BOOST_TEST((read.outside() == Traffic{15, 1500}));
  BOOST_TEST_REQUIRE(read.destinations.size() == 2U);
  BOOST_TEST(read.destinations[0].uid.value() == 2U);
  counters.erase(counters.begin());
  BOOST_TEST(make_leak_counters(counters, {}, {}).error().message == "counter 'outside_dns' is gone");
}

BOOST_AUTO_TEST_CASE(what_two_tables_saw_is_added_up_and_what_passed_both_counts_once) {
  LeakCounters output;
  output.v4 = {2, 200};
  output.dns = {1, 50};
  output.local = {3, 300};
  output.destinations = {destination("203.0.113.1", 1, {2, 200})};
  LeakCounters device;
  device.v4 = {5, 600};
  device.local = {4, 400};
  device.destinations = {destination("203.0.113.2", 1, {3, 300}), destination("203.0.113.1", 1, {2, 228})};
  const auto both = sum_of(output, device, true);
  BOOST_TEST((both.v4 == Traffic{7, 800}));
  BOOST_TEST((both.dns == Traffic{1, 50}));
  BOOST_TEST((both.local == Traffic{4, 400}));
  BOOST_TEST((sum_of(output, device, false).local == Traffic{7, 700}));
  BOOST_TEST_REQUIRE(both.destinations.size() == 2U);
  BOOST_TEST((both.destinations[0] == destination("203.0.113.1", 1, {4, 428})));
  BOOST_TEST((both.destinations[1] == destination("203.0.113.2", 1, {3, 300})));
}

BOOST_AUTO_TEST_CASE(the_top_are_those_with_most_bytes) {
  LeakCounters counters;
  counters.destinations = {destination("203.0.113.1", 1, {1, 9}), destination("203.0.113.1", 2, {1, 8})};
  keep_top(counters, 5);
  BOOST_TEST(counters.destinations.size() == 2U);
  keep_top(counters, 1);
  BOOST_TEST_REQUIRE(counters.destinations.size() == 1U);
  BOOST_TEST(counters.destinations[0].traffic.bytes == 9U);
}

BOOST_AUTO_TEST_SUITE_END()

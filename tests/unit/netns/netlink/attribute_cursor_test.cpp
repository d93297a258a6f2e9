#include "netns/netlink/attribute_cursor.hpp"

#include <linux/rtnetlink.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

std::size_t count_attributes(std::span<const std::byte> bytes) {
  AttributeCursor cursor{bytes};
  std::size_t count = 0;
  while (cursor.next()) ++count;
  return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(attribute_cursor)

BOOST_AUTO_TEST_CASE(attributes_come_in_order_without_their_padding) {
  const auto payload = Payload{}.add(1, "wg0").add(2, bytes_of({7})).add(3, 51820U);
  AttributeCursor cursor{payload};
  const auto first = cursor.next();
  const auto second = cursor.next();
  const auto third = cursor.next();
  BOOST_TEST_REQUIRE((first && second && third && !cursor.next()));
  BOOST_TEST(first->type == 1U);
  BOOST_TEST(first->as_string() == "wg0");
  BOOST_TEST(second->payload.size() == 1U);
  BOOST_TEST((second->as<std::uint8_t>() == 7));
  BOOST_TEST((third->as<std::uint32_t>() == 51820U));
}

BOOST_AUTO_TEST_CASE(the_flag_bits_of_a_type_are_removed) {
  const auto payload = Payload{}.add(18U | NLA_F_NESTED, bytes_of({}));
  AttributeCursor cursor{payload};
  BOOST_TEST(cursor.next()->type == 18U);
}

BOOST_AUTO_TEST_CASE(an_integer_needs_exactly_its_size) {
  const auto payload = Payload{}.add(1, bytes_of({1, 2, 3}));
  const auto attribute = AttributeCursor{payload}.next();
  BOOST_TEST(!attribute->as<std::uint8_t>());
  BOOST_TEST(!attribute->as<std::uint16_t>());
  BOOST_TEST(!attribute->as<std::uint32_t>());
}

BOOST_AUTO_TEST_CASE(a_string_ends_at_its_first_nul_or_at_the_end_of_the_attribute) {
  const auto check = [](const Bytes& content, std::string_view expected) {
    const auto payload = Payload{}.add(1, content);
    BOOST_TEST(AttributeCursor{payload}.next()->as_string() == expected);
  };
  check(text_of("tun0"), "tun0");
  check(text_of("tun0", false), "tun0");
  check(text_of(std::string_view("a\0b", 3)), "a");
  check(bytes_of({0}), "");
  check(bytes_of({}), "");
}

BOOST_AUTO_TEST_CASE(nested_attributes_stay_within_their_parent) {
  const auto inner = Payload{}.add(5, "kind");
  const auto payload = Payload{}.add(1, inner.bytes()).add(2, 1U);
  auto nested = AttributeCursor{payload}.next()->nested();
  BOOST_TEST(nested.next()->as_string() == "kind");
  BOOST_TEST(!nested.next());
}

BOOST_AUTO_TEST_CASE(an_attribute_that_is_longer_than_its_message_ends_the_iteration) {
  auto bytes = Payload{}.add(1, 1U).add(2, 2U).bytes();
  bytes[8] = std::byte{9};
  BOOST_TEST(count_attributes(bytes) == 1U);
}

BOOST_AUTO_TEST_CASE(an_attribute_that_is_shorter_than_its_header_ends_the_iteration) {
  for (const unsigned length : {0U, 1U, 3U}) {
    auto bytes = Payload{}.add(1, 1U).bytes();
    bytes[0] = static_cast<std::byte>(length);
    BOOST_TEST(count_attributes(bytes) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(the_last_attribute_needs_no_padding_and_a_rest_below_a_header_is_ignored) {
  auto bytes = Payload{}.add(1, bytes_of({1, 2, 3, 4, 5})).bytes();
  bytes.resize(9);
  BOOST_TEST(count_attributes(bytes) == 1U);
  bytes = Payload{}.add(1, 1U).bytes();
  bytes.resize(bytes.size() + 3);
  BOOST_TEST(count_attributes(bytes) == 1U);
  BOOST_TEST(count_attributes({}) == 0U);
}

BOOST_AUTO_TEST_CASE(messages_come_in_order_and_stop_at_an_impossible_length) {
  auto datagram = message_of(RTM_NEWLINK, Payload{}.add(1, bytes_of({1})), NLM_F_MULTI, 7);
  const auto second = message_of(RTM_DELLINK, Payload{});
  datagram.insert(datagram.end(), second.begin(), second.end());
  const auto third = message_of(RTM_NEWADDR, Payload{}.add(1, 1U));
  datagram.insert(datagram.end(), third.begin(), third.end() - 1);
  MessageCursor cursor{datagram};
  const auto message = cursor.next();
  BOOST_TEST_REQUIRE(message.has_value());
  BOOST_TEST(message->type == RTM_NEWLINK);
  BOOST_TEST(message->flags == NLM_F_MULTI);
  BOOST_TEST(message->sequence == 7U);
  BOOST_TEST(message->payload.size() == 8U);
  BOOST_TEST(cursor.next()->payload.empty());
  BOOST_TEST(!cursor.next());
  BOOST_TEST(!cursor.next());
}

BOOST_AUTO_TEST_CASE(next_hops_carry_their_link_and_attributes) {
  const auto attributes = Payload{}.add(RTA_GATEWAY, bytes_of({192, 0, 2, 1}));
  const auto payload =
      Payload{}.append(rtnexthop{16, 0, 0, 4}, attributes.bytes()).append(rtnexthop{8, 0, 0, 5}, {}).append(rtnexthop{99, 0, 0, 6}, {});
  NextHopCursor cursor{payload};
  const auto first = cursor.next();
  const auto second = cursor.next();
  BOOST_TEST_REQUIRE((first && second && !cursor.next()));
  BOOST_TEST(first->link_index == 4U);
  BOOST_TEST(count_attributes(first->attributes) == 1U);
  BOOST_TEST(second->link_index == 5U);
  BOOST_TEST(second->attributes.empty());
}

BOOST_AUTO_TEST_CASE(a_header_is_taken_only_when_it_is_complete) {
  const auto bytes = bytes_of({1, 0, 0, 0, 2});
  std::span<const std::byte> rest{bytes};
  BOOST_TEST((take_header<std::uint32_t>(rest) == 1U));
  BOOST_TEST(rest.size() == 1U);
  BOOST_TEST(!take_header<std::uint32_t>(rest));
  BOOST_TEST(rest.size() == 1U);
  BOOST_TEST((take_header<std::uint8_t>(rest) == 2));
  BOOST_TEST(rest.empty());
}

BOOST_AUTO_TEST_SUITE_END()

#include "netns/netlink/decode.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/netns/support/decoded.hpp"
#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

BOOST_AUTO_TEST_SUITE(decode_router_messages)

BOOST_AUTO_TEST_CASE(the_option_of_a_router_advertisement_is_its_first_byte) {
  nduseroptmsg header{};
  header.nduseropt_family = AF_INET6;
  header.nduseropt_ifindex = 2;
  auto bytes = Payload{header}.bytes();
  BOOST_TEST(is_invalid(decode_router_option(bytes)));
  bytes.push_back(std::byte{25});
  BOOST_TEST((decode_router_option(bytes) == RouterOption{2, 25}));
}

BOOST_AUTO_TEST_CASE(the_dns_servers_of_a_router_advertisement_are_read) {
  nduseroptmsg header{};
  header.nduseropt_family = AF_INET6;
  header.nduseropt_ifindex = 2;
  header.nduseropt_opts_len = 40;
  auto content = bytes_of({25, 5, 0, 0, 0, 0, 2, 0x58});
  for (const auto* server : {"2001:db8::53", "2001:db8::54"}) {
    const auto address = address_bytes(server);
    content.insert(content.end(), address.begin(), address.end());
  }
  const auto message = [&](std::size_t length) {
    auto bytes = Payload{header}.bytes();
    bytes.insert(bytes.end(), content.begin(), content.begin() + static_cast<std::ptrdiff_t>(length));
    if (length < content.size()) return bytes;
    const auto source = Payload{}.add(NDUSEROPT_SRCADDR, address_bytes("fe80::1")).bytes();
    bytes.insert(bytes.end(), source.begin(), source.end());
    return bytes;
  };
  const RouterOption expected{2, 25, ip("fe80::1"), {ip("2001:db8::53"), ip("2001:db8::54")}, 600};
  BOOST_TEST((decode_router_option(message(40)) == expected));
  // What is cut off is not guessed.
  BOOST_TEST((decode_router_option(message(39)) == RouterOption{2, 25}));
  content[1] = std::byte{6};
  BOOST_TEST((decode_router_option(message(40)) == RouterOption{2, 25}));
}

BOOST_AUTO_TEST_CASE(an_advertised_prefix_is_read_with_its_link) {
  const auto header = [](unsigned char family, unsigned char length) {
    prefixmsg made{};
    made.prefix_family = family;
    made.prefix_ifindex = 2;
    made.prefix_len = length;
    return made;
  };
  const auto address = address_bytes("2001:db8::");
  BOOST_TEST((decode_advertised_prefix(Payload{header(AF_INET6, 64)}.add(PREFIX_ADDRESS, address)) ==
              AdvertisedPrefix{2, prefix("2001:db8::/64")}));
  BOOST_TEST(is_invalid(decode_advertised_prefix(Payload{header(AF_INET6, 129)}.add(PREFIX_ADDRESS, address))));
  BOOST_TEST(is_invalid(decode_advertised_prefix(Payload{header(AF_INET, 24)}.add(PREFIX_ADDRESS, address))));
  BOOST_TEST(is_invalid(decode_advertised_prefix(Payload{header(AF_INET6, 64)})));
}

BOOST_AUTO_TEST_SUITE_END()

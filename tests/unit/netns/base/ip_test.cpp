#include "netns/base/ip.hpp"

#include <arpa/inet.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <vector>

using namespace vpn_sentinel;

namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(ip_)

BOOST_AUTO_TEST_CASE(an_ipv4_address_is_what_the_c_library_takes_for_one) {
  for (const auto* text : {"0.0.0.0",  "255.255.255.255", "198.51.100.2", "1.2.3",     "1.2.3.4.",   ".1.2.3.4", "1..2.3",
                           "01.2.3.4", "1.2.3.00",        "256.1.1.1",    "1.1.1.999", "1000.1.1.1", "1.2.3.4 ", " 1.2.3.4",
                           "1.2.3.-4", "+1.2.3.4",        "0x1.2.3.4",    "",          ".",          "1"}) {
    std::array<unsigned char, 4> bytes{};
    const bool taken = inet_pton(AF_INET, text, bytes.data()) == 1;
    const auto read = IpAddress::parse(text);
    BOOST_TEST(read.has_value() == taken, text);
    BOOST_TEST((!read || std::memcmp(read->bytes().data(), bytes.data(), bytes.size()) == 0), text);
  }
}

BOOST_AUTO_TEST_CASE(an_address_reads_and_writes_its_canonical_form) {
  BOOST_TEST(ip("198.51.100.2").to_string() == "198.51.100.2");
  BOOST_TEST(ip("2001:DB8:0:0::1").to_string() == "2001:db8::1");
  BOOST_TEST((ip("198.51.100.2") == IpAddress::v4({198, 51, 100, 2})));
  BOOST_TEST((ip("::1").family() == Family::v6));
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_refused) {
  for (const auto* text : {"", "198.51.100", "198.51.100.256", "198.51.100.2 ", "fe80::1%eth0", "[::1]", "::1::", "198.51.100.2:53", "1"}) {
    BOOST_TEST(!IpAddress::parse(text).has_value(), text);
  }
  BOOST_TEST(!IpAddress::parse(std::string_view("198.51.100.2\0x", 14)).has_value());
  BOOST_TEST(!IpAddress::parse(std::string(10'000, ':')).has_value());
}

BOOST_AUTO_TEST_CASE(bytes_make_an_address_only_with_the_right_length) {
  const std::vector<std::byte> four{std::byte{192}, std::byte{0}, std::byte{2}, std::byte{1}};
  BOOST_TEST((IpAddress::from_bytes(four) == ip("192.0.2.1")));
  BOOST_TEST((IpAddress::from_bytes(std::vector<std::byte>(16)) == ip("::")));
  BOOST_TEST(!IpAddress::from_bytes(std::vector<std::byte>(5)).has_value());
  BOOST_TEST(!IpAddress::from_bytes({}).has_value());
}

BOOST_AUTO_TEST_CASE(special_ranges_are_recognised_to_their_last_address) {
  BOOST_TEST(ip("127.255.255.255").is_loopback());
  BOOST_TEST(!ip("128.0.0.0").is_loopback());
  BOOST_TEST(ip("::1").is_loopback());
  BOOST_TEST(!ip("::2").is_loopback());
  BOOST_TEST(ip("0.0.0.0").is_unspecified());
  BOOST_TEST(ip("::").is_unspecified());
  BOOST_TEST(!ip("::1").is_unspecified());
  BOOST_TEST(ip("169.254.255.255").is_link_local());
  BOOST_TEST(!ip("169.255.0.0").is_link_local());
  BOOST_TEST(ip("febf::1").is_link_local());
  BOOST_TEST(!ip("fec0::1").is_link_local());
}

BOOST_AUTO_TEST_CASE(a_prefix_clears_its_host_bits) {
  BOOST_TEST(prefix("198.51.100.77/24").to_string() == "198.51.100.0/24");
  BOOST_TEST(prefix("255.255.255.255/1").to_string() == "128.0.0.0/1");
  BOOST_TEST(prefix("2001:db8:ffff::1/33").to_string() == "2001:db8:8000::/33");
  BOOST_TEST(prefix("198.51.100.77").to_string() == "198.51.100.77/32");
  BOOST_TEST((IpPrefix{ip("198.51.100.77"), 200}.length()) == 32U);
}

BOOST_AUTO_TEST_CASE(every_length_keeps_exactly_its_bits_and_sets_the_others_for_the_last_address) {
  const auto bit_of = [](const IpAddress& address, unsigned bit) { return (address.bytes()[bit / 8] >> (7 - bit % 8) & 1U) != 0; };
  for (const auto* text : {"255.255.255.255", "0.0.0.0", "170.85.170.85", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::", "aa55::55aa"}) {
    const auto address = ip(text);
    const unsigned bits = address.is_v4() ? 32 : 128;
    for (unsigned length = 0; length <= bits; ++length) {
      const IpPrefix made{address, length};
      unsigned right = 0;
      for (unsigned bit = 0; bit < bits; ++bit) {
        const bool kept = bit < length && bit_of(address, bit);
        if (bit_of(made.address(), bit) == kept && bit_of(made.last(), bit) == (kept || bit >= length)) ++right;
      }
      BOOST_TEST(right == bits, made.to_string());
      // The bytes behind an IPv4 address take part in comparisons.
      BOOST_TEST((made == IpPrefix::parse(made.to_string()).value()));
      BOOST_TEST((made.last() == ip(made.last().to_string())));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_prefix_contains_its_own_addresses_of_its_own_family) {
  BOOST_TEST(prefix("198.18.0.0/15").contains(ip("198.19.255.255")));
  BOOST_TEST(!prefix("198.18.0.0/15").contains(ip("198.20.0.0")));
  BOOST_TEST(prefix("0.0.0.0/0").contains(ip("203.0.113.1")));
  BOOST_TEST(!prefix("0.0.0.0/0").contains(ip("::1")));
  BOOST_TEST(!prefix("::/0").contains(ip("0.0.0.0")));
}

BOOST_AUTO_TEST_CASE(a_prefix_with_a_bad_length_is_refused) {
  for (const auto* text : {"198.51.100.0/33", "::/129", "198.51.100.0/", "198.51.100.0/-1", "198.51.100.0/ 8", "198.51.100.0/8/8", "/8"}) {
    BOOST_TEST(!IpPrefix::parse(text).has_value(), text);
  }
}

BOOST_AUTO_TEST_CASE(an_endpoint_reads_every_form_and_writes_it_back) {
  BOOST_TEST((Endpoint::parse("198.51.100.2:51820", 53) == Endpoint{ip("198.51.100.2"), 51820}));
  BOOST_TEST((Endpoint::parse("198.51.100.2", 53) == Endpoint{ip("198.51.100.2"), 53}));
  BOOST_TEST((Endpoint::parse("[2001:db8::1]:853", 53) == Endpoint{ip("2001:db8::1"), 853}));
  BOOST_TEST((Endpoint::parse("[2001:db8::1]", 53) == Endpoint{ip("2001:db8::1"), 53}));
  BOOST_TEST((Endpoint::parse("2001:db8::1", 53) == Endpoint{ip("2001:db8::1"), 53}));
  BOOST_TEST((Endpoint{ip("2001:db8::1"), 853}.to_string()) == "[2001:db8::1]:853");
  BOOST_TEST((Endpoint{ip("198.51.100.2"), 53}.to_string()) == "198.51.100.2:53");
}

BOOST_AUTO_TEST_CASE(an_endpoint_with_a_bad_part_is_refused) {
  for (const auto* text :
       {"", ":53", "198.51.100.2:0", "198.51.100.2:65536", "198.51.100.2:", "[2001:db8::1", "[2001:db8::1]x", "host:53"}) {
    BOOST_TEST(!Endpoint::parse(text, 53).has_value(), text);
  }
}

BOOST_AUTO_TEST_CASE(an_endpoint_survives_the_way_through_a_socket_address) {
  for (const auto* text : {"198.51.100.2:51820", "[2001:db8::1]:53"}) {
    const auto endpoint = Endpoint::parse(text, 1).value();
    sockaddr_storage storage{};
    BOOST_TEST(endpoint.to_sockaddr(storage) > 0U);
    BOOST_TEST((Endpoint::from_sockaddr(storage) == endpoint), text);
  }
  sockaddr_storage other{};
  other.ss_family = AF_UNIX;
  BOOST_TEST(!Endpoint::from_sockaddr(other).has_value());
}

BOOST_AUTO_TEST_CASE(the_last_address_of_a_prefix_has_all_host_bits_set) {
  BOOST_TEST(IpPrefix::parse("198.51.100.0/22").value().last().to_string() == "198.51.103.255");
  BOOST_TEST(IpPrefix::parse("198.51.100.7/32").value().last().to_string() == "198.51.100.7");
  BOOST_TEST(IpPrefix::parse("0.0.0.0/0").value().last().to_string() == "255.255.255.255");
  BOOST_TEST(IpPrefix::parse("2001:db8::/33").value().last().to_string() == "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff");
}

BOOST_AUTO_TEST_SUITE_END()

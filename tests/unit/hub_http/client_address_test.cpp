#include "hub/http/client_address.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

namespace vpn_sentinel {
namespace {

const std::vector<IpPrefix> proxies{IpPrefix::parse("192.0.2.0/28").value(), IpPrefix::parse("2001:db8:1::/48").value()};

/// The client, or "error: …".
std::string behind(std::string_view peer, std::string_view header, const std::vector<IpPrefix>& trusted = proxies) {
  const auto address = client_address(IpAddress::parse(peer).value(), header, trusted);
  return address ? address->to_string() : "error: " + address.error().message;
}

BOOST_AUTO_TEST_SUITE(client_addresses)

BOOST_AUTO_TEST_CASE(the_client_is_the_first_address_from_the_right_that_is_no_trusted_proxy) {
  struct Row {
    std::string peer;
    std::string header;
    std::string client;
  };
  for (const auto& row : {
           Row{"192.0.2.1", "203.0.113.9", "203.0.113.9"},
           Row{"192.0.2.1", "", "192.0.2.1"},
           Row{"192.0.2.1", "  ", "192.0.2.1"},
           Row{"198.51.100.1", "203.0.113.9", "198.51.100.1"},
           Row{"198.51.100.1", "garbage", "198.51.100.1"},
           Row{"192.0.2.1", "203.0.113.9, 192.0.2.2", "203.0.113.9"},
           Row{"192.0.2.1", "10.9.9.9, 203.0.113.9,192.0.2.2", "203.0.113.9"},
           Row{"192.0.2.1", "<script>, 203.0.113.9", "203.0.113.9"},
           Row{"192.0.2.1", "192.0.2.3, 192.0.2.2", "192.0.2.3"},
           Row{"192.0.2.1", "203.0.113.9:4711", "203.0.113.9"},
           Row{"192.0.2.1", "[2001:db8::9]:4711", "2001:db8::9"},
           Row{"192.0.2.1", "[2001:db8::9]", "2001:db8::9"},
           Row{"192.0.2.1", "2001:DB8:0::9", "2001:db8::9"},
           Row{"192.0.2.1", "::ffff:203.0.113.9", "203.0.113.9"},
           Row{"::ffff:192.0.2.1", "203.0.113.9", "203.0.113.9"},
           Row{"2001:db8:1::5", "2001:db8:2::9, 2001:db8:1::6", "2001:db8:2::9"},
       }) {
    BOOST_TEST_CONTEXT(row.peer << " / " << row.header) { BOOST_TEST(behind(row.peer, row.header) == row.client); }
  }
}

BOOST_AUTO_TEST_CASE(without_trusted_proxies_the_header_is_ignored) {
  BOOST_TEST(behind("192.0.2.1", "203.0.113.9", {}) == "192.0.2.1");
  BOOST_TEST(behind("::ffff:192.0.2.1", "nonsense", {}) == "192.0.2.1");
}

BOOST_AUTO_TEST_CASE(what_a_trusted_proxy_wrote_and_is_no_address_is_an_error_that_names_the_header) {
  for (const auto* header : {"unknown", "203.0.113.9, unknown", "203.0.113.9,", ",", "_hidden", "203.0.113.300", "203.0.113.9:x",
                             "[2001:db8::9", "203.0.113.9 192.0.2.2", "fe80::1%eth0", "a\r\nb"}) {
    const auto answer = behind("192.0.2.1", header);
    BOOST_TEST_CONTEXT(header << " -> " << answer) {
      BOOST_TEST(answer.starts_with("error: X-Forwarded-For: expected IP addresses"));
      BOOST_TEST(answer.find('\n') == std::string::npos);
    }
  }
  std::string chain = "192.0.2.2";
  for (int i = 0; i < 31; ++i) chain += ", 192.0.2.2";
  BOOST_TEST(behind("192.0.2.1", chain) == "192.0.2.2");
  BOOST_TEST(behind("192.0.2.1", chain + ", 192.0.2.2").starts_with("error"));
}

BOOST_AUTO_TEST_CASE(a_mapped_prefix_is_that_of_the_ipv4_addresses) {
  BOOST_TEST(unmapped(IpPrefix::parse("::ffff:192.0.2.0/120").value()).to_string() == "192.0.2.0/24");
  BOOST_TEST(unmapped(IpPrefix::parse("::ffff:192.0.2.7").value()).to_string() == "192.0.2.7/32");
  BOOST_TEST(unmapped(IpPrefix::parse("2001:db8::/32").value()).to_string() == "2001:db8::/32");
  BOOST_TEST(unmapped(IpPrefix::parse("::/0").value()).to_string() == "::/0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

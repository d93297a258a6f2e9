#include "hub/http/target.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

namespace vpn_sentinel {
namespace {

BOOST_AUTO_TEST_SUITE(target)

BOOST_AUTO_TEST_CASE(a_target_is_split_into_path_and_query) {
  struct Row {
    std::string_view text;
    std::optional<Target> expected;
  };
  const std::vector<Row> table{
      {"/", Target{"/", ""}},
      {"/a/b?c=d", Target{"/a/b", "c=d"}},
      {"/a?", Target{"/a", ""}},
      {"/a?b?c", Target{"/a", "b?c"}},
      {"//api/v1/keepalive", Target{"/api/v1/keepalive", ""}},
      {"///a//b", Target{"/a//b", ""}},
      {"http://hub:5000/a?b", Target{"/a", "b"}},
      {"HTTP://hub", Target{"/", ""}},
      {"http://hub?q", Target{"/", "q"}},
      {"*", Target{"*", ""}},
      {"", std::nullopt},
      {"a", std::nullopt},
      {"hub:443", std::nullopt},
      {"/a\x01", std::nullopt},
      {"?a", Target{"/", "a"}},
  };
  for (const auto& row : table) {
    BOOST_TEST_CONTEXT(row.text) { BOOST_TEST((split_target(row.text) == row.expected)); }
  }
}

BOOST_AUTO_TEST_CASE(a_query_value_is_found_by_its_whole_name) {
  BOOST_TEST(query_value("limit=3", "limit") == "3");
  BOOST_TEST(query_value("a=1&limit=3&b", "limit") == "3");
  BOOST_TEST(query_value("xlimit=1&limit=", "limit").empty());
  BOOST_TEST(query_value("limit", "limit").empty());
  BOOST_TEST(query_value("", "limit").empty());
  BOOST_TEST(query_value("&&=&limit=7", "limit") == "7");
}

BOOST_AUTO_TEST_CASE(an_origin_is_the_same_only_with_the_same_host_and_port) {
  BOOST_TEST(is_same_origin("http://hub:8080", "hub:8080"));
  BOOST_TEST(is_same_origin("https://HUB", "hub"));
  BOOST_TEST(!is_same_origin("http://hub:8080", "hub"));
  BOOST_TEST(!is_same_origin("http://hub.evil.example", "hub"));
  BOOST_TEST(!is_same_origin("null", "hub"));
  BOOST_TEST(!is_same_origin("hub", "hub"));
  BOOST_TEST(!is_same_origin("http://", ""));
}

BOOST_AUTO_TEST_CASE(a_host_is_a_name_or_an_address_with_a_port_or_without) {
  for (const auto* host : {"", "hub", "hub.example:8080", "hub_1~x.example", "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[::1]:65535",
                           "hub:", "a%20b", "xn--bcher-kva.example", "a!$&'()*+,;=b"}) {
    BOOST_TEST(is_valid_host(host), host);
  }
  for (const auto* host :
       {"a b",  "a\tb", "a/b",  "a@b",  "a?b", "a#b",    "a\\b",    "a\"b",        "<a>", "a:b",   "a:80:81", "a:65536",   "a:000080",
        "a:-1", "a%2",  "a%zz", "[::1", "::1", "[::1]x", "[::1]:x", "[192.0.2.1]", "[]",  "[hub]", "a[",      "b\xc3\xbc", "\x7f"}) {
    BOOST_TEST(!is_valid_host(host), host);
  }
}

BOOST_AUTO_TEST_CASE(loopback_hosts_are_names_and_addresses_that_no_dns_server_decides_about) {
  for (const auto* host : {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "127.0.0.2", "[::1]", "[::1]:8080"}) {
    BOOST_TEST(is_loopback_host(host), host);
  }
  for (const auto* host :
       {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "[2001:db8::1]:80", "[::1"}) {
    BOOST_TEST(!is_loopback_host(host), host);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel

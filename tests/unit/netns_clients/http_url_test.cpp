#include "netns/clients/http_url.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(http_url)

BOOST_AUTO_TEST_CASE(host_port_and_origin_are_read) {
  struct Row {
    const char* text;
    const char* host;
    unsigned port;
    const char* origin;
    bool literal;
  };
  const Row rows[] = {{"https://www.example.test/cdn-cgi/trace", "www.example.test", 443, "https://www.example.test", false},
                      {"http://example.test", "example.test", 80, "http://example.test", false},
                      {"https://1.1.1.1/x?y#z", "1.1.1.1", 443, "https://1.1.1.1", true},
                      {"http://[2001:db8::1]:8080/", "2001:db8::1", 8080, "http://[2001:db8::1]:8080", true}};
  for (const auto& row : rows) {
    const auto url = HttpUrl::parse(row.text);
    BOOST_REQUIRE_MESSAGE(url.has_value(), row.text);
    BOOST_TEST(url->host == row.host);
    BOOST_TEST(url->port == row.port);
    BOOST_TEST(url->origin == row.origin);
    BOOST_TEST(url->literal.has_value() == row.literal);
  }
}

BOOST_AUTO_TEST_CASE(other_schemes_user_names_and_garbage_are_refused) {
  for (const char* text : {"", "example.test/x", "ftp://example.test/", "https://u:p@example.test/", "https://u@example.test/",
                           "http://exa mple/", "http://:80/", "http://example.test:99999/"}) {
    const auto url = HttpUrl::parse(text);
    BOOST_REQUIRE_MESSAGE(!url.has_value(), text);
    BOOST_TEST((url.error().kind == Error::Kind::invalid));
  }
  BOOST_TEST(!HttpUrl::parse(std::string("http://a\0b/", 11)));
}

BOOST_AUTO_TEST_SUITE_END()

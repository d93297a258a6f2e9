#include "netns/geo/trace.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace vpn_sentinel;

namespace {

const std::string good =
    "fl=1f1\nh=www.cloudflare.com\nip=198.51.100.7\nts=1743642238.374\nvisit_scheme=https\nuag=a=b\ncolo=FRA\nsliver=none\nhttp=http/1.1\n"
    "loc=DE\ntls=TLSv1.3\nsni=plaintext\nwarp=off\ngateway=off\nrbi=off\nkex=X25519\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(trace)

BOOST_AUTO_TEST_CASE(a_real_answer_gives_address_country_and_site) {
  const auto answer = parse_trace(good, "www.cloudflare.com").value();
  BOOST_TEST(answer.ip.to_string() == "198.51.100.7");
  BOOST_TEST(answer.country == "DE");
  BOOST_TEST(answer.colo == "FRA");
}

BOOST_AUTO_TEST_CASE(forms_that_occur_are_read_and_others_refused) {
  struct Row {
    const char* what;
    std::string text;
    std::string host;
    bool good;
  };
  const Row rows[] = {
      {"only the address", "ip=198.51.100.7", "", true},
      {"CR LF", "h=a.test\r\nip=2001:db8::1\r\n", "a.test", true},
      {"host in another case", good, "WWW.Cloudflare.COM", true},
      {"literal IPv6 host", "h=[2001:db8::1]\nip=2001:db8::2\n", "2001:db8::1", true},
      {"unknown keys and lines without =", "hello\nx=y\nip=198.51.100.7\n", "", true},
      {"another host answered", good, "1.1.1.1", false},
      {"no host named", "ip=198.51.100.7\n", "a.test", true},
      {"no address", "h=a.test\nloc=DE\n", "a.test", false},
      {"empty", "", "", false},
      {"an error page", "error code: 1034", "", false},
      {"HTML", "<!doctype html>\n<html ip=198.51.100.7>", "", false},
      {"no IP in ip", "ip=198.51.100.7.example\n", "", false},
      {"empty ip", "ip=\n", "", false},
      {"ip twice", "ip=198.51.100.7\nip=198.51.100.8\n", "", false},
      {"too long", good + std::string(4096, 'x'), "", false},
      {"NUL in the address", std::string("ip=198.51.100.7\0", 16), "", false},
      {"WARP", "ip=198.51.100.7\nwarp=on\n", "", false},
      {"WARP+", "ip=198.51.100.7\nwarp=plus\n", "", false},
  };
  for (const auto& row : rows) {
    const auto answer = parse_trace(row.text, row.host);
    BOOST_TEST(answer.has_value() == row.good, row.what);
    if (!answer) BOOST_TEST((answer.error().kind == Error::Kind::invalid), row.what);
  }
}

BOOST_AUTO_TEST_CASE(codes_that_are_none_are_left_empty) {
  const auto answer = parse_trace("ip=198.51.100.7\nloc=<script>\ncolo=frankfurt\n", "a.test").value();
  BOOST_TEST(answer.country.empty());
  BOOST_TEST(answer.colo.empty());
  BOOST_TEST(parse_trace("ip=198.51.100.7\nloc=T1\n", "a.test").value().country == "T1");
}

BOOST_AUTO_TEST_CASE(messages_do_not_repeat_what_the_server_sent) {
  for (const char* text : {"h=<b>evil</b>\nip=198.51.100.7\n", "ip=<b>evil</b>\n"}) {
    BOOST_TEST(parse_trace(text, "a.test").error().message.find("evil") == std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()

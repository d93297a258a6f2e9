#include "probe/checks/trace.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>
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
    std::optional<Error::Kind> error;
  };
  const auto invalid = Error::Kind::invalid;
  const Row rows[] = {
      {"only the address", "ip=198.51.100.7", "", {}},
      {"CR LF", "h=a.test\r\nip=2001:db8::1\r\n", "a.test", {}},
      {"host in another case", good, "WWW.Cloudflare.COM", {}},
      {"literal IPv6 host", "h=[2001:db8::1]\nip=2001:db8::2\n", "2001:db8::1", {}},
      {"no host asked", good, "", {}},
      {"unknown keys and lines without =", "hello\nx=y\nip=198.51.100.7\n", "", {}},
      {"another host answered", good, "1.1.1.1", invalid},
      {"host wanted, none given", "ip=198.51.100.7\n", "a.test", invalid},
      {"no address", "h=a.test\nloc=DE\n", "a.test", invalid},
      {"empty", "", "", invalid},
      {"an error page", "error code: 1034", "", invalid},
      {"HTML", "<!doctype html>\n<html ip=198.51.100.7>", "", invalid},
      {"no IP in ip", "ip=198.51.100.7.example\n", "", invalid},
      {"empty ip", "ip=\n", "", invalid},
      {"ip twice", "ip=198.51.100.7\nip=198.51.100.8\n", "", invalid},
      {"too long", good + std::string(4096, 'x'), "", invalid},
      {"NUL in the address", std::string("ip=198.51.100.7\0", 16), "", invalid},
      {"WARP", "ip=198.51.100.7\nwarp=on\n", "", Error::Kind::unavailable},
      {"WARP+", "ip=198.51.100.7\nwarp=plus\n", "", Error::Kind::unavailable},
  };
  for (const auto& row : rows) {
    const auto answer = parse_trace(row.text, row.host);
    BOOST_TEST(answer.has_value() == !row.error.has_value(), row.what);
    if (!answer && row.error) BOOST_TEST((answer.error().kind == *row.error), row.what);
  }
}

BOOST_AUTO_TEST_CASE(codes_that_are_none_are_left_empty) {
  const auto answer = parse_trace("ip=198.51.100.7\nloc=<script>\ncolo=frankfurt\n", "").value();
  BOOST_TEST(answer.country.empty());
  BOOST_TEST(answer.colo.empty());
  BOOST_TEST(parse_trace("ip=198.51.100.7\nloc=T1\n", "").value().country == "T1");
}

BOOST_AUTO_TEST_SUITE_END()

#include "probe/checks/answer_compare.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace vpn_sentinel;

namespace {

DnsAnswer answer(unsigned rcode, const std::vector<std::string>& addresses) {
  DnsAnswer made;
  made.rcode = static_cast<std::uint8_t>(rcode);
  for (const auto& address : addresses) made.addresses.push_back(IpAddress::parse(address).value());
  return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(answer_compare)

BOOST_AUTO_TEST_CASE(only_what_no_content_network_does_is_a_difference) {
  const auto same = AnswerComparison::same;
  const auto differ = AnswerComparison::differ;
  const auto none = AnswerComparison::not_compared;
  const struct {
    const char* what;
    DnsAnswer own;
    DnsAnswer other;
    AnswerComparison expected;
  } rows[]{
      {"equal", answer(0, {"198.51.100.1"}), answer(0, {"198.51.100.1"}), same},
      {"overlapping", answer(0, {"198.51.100.1", "192.0.2.1"}), answer(0, {"203.0.113.1", "192.0.2.1"}), same},
      {"two places of one network", answer(0, {"198.51.100.1"}), answer(0, {"203.0.113.1"}), same},
      {"no such name twice", answer(3, {}), answer(3, {}), same},
      {"a name that is hidden", answer(3, {}), answer(0, {"198.51.100.1"}), differ},
      {"a name that is made up", answer(0, {"198.51.100.1"}), answer(3, {}), differ},
      {"a private address", answer(0, {"10.0.0.1"}), answer(0, {"198.51.100.1"}), differ},
      {"nothing", answer(0, {"0.0.0.0"}), answer(0, {"198.51.100.1"}), differ},
      {"loopback", answer(0, {"127.0.0.1"}), answer(0, {"198.51.100.1"}), differ},
      {"a private one at the public resolver", answer(0, {"198.51.100.1"}), answer(0, {"192.168.0.1"}), differ},
      {"private twice", answer(0, {"10.0.0.1"}), answer(0, {"192.168.0.1"}), same},
      {"one of two is public", answer(0, {"10.0.0.1", "198.51.100.1"}), answer(0, {"203.0.113.1"}), same},
      {"refused", answer(5, {}), answer(0, {"198.51.100.1"}), none},
      {"failed at the public resolver", answer(0, {"198.51.100.1"}), answer(2, {}), none},
      {"no address", answer(0, {}), answer(0, {"198.51.100.1"}), none},
      {"no address against no such name", answer(0, {}), answer(3, {}), none},
  };
  for (const auto& row : rows) BOOST_TEST((compare_answers(row.own, row.other) == row.expected), row.what);
}

BOOST_AUTO_TEST_CASE(special_addresses_are_nobodys_on_the_internet) {
  for (const auto* const text : {"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.31.0.1", "192.168.0.1", "224.0.0.1",
                                 "255.255.255.255", "::", "::1", "fc00::1", "fe80::1", "ff02::1", "100::1", "::ffff:10.0.0.1"})
    BOOST_TEST(!may_be_public(IpAddress::parse(text).value()), text);
  for (const auto* const text : {"1.1.1.1", "100.128.0.1", "172.32.0.1", "198.51.100.1", "2001:db8::1", "2606:4700:4700::1111"})
    BOOST_TEST(may_be_public(IpAddress::parse(text).value()), text);
}

BOOST_AUTO_TEST_SUITE_END()

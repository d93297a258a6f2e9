#include "probe/app/bypass_values.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(bypass_values)

BOOST_AUTO_TEST_CASE(users_are_a_number_or_a_range) {
  BOOST_TEST((parse_uid_range("1000").value() == UidRange{1000, 1000}));
  BOOST_TEST((parse_uid_range("2000-2999").value() == UidRange{2000, 2999}));
  for (const auto* const text : {"", "-", "1000-", "-1000", "2-1", "nobody", "1 - 2", "4294967296", "0x"}) {
    BOOST_TEST(!parse_uid_range(text).has_value(), text);
  }
}

BOOST_AUTO_TEST_CASE(marks_are_written_as_ip_rule_writes_them) {
  BOOST_TEST((parse_mark("0x1").value() == MarkMatch{1, 0xffffffff}));
  BOOST_TEST((parse_mark("51820").value() == MarkMatch{51820, 0xffffffff}));
  BOOST_TEST((parse_mark("0x80000/0xff0000").value() == MarkMatch{0x80000, 0xff0000}));
  for (const auto* const text : {"", "/", "0x1/", "/0xff", "0x", "one", "0x100000000", "1/2/3"})
    BOOST_TEST(!parse_mark(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(unmarked_packets_are_everybodys_and_cannot_be_allowed) {
  BOOST_TEST(!parse_mark("0").has_value());
  BOOST_TEST(!parse_mark("0/0xff").has_value());
  BOOST_TEST(!parse_mark("0x1/0").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

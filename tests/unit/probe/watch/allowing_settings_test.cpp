#include "probe/watch/allowing_settings.hpp"

#include <linux/fib_rules.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;

namespace {

Rule by_mark(std::uint32_t mark, std::uint32_t mask) {
  Rule made;
  made.fwmark = mark;
  made.fwmask = mask;
  return made;
}

Rule by_uid(std::uint32_t first, std::uint32_t last) {
  Rule made;
  made.uids = UidRange{first, last};
  return made;
}

Flow with_mark(std::uint32_t mark) {
  Flow flow;
  flow.mark = mark;
  return flow;
}

Flow of_uid(std::uint32_t uid) {
  Flow flow;
  flow.uid = uid;
  return flow;
}

std::string advice(const std::vector<Rule>& rules, const Flow& flow, std::uint32_t table = 100) {
  return allowing_settings(rules, Family::v4, flow, table);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(settings_that_allow)

BOOST_AUTO_TEST_CASE(a_mark_is_named_with_its_mask) {
  BOOST_TEST(advice({by_mark(1, 0xffffffff)}, with_mark(1)) == "--allow-marks 0x1 or --allow-tables 100");
  BOOST_TEST(advice({by_mark(0x80000, 0xff0000)}, with_mark(0x80000)) == "--allow-marks 0x80000/0xff0000 or --allow-tables 100");
  BOOST_TEST(advice({by_mark(1, 0xff), by_mark(0x101, 0xffff)}, with_mark(0x101)) == "--allow-marks 0x101/0xffff or --allow-tables 100");
}

BOOST_AUTO_TEST_CASE(users_are_named_by_the_narrowest_range_that_holds_them) {
  BOOST_TEST(advice({by_uid(0, 1999), by_uid(1000, 1000)}, of_uid(1000)) == "--allow-uids 1000 or --allow-tables 100");
  BOOST_TEST(advice({by_uid(1000, 1999)}, of_uid(1000)) == "--allow-uids 1000-1999 or --allow-tables 100");
}

BOOST_AUTO_TEST_CASE(what_no_rule_names_can_only_be_allowed_by_its_table) {
  BOOST_TEST(advice({by_uid(1000, 1999)}, of_uid(0)) == "--allow-tables 100");
  // A rule for packets without a mark tells all marks apart, and one of them says nothing of the others.
  BOOST_TEST(advice({by_mark(0, 0xff)}, with_mark(1)) == "--allow-tables 100");
  auto other_family = by_mark(1, 0xffffffff);
  other_family.family = Family::v6;
  BOOST_TEST(advice({other_family}, with_mark(1)) == "--allow-tables 100");
}

BOOST_AUTO_TEST_CASE(the_main_table_is_the_last_resort) {
  BOOST_TEST(advice({by_mark(1, 0xffffffff)}, with_mark(1), RT_TABLE_MAIN) == "--allow-marks 0x1");
  BOOST_TEST(advice({}, {}, RT_TABLE_MAIN) == "--allow-tables 254");
}

BOOST_AUTO_TEST_SUITE_END()

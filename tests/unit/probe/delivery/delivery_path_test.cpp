#include "probe/delivery/delivery_path.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace vpn_sentinel;

namespace {

std::string order_of(const PathChoice& choice) {
  std::string text;
  for (const auto path : path_order(choice)) text += (text.empty() ? "" : " ") + std::string(to_string(path));
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(delivery_path)

BOOST_AUTO_TEST_CASE(each_kind_has_its_better_path) {
  const struct {
    PathChoice choice;
    const char* order;
  } rows[]{
      {{true, true, true, true}, "uplink tunnel"},
      {{true, true, false, true}, "tunnel"},
      {{true, false, true, true}, "uplink"},
      {{true, false, false, true}, ""},
      {{false, true, true, true}, "tunnel uplink"},
      {{false, true, true, false}, "uplink tunnel"},
      {{false, true, false, false}, "tunnel"},
      {{false, false, true, true}, "uplink"},
      {{false, false, false, true}, ""},
      {{true, true, true, false}, "uplink tunnel"},
      {{true, true, true, true, false}, "tunnel uplink"},
      {{true, true, true, false, false}, "uplink tunnel"},
      {{true, true, false, true, false}, "tunnel"},
      {{true, false, true, true, false}, "uplink"},
      {{false, true, true, true, false}, "tunnel uplink"},
      {{false, true, true, false, false}, "uplink tunnel"},
  };
  for (const auto& row : rows) BOOST_TEST(order_of(row.choice) == row.order);
}

BOOST_AUTO_TEST_CASE(five_misses_in_a_row_make_a_way_doubtful_for_five_minutes) {
  const MonoTime start{};
  PathTrust trust(5);
  for (int i = 0; i < 4; ++i) trust.only_the_other_worked(start);
  BOOST_TEST(trust.trusted(start));
  trust.only_the_other_worked(start);
  BOOST_TEST(!trust.trusted(start));
  BOOST_TEST(!trust.trusted(start + PathTrust::pause - std::chrono::nanoseconds{1}));
  const auto later = start + PathTrust::pause;
  BOOST_TEST(trust.trusted(later));
  trust.only_the_other_worked(later);  // one miss is enough for the next five minutes
  BOOST_TEST(!trust.trusted(later + std::chrono::seconds{1}));
  BOOST_TEST(trust.trusted(later + PathTrust::pause));
}

BOOST_AUTO_TEST_CASE(one_success_and_a_change_of_the_network_restore_the_trust) {
  const MonoTime start{};
  PathTrust trust(5);
  for (int i = 0; i < 4; ++i) trust.only_the_other_worked(start);
  trust.worked();
  for (int i = 0; i < 4; ++i) trust.only_the_other_worked(start);
  BOOST_TEST(trust.trusted(start));
  trust.only_the_other_worked(start);
  BOOST_TEST(!trust.trusted(start));
  trust.reset();
  BOOST_TEST(trust.trusted(start));
}

BOOST_AUTO_TEST_SUITE_END()

#include "hub/app/store_watch.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(store_watch)

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

struct Times {
  StoreWatch watch;
  std::optional<Notice> look(bool healthy, std::chrono::seconds after) {
    return watch.look(healthy, healthy ? "" : "/data/hub.db: the disk is full", WallTime{after}, MonoTime{} + after);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(trouble_is_told_at_once_with_its_reason_and_its_end_when_it_has_settled, Times) {
  BOOST_TEST(!look(true, 0s));
  const auto fails = look(false, 1s);
  BOOST_REQUIRE(fails.has_value());
  BOOST_TEST((fails->text.find("the disk is full") != std::string::npos));
  BOOST_TEST(!look(false, 2s));
  BOOST_TEST(!look(true, 61s));
  BOOST_TEST(!look(true, 70s));
  const auto works = look(true, 71s);
  BOOST_REQUIRE(works.has_value());
  BOOST_TEST((works->text.find("1 min") != std::string::npos));
  BOOST_TEST(!look(true, 100s));
}

BOOST_FIXTURE_TEST_CASE(a_store_that_works_now_and_then_is_one_trouble, Times) {
  BOOST_TEST(look(false, 1s).has_value());
  for (int second = 2; second < 60; second += 4) {
    BOOST_TEST(!look(true, std::chrono::seconds{second}));
    BOOST_TEST(!look(false, std::chrono::seconds{second + 2}));
  }
  BOOST_TEST(!look(true, 100s));
  BOOST_TEST(look(true, 110s).has_value());
  BOOST_TEST(look(false, 111s).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

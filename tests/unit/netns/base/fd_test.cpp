#include "netns/base/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

using vpn_sentinel::Fd;

namespace {

Fd open_null() { return Fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}; }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

}  // namespace

BOOST_AUTO_TEST_SUITE(fd_)

BOOST_AUTO_TEST_CASE(an_empty_one_is_false) {
  const Fd fd;
  BOOST_TEST(!fd);
  BOOST_TEST(fd.get() == -1);
}

BOOST_AUTO_TEST_CASE(the_descriptor_is_closed_with_its_owner) {
  int number = -1;
  {
    const auto fd = open_null();
    number = fd.get();
    BOOST_TEST(is_open(number));
  }
  BOOST_TEST(!is_open(number));
}

BOOST_AUTO_TEST_CASE(moving_leaves_the_source_empty_and_closes_what_the_target_held) {
  auto first = open_null();
  auto second = open_null();
  const int kept = first.get();
  const int closed = second.get();
  second = std::move(first);
  BOOST_TEST(second.get() == kept);
  BOOST_TEST(is_open(kept));
  BOOST_TEST(!is_open(closed));
}

BOOST_AUTO_TEST_CASE(release_gives_the_descriptor_away) {
  auto fd = open_null();
  const int number = fd.release();
  BOOST_TEST(!fd);
  BOOST_TEST(is_open(number));
  ::close(number);
}

BOOST_AUTO_TEST_SUITE_END()

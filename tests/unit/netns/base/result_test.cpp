#include "netns/base/result.hpp"

#include <boost/test/unit_test.hpp>
#include <cerrno>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(result)

BOOST_AUTO_TEST_CASE(an_errno_value_becomes_a_sentence_and_the_kind_that_fits) {
  BOOST_TEST((system_error(ENOENT, "open x") == Error{Error::Kind::not_found, "open x: No such file or directory"}));
  BOOST_TEST((system_error(EPERM, "setns").kind == Error::Kind::not_permitted));
  BOOST_TEST((system_error(EACCES, "open").kind == Error::Kind::not_permitted));
  BOOST_TEST((system_error(ETIMEDOUT, "connect").kind == Error::Kind::timed_out));
  BOOST_TEST((system_error(EHOSTUNREACH, "connect").kind == Error::Kind::unreachable));
  BOOST_TEST((system_error(ENOBUFS, "recv").kind == Error::Kind::overrun));
  BOOST_TEST((system_error(ENOSYS, "bpf").kind == Error::Kind::unavailable));
  BOOST_TEST((system_error(EINVAL, "bind").kind == Error::Kind::invalid));
  BOOST_TEST((system_error(EIO, "read").kind == Error::Kind::failed));
}

BOOST_AUTO_TEST_CASE(every_kind_has_its_own_word) {
  BOOST_TEST(to_string(Error::Kind::invalid) == "invalid");
  BOOST_TEST(to_string(Error::Kind::not_found) == "not_found");
  BOOST_TEST(to_string(Error::Kind::not_permitted) == "not_permitted");
  BOOST_TEST(to_string(Error::Kind::timed_out) == "timed_out");
  BOOST_TEST(to_string(Error::Kind::unreachable) == "unreachable");
  BOOST_TEST(to_string(Error::Kind::overrun) == "overrun");
  BOOST_TEST(to_string(Error::Kind::unavailable) == "unavailable");
  BOOST_TEST(to_string(Error::Kind::failed) == "failed");
}

BOOST_AUTO_TEST_CASE(a_failure_carries_its_error) {
  const Result<int> result = fail(Error::Kind::timed_out, "too late");
  BOOST_TEST(!result.has_value());
  BOOST_TEST((result.error() == Error{Error::Kind::timed_out, "too late"}));
}

BOOST_AUTO_TEST_SUITE_END()

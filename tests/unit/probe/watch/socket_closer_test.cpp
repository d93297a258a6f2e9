#include "probe/watch/socket_closer.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

OpenConnection connection(const char* local, const char* remote, std::uint32_t link = 0, std::uint32_t uid = 1000) {
  return {AF_INET, IPPROTO_TCP, Endpoint::parse(local, 0).value(), Endpoint::parse(remote, 0).value(), link, uid, 7};
}

OutsideConnections outside() {
  return {{2},
          {IpAddress::parse("192.0.2.1").value()},
          {IpPrefix::parse("198.51.100.2").value(), IpPrefix::parse("10.0.0.0/8").value()},
          {{107, 108}}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(socket_closer)

BOOST_AUTO_TEST_CASE(what_has_the_uplinks_address_or_is_bound_to_it_runs_outside) {
  BOOST_TEST(runs_outside(connection("192.0.2.1:5000", "203.0.113.7:443"), outside()));
  BOOST_TEST(runs_outside(connection("10.8.0.2:5000", "203.0.113.7:443", 2), outside()));
  BOOST_TEST(!runs_outside(connection("10.8.0.2:5000", "203.0.113.7:443"), outside()));
  BOOST_TEST(!runs_outside(connection("192.0.2.1:5000", "203.0.113.7:443", 9), outside()));
}

BOOST_AUTO_TEST_CASE(the_tunnels_own_and_local_connections_and_those_of_allowed_users_are_never_ended) {
  BOOST_TEST(!runs_outside(connection("192.0.2.1:5000", "198.51.100.2:1194"), outside()));
  BOOST_TEST(!runs_outside(connection("192.0.2.1:5000", "198.51.100.2:443", 2), outside()));
  BOOST_TEST(!runs_outside(connection("192.0.2.1:5000", "10.1.2.3:22"), outside()));
  BOOST_TEST(!runs_outside(connection("192.0.2.1:5000", "127.0.0.1:22"), outside()));
  BOOST_TEST(!runs_outside(connection("192.0.2.1:5000", "[fe80::1]:22"), outside()));
  BOOST_TEST(!runs_outside(connection("192.0.2.1:5000", "203.0.113.7:443", 0, 108), outside()));
}

BOOST_AUTO_TEST_SUITE_END()

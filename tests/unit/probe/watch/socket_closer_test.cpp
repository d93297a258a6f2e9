#include "probe/watch/socket_closer.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

OpenConnection connection(const char* local, const char* remote, std::uint32_t link = 0, std::uint32_t uid = 1000) {
  return {AF_INET, IPPROTO_TCP, Endpoint::parse(local, 0).value(), Endpoint::parse(remote, 0).value(), link, uid, 7};
}

AllowedPackets of_users(std::uint32_t first, std::uint32_t last) {
  AllowedPackets allowed;
  allowed.uids = AllowedUids{first, last};
  return allowed;
}

OutsideConnections outside() {
  return {{2},
          {IpAddress::parse("192.0.2.1").value()},
          {IpPrefix::parse("198.51.100.2").value(), IpPrefix::parse("10.0.0.0/8").value()},
          {of_users(107, 108)}};
}

bool runs_outside_but_for(const OpenConnection& connection, const AllowedPackets& allowed) {
  auto all = outside();
  all.allowed = {allowed};
  return runs_outside(connection, all);
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

BOOST_AUTO_TEST_CASE(what_an_allowed_table_lets_out_by_ports_or_addresses_is_never_ended) {
  const auto shell = connection("192.0.2.1:22", "203.0.113.7:50000");
  AllowedPackets allowed;
  allowed.protocol = IPPROTO_TCP;
  allowed.source_ports = AllowedPorts{22, 22};
  BOOST_TEST(!runs_outside_but_for(shell, allowed));
  BOOST_TEST(runs_outside_but_for(connection("192.0.2.1:23", "203.0.113.7:50000"), allowed));
  allowed.source = IpPrefix::parse("192.0.2.1").value();
  BOOST_TEST(!runs_outside_but_for(shell, allowed));
  allowed.destination = IpPrefix::parse("198.51.100.0/24").value();
  BOOST_TEST(runs_outside_but_for(shell, allowed));
  allowed.destination = IpPrefix::parse("203.0.113.0/24").value();
  allowed.destination_ports = AllowedPorts{1, 1000};
  BOOST_TEST(runs_outside_but_for(shell, allowed));
}

BOOST_AUTO_TEST_CASE(what_a_mark_lets_out_is_ended_only_where_the_mark_is_known_to_be_another) {
  AllowedPackets allowed;
  allowed.mark = 0x10;
  allowed.mark_mask = 0xf0;
  auto marked = connection("192.0.2.1:5000", "203.0.113.7:443");
  BOOST_TEST(!runs_outside_but_for(marked, allowed));
  marked.mark = 0x13;
  BOOST_TEST(!runs_outside_but_for(marked, allowed));
  marked.mark = 0;
  BOOST_TEST(runs_outside_but_for(marked, allowed));
}

BOOST_AUTO_TEST_SUITE_END()

#include "probe/serving/listen_port.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(listen_port)

BOOST_AUTO_TEST_CASE(protocol_and_port_are_read) {
  BOOST_TEST((parse_listen_port("udp/51820").value() == ListenPort{IPPROTO_UDP, 51820}));
  BOOST_TEST((parse_listen_port("tcp/1194").value() == ListenPort{IPPROTO_TCP, 1194}));
  BOOST_TEST((parse_listen_port("udp/1").value() == ListenPort{IPPROTO_UDP, 1}));
  BOOST_TEST((parse_listen_port("tcp/65535").value() == ListenPort{IPPROTO_TCP, 65535}));
  BOOST_TEST((ListenPort{IPPROTO_TCP, 443}.to_string()) == "tcp/443");
  BOOST_TEST((ListenPort{IPPROTO_UDP, 51820}.to_string()) == "udp/51820");
}

BOOST_AUTO_TEST_CASE(nothing_else_is_a_port) {
  for (const auto* const text : {"",           "udp",        "udp/",     "/51820", "51820",      "51820/udp",    "UDP/51820",
                                 "udp/0",      "udp/65536",  "udp/-1",   "udp/+1", "udp/051820", "udp/51820 ",   " udp/51820",
                                 "udp//51820", "udp/518 20", "udp/0x10", "icmp/1", "udp:51820",  "tcp/1194/udp", "udp6/51820"}) {
    BOOST_TEST_CONTEXT(text) {
      const auto read = parse_listen_port(text);
      BOOST_REQUIRE(!read);
      BOOST_TEST(read.error().message == "a protocol and a port such as udp/51820 or tcp/1194");
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

#include "netns/sockets/socket_list.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/unix_diag.h>

#include <boost/test/unit_test.hpp>

#include "netns/sockets/process_files.hpp"
#include "tests/unit/netns/support/message_builder.hpp"

using namespace vpn_sentinel;

namespace {

inet_diag_msg message(int family, const char* destination, std::uint16_t port) {
  inet_diag_msg body{};
  body.idiag_family = static_cast<std::uint8_t>(family);
  body.idiag_inode = 4242;
  body.id.idiag_dport = htons(port);
  inet_pton(family, destination, body.id.idiag_dst);
  return body;
}

std::string remote(int family, const char* destination) {
  return decode_connected_socket(Payload{message(family, destination, 1194)})->remote.to_string();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(socket_list)

BOOST_AUTO_TEST_CASE(the_far_end_and_the_inode_of_a_socket_are_read) {
  const auto socket = decode_connected_socket(Payload{message(AF_INET, "198.51.100.2", 1194)}).value();
  BOOST_TEST((socket == ConnectedSocket{4242, Endpoint::parse("198.51.100.2:1194", 0).value()}));
  BOOST_TEST(remote(AF_INET6, "2001:db8::2") == "[2001:db8::2]:1194");
}

BOOST_AUTO_TEST_CASE(the_near_end_of_a_bound_socket_is_read) {
  inet_diag_msg body{};
  body.idiag_family = AF_INET;
  body.idiag_inode = 7;
  body.id.idiag_sport = htons(53);
  inet_pton(AF_INET, "127.0.0.1", body.id.idiag_src);
  BOOST_TEST((decode_bound_socket(Payload{body}).value() == BoundSocket{7, Endpoint::parse("127.0.0.1:53", 0).value()}));
  BOOST_TEST(!decode_bound_socket({}).has_value());
}

BOOST_AUTO_TEST_CASE(ipv4_in_an_ipv6_socket_is_ipv4) { BOOST_TEST(remote(AF_INET6, "::ffff:198.51.100.2") == "198.51.100.2:1194"); }

BOOST_AUTO_TEST_CASE(a_short_message_and_another_family_are_refused) {
  BOOST_TEST(!decode_connected_socket(Payload{bytes_of({2, 1, 0, 0})}.bytes()).has_value());
  BOOST_TEST(!decode_connected_socket({}).has_value());
  auto body = message(AF_INET, "198.51.100.2", 1);
  body.idiag_family = AF_UNIX;
  BOOST_TEST(!decode_connected_socket(Payload{body}).has_value());
}

BOOST_AUTO_TEST_CASE(the_file_of_a_listening_unix_socket_is_read) {
  unix_diag_msg body{};
  body.udiag_ino = 77;
  const auto found = decode_listening_file(Payload{body}.add(UNIX_DIAG_VFS, value_of(unix_diag_vfs{123, 9U << 20U | 1U})));
  BOOST_TEST_REQUIRE(found.has_value());
  BOOST_TEST(found->inode == 77U);
  BOOST_TEST((found->file == SocketFile{123, 9U << 20U | 1U}));
  BOOST_TEST((decode_listening_file(Payload{body}).error().kind == Error::Kind::not_found));
  BOOST_TEST((decode_listening_file(Payload{body}.add(UNIX_DIAG_VFS, std::uint32_t{1})).error().kind == Error::Kind::not_found));
  BOOST_TEST((decode_listening_file({}).error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(the_interface_of_an_open_tun_is_the_line_iff) {
  BOOST_TEST(tun_of_fdinfo("pos:\t0\nflags:\t0104002\nmnt_id:\t21\nino:\t5\niff:\ttun0\n") == "tun0");
  BOOST_TEST(tun_of_fdinfo("iff:\twg0") == "wg0");
  BOOST_TEST(tun_of_fdinfo("pos:\t0\niff:\t\n").empty());
  BOOST_TEST(tun_of_fdinfo("pos:\t0\nflags:\t02\n").empty());
  BOOST_TEST(tun_of_fdinfo("pos:\t0\nxiff:\ttun0\n").empty());
  BOOST_TEST(tun_of_fdinfo("").empty());
}

BOOST_AUTO_TEST_CASE(a_socket_link_holds_its_inode) {
  BOOST_TEST((inode_of_socket_link("socket:[4242]") == 4242U));
  for (const auto* link :
       {"", "socket:[", "socket:[]", "socket:[12x]", "socket:[-1]", "pipe:[4242]", "/dev/net/tun", "socket:[99999999999]"}) {
    BOOST_TEST(!inode_of_socket_link(link).has_value(), link);
  }
}

BOOST_AUTO_TEST_SUITE_END()

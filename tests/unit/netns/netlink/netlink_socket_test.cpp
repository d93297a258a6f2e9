#include "netns/netlink/netlink_socket.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>

#include "netns/netlink/attribute_cursor.hpp"
#include "netns/netlink/request.hpp"
#include "tests/unit/netns/support/drop_filter.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

void send_to_port(const SocketOpener& opener, std::uint32_t port) {
  const auto sender = open_netlink(opener, 0).value();
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_pid = port;
  const std::array<char, 16> forged{};
  BOOST_REQUIRE_EQUAL(
      ::sendto(sender.fd.get(), forged.data(), forged.size(), 0, reinterpret_cast<const sockaddr*>(&address), sizeof address), 16);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(netlink_socket)

BOOST_AUTO_TEST_CASE(a_reply_carries_the_number_of_the_request_and_the_port_of_the_socket) {
  const TestNamespace inside;
  const auto socket = open_netlink(inside.opener(), 0).value();
  BOOST_TEST(send_netlink(socket.fd.get(), link_request(1, 77)).has_value());
  std::array<std::byte, netlink_datagram_size> buffer;
  const auto datagram = receive_netlink(socket.fd.get(), buffer);
  BOOST_TEST_REQUIRE((datagram.outcome == Datagram::Outcome::data));
  MessageCursor messages{datagram.bytes};
  const auto message = messages.next();
  BOOST_TEST_REQUIRE(message.has_value());
  BOOST_TEST(message->sequence == 77U);
  BOOST_TEST(message->port == socket.port);
  BOOST_TEST((receive_netlink(socket.fd.get(), buffer).outcome == Datagram::Outcome::empty));
}

BOOST_AUTO_TEST_CASE(a_datagram_from_another_process_is_foreign) {
  const TestNamespace inside;
  const auto socket = open_netlink(inside.opener(), 0).value();
  send_to_port(inside.opener(), socket.port);
  std::array<std::byte, 64> buffer;
  BOOST_TEST((receive_netlink(socket.fd.get(), buffer).outcome == Datagram::Outcome::foreign));
}

BOOST_AUTO_TEST_CASE(a_datagram_longer_than_the_buffer_is_a_loss) {
  const TestNamespace inside;
  const auto socket = open_netlink(inside.opener(), 0).value();
  BOOST_TEST(send_netlink(socket.fd.get(), link_request(1, 1)).has_value());
  std::array<std::byte, 20> buffer;
  BOOST_TEST((receive_netlink(socket.fd.get(), buffer).outcome == Datagram::Outcome::overrun));
}

BOOST_AUTO_TEST_CASE(a_descriptor_that_is_no_netlink_socket_has_failed) {
  std::array<int, 2> pair{};
  BOOST_REQUIRE_EQUAL(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const Fd first{pair[0]};
  const Fd second{pair[1]};
  BOOST_REQUIRE_EQUAL(::write(second.get(), "x", 1), 1);
  std::array<std::byte, 64> buffer;
  BOOST_TEST((receive_netlink(first.get(), buffer).outcome == Datagram::Outcome::failed));
  BOOST_TEST((receive_netlink(-1, buffer).outcome == Datagram::Outcome::failed));
}

BOOST_AUTO_TEST_CASE(waiting_ends_at_the_deadline) {
  const TestNamespace inside;
  const auto socket = open_netlink(deaf(inside.opener()), 0).value();
  BOOST_TEST(send_netlink(socket.fd.get(), link_request(1, 1)).has_value());
  const auto begin = mono_now();
  const auto waited = wait_readable(socket.fd.get(), begin + 30ms);
  BOOST_TEST_REQUIRE(!waited.has_value());
  BOOST_TEST((waited.error().kind == Error::Kind::timed_out));
  BOOST_TEST((mono_now() - begin >= 30ms));
}

BOOST_AUTO_TEST_CASE(the_receive_buffer_grows) {
  const TestNamespace inside;
  const auto socket = open_netlink(inside.opener(), 0).value();
  grow_receive_buffer(socket.fd.get(), 4 << 20);
  int size = 0;
  socklen_t length = sizeof size;
  BOOST_REQUIRE_EQUAL(::getsockopt(socket.fd.get(), SOL_SOCKET, SO_RCVBUF, &size, &length), 0);
  BOOST_TEST(size >= 4 << 20);
}

BOOST_AUTO_TEST_SUITE_END()

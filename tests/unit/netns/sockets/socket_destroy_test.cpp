#include "netns/sockets/socket_destroy.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "netns/base/fd.hpp"
#include "tests/unit/netns/support/loopback_sockets.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

int error_of(const Fd& socket) {
  char byte = 0;
  return ::recv(socket.get(), &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(socket_destroy)

BOOST_AUTO_TEST_CASE(a_connection_that_is_ended_is_told_to_its_program_and_others_go_on) {
  const TestNamespace space;
  space.run("ip link set lo up");
  const auto opener = space.get().opener();
  const auto server = open_bound(opener, SOCK_STREAM, 4000);
  BOOST_REQUIRE_EQUAL(::listen(server.get(), 5), 0);
  const auto first = open_bound(opener, SOCK_STREAM, 4001);
  const auto second = open_bound(opener, SOCK_STREAM, 4002);
  const auto datagrams = open_bound(opener, SOCK_DGRAM, 4003);
  const auto unconnected = open_bound(opener, SOCK_DGRAM, 4004);
  connect_to(first, 4000);
  connect_to(second, 4000);
  connect_to(datagrams, 4004);

  constexpr int mark = 0x2a;
  BOOST_REQUIRE_EQUAL(::setsockopt(first.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark), 0);
  BOOST_REQUIRE_EQUAL(::setsockopt(datagrams.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark), 0);

  auto all = list_open_connections(opener, 100).value();
  BOOST_TEST(std::ranges::none_of(all, [](const OpenConnection& one) { return one.local.port == 4004; }));
  std::erase_if(all, [](const OpenConnection& one) { return one.local.port != 4001 && one.local.port != 4003; });
  BOOST_TEST_REQUIRE(all.size() == 2U);
  BOOST_TEST(all[0].protocol == IPPROTO_TCP);
  for (const auto& one : all) BOOST_TEST(one.mark.value_or(0) == static_cast<std::uint32_t>(mark));
  BOOST_TEST((all[0].remote == Endpoint{IpAddress::v4({127, 0, 0, 1}), 4000}));
  BOOST_TEST(list_open_connections(opener, 1).value().size() == 1U);

  const auto done = destroy_connections(opener, all);
  if (!done && done.error().kind == Error::Kind::unavailable) {
    BOOST_TEST_MESSAGE("SKIPPED: " + done.error().message);
    return;
  }
  BOOST_REQUIRE(done.has_value());
  BOOST_TEST(done->closed == 2U);
  BOOST_TEST(error_of(first) == ECONNABORTED);
  BOOST_TEST(error_of(datagrams) == ECONNABORTED);
  BOOST_TEST(error_of(second) == EAGAIN);
  BOOST_TEST(error_of(unconnected) == EAGAIN);
  // The TCP connection has ended and is none of them any more.
  BOOST_TEST(destroy_connections(opener, std::span{all}.first(1)).value().closed == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_no_description_of_a_connection_is_refused) {
  const std::vector<std::byte> zeros(200);
  for (std::size_t size = 0; size <= zeros.size(); ++size) {
    BOOST_TEST(!decode_open_connection(std::span{zeros}.first(size), IPPROTO_TCP).has_value());
  }
}

BOOST_AUTO_TEST_SUITE_END()

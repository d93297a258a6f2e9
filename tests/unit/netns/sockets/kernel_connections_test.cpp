// Sockets, their owners, tracked connections and logged packets as the real kernel tells them.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <csignal>

#include "netns/sockets/conntrack.hpp"
#include "netns/sockets/nflog.hpp"
#include "netns/sockets/socket_owners.hpp"
#include "netns/sockets/socket_table.hpp"
#include "tests/unit/netns/support/loopback_sockets.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

void send_to(const Fd& socket, std::uint16_t port) {
  const auto address = loopback(port);
  BOOST_REQUIRE_EQUAL(::sendto(socket.get(), "hello", 5, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address), 5);
}

bool readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, 3000) == 1;
}

const SocketEntry* find_local(const SocketTable& table, std::uint16_t port) {
  const auto found = std::ranges::find_if(table.sockets, [port](const SocketEntry& entry) { return entry.local.port == port; });
  return found == table.sockets.end() ? nullptr : &*found;
}

/// A TCP connection from port 4001 to 4000, over which 7 bytes were sent.
struct Connection {
  explicit Connection(const SocketOpener& opener) : server(open_bound(opener, SOCK_STREAM, 4000)) {
    BOOST_REQUIRE_EQUAL(::listen(server.get(), 5), 0);
    client = open_bound(opener, SOCK_STREAM, 4001);
    connect_to(client, 4000);
    BOOST_REQUIRE(readable(server.get()));
    accepted = Fd{::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    BOOST_REQUIRE_EQUAL(::send(client.get(), "7 bytes", 7, 0), 7);
    BOOST_REQUIRE(readable(accepted.get()));
  }
  Fd server;
  Fd client;
  Fd accepted;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(kernel_connections)

BOOST_AUTO_TEST_CASE(a_connection_is_listed_with_its_bytes_and_a_listener_is_not) {
  const TestNamespace space;
  space.run("ip link set lo up");
  const Connection connection(space.opener());
  const auto table = list_sockets(space.opener(), {}).value();
  const auto* const client = find_local(table, 4001);
  BOOST_REQUIRE(client != nullptr);
  BOOST_TEST((client->state == SocketState::established));
  BOOST_TEST(client->counters.value().sent == 7U);
  BOOST_TEST(client->mark.value_or(1) == 0U);
  BOOST_TEST(client->cookie != 0U);
  const auto* const server = find_local(table, 4000);
  BOOST_REQUIRE(server != nullptr);
  BOOST_TEST(server->counters.value().received == 7U);
  BOOST_TEST(table.sockets.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_device_that_a_socket_is_bound_to_is_told) {
  const TestNamespace space;
  space.run("ip link set lo up");
  const auto socket = open_bound(space.opener(), SOCK_DGRAM, 4003);
  BOOST_REQUIRE_EQUAL(::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), 0);
  connect_to(socket, 4000);
  const auto table = list_sockets(space.opener(), {}).value();
  BOOST_REQUIRE(find_local(table, 4003) != nullptr);
  BOOST_TEST(find_local(table, 4003)->link_index == 1U);
}

BOOST_AUTO_TEST_CASE(udp_without_a_far_end_is_listed_when_it_is_asked_for) {
  const TestNamespace space;
  space.run("ip link set lo up");
  const auto socket = open_bound(space.opener(), SOCK_DGRAM, 4003);
  BOOST_TEST(find_local(list_sockets(space.opener(), {}).value(), 4003) == nullptr);
  SocketWish wish;
  wish.unconnected = true;
  const auto table = list_sockets(space.opener(), wish).value();
  BOOST_REQUIRE(find_local(table, 4003) != nullptr);
  BOOST_TEST(find_local(table, 4003)->remote.port == 0);
}

BOOST_AUTO_TEST_CASE(the_kernel_leaves_out_what_has_another_far_end) {
  const TestNamespace space;
  space.run("ip link set lo up");
  const Connection connection(space.opener());
  SocketWish wish;
  wish.remote = Endpoint::parse("127.0.0.1:4000", 0).value();
  const auto table = list_sockets(space.opener(), wish).value();
  BOOST_TEST(table.sockets.size() == 1U);
  BOOST_TEST(find_local(table, 4001) != nullptr);
  wish.remote = Endpoint::parse("127.0.0.1:4009", 0).value();
  BOOST_TEST(list_sockets(space.opener(), wish)->sockets.empty());
  wish.remote = Endpoint::parse("[2001:db8::7]:4000", 0).value();
  BOOST_TEST(list_sockets(space.opener(), wish)->sockets.empty());
}

BOOST_AUTO_TEST_CASE(the_kernel_leaves_out_what_has_other_near_ports) {
  const TestNamespace space;
  space.run("ip link set lo up");
  const Connection connection(space.opener());
  const auto datagrams = open_bound(space.opener(), SOCK_DGRAM, 4003);
  const auto count = [&space](std::vector<std::uint16_t> ports) {
    SocketWish wish;
    wish.listening = wish.unconnected = true;
    wish.local_ports = std::move(ports);
    const auto table = list_sockets(space.opener(), wish);
    BOOST_REQUIRE_MESSAGE(table, table.error().message);
    return table->sockets.size();
  };
  BOOST_TEST(count({4000}) == 2U);  // the listener and what it accepted
  BOOST_TEST(count({4001}) == 1U);
  BOOST_TEST(count({4003}) == 1U);
  BOOST_TEST(count({4001, 4003}) == 2U);
  BOOST_TEST(count({4009, 4003, 4000}) == 3U);
  BOOST_TEST(count({4009}) == 0U);
  std::vector<std::uint16_t> many(most_local_ports, 4009);
  BOOST_TEST(count(many) == 0U);
  many.back() = 4001;
  BOOST_TEST(count(many) == 1U);
  BOOST_TEST(count({}) == 4U);
  SocketWish too_many;
  too_many.local_ports.assign(most_local_ports + 1, 4000);
  BOOST_TEST((list_sockets(space.opener(), too_many).error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(ipv4_of_an_ipv6_socket_is_found_by_its_ipv4_far_end) {
  const TestNamespace space;
  space.run("ip link set lo up");
  const auto socket = space.opener()(AF_INET6, SOCK_DGRAM, 0).value();
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = htons(4005);
  mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
  mapped.sin6_addr.s6_addr[12] = 127;
  mapped.sin6_addr.s6_addr[15] = 1;
  BOOST_REQUIRE_EQUAL(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&mapped), sizeof mapped), 0);
  SocketWish wish;
  wish.remote = Endpoint::parse("127.0.0.1:4005", 0).value();
  const auto table = list_sockets(space.opener(), wish).value();
  BOOST_REQUIRE(table.sockets.size() == 1U);
  BOOST_TEST(table.sockets[0].family == AF_INET6);
}

BOOST_AUTO_TEST_CASE(beyond_the_limit_sockets_are_counted_only) {
  const TestNamespace space;
  space.run("ip link set lo up");
  const Connection connection(space.opener());
  SocketWish wish;
  wish.most = 1;
  const auto table = list_sockets(space.opener(), wish).value();
  BOOST_TEST(table.sockets.size() == 1U);
  BOOST_TEST(table.left_out == 1U);
}

BOOST_AUTO_TEST_CASE(the_process_that_has_a_socket_is_found_and_a_second_one_that_inherited_it) {
  const TestNamespace space;
  space.run("ip link set lo up");
  const Connection connection(space.opener());
  const auto table = list_sockets(space.opener(), {}).value();
  const std::vector inodes{find_local(table, 4001)->inode};
  const auto alone = find_socket_owners(inodes, mono_now() + 5s).value();
  BOOST_REQUIRE(alone.of.contains(inodes[0]));
  BOOST_REQUIRE(alone.of.at(inodes[0]).size() == 1U);
  BOOST_TEST(alone.processes.at(alone.of.at(inodes[0])[0]).pid == ::getpid());
  BOOST_TEST(alone.processes.at(0).uid == ::geteuid());
  const auto child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const auto both = find_socket_owners(inodes, mono_now() + 5s);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  BOOST_REQUIRE(both.has_value());
  BOOST_TEST(both->of.at(inodes[0]).size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_socket_that_is_closed_has_nobody_and_a_deadline_is_kept) {
  const std::vector<std::uint32_t> nobodys{4'294'967'295U};
  BOOST_TEST(find_socket_owners(nobodys, mono_now() + 5s)->of.empty());
  BOOST_TEST(find_socket_owners({}, mono_now())->processes.empty());
  const auto late = find_socket_owners(nobodys, mono_now() - 1s);
  BOOST_REQUIRE(late.has_value());
  BOOST_TEST(late->cut_short);
}

BOOST_AUTO_TEST_CASE(tracked_connections_are_listed_and_told_with_bytes_where_they_are_counted) {
  const TestNamespace space;
  if (!space.try_run("ip link set lo up && nft add table inet t && nft 'add chain inet t o { type filter hook output priority 0; }' && "
                     "nft add rule inet t o ct state new counter")) {
    BOOST_TEST_MESSAGE("SKIPPED: nft is not installed or the kernel has no connection tracking");
    return;
  }
  auto events = ConntrackEvents::open(space.opener()).value();
  BOOST_TEST(!conntrack_counts(space.get()).value());
  const auto plain = open_bound(space.opener(), SOCK_DGRAM, 4010);
  send_to(plain, 4000);
  auto table = list_tracked_connections(space.opener(), 100).value();
  BOOST_REQUIRE(table.connections.size() == 1U);
  BOOST_TEST(table.uncounted == 1U);
  BOOST_TEST(!table.connections[0].counted);
  BOOST_TEST(table.connections[0].original.source.port == 4010);
  // Somebody else switches it on; only what begins later has numbers.
  space.run("echo 1 > /proc/sys/net/netfilter/nf_conntrack_acct");
  BOOST_TEST(conntrack_counts(space.get()).value());
  const auto counted = open_bound(space.opener(), SOCK_DGRAM, 4011);
  send_to(counted, 4000);
  table = list_tracked_connections(space.opener(), 100).value();
  const auto found = std::ranges::find_if(table.connections, [](const auto& one) { return one.original.source.port == 4011; });
  BOOST_REQUIRE(found != table.connections.end());
  BOOST_TEST(found->counted);
  BOOST_TEST(found->original.bytes == 33U);  // 5 of data, 8 of UDP, 20 of IP
  BOOST_TEST(list_tracked_connections(space.opener(), 1)->left_out == 1U);
  const auto only = [](std::uint16_t port) { return [port](const TrackedConnection& one) { return one.original.source.port == port; }; };
  const auto wanted = list_tracked_connections(space.opener(), 1, std::chrono::seconds{3}, only(4011)).value();
  BOOST_TEST(wanted.left_out == 0U);
  BOOST_REQUIRE(wanted.connections.size() == 1U);
  BOOST_TEST(wanted.connections[0].original.source.port == 4011);
  const auto none = list_tracked_connections(space.opener(), 1, std::chrono::seconds{3}, only(4012)).value();
  BOOST_TEST(none.connections.empty());
  BOOST_TEST(!none.empty);
  BOOST_REQUIRE(readable(events.fd()));
  const auto heard = events.take().value();
  BOOST_REQUIRE(heard.events.size() == 2U);
  BOOST_TEST(!heard.events[0].ended);
  BOOST_TEST(heard.events[0].connection.original.source.port == 4010);
}

BOOST_AUTO_TEST_CASE(logged_packets_are_told_with_their_user_and_the_group_has_one_listener) {
  const TestNamespace space;
  if (!space.try_run("ip link set lo up && nft add table inet t && nft 'add chain inet t o { type filter hook output priority 0; }' && "
                     "nft 'add rule inet t o udp dport 4000 log prefix \"tried\" group 7'")) {
    BOOST_TEST_MESSAGE("SKIPPED: nft is not installed or the kernel cannot log packets");
    return;
  }
  auto listener = NflogListener::open(space.opener(), 7).value();
  const auto second = NflogListener::open(space.opener(), 7);
  BOOST_REQUIRE(!second.has_value());
  BOOST_TEST((second.error().kind == Error::Kind::not_permitted), second.error().message);
  const auto socket = open_bound(space.opener(), SOCK_DGRAM, 4012);
  send_to(socket, 4000);
  BOOST_REQUIRE(readable(listener.fd()));
  const auto heard = listener.take().value();
  BOOST_REQUIRE(heard.packets.size() == 1U);
  const auto& packet = heard.packets[0];
  BOOST_TEST(packet.destination.to_string() == "127.0.0.1:4000");
  BOOST_TEST(packet.source.port == 4012);
  BOOST_TEST(packet.out_index == 1U);
  BOOST_TEST(packet.uid.value() == ::geteuid());
  BOOST_TEST(packet.prefix == "tried");
  BOOST_TEST(heard.lost == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

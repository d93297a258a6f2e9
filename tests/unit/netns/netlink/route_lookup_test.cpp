#include "netns/netlink/route_lookup.hpp"

#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <boost/test/unit_test.hpp>

#include "netns/netlink/netlink_socket.hpp"
#include "netns/netlink/request.hpp"
#include "tests/unit/netns/support/drop_filter.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;
using Kind = RouteAnswer::Kind;

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

/// An uplink eth0 with an address and a default route, and a tunnel-like device wg0.
struct Network {
  Network() {
    inside.run(
        "ip link set lo up && ip link add eth0 type veth peer name eth1 && ip link add wg0 type veth peer name wg1 &&"
        "for d in eth0 eth1 wg0 wg1; do ip link set $d up addrgenmode none || exit 1; done &&"
        "ip address add 203.0.113.10/24 dev eth0 && ip address add 198.19.0.2/32 dev wg0 &&"
        "ip address add 2001:db8:10::10/64 dev eth0 nodad && ip address add 2001:db8:19::2/128 dev wg0 nodad &&"
        "ip route add default via 203.0.113.1 && ip -6 route add default via 2001:db8:10::1");
    // The kernel makes an IPv6 address usable in a work queue, after 'ip' has returned.
    const auto deadline = mono_now() + std::chrono::seconds{10};
    const auto usable = [&](std::string_view own) { return ask(own).kind == Kind::local; };
    while (!(usable("2001:db8:10::10") && usable("2001:db8:19::2")) && mono_now() < deadline) std::this_thread::yield();
  }
  [[nodiscard]] std::uint32_t index(const char* name) const {
    std::uint32_t result = 0;
    (void)inside.get().run_inside([&] { result = ::if_nametoindex(name); });
    return result;
  }
  [[nodiscard]] RouteAnswer ask(std::string_view destination) const {
    auto lookup = RouteLookup::open(inside.opener()).value();
    return lookup.look_up(std::array{ip(destination)}).front().value();
  }

  TestNamespace inside;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(route_lookup)

BOOST_AUTO_TEST_CASE(a_public_address_goes_by_the_default_route_of_its_family) {
  const Network network;
  const auto eth0 = network.index("eth0");
  BOOST_TEST((network.ask("198.51.100.7") == RouteAnswer{Kind::device, eth0, 254, ip("203.0.113.1"), ip("203.0.113.10")}));
  BOOST_TEST((network.ask("2001:db8:80::80") == RouteAnswer{Kind::device, eth0, 254, ip("2001:db8:10::1"), ip("2001:db8:10::10")}));
}

BOOST_AUTO_TEST_CASE(a_policy_rule_sends_it_into_the_tunnel_and_the_table_says_so) {
  const Network network;
  network.inside.run(
      "ip route add default dev wg0 table 51820 && ip rule add not fwmark 51820 table 51820 &&"
      "ip -6 route add default dev wg0 table 51820 && ip -6 rule add not fwmark 51820 table 51820");
  const auto wg0 = network.index("wg0");
  BOOST_TEST((network.ask("198.51.100.7") == RouteAnswer{Kind::device, wg0, 51820, std::nullopt, ip("198.19.0.2")}));
  BOOST_TEST((network.ask("2001:db8:80::80") == RouteAnswer{Kind::device, wg0, 51820, std::nullopt, ip("2001:db8:19::2")}));
}

BOOST_AUTO_TEST_CASE(an_own_address_stays_in_the_namespace) {
  const Network network;
  BOOST_TEST((network.ask("203.0.113.10").kind == Kind::local));
  BOOST_TEST((network.ask("2001:db8:10::10").kind == Kind::local));
  BOOST_TEST((network.ask("127.0.0.53").kind == Kind::local));
}

BOOST_AUTO_TEST_CASE(no_route_and_each_refusing_route_have_their_own_answers) {
  const TestNamespace inside;
  inside.run("ip link set lo up");
  auto lookup = RouteLookup::open(inside.opener()).value();
  const std::array destinations{ip("198.51.100.7"), ip("2001:db8:80::80")};
  const auto check = [&](Kind expected) {
    const auto answers = lookup.look_up(destinations);
    BOOST_TEST((answers.at(0)->kind == expected));
    BOOST_TEST((answers.at(1)->kind == expected));
  };
  check(Kind::unreachable);
  for (const auto& [type, expected] :
       {std::pair{"unreachable", Kind::unreachable}, {"blackhole", Kind::blackhole}, {"prohibit", Kind::prohibit}}) {
    inside.run(fmt::format("ip route replace {0} default && ip -6 route replace {0} default metric 1", type));
    check(expected);
    inside.run("ip route delete default && ip -6 route delete default metric 1");
  }
}

BOOST_AUTO_TEST_CASE(answers_keep_the_order_of_the_questions_beyond_one_batch) {
  const Network network;
  const auto eth0 = network.index("eth0");
  const std::array asked{ip("127.0.0.1"), ip("198.51.100.7"), ip("2001:db8:80::80")};
  std::vector<IpAddress> destinations;
  for (std::size_t i = 0; i < 300; ++i) destinations.push_back(asked.at(i % asked.size()));
  auto lookup = RouteLookup::open(network.inside.opener()).value();
  const auto answers = lookup.look_up(destinations);
  BOOST_TEST_REQUIRE(answers.size() == destinations.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    BOOST_TEST_REQUIRE(answers[i].has_value());
    BOOST_TEST((answers[i]->kind == (i % 3 == 0 ? Kind::local : Kind::device)));
    if (i % 3 != 0) BOOST_TEST(answers[i]->link_index == eth0);
  }
  BOOST_TEST(lookup.look_up({}).empty());
}

BOOST_AUTO_TEST_CASE(a_change_is_seen_by_the_next_look_up) {
  const Network network;
  auto lookup = RouteLookup::open(network.inside.opener()).value();
  const std::array destination{ip("198.51.100.7")};
  BOOST_TEST((lookup.look_up(destination).front()->kind == Kind::device));
  network.inside.run("ip link set eth0 down");
  BOOST_TEST((lookup.look_up(destination).front()->kind == Kind::unreachable));
}

BOOST_AUTO_TEST_CASE(a_late_reply_to_an_earlier_question_is_skipped) {
  const Network network;
  int fd = -1;
  const auto open = network.inside.opener();
  auto lookup = RouteLookup::open([&](int domain, int type, int protocol) {
                  auto socket = open(domain, type, protocol);
                  fd = socket->get();
                  return socket;
                }).value();
  const std::array late{ip("127.0.0.1")};
  BOOST_TEST(send_netlink(fd, route_requests(late, 4'000'000'000U)).has_value());
  BOOST_TEST((lookup.look_up(std::array{ip("198.51.100.7")}).front()->kind == Kind::device));
}

BOOST_AUTO_TEST_CASE(a_kernel_that_does_not_answer_is_could_not_look_and_never_no_route) {
  const Network network;
  auto lookup = RouteLookup::open(deaf(network.inside.opener())).value();
  const auto begin = mono_now();
  const auto answers = lookup.look_up(std::array{ip("198.51.100.7"), ip("2001:db8:80::80")});
  BOOST_TEST((mono_now() - begin < std::chrono::seconds{5}));
  for (const auto& answer : answers) {
    BOOST_TEST_REQUIRE(!answer.has_value());
    BOOST_TEST((answer.error().kind == Error::Kind::timed_out));
  }
}

BOOST_AUTO_TEST_CASE(a_socket_that_cannot_be_made_is_an_error) {
  const auto refuse = [](int, int, int) -> Result<Fd> { return fail(Error::Kind::not_permitted, "no"); };
  const auto lookup = RouteLookup::open(refuse);
  BOOST_TEST_REQUIRE(!lookup.has_value());
  BOOST_TEST((lookup.error() == Error{Error::Kind::not_permitted, "no"}));
}

BOOST_AUTO_TEST_CASE(a_link_is_read_anew_and_a_missing_one_is_not_found) {
  const Network network;
  auto look_up = RouteLookup::open(network.inside.opener()).value();
  const auto tunnel = network.index("wg0");
  const auto before = look_up.read_link(tunnel);
  BOOST_TEST_REQUIRE(before.has_value());
  BOOST_TEST(before->name == "wg0");
  // Statistics grow without a message: a datagram of 1000 bytes to everybody on the link.
  const auto sent = network.inside.get().run_inside([&] {
    const Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const int yes = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "wg0", 4);
    sockaddr_storage storage{};
    const auto length = Endpoint::parse("255.255.255.255:9", 9)->to_sockaddr(storage);
    const std::string text(1000, 'x');
    (void)::sendto(socket.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&storage), length);
  });
  BOOST_TEST(sent.has_value());
  BOOST_TEST(look_up.read_link(tunnel)->tx_bytes >= before->tx_bytes + 1000);
  for (const auto missing : {0U, 4'000'000U}) {
    const auto link = look_up.read_link(missing);
    BOOST_TEST_REQUIRE(!link.has_value());
    BOOST_TEST((link.error().kind == Error::Kind::not_found));
  }
}

BOOST_AUTO_TEST_SUITE_END()

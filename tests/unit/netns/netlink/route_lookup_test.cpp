#include "netns/netlink/route_lookup.hpp"

#include <net/if.h>
#include <sys/socket.h>

#include <fmt/format.h>

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
RouteQuestion about(std::string_view destination, Flow flow = {}) { return {ip(destination), std::move(flow)}; }

/// "dev 2 via 203.0.113.1 table 254": by which link, and the route's table.
std::string way(const RouteAnswer& answer) {
  std::string text;
  for (const auto& hop : answer.route.next_hops) {
    text += fmt::format("dev {}{} ", hop.link_index, hop.gateway ? " via " + hop.gateway->to_string() : "");
  }
  return text + fmt::format("table {}", answer.route.table);
}

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
  [[nodiscard]] RouteAnswer ask(std::string_view destination, Flow flow = {}) const {
    auto lookup = RouteLookup::open(inside.opener()).value();
    return lookup.look_up(std::array{about(destination, std::move(flow))}).front().value();
  }

  TestNamespace inside;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(route_lookup)

BOOST_AUTO_TEST_CASE(a_public_address_goes_by_the_default_route_of_its_family) {
  const Network network;
  const auto eth0 = network.index("eth0");
  BOOST_TEST(way(network.ask("198.51.100.7")) == fmt::format("dev {} via 203.0.113.1 table 254", eth0));
  BOOST_TEST(way(network.ask("2001:db8:80::80")) == fmt::format("dev {} via 2001:db8:10::1 table 254", eth0));
}

BOOST_AUTO_TEST_CASE(a_policy_rule_sends_it_into_the_tunnel_and_the_table_says_so) {
  const Network network;
  network.inside.run(
      "ip route add default dev wg0 table 51820 && ip rule add not fwmark 51820 table 51820 &&"
      "ip -6 route add default dev wg0 table 51820 && ip -6 rule add not fwmark 51820 table 51820");
  const auto wg0 = network.index("wg0");
  for (const auto* const destination : {"198.51.100.7", "2001:db8:80::80"}) {
    BOOST_TEST(way(network.ask(destination)) == fmt::format("dev {} table 51820", wg0));
    Flow marked;
    marked.mark = 51820;
    BOOST_TEST(network.ask(destination, marked).route.table == 254U);
  }
}

BOOST_AUTO_TEST_CASE(each_selector_of_a_rule_can_be_asked_about) {
  const Network network;
  const struct {
    std::string selector;
    Flow flow;
  } rows[]{
      {"uidrange 1000-1999", {0, 1500, 0, 0, 0, 0, {}}},
      {"ipproto tcp dport 443", {0, {}, 6, 0, 443, 0, {}}},
      {"ipproto udp sport 5000-5999", {0, {}, 17, 5500, 0, 0, {}}},
      {"tos 0x10", {0, {}, 0, 0, 0, 0x10, {}}},
      {"fwmark 0x100/0xff00", {0x1ff, {}, 0, 0, 0, 0, {}}},
  };
  for (const auto& row : rows) {
    for (const auto* const family : {"-4", "-6"}) {
      const auto* const destination = family == std::string_view("-4") ? "198.51.100.7" : "2001:db8:80::80";
      network.inside.run(
          fmt::format("ip {0} route replace default dev wg0 table 77 && ip {0} rule add {1} table 77 priority 50", family, row.selector));
      BOOST_TEST(network.ask(destination).route.table == 254U, row.selector << family);
      BOOST_TEST(network.ask(destination, row.flow).route.table == 77U, row.selector << family);
      network.inside.run(fmt::format("ip {} rule del priority 50", family));
    }
  }
  network.inside.run("ip route replace default dev wg0 table 77 && ip rule add from 203.0.113.10 table 77");
  Flow bound;
  bound.source = ip("203.0.113.10");
  BOOST_TEST(network.ask("198.51.100.7", bound).route.table == 77U);
}

BOOST_AUTO_TEST_CASE(the_answer_names_the_route_and_every_next_hop_of_it) {
  const Network network;
  const auto eth0 = network.index("eth0");
  const auto wg0 = network.index("wg0");
  network.inside.run(
      "ip route add 198.18.0.0/15 metric 7 nexthop via 203.0.113.1 dev eth0 nexthop dev wg0 weight 3 &&"
      "ip nexthop add id 4 via 2001:db8:10::1 dev eth0 && ip -6 nexthop add id 5 dev wg0 && ip nexthop add id 6 group 4/5 &&"
      "ip -6 route add 2001:db8:80::/48 nhid 6 &&"
      "ip nexthop add id 1 via 203.0.113.1 dev eth0 && ip nexthop add id 2 dev wg0 && ip nexthop add id 3 group 1/2 &&"
      "ip route add 198.51.100.0/24 nhid 3");
  const auto both = fmt::format("dev {} via 203.0.113.1 dev {} table 254", eth0, wg0);
  const auto v4 = network.ask("198.18.0.7");
  BOOST_TEST(way(v4) == both);
  BOOST_TEST(v4.route.destination.to_string() == "198.18.0.0/15");
  BOOST_TEST(v4.route.metric == 7U);
  BOOST_TEST(network.ask("2001:db8:80::80").route.next_hops.size() == 2U);
  BOOST_TEST(way(network.ask("198.51.100.7")) == both);
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
  const std::array destinations{about("198.51.100.7"), about("2001:db8:80::80")};
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
  const std::array asked{about("127.0.0.1"), about("198.51.100.7"), about("2001:db8:80::80")};
  std::vector<RouteQuestion> destinations;
  for (std::size_t i = 0; i < 300; ++i) destinations.push_back(asked.at(i % asked.size()));
  auto lookup = RouteLookup::open(network.inside.opener()).value();
  const auto answers = lookup.look_up(destinations);
  BOOST_TEST_REQUIRE(answers.size() == destinations.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    BOOST_TEST_REQUIRE(answers[i].has_value());
    BOOST_TEST((answers[i]->kind == (i % 3 == 0 ? Kind::local : Kind::device)));
    if (i % 3 != 0) BOOST_TEST(answers[i]->route.next_hops.at(0).link_index == eth0);
  }
  BOOST_TEST(lookup.look_up({}).empty());
}

BOOST_AUTO_TEST_CASE(a_change_is_seen_by_the_next_look_up) {
  const Network network;
  auto lookup = RouteLookup::open(network.inside.opener()).value();
  const std::array destination{about("198.51.100.7")};
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
  const std::array late{about("127.0.0.1")};
  BOOST_TEST(send_netlink(fd, route_requests(late, 4'000'000'000U)).has_value());
  BOOST_TEST((lookup.look_up(std::array{about("198.51.100.7")}).front()->kind == Kind::device));
}

BOOST_AUTO_TEST_CASE(a_kernel_that_does_not_answer_is_could_not_look_and_never_no_route) {
  const Network network;
  auto lookup = RouteLookup::open(deaf(network.inside.opener())).value();
  const auto begin = mono_now();
  const auto answers = lookup.look_up(std::array{about("198.51.100.7"), about("2001:db8:80::80")});
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

// Who leaks, as the real kernel tells it: eth0 is the uplink, tun0 the tunnel (both veth pairs of the test's own).
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "netns/monitor/monitor.hpp"
#include "probe/connections/leaking_programs.hpp"
#include "probe/connections/sources.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"
#include "tests/unit/netns/support/unit_rights.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

struct Leaking {
  TestNamespace space;
  FlowGround ground;

  Leaking() {
    space.run(
        "ip link set lo up && ip link add eth0 type veth peer name eth1 && ip link add tun0 type veth peer name tun1 && "
        "ip link set eth0 up && ip link set eth1 up && ip link set tun0 up && ip link set tun1 up && "
        "ip address add 192.0.2.9/24 dev eth0 && ip address add 198.18.0.2/24 dev tun0 && "
        "ip route add default via 198.18.0.1 dev tun0 && ip route add default via 192.0.2.1 dev eth0 metric 100");
    FirewallPolicy policy;
    policy.tunnels = {"tun0"};
    policy.uplinks = {"eth0"};
    ground = make_flow_ground(take_snapshot(space.opener()).value(), policy, true);
  }

  [[nodiscard]] Fd connected(int type, const char* device) const {
    auto made = space.opener()(AF_INET, type, 0).value();
    const std::string name = device;
    if (!name.empty()) {
      BOOST_REQUIRE_EQUAL(::setsockopt(made.get(), SOL_SOCKET, SO_BINDTODEVICE, name.data(), static_cast<socklen_t>(name.size())), 0);
    }
    sockaddr_storage storage{};
    const auto length = Endpoint::parse("203.0.113.7:443", 0)->to_sockaddr(storage);
    const int done = ::connect(made.get(), reinterpret_cast<const sockaddr*>(&storage), length);
    BOOST_REQUIRE(done == 0 || errno == EINPROGRESS);
    return made;
  }

  [[nodiscard]] NamedPrograms named(std::uint8_t protocol) const {
    const std::vector questions{
        LeakQuestion{{IpAddress::parse("203.0.113.7").value(), protocol, 443, static_cast<std::uint32_t>(::geteuid()), {1, 60}}, {}, {}}};
    return find_leaking_programs(space.opener(), ground, questions, mono_now() + 5s).value().at(0);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(find_programs)

BOOST_FIXTURE_TEST_CASE(a_program_that_is_bound_to_the_uplink_is_found_by_tcp, Leaking) {
  const auto socket = connected(SOCK_STREAM, "eth0");
  const auto found = named(IPPROTO_TCP);
  BOOST_REQUIRE_EQUAL(found.programs.size(), 1U);
  BOOST_TEST(found.programs[0].pid == ::getpid());
  BOOST_TEST(!found.programs[0].name.empty());
}

BOOST_FIXTURE_TEST_CASE(by_udp_it_is_told_as_one_that_may_have_sent, Leaking) {
  const auto socket = connected(SOCK_DGRAM, "eth0");
  const auto found = named(IPPROTO_UDP);
  BOOST_TEST(found.programs.empty());
  BOOST_TEST(found.why_not.find("(pid " + std::to_string(::getpid()) + ") may have sent it") != std::string::npos, found.why_not);
}

BOOST_FIXTURE_TEST_CASE(a_program_that_goes_there_by_the_tunnel_is_not, Leaking) {
  const auto routed = connected(SOCK_DGRAM, "");
  const auto bound = connected(SOCK_DGRAM, "tun0");
  const auto found = named(IPPROTO_UDP);
  BOOST_TEST(found.programs.empty());
  BOOST_TEST(found.why_not.starts_with("no connected socket leads there"));
}

BOOST_FIXTURE_TEST_CASE(where_another_socket_may_have_sent_without_connecting_nobody_is, Leaking) {
  const auto socket = connected(SOCK_DGRAM, "eth0");
  // Listed as soon as it has a port.
  const auto other = space.opener()(AF_INET, SOCK_DGRAM, 0).value();
  sockaddr_storage storage{};
  const auto length = Endpoint::parse("0.0.0.0:4000", 0)->to_sockaddr(storage);
  BOOST_REQUIRE_EQUAL(::bind(other.get(), reinterpret_cast<const sockaddr*>(&storage), length), 0);
  const auto found = named(IPPROTO_UDP);
  BOOST_TEST(found.programs.empty());
  BOOST_TEST(found.why_not.starts_with("another socket of the user"));
}

BOOST_FIXTURE_TEST_CASE(a_socket_that_is_closed_names_nobody, Leaking) {
  (void)connected(SOCK_DGRAM, "eth0");
  BOOST_TEST(named(IPPROTO_UDP).programs.empty());
}

BOOST_FIXTURE_TEST_CASE(who_has_a_packet_socket_is_told_as_one_that_may_have_sent_and_not_named, Leaking) {
  const auto before = named(IPPROTO_UDP);
  BOOST_TEST(before.why_not.find("packet socket") == std::string::npos, before.why_not);
  const auto socket = space.opener()(AF_PACKET, SOCK_RAW, 0).value();
  const auto found = named(IPPROTO_UDP);
  BOOST_TEST(found.programs.empty());
  BOOST_TEST(found.why_not.find("(pid " + std::to_string(::getpid()) + ")") != std::string::npos, found.why_not);
  // By the tunnel it cannot have left outside.
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  const auto tunnel = std::ranges::find(ground.links, "tun0", [](const auto& link) { return link.second.name; });
  BOOST_REQUIRE(tunnel != ground.links.end());
  address.sll_ifindex = static_cast<int>(tunnel->first);
  BOOST_REQUIRE_EQUAL(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  BOOST_TEST(named(IPPROTO_UDP).why_not == before.why_not);
}

/// Of a look at one socket.
std::optional<Program> owner_now(ConnectionSource& source) {
  const auto batch = source.look().value();
  return batch.sightings.empty() ? std::nullopt : batch.sightings.front().owner.program;
}

BOOST_FIXTURE_TEST_CASE(a_new_socket_has_its_owner_at_once_and_one_that_was_handed_on_loses_him_after_a_while, Leaking) {
  const auto told_always = make_socket_source(space.get());
  const auto told_late = make_socket_source(space.get(), {.owners_last = 1h});
  BOOST_TEST(told_late->look().value().sightings.empty());
  const auto socket = connected(SOCK_DGRAM, "eth0");
  BOOST_TEST(owner_now(*told_late)->pid == ::getpid());
  BOOST_TEST(owner_now(*told_always)->pid == ::getpid());
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  // Two processes have it now, so that nobody is named who is not certain.
  BOOST_TEST(!owner_now(*told_always).has_value());
  BOOST_TEST(owner_now(*told_late)->pid == ::getpid());
  // Its own new sockets are no reason to walk through all processes again; it has them for certain.
  const auto another = connected(SOCK_STREAM, "tun0");
  const auto own = told_late->look().value();
  BOOST_REQUIRE_EQUAL(own.sightings.size(), 2U);
  for (const auto& seen : own.sightings) BOOST_TEST(seen.owner.program->pid == ::getpid());
  // Another program's is.
  space.run("bash -c 'exec 3<>/dev/udp/203.0.113.7/444; exec sleep 20' > /dev/null 2>&1 &");
  Batch all;
  for (const auto until = mono_now() + 15s; all.sightings.size() < 3 && mono_now() < until;) all = told_late->look().value();
  BOOST_REQUIRE_EQUAL(all.sightings.size(), 3U);
  for (const auto& seen : all.sightings) {
    const bool is_shared = seen.key.protocol == IPPROTO_UDP && seen.key.remote.port == 443;
    BOOST_TEST(seen.owner.program.has_value() == !is_shared, seen.owner.why_not);
    if (seen.key.remote.port == 444) BOOST_TEST(seen.owner.program->pid != ::getpid());
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

BOOST_FIXTURE_TEST_CASE(a_probe_that_is_not_root_and_whose_rights_rest_finds_the_program_of_another_user, Leaking) {
  space.run("bash -c 'exec 3<>/dev/udp/203.0.113.7/444; exec sleep 20' > /dev/null 2>&1 &");
  const auto source = make_socket_source(space.get());
  with_rights_of_a_unit([&] {
    std::optional<Program> owner;
    for (const auto until = mono_now() + 15s; !owner && mono_now() < until;) owner = owner_now(*source);
    BOOST_TEST((owner && owner->pid != ::getpid()));
  });
}

BOOST_FIXTURE_TEST_CASE(the_source_tells_way_and_owner_of_each_socket, Leaking) {
  const auto outside = connected(SOCK_DGRAM, "eth0");
  const auto inside = connected(SOCK_STREAM, "");
  const auto batch = make_socket_source(space.get())->look().value();
  BOOST_TEST(batch.whole);
  BOOST_REQUIRE_EQUAL(batch.sightings.size(), 2U);
  auto look_up = RouteLookup::open(space.opener()).value();
  const auto ways = find_ways(batch.sightings, ground, look_up);
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const bool is_tcp = batch.sightings[i].key.protocol == IPPROTO_TCP;
    BOOST_TEST((ways[i].way == (is_tcp ? FlowWay::tunnel : FlowWay::outside)), ways[i].why);
    BOOST_TEST(batch.sightings[i].owner.program.value().pid == ::getpid());
  }
}

BOOST_AUTO_TEST_SUITE_END()

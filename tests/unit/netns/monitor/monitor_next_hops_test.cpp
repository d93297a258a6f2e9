// Routes by next hop objects in a real kernel: such a route moves without a message of its own.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/netns/support/watched.hpp"

using namespace vpn_sentinel;

BOOST_AUTO_TEST_SUITE(monitor_next_hops)

BOOST_AUTO_TEST_CASE(a_next_hop_object_moves_its_routes) {
  Watched watched;
  if (!watched.inside.try_run("ip nexthop add id 1 dev wg0 && ip route add 192.0.2.0/24 nhid 1")) {
    BOOST_TEST_MESSAGE("SKIPPED: the kernel has no next hop objects");
    return;
  }
  BOOST_TEST(watched.await_truth());
  watched.inside.run("ip nexthop replace id 1 via 203.0.113.1 dev eth0");
  BOOST_TEST(watched.await_truth());
  watched.inside.run("ip nexthop delete id 1");
  BOOST_TEST(watched.await([&] { return !watched.has_route("192.0.2.0/24", 254); }));
}

BOOST_AUTO_TEST_CASE(routes_that_name_only_their_next_hop_object_always_have_its_next_hops) {
  Watched watched;
  if (!watched.inside.try_run("echo 0 2>/dev/null >/proc/sys/net/ipv4/nexthop_compat_mode && ip nexthop add id 1 dev wg0")) {
    BOOST_TEST_MESSAGE("SKIPPED: /proc/sys/net is read-only or the kernel has no next hop objects");
    return;
  }
  const auto hops = [&](std::string_view destination) {
    const auto& routes = watched.monitor->snapshot().routes;
    const auto found = std::ranges::find(routes, IpPrefix::parse(destination).value(), &Route::destination);
    std::vector<std::string> names;
    if (found == routes.end()) return names;
    for (const auto& hop : found->next_hops) names.push_back(watched.monitor->snapshot().find_link(hop.link_index)->name);
    return names;
  };
  const auto await_hops = [&](std::string_view destination, const std::vector<std::string>& names) {
    BOOST_TEST(watched.await([&] { return hops(destination) == names; }), destination);
    BOOST_TEST(watched.await_truth());
  };
  watched.inside.run("ip route add 192.0.2.0/24 nhid 1 && ip route add 128.0.0.0/1 nhid 1");
  await_hops("192.0.2.0/24", {"wg0"});
  watched.inside.run("ip nexthop replace id 1 via 203.0.113.1 dev eth0");
  BOOST_TEST(watched.await_cause("route 128.0.0.0/1 via 203.0.113.1 dev eth0 moved by its next hop object"));
  await_hops("192.0.2.0/24", {"eth0"});
  watched.inside.run(
      "ip nexthop add id 2 dev wg0 && ip nexthop add id 9 group 1/2,3 && ip route replace 192.0.2.0/24 nhid 9 &&"
      "ip -6 nexthop add id 3 dev wg0 && ip -6 route add 2001:db8:1::/48 nhid 3");
  await_hops("192.0.2.0/24", {"eth0", "wg0"});
  await_hops("2001:db8:1::/48", {"wg0"});
  watched.inside.run("ip nexthop add id 5 dev eth0");
  BOOST_TEST(watched.await_cause("next hop object 5 dev eth0 added"));
  watched.inside.run("ip nexthop delete id 5");
  BOOST_TEST(watched.await_cause("next hop object 5 dev eth0 deleted"));
  watched.inside.run("ip link set wg0 down");
  await_hops("192.0.2.0/24", {"eth0"});
  await_hops("2001:db8:1::/48", {});
  watched.inside.run("ip nexthop delete id 1");
  await_hops("192.0.2.0/24", {});
  await_hops("128.0.0.0/1", {});
}

BOOST_AUTO_TEST_CASE(a_route_whose_next_hop_object_becomes_a_blackhole_is_one) {
  Watched watched;
  if (!watched.inside.try_run("ip nexthop add id 1 blackhole")) {
    BOOST_TEST_MESSAGE("SKIPPED: the kernel has no next hop objects");
    return;
  }
  BOOST_TEST(watched.await_cause("next hop object 1 blackhole added"));
  watched.inside.run("ip route add 192.0.2.0/24 nhid 1");
  BOOST_TEST(watched.await_cause("route blackhole 192.0.2.0/24 added"));
  BOOST_TEST(watched.await_truth());
  (void)watched.inside.try_run("ip nexthop replace id 1 dev wg0");
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_SUITE_END()

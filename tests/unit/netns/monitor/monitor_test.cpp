#include "netns/monitor/monitor.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>

#include "tests/unit/netns/support/watched.hpp"

using namespace vpn_sentinel;

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

namespace {

/// The descriptor that a VPN program holds; closing it is the program's death.
Fd open_tunnel(const TestNamespace& inside, const char* name) {
  Fd tunnel;
  const auto opened = inside.get().run_inside([&] {
    tunnel = Fd{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (::ioctl(tunnel.get(), TUNSETIFF, &request) != 0) tunnel.reset();
  });
  BOOST_REQUIRE(opened);
  BOOST_REQUIRE(tunnel);
  return tunnel;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(monitor)

BOOST_AUTO_TEST_CASE(the_first_snapshot_is_complete_when_start_returns) {
  Watched watched;
  BOOST_TEST(watched.has_route("0.0.0.0/0", 254));
  BOOST_TEST(watched.has_route("0.0.0.0/0", 51820));
  BOOST_TEST(watched.monitor->snapshot().find_link("wg0")->kind == "veth");
  BOOST_TEST(watched.monitor->snapshot().addresses.size() >= 4U);
  BOOST_TEST(watched.changes.empty());
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(a_link_that_is_set_down_is_told_and_its_silent_routes_are_gone_at_once) {
  Watched watched;
  bool still_routed = true;
  watched.on_change = [&] { still_routed = watched.has_route("0.0.0.0/0", 51820); };
  watched.inside.run("ip link set wg0 down");
  BOOST_TEST(watched.await_cause("link wg0 down"));
  BOOST_TEST(!still_routed);
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(the_death_of_the_vpn_program_is_a_lost_carrier) {
  Watched watched("ip link set lo up");
  auto tunnel = open_tunnel(watched.inside, "tun7");
  watched.inside.run("ip link set tun7 up && ip address add 198.19.0.2/24 dev tun7 && ip route add default dev tun7");
  BOOST_TEST(watched.await_truth());
  tunnel.reset();
  BOOST_TEST(watched.await_cause("link tun7 down (carrier lost)"));
  BOOST_TEST(watched.await([&] { return watched.monitor->snapshot().find_link("tun7") == nullptr; }));
  BOOST_TEST(!watched.has_route("0.0.0.0/0", 254));
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(a_restarted_tunnel_has_a_new_index_and_is_found_by_its_name) {
  Watched watched("ip link set lo up");
  auto tunnel = open_tunnel(watched.inside, "tun7");
  BOOST_TEST(watched.await_cause("link tun7 added"));
  const auto before = watched.monitor->snapshot().find_link("tun7")->index;
  tunnel.reset();
  BOOST_TEST(watched.await_cause("link tun7 deleted"));
  watched.changes.clear();
  tunnel = open_tunnel(watched.inside, "tun7");
  BOOST_TEST(watched.await_cause("link tun7 added"));
  BOOST_TEST(watched.monitor->snapshot().find_link("tun7")->index != before);
}

BOOST_AUTO_TEST_CASE(every_way_to_change_the_way_out_is_told_in_words) {
  Watched watched;
  const auto check = [&](const std::string& command, std::string_view cause) {
    watched.inside.run(command);
    BOOST_TEST(watched.await_cause(cause), cause);
  };
  check("ip route replace default dev eth0 table 51820", "route default dev eth0 table 51820 replaced");
  check("ip route add 198.51.100.0/24 via 203.0.113.1", "route 198.51.100.0/24 via 203.0.113.1 dev eth0 added");
  check("ip route add 128.0.0.0/2 via 203.0.113.1", "route 128.0.0.0/2 via 203.0.113.1 dev eth0 added");
  check("ip route add unreachable default metric 4000", "route unreachable default metric 4000 added");
  check("ip route add 64.0.0.0/2 dev eth0 table local", "route 64.0.0.0/2 dev eth0 table local added");
  check("ip -6 route add default dev eth0 metric 7", "IPv6 route default dev eth0 metric 7 added");
  check("ip rule delete not fwmark 51820 table 51820", "rule 32765 not fwmark 0xca6c lookup 51820 deleted");
  check("ip rule add priority 9 to 198.51.100.0/24 lookup main", "rule 9 to 198.51.100.0/24 lookup main added");
  check("ip address delete 198.19.0.2/32 dev wg0", "address 198.19.0.2/32 of wg0 removed");
  check("ip link set wg0 mtu 1280", "link wg0 mtu 1500 changed to 1280");
  check("ip link set wg1 down", "link wg1 down");
  check("ip link set eth0 down", "link eth0 down");
  watched.inside.run("ip link delete eth0");
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(routes_that_preferred_a_removed_source_address_leave_the_snapshot) {
  Watched watched;
  watched.inside.run("ip address add 203.0.113.11/24 dev eth0 && ip route add 192.0.2.0/24 dev eth0 src 203.0.113.11");
  BOOST_TEST(watched.await([&] { return watched.has_route("192.0.2.0/24", 254); }));
  watched.inside.run("ip address delete 203.0.113.11/24 dev eth0");
  BOOST_TEST(watched.await([&] { return !watched.has_route("192.0.2.0/24", 254); }));
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(ipv6_multipath_routes_end_up_as_the_kernel_has_them) {
  Watched watched;
  watched.inside.run(
      "ip -6 address add 2001:db8:10::10/64 dev eth0 nodad && ip -6 route add default via 2001:db8:10::1 metric 5 &&"
      "ip -6 route append default via 2001:db8:10::2 metric 5 && ip -6 route append default via 2001:db8:10::3 metric 5");
  BOOST_TEST(watched.await_truth());
  watched.inside.run("ip -6 route delete default via 2001:db8:10::2 metric 5");
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(a_link_that_is_enslaved_released_or_moved_away_is_told) {
  Watched watched;
  watched.inside.run("ip link add br0 type bridge && ip link set wg0 master br0");
  BOOST_TEST(watched.await_cause("link wg0 enslaved to br0"));
  BOOST_TEST(watched.monitor->snapshot().find_link("wg0")->master_kind == "bridge");
  watched.inside.run("ip link set wg0 nomaster");
  BOOST_TEST(watched.await_cause("link wg0 released from br0"));
  // Links that were never up: those above still tell of their carrier.
  watched.inside.run("ip link add old0 type veth peer name old1");
  BOOST_TEST(watched.await([&] { return watched.monitor->snapshot().find_link("old0") && watched.monitor->snapshot().find_link("old1"); }));
  BOOST_TEST(watched.await_truth());
  watched.inside.run("ip link set old1 name vpn1");
  BOOST_TEST(watched.await_cause("link old1 renamed to vpn1"));
  BOOST_TEST(watched.await_truth());
  const auto name = fmt::format("vs{}-other", ::getpid());
  watched.inside.run(fmt::format("ip netns add {0} && ip link set vpn1 netns {0}; code=$?; ip netns delete {0}; exit $code", name));
  BOOST_TEST(watched.await_cause("link vpn1 moved to another network namespace"));
  // The other namespace, and the peer with it, ends whenever the kernel comes to it: that is not compared here.
  BOOST_TEST((watched.monitor->snapshot().find_link("vpn1") == nullptr));
}

/// Sends a router advertisement (RFC 4861, 4.2) on eth1 to all nodes: with a prefix, a DNS server (RFC 8106), or neither.
std::string advertise(std::string_view options) {
  return fmt::format(R"(python3 -c "
import socket, struct
router = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
address = lambda text: socket.inet_pton(socket.AF_INET6, text)
prefix = struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 3600, 3600, 0) + address('2001:db8:7::')
server = struct.pack('!BBHI', 25, 3, 0, 600) + address('2001:db8::53')
router.sendto(struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0) + {}, ('ff02::1', 0, 0, socket.if_nametoindex('eth1')))
")",
                     options);
}

BOOST_AUTO_TEST_CASE(a_router_advertisement_is_told_with_its_prefix_and_its_dns_servers) {
  Watched watched(
      "ip link add eth0 type veth peer name eth1 && ip link set eth0 addrgenmode none && ip link set eth1 addrgenmode none &&"
      "ip link set eth0 up && ip link set eth1 up && ip address add fe80::10/64 dev eth0 nodad && ip address add fe80::1/64 dev eth1 "
      "nodad");
  const bool ready = watched.inside.try_run(
      "command -v python3 >/dev/null && cd /proc/sys/net/ipv6/conf && echo 1 2>/dev/null >eth0/accept_ra_from_local &&"
      "echo 2 >eth0/accept_ra && echo 0 >eth1/accept_ra");
  if (!ready) {
    BOOST_TEST_MESSAGE("SKIPPED: there is no python3, or /proc/sys/net is read-only");
    return;
  }
  watched.inside.run(advertise("b''"));
  BOOST_TEST(watched.await_cause("IPv6 route default via fe80::1 dev eth0 metric 1024 added"));
  watched.inside.run(advertise("server"));
  BOOST_TEST(watched.await_cause("router advertisement on eth0 names DNS servers 2001:db8::53 (from fe80::1)"));
  // The first one brings a route and an address, which tell more.
  watched.inside.run(advertise("prefix"));
  BOOST_TEST(watched.await([&] { return watched.has_route("2001:db8:7::/64", 254); }));
  watched.inside.run(advertise("prefix"));
  BOOST_TEST(watched.await_cause("prefix 2001:db8:7::/64 advertised on eth0"));
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(a_message_that_changes_nothing_that_matters_is_not_told) {
  Watched watched(quiet);
  watched.inside.run("ip link property add dev lo altname another-name && ip address add 198.19.0.3/32 dev lo");
  BOOST_TEST(watched.await_cause("address 198.19.0.3/32 of lo added"));
  BOOST_TEST(watched.changes.front().cause == "address 198.19.0.3/32 of lo added");
}

BOOST_AUTO_TEST_CASE(generations_grow_by_one_and_times_do_not_go_back) {
  Watched watched(quiet);
  const auto before = watched.monitor->generation();
  watched.inside.run("ip rule add priority 9 table 9");
  BOOST_TEST(watched.await_cause("rule 9 from all lookup 9 added"));
  watched.inside.run("ip rule delete priority 9");
  BOOST_TEST(watched.await_cause("rule 9 from all lookup 9 deleted"));
  BOOST_TEST_REQUIRE(watched.changes.size() == 2U);
  BOOST_TEST(watched.changes[0].generation == before + 1);
  BOOST_TEST(watched.changes[1].generation == before + 2);
  BOOST_TEST(watched.monitor->generation() == before + 2);
  BOOST_TEST((watched.changes[0].received <= watched.changes[1].received));
  BOOST_TEST(!watched.changes[1].resynchronised);
}

BOOST_AUTO_TEST_CASE(a_monitor_may_be_destroyed_by_its_listener) {
  Watched watched(quiet);
  watched.on_change = [&] { watched.monitor.reset(); };
  watched.inside.run("ip link set lo down");
  BOOST_TEST(watched.await_cause("link lo down (set down)"));
  watched.inside.run("ip link set lo up");
  watched.io.restart();
  watched.io.run();
  BOOST_TEST(watched.changes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_destroyed_monitor_leaves_no_work_on_the_loop) {
  Watched watched(quiet);
  watched.inside.run("ip link set lo down");
  BOOST_TEST(watched.await_cause("link lo down (set down)"));
  watched.monitor.reset();
  watched.io.restart();
  watched.io.run();
  BOOST_TEST(watched.io.stopped());
}

BOOST_AUTO_TEST_SUITE_END()

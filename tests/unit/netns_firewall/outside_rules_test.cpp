#include <netinet/in.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "netns/firewall/kill_switch.hpp"
#include "netns/firewall/leak_meter.hpp"
#include "tests/unit/netns_firewall/crafted_packets.hpp"
#include "tests/unit/netns_firewall/two_uplinks.hpp"

using namespace vpn_sentinel;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsFirewall);

struct Judged : TwoUplinks {
  static FirewallPolicy with_uplinks() {
    auto wanted = policy();
    wanted.uplinks = {"eth0", "eth1"};
    wanted.on_link = {IpPrefix::parse("192.0.2.0/24").value(), IpPrefix::parse("2001:db8:0::/64").value()};
    return wanted;
  }
  [[nodiscard]] LeakMeter installed(const FirewallPolicy& wanted) const {
    auto meter = LeakMeter::install(client.opener(), "test", wanted);
    BOOST_REQUIRE_MESSAGE(meter.has_value(), why(meter));
    return std::move(*meter);
  }
  /// True, and says so, where this kernel does not look at what leaves a device.
  static bool skipped(const LeakMeter& meter) {
    if (meter.egress_gap()) BOOST_TEST_MESSAGE("SKIPPED: " << meter.egress_gap()->message);
    return meter.egress_gap().has_value();
  }
  /// By a socket of `type` that is bound to eth0; `source` is its port.
  [[nodiscard]] int send_from(std::uint16_t source, const char* to, std::uint16_t port) const {
    const Endpoint where{IpAddress::parse(to).value(), port};
    const auto socket = client.opener()(address_family(where.address.family()), SOCK_DGRAM, 0);
    const int on = 1;
    BOOST_REQUIRE_EQUAL(::setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4), 0);
    BOOST_REQUIRE_EQUAL(::setsockopt(socket->get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on), 0);
    sockaddr_storage storage{};
    const auto any = where.address.is_v4() ? "0.0.0.0" : "::";
    auto length = Endpoint{IpAddress::parse(any).value(), source}.to_sockaddr(storage);
    BOOST_REQUIRE_EQUAL(::bind(socket->get(), reinterpret_cast<const sockaddr*>(&storage), length), 0);
    length = where.to_sockaddr(storage);
    if (where.address.to_string().starts_with("ff02")) {
      BOOST_REQUIRE(client.get()
                        .run_inside([&] { reinterpret_cast<sockaddr_in6*>(&storage)->sin6_scope_id = ::if_nametoindex("eth0"); })
                        .has_value());
    }
    return ::sendto(socket->get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&storage), length) < 0 ? errno : 0;
  }
  /// ICMPv6 of a type with a hop limit of 255.
  void send_icmp6(const char* to, std::uint8_t type) const {
    const auto socket = client.opener()(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    const int hops = 255;
    BOOST_REQUIRE_EQUAL(::setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4), 0);
    BOOST_REQUIRE_EQUAL(::setsockopt(socket->get(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops), 0);
    sockaddr_storage storage{};
    const auto length = Endpoint{IpAddress::parse(to).value(), 0}.to_sockaddr(storage);
    Packet packet(1200, 'x');
    packet[0] = type;
    packet[1] = 0;
    BOOST_TEST(::sendto(socket->get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&storage), length) == 1200);
  }
  /// A whole IPv4 packet by eth0, as it is.
  void send_raw(const Packet& packet, const char* to) const {
    const auto socket = client.opener()(AF_INET, SOCK_RAW, IPPROTO_RAW);
    BOOST_REQUIRE_EQUAL(::setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4), 0);
    sockaddr_storage storage{};
    const auto length = Endpoint{IpAddress::parse(to).value(), 0}.to_sockaddr(storage);
    BOOST_TEST(::sendto(socket->get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&storage), length) ==
               static_cast<ssize_t>(packet.size()));
  }
};

LeakCounters read(LeakMeter& meter) {
  auto counters = meter.read();
  BOOST_REQUIRE_MESSAGE(counters.has_value(), why(counters));
  return *counters;
}

/// Waits for what the kernel does a moment later.
template <typename Done>
LeakCounters read_until(LeakMeter& meter, const Done& done) {
  auto counters = read(meter);
  for (const auto deadline = mono_now() + std::chrono::seconds{5}; !done(counters) && mono_now() < deadline;) counters = read(meter);
  return counters;
}

Packet leaving() { return ipv4("192.0.2.1", "203.0.113.7", IPPROTO_UDP, udp(12345, 4444)); }

constexpr std::uint16_t pppoe = 0x8864;
constexpr std::uint16_t vlan = 0x8100;

}  // namespace

BOOST_AUTO_TEST_SUITE(outside_rules)

BOOST_FIXTURE_TEST_CASE(a_frame_that_says_it_is_something_else_is_counted, Judged) {
  auto meter = installed(with_uplinks());
  if (skipped(meter)) return;
  const std::vector<std::pair<std::uint16_t, Packet>> lies{
      {ETH_P_ARP, frame(ETH_P_IP, leaving())},  {ETH_P_PAE, frame(ETH_P_IP, leaving())}, {pppoe, frame(pppoe, leaving())},
      {vlan, frame(vlan, leaving())},           {ETH_P_ARP, frame(vlan, leaving())},     {ETH_P_IP, frame(ETH_P_IPV6, leaving())},
      {ETH_P_IPV6, frame(ETH_P_IP, leaving())}, {ETH_P_ARP, frame(pppoe, leaving())},    {0x1234, frame(ETH_P_IP, leaving())}};
  std::uint64_t sent = 0;
  for (const auto& [protocol, bytes] : lies) {
    write_frame(client, "eth0", protocol, bytes);
    BOOST_TEST(read(meter).outside().packets == ++sent, "protocol " << std::hex << protocol);
  }
  BOOST_TEST(read(meter).other.packets == sent);
}

BOOST_FIXTURE_TEST_CASE(what_keeps_a_link_working_and_is_what_it_says_is_not_counted, Judged) {
  auto meter = installed(with_uplinks());
  if (skipped(meter)) return;
  const std::vector<std::uint16_t> types{ETH_P_ARP, ETH_P_PAE, 0x88c7, 0x88cc};
  for (const auto type : types) write_frame(client, "eth0", type, frame(type, Packet(40, 1)));
  client.run("ip neighbour flush dev eth1");
  (void)send({"198.18.1.99", 80, "eth1"});
  BOOST_TEST((read(meter).outside() == Traffic{}));
}

BOOST_FIXTURE_TEST_CASE(what_no_bridge_passes_on_and_what_carries_another_uplink_is_not_counted, Judged) {
  auto wanted = with_uplinks();
  auto meter = installed(wanted);
  if (skipped(meter)) return;
  const auto to_group = [](std::uint16_t type, std::uint8_t last) {
    auto bytes = frame(type, Packet(40, 1));
    const Packet group{0x01, 0x80, 0xc2, 0x00, 0x00, last};
    std::copy(group.begin(), group.end(), bytes.begin());
    return bytes;
  };
  write_frame(client, "eth0", 0x8809, to_group(0x8809, 0x02));
  write_frame(client, "eth0", 0x88f7, frame(0x88f7, Packet(40, 1)));
  BOOST_TEST((read(meter).outside() == Traffic{}));
  write_frame(client, "eth0", 0x8809, to_group(0x8809, 0x10));
  write_frame(client, "eth0", pppoe, frame(pppoe, leaving()));
  BOOST_TEST(read(meter).other.packets == 2U);
  wanted.carrying_types = {0x8863, 0x8864};
  BOOST_TEST(meter.update(wanted).has_value());
  write_frame(client, "eth0", pppoe, frame(pppoe, leaving()));
  BOOST_TEST(read(meter).other.packets == 2U);
  write_frame(client, "eth0", pppoe, frame(ETH_P_IP, leaving()));
  BOOST_TEST(read(meter).other.packets == 3U);
}

BOOST_FIXTURE_TEST_CASE(a_frame_that_says_it_is_something_else_is_held_back, Judged) {
  auto kill_switch = KillSwitch::open(client.opener(), "test").value();
  const auto arming = kill_switch.arm(with_uplinks()).value();
  if (arming.egress_gap) return;
  write_frame(client, "eth0", ETH_P_ARP, frame(ETH_P_IP, leaving()));
  write_frame(client, "eth1", ETH_P_PAE, frame(ETH_P_IPV6, leaving()));
  BOOST_TEST(arrived() == 0U);
  BOOST_TEST(kill_switch.stopped().value().outside().packets == 2U);
  // Neighbours are still found.
  client.run("ip neighbour flush dev eth0");
  far.run("ip address add 192.0.2.9/24 dev far0");
  client.run("ip neighbour add 192.0.2.9 dev eth0 nud none; ip neighbour replace 192.0.2.9 dev eth0 nud probe lladdr 02:00:00:00:00:02");
}

BOOST_FIXTURE_TEST_CASE(a_vlan_on_an_uplink_is_judged_like_the_uplink, Judged) {
  if (!client.try_run("ip link add link eth0 name eth0.5 type vlan id 5 2>/dev/null")) {
    BOOST_TEST_MESSAGE("SKIPPED: this kernel has no VLAN devices");
    return;
  }
  client.run(
      "ip link set eth0.5 up && ip address add 192.168.5.1/24 dev eth0.5 && ip neighbour replace 192.168.5.2 lladdr 02:00:00:00:00:02 dev "
      "eth0.5");
  auto meter = installed(with_uplinks());
  BOOST_TEST(send({"192.168.5.2", 80, "eth0.5"}) == 0);
  BOOST_TEST((read(meter).outside() == Traffic{}));
}

BOOST_FIXTURE_TEST_CASE(the_ports_of_dhcp_open_no_way_to_the_internet, Judged) {
  auto meter = installed(with_uplinks());
  BOOST_TEST(send_from(68, "203.0.113.1", 68) == 0);
  BOOST_TEST(send_from(546, "2001:db8:ffff::1", 547) == 0);
  BOOST_TEST(read(meter).outside().packets == 2U);
  BOOST_TEST(send_from(68, "255.255.255.255", 67) == 0);
  BOOST_TEST(send_from(68, "192.0.2.2", 67) == 0);  // to renew
  BOOST_TEST(send_from(546, "ff02::1:2", 547) == 0);
  const auto counters = read(meter);
  BOOST_TEST(counters.outside().packets == 2U);
  BOOST_TEST(counters.upkeep.packets >= 3U);
}

BOOST_FIXTURE_TEST_CASE(a_lease_is_renewed_beyond_the_link_by_users_of_the_system_only_and_never_past_a_kill_switch, Judged) {
  if (!client.try_run("command -v python3 >/dev/null && sysctl -qw net.ipv4.ip_unprivileged_port_start=0")) {
    BOOST_TEST_MESSAGE("SKIPPED: there is no python3, or /proc/sys/net is read-only");
    return;
  }
  const auto renew = [&](unsigned user) {
    client.run(
        fmt::format("python3 -c 'import os, socket; os.setuid({}); s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
                    "s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b\"eth0\"); s.bind((\"\", 68)); "
                    "s.sendto(b\"x\", (\"203.0.113.1\", 67))'",
                    user));
  };
  {
    auto meter = installed(with_uplinks());
    renew(0);
    renew(998);
    auto counters = read(meter);
    BOOST_TEST(counters.outside().packets == 0U);
    BOOST_TEST(counters.answers.packets == 2U);
    renew(1024);
    BOOST_TEST(read(meter).v4.packets == 1U);
    BOOST_TEST(arrived() == 3U);
  }
  auto kill_switch = KillSwitch::open(client.opener(), "test").value();
  BOOST_TEST(kill_switch.arm(with_uplinks()).has_value());
  (void)send_from(68, "203.0.113.1", 67);
  BOOST_TEST(arrived() == 0U);
}

BOOST_FIXTURE_TEST_CASE(neighbours_are_asked_on_the_link_only, Judged) {
  auto meter = installed(with_uplinks());
  for (std::uint8_t type = 133; type <= 137; ++type) send_icmp6("2001:db8:ffff::1", type);
  BOOST_TEST(read(meter).v6.packets == 5U);
  send_icmp6("2001:db8:0::2", 135);
  send_icmp6("2001:db8:0::2", 136);
  BOOST_TEST(read(meter).v6.packets == 5U);
  send_icmp6("2001:db8:0::2", 133);
  BOOST_TEST(read(meter).v6.packets == 6U);
}

BOOST_FIXTURE_TEST_CASE(what_lies_behind_the_tunnel_is_outside_also_where_a_local_network_covers_it, Judged) {
  auto wanted = with_uplinks();
  wanted.tunnel_networks = {IpPrefix::parse("10.64.0.0/10").value()};
  wanted.local_networks.push_back(IpPrefix::parse("10.70.0.0/16").value());
  auto meter = installed(wanted);
  client.run("ip link set tun0 down");
  BOOST_TEST(send({"10.64.0.1", 1080}) == 0);
  BOOST_TEST(send({"10.8.0.1", 1080}) == 0);
  BOOST_TEST(send({"10.70.0.1", 1080}) == 0);  // a longer prefix
  const auto counters = read(meter);
  BOOST_TEST(counters.v4.packets == 1U);
  BOOST_TEST(counters.local.packets == 2U);
}

BOOST_FIXTURE_TEST_CASE(containers_of_this_machine_are_not_outside, Judged) {
  client.run(
      "ip link add docker0 type bridge && ip address add 203.0.113.129/25 dev docker0 && ip link set docker0 up && "
      "ip neighbour replace 203.0.113.130 lladdr 02:00:00:00:09:02 dev docker0");
  auto wanted = with_uplinks();
  {
    auto meter = installed(wanted);
    BOOST_TEST(send({"203.0.113.130", 53}) == 0);
    BOOST_TEST(read(meter).dns.packets == 1U);
  }
  wanted.inner_devices = {"docker0"};
  auto meter = installed(wanted);
  BOOST_TEST(send({"203.0.113.130", 53}) == 0);
  BOOST_TEST((read(meter).outside() == Traffic{}));
}

BOOST_FIXTURE_TEST_CASE(what_another_rule_turns_aside_late_is_judged_where_it_ends, Judged) {
  client.run(
      "nft 'add table ip turn; add chain ip turn c { type route hook output priority 1000; }; "
      "add rule ip turn c ip daddr 203.0.113.1 meta mark set 5; add rule ip turn c ip daddr 203.0.113.2 meta mark set 6'"
      " && ip rule add fwmark 5 lookup 55 && ip route add default via 192.0.2.2 dev eth0 table 55"
      " && nft 'add table ip late; add chain ip late c { type filter hook output priority 2000; };"
      " add rule ip late c ip daddr 203.0.113.3 drop'");
  auto wanted = policy();
  auto meter = installed(wanted);
  BOOST_TEST(send({"203.0.113.1", 1000}) == 0);
  BOOST_TEST(read(meter).v4.packets == 1U);
  BOOST_TEST(send({"203.0.113.3", 1000, "eth0"}) == EPERM);
  BOOST_TEST(read(meter).v4.packets == 1U);
}

BOOST_FIXTURE_TEST_CASE(the_kernels_own_answers_are_no_leak, Judged) {
  for (const auto* step : {"net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"})
    client.run(fmt::format("sysctl -qw {}", step));
  client.run("ip route add 203.0.113.9 via 192.0.2.2 dev eth0");
  auto meter = installed(with_uplinks());
  arrive(far, 0, ipv4("198.51.100.2", "192.0.2.1", IPPROTO_TCP, tcp_syn("198.51.100.2", "192.0.2.1", 1194, 5000)));
  arrive(far, 0, ipv4("198.51.100.2", "192.0.2.1", IPPROTO_ICMP, echo_request()));
  arrive(far, 0, ipv4("203.0.113.9", "192.0.2.1", IPPROTO_TCP, tcp_syn("203.0.113.9", "192.0.2.1", 53, 5000)));
  arrive(far, 0, ipv4("203.0.113.9", "192.0.2.1", IPPROTO_UDP, udp(999, 998)));
  arrive(far, 0, ipv4("203.0.113.9", "192.0.2.1", IPPROTO_ICMP, echo_request()));
  const auto counters = read_until(meter, [](const LeakCounters& now) { return now.answers.packets + now.outside().packets >= 4; });
  BOOST_TEST((counters.outside() == Traffic{}));
  BOOST_TEST(counters.answers.packets == 4U);
}

BOOST_FIXTURE_TEST_CASE(a_later_fragment_has_no_ports, Judged) {
  auto wanted = with_uplinks();
  for (const bool at_device : {false, true}) {
    if (!at_device) wanted.uplinks.clear();
    if (at_device) wanted.uplinks = {"eth0"};
    auto meter = installed(wanted);
    send_raw(ipv4("192.0.2.1", "255.255.255.255", IPPROTO_UDP, udp(68, 67), 100), "203.0.113.1");
    send_raw(ipv4("192.0.2.1", "203.0.113.1", IPPROTO_UDP, udp(9, 53), 100), "203.0.113.1");
    const auto counters = read(meter);
    BOOST_TEST(counters.dns.packets == 0U);
    BOOST_TEST(counters.upkeep.packets == 0U);
    BOOST_TEST(counters.v4.packets + counters.local.packets == 2U);
  }
}

BOOST_FIXTURE_TEST_CASE(another_kind_of_link_that_took_the_tunnels_name_is_no_tunnel, Judged) {
  auto wanted = policy();
  wanted.tunnel_types = {{"tun0", 65534}};
  auto meter = installed(wanted);
  BOOST_TEST(send({"203.0.113.1", 1000, "tun0"}) == 0);
  BOOST_TEST((read(meter).outside() == Traffic{}));
  tun = Fd{};
  client.run(
      "ip link add tun0 type veth peer name away && ip link set tun0 up && ip link set away up && ip address add 10.8.0.2/24 dev tun0 && "
      "ip route add default via 10.8.0.1 dev tun0 && ip neighbour replace 10.8.0.1 lladdr 02:00:00:00:09:09 dev tun0");
  BOOST_TEST(send({"203.0.113.1", 1000, "tun0"}) == 0);
  BOOST_TEST(read(meter).v4.packets == 1U);
}

BOOST_FIXTURE_TEST_CASE(what_two_tables_count_is_added_up, Judged) {
  client.run(
      "ip link add wlan0 type veth peer name air && ip link set wlan0 up && ip link set air up && ip address add 198.18.9.1/24 dev "
      "wlan0 && ip route add default via 198.18.9.2 dev wlan0 metric 900 && ip neighbour replace 198.18.9.2 lladdr "
      "02:00:00:00:09:09 dev wlan0");
  auto meter = installed(with_uplinks());
  if (skipped(meter)) return;
  for (int i = 0; i < 10; ++i) BOOST_TEST(send({"203.0.113.1", 1000, "wlan0"}) == 0);
  for (int i = 0; i < 9; ++i) send_by_packet_socket("eth0");
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  const auto counters = read(meter);
  BOOST_TEST(counters.v4.packets == 20U);
  auto kill_switch = KillSwitch::open(client.opener(), "test").value();
  BOOST_TEST_REQUIRE(kill_switch.arm(with_uplinks()).has_value());
  for (int i = 0; i < 4; ++i) BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == EPERM);
  for (int i = 0; i < 3; ++i) send_by_packet_socket("eth0");
  BOOST_TEST(send({"198.18.1.2", 80}) == 0);
  const auto stopped = kill_switch.stopped().value();
  BOOST_TEST(stopped.v4.packets == 7U);
  BOOST_TEST(stopped.local.packets == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

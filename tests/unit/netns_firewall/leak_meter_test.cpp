#include "netns/firewall/leak_meter.hpp"

#include <linux/capability.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <thread>

#include "netns/firewall/leak_bell.hpp"
#include "netns/firewall/own_packets.hpp"
#include "tests/unit/netns_firewall/two_uplinks.hpp"

using namespace vpn_sentinel;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsFirewall);

struct Metered : TwoUplinks {
  [[nodiscard]] LeakMeter installed(const FirewallPolicy& wanted = policy()) const {
    auto meter = LeakMeter::install(client.opener(), "test", wanted);
    BOOST_REQUIRE_MESSAGE(meter.has_value(), why(meter));
    return std::move(*meter);
  }
  static FirewallPolicy with_uplinks() {
    auto wanted = policy();
    wanted.uplinks = {"eth0", "eth1"};
    wanted.on_link = {IpPrefix::parse("2001:db8:0::/64").value(), IpPrefix::parse("2001:db8:1::/64").value()};
    return wanted;
  }
};

LeakCounters read(LeakMeter& meter) {
  auto counters = meter.read();
  BOOST_REQUIRE_MESSAGE(counters.has_value(), why(counters));
  return *counters;
}

/// But what keeps the links working, which the kernel may send at any time.
bool counts_nothing(LeakMeter& meter) {
  auto counters = read(meter);
  counters.upkeep = {};
  return counters == LeakCounters{};
}

template <typename Value>
Value good(Result<Value> result) {
  BOOST_REQUIRE_MESSAGE(result.has_value(), why(result));
  return std::move(*result);
}

struct UserCapabilities {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
};

/// Of the calling thread only.
void drop_net_admin() {
  UserCapabilities own;
  BOOST_REQUIRE_EQUAL(::syscall(SYS_capget, &own.header, own.data), 0);
  own.data[0].effective &= ~(1U << CAP_NET_ADMIN);
  BOOST_REQUIRE_EQUAL(::syscall(SYS_capset, &own.header, own.data), 0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(leak_meter)

BOOST_FIXTURE_TEST_CASE(what_goes_by_the_tunnel_or_stays_here_is_not_counted, Metered) {
  auto meter = installed();
  BOOST_TEST(send({"203.0.113.1", 1000}) == 0);
  BOOST_TEST(send({"2001:db8:ffff::1", 1000}) == 0);
  BOOST_TEST(send({"127.0.0.1", 53}) == 0);
  BOOST_TEST(send({"192.0.2.1", 53}) == 0);  // our own address: by loopback
  BOOST_TEST(counts_nothing(meter));
}

BOOST_FIXTURE_TEST_CASE(a_program_that_binds_to_an_uplink_is_counted_with_destination_port_and_user, Metered) {
  auto meter = installed();
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  BOOST_TEST(send({"2001:db8:ffff::1", 2000, "eth1"}) == 0);
  const auto counters = read(meter);
  BOOST_TEST((counters.v4 == Traffic{2, 2 * 38}));
  BOOST_TEST((counters.v6 == Traffic{1, 58}));
  BOOST_TEST((counters.outside() == Traffic{3, 2 * 38 + 58}));
  BOOST_TEST_REQUIRE(counters.destinations.size() == 2U);
  const auto uid = static_cast<std::uint32_t>(::getuid());
  BOOST_TEST((counters.destinations[0] == LeakDestination{IpAddress::parse("203.0.113.1").value(), IPPROTO_UDP, 1000, uid, {2, 76}}));
  BOOST_TEST((counters.destinations[1] == LeakDestination{IpAddress::parse("2001:db8:ffff::1").value(), IPPROTO_UDP, 2000, uid, {1, 58}}));
  BOOST_TEST(arrived() == 3U);
}

BOOST_FIXTURE_TEST_CASE(name_resolution_outside_is_counted_as_such_also_to_a_router_in_the_local_network, Metered) {
  auto meter = installed();
  BOOST_TEST(send({"203.0.113.53", 53, "eth0"}) == 0);
  BOOST_TEST(send({"203.0.113.53", 853, "eth0"}) == 0);
  BOOST_TEST(send({"198.18.1.2", 53}) == 0);
  BOOST_TEST(send({"2001:db8:1::2", 53}) == 0);
  const auto counters = read(meter);
  BOOST_TEST(counters.dns.packets == 4U);
  BOOST_TEST(counters.v4.packets + counters.v6.packets + counters.local.packets == 0U);
  BOOST_TEST(counters.destinations.size() == 4U);
}

BOOST_FIXTURE_TEST_CASE(local_networks_and_multicast_are_counted_apart, Metered) {
  auto meter = installed();
  BOOST_TEST(send({"198.18.1.2", 80}) == 0);
  BOOST_TEST(send({"224.0.0.251", 5353, "eth0"}) == 0);
  BOOST_TEST(send({"ff02::fb", 5353, "eth0"}) == 0);
  const auto counters = read(meter);
  BOOST_TEST(counters.local.packets == 3U);
  BOOST_TEST(counters.outside().packets == 0U);
  BOOST_TEST(counters.destinations.empty());
}

BOOST_FIXTURE_TEST_CASE(the_tunnels_own_packets_pass_and_others_to_its_server_are_misuse, Metered) {
  auto meter = installed(with_uplinks());
  BOOST_TEST(send({std::string(server), server_port, "", mark}) == 0);
  BOOST_TEST(read(meter).outside().packets == 0U);
  BOOST_TEST(send({std::string(server), server_port}) == 0);    // without the mark
  BOOST_TEST(send({std::string(server), 443, "", mark}) == 0);  // another port
  const auto counters = read(meter);
  BOOST_TEST(counters.endpoint_misuse.packets == 2U);
  BOOST_TEST(counters.outside().packets == 2U);
  BOOST_TEST(counters.destinations.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(what_is_allowed_on_purpose_is_not_counted_and_everything_else_is, Metered) {
  auto wanted = with_uplinks();
  AllowedPackets by_mark;
  by_mark.mark = 0x10;
  by_mark.mark_mask = 0xf0;
  AllowedPackets by_user;
  by_user.uids = AllowedUids{::getuid() + 1, ::getuid() + 5};
  AllowedPackets by_port;
  by_port.family = Family::v4;
  by_port.source = IpPrefix::parse("192.0.2.1/32").value();
  by_port.destination = IpPrefix::parse("203.0.113.8/32").value();
  by_port.protocol = IPPROTO_UDP;
  by_port.destination_ports = AllowedPorts{1000, 1010};
  wanted.allowed = {by_mark, by_user, by_port};
  auto meter = installed(wanted);
  BOOST_TEST(send({"203.0.113.7", 80, "eth0", 0x1f}) == 0);
  BOOST_TEST(send({"203.0.113.7", 53, "eth0", 0x10}) == 0);
  BOOST_TEST(send({"203.0.113.8", 1005, "eth0"}) == 0);
  BOOST_TEST(read(meter).outside().packets == 0U);
  BOOST_TEST(send({"203.0.113.7", 80, "eth0", 0x2f}) == 0);
  BOOST_TEST(send({"203.0.113.8", 1011, "eth0"}) == 0);
  BOOST_TEST(send({"203.0.113.9", 1005, "eth0"}) == 0);
  BOOST_TEST(read(meter).outside().packets == 3U);
  wanted.allowed[1].uids->first = ::getuid();
  BOOST_TEST(meter.update(wanted).has_value());
  const auto before = read(meter).outside().packets;
  BOOST_TEST(send({"203.0.113.7", 80, "eth0", 0x2f}) == 0);
  BOOST_TEST(read(meter).outside().packets == before);
}

BOOST_FIXTURE_TEST_CASE(names_that_may_be_asked_outside_are_counted_apart_unless_their_resolver_is_wanted, Metered) {
  auto wanted = policy();
  AllowedPackets by_mark;
  by_mark.mark = by_mark.mark_mask = 0x10;
  AllowedPackets resolver;
  resolver.destination = IpPrefix::parse("203.0.113.53/32").value();
  resolver.destination_ports = AllowedPorts{53, 53};
  AllowedPackets own;
  own.priority = own_priority();
  wanted.allowed = {own, by_mark, resolver};
  wanted.endpoints.push_back({IpAddress::parse("203.0.113.200").value(), 0, 0, 0});
  auto meter = installed(wanted);
  BOOST_TEST(send({"203.0.113.53", 53, "eth0"}) == 0);
  BOOST_TEST(read(meter).passed_dns.packets == 0U);
  BOOST_TEST(send({"203.0.113.7", 53, "eth0", 0x10}) == 0);
  BOOST_TEST(send({"203.0.113.200", 53, "eth0"}) == 0);
  BOOST_TEST(send({"203.0.113.200", 443, "eth0"}) == 0);
  const auto counters = read(meter);
  BOOST_TEST(counters.passed_dns.packets == 2U);
  BOOST_TEST(counters.outside().packets == 0U);
  BOOST_TEST(arrived() == 4U);
}

BOOST_FIXTURE_TEST_CASE(names_asked_of_the_vpns_server_itself_are_dns, Metered) {
  auto meter = installed(with_uplinks());
  BOOST_TEST(send({std::string(server), 53}) == 0);
  BOOST_TEST(send({std::string(server), 853}) == 0);
  const auto counters = read(meter);
  BOOST_TEST(counters.dns.packets == 2U);
  BOOST_TEST(counters.endpoint_misuse.packets == 0U);
}

BOOST_FIXTURE_TEST_CASE(fragments_of_the_tunnels_own_packets_pass_too, Metered) {
  auto wanted = with_uplinks();
  wanted.endpoints.push_back({IpAddress::parse("2001:db8:2::2").value(), IPPROTO_UDP, server_port, mark});
  client.run("ip -6 route add 2001:db8:2::/64 via 2001:db8:0::2 dev eth0");
  auto meter = installed(wanted);
  for (const auto* to : {"198.51.100.2", "2001:db8:2::2"}) {
    const auto before = read(meter).outside().packets;
    BOOST_TEST(send({to, server_port, "", mark, 4000}) == 0);
    BOOST_TEST(read(meter).outside().packets == before);
    BOOST_TEST(send({to, server_port, "", 0, 4000}) == 0);
    BOOST_TEST(read(meter).outside().packets > before);
  }
}

BOOST_FIXTURE_TEST_CASE(neighbour_discovery_and_listener_reports_are_not_counted, Metered) {
  auto meter = installed(with_uplinks());
  // A neighbour that does not answer is asked for, by multicast and, being known, directly; a new address announces itself and its group.
  (void)send({"2001:db8:1::99", 80, "eth1"});
  client.run("ip -6 neighbour replace 2001:db8:0::7 lladdr 02:00:00:00:00:07 nud probe dev eth0");
  client.run("sysctl -qw net.ipv6.conf.eth0.accept_dad=1 && ip -6 address add 2001:db8:0::77/64 dev eth0");
  const auto counters = read(meter);
  BOOST_TEST((counters.outside() == Traffic{}));
  BOOST_TEST(counters.destinations.empty());
}

BOOST_FIXTURE_TEST_CASE(a_packet_socket_is_seen_on_the_way_out_of_a_named_uplink, Metered) {
  auto meter = installed(with_uplinks());
  if (meter.egress_gap()) {
    BOOST_TEST_MESSAGE("SKIPPED: " << meter.egress_gap()->message);
    return;
  }
  send_by_packet_socket("eth0");
  auto counters = read(meter);
  BOOST_TEST(counters.v4.packets == 1U);
  BOOST_TEST_REQUIRE(counters.destinations.size() == 1U);
  BOOST_TEST(counters.destinations[0].address.to_string() == "203.0.113.7");
  BOOST_TEST(counters.destinations[0].port == 4444);
  // What both tables see counts once.
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  BOOST_TEST(read(meter).v4.packets == 3U);
}

// Since Linux 6.16 a device may be named before it is there; older kernels refuse the second table.
BOOST_FIXTURE_TEST_CASE(an_uplink_that_is_not_there_is_told_or_counted_once_it_comes, Metered) {
  auto wanted = policy();
  wanted.uplinks = {"eth0", "late0"};
  auto meter = installed(wanted);
  if (meter.egress_gap()) {
    BOOST_TEST(meter.egress_gap()->message.find("netdev vpn-sentinel-test-meter") != std::string::npos, meter.egress_gap()->message);
  }
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  BOOST_TEST(read(meter).v4.packets == 1U);
  client.run("ip link add late0 type veth peer name late1 && ip link set late0 up && ip link set late1 up");
  send_by_packet_socket("late0");
  send_by_packet_socket("late0");
  BOOST_TEST(read(meter).v4.packets == (meter.egress_gap() ? 1U : 3U));
}

BOOST_FIXTURE_TEST_CASE(what_is_forwarded_outside_is_counted_without_a_user, Metered) {
  auto meter = installed();
  client.run("sysctl -qw net.ipv4.ip_forward=1 && ip rule add iif eth1 lookup 7 && ip route add default via 192.0.2.2 dev eth0 table 7");
  far.run("ip address add 198.18.1.2/24 dev far1 && ip route add 203.0.113.0/24 via 198.18.1.1 dev far1");
  const auto socket = far.opener()(AF_INET, SOCK_DGRAM, 0);
  sockaddr_storage storage{};
  const auto length = Endpoint{IpAddress::parse("203.0.113.9").value(), 99}.to_sockaddr(storage);
  BOOST_TEST(::sendto(socket->get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&storage), length) == 1);
  auto counters = read(meter);
  // It is forwarded when the neighbour is known: a moment later.
  for (const auto deadline = mono_now() + std::chrono::seconds{5}; counters.v4.packets == 0 && mono_now() < deadline;)
    counters = read(meter);
  BOOST_TEST(counters.v4.packets == 1U);
  BOOST_TEST_REQUIRE(counters.destinations.size() == 1U);
  BOOST_TEST(counters.destinations[0].port == 99);
  BOOST_TEST(!counters.destinations[0].uid.has_value());
}

BOOST_FIXTURE_TEST_CASE(more_destinations_than_there_is_room_for_are_counted_without_their_names, Metered) {
  auto meter = installed();
  const auto socket = client.opener()(AF_INET, SOCK_DGRAM, 0);
  BOOST_REQUIRE_EQUAL(::setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4), 0);
  const std::uint64_t sent = most_seen_destinations + 500;
  for (std::uint64_t i = 0; i < sent; ++i) {
    sockaddr_storage storage{};
    const auto length = Endpoint{IpAddress::parse("203.0.113.1").value(), static_cast<std::uint16_t>(1000 + i)}.to_sockaddr(storage);
    BOOST_REQUIRE(::sendto(socket->get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&storage), length) == 1);
  }
  const auto counters = meter.read(10'000).value();
  BOOST_TEST(counters.v4.packets == sent);
  BOOST_TEST(counters.destinations.size() <= most_seen_destinations);
  BOOST_TEST(counters.unlisted.packets + counters.destinations.size() == sent);
  BOOST_TEST(read(meter).destinations.size() == default_top_destinations);
}

BOOST_FIXTURE_TEST_CASE(other_tables_are_left_alone_and_nothing_is_left_behind, Metered) {
  client.run("nft add table inet mine '{ chain c { type filter hook output priority 0; counter; }; }' && nft add table ip nat");
  const auto before = client.output_of("nft -s list ruleset");
  {
    const auto meter = installed(with_uplinks());
    BOOST_TEST(client.output_of("nft list tables").find("inet vpn-sentinel-test-meter") != std::string::npos);
    BOOST_TEST(client.output_of("nft -s list table inet mine") + client.output_of("nft -s list table ip nat") == before);
  }
  BOOST_TEST(client.output_of("nft -s list ruleset") == before);
}

BOOST_FIXTURE_TEST_CASE(a_killed_process_leaves_nothing_that_hinders_the_next_start, Metered) {
  const auto child = ::fork();
  if (child == 0) {
    const auto meter = LeakMeter::install(client.opener(), "test", with_uplinks());
    ::kill(::getpid(), meter ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  BOOST_TEST(WTERMSIG(status) == SIGKILL);
  auto meter = installed(with_uplinks());
  BOOST_TEST(counts_nothing(meter));
}

BOOST_FIXTURE_TEST_CASE(tables_that_an_older_kernel_left_are_replaced, Metered) {
  auto old = OutsideTables::open(client.opener(), OutsideAction::count, "test", 0).value();
  BOOST_TEST_REQUIRE(old.install(with_uplinks()).has_value());
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  auto meter = installed();
  BOOST_TEST(counts_nothing(meter));
  BOOST_TEST(client.output_of("nft list tables").find("netdev") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_second_meter_of_the_same_name_is_refused_with_the_reason, Metered) {
  auto meter = installed();
  const auto second = LeakMeter::install(client.opener(), "test", policy());
  BOOST_TEST_REQUIRE(!second.has_value());
  BOOST_TEST((second.error().kind == Error::Kind::not_permitted));
  BOOST_TEST(second.error().message.find("another program that still runs owns the table") != std::string::npos, second.error().message);
  BOOST_TEST(LeakMeter::install(client.opener(), "other", policy()).has_value());
  BOOST_TEST(meter.verify().has_value());
}

BOOST_FIXTURE_TEST_CASE(a_new_policy_goes_on_counting, Metered) {
  auto meter = installed(with_uplinks());
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  auto wanted = with_uplinks();
  wanted.endpoints.push_back({IpAddress::parse("203.0.113.1").value(), IPPROTO_UDP, 1000, 0});
  BOOST_TEST_REQUIRE(meter.update(wanted).has_value());
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
  BOOST_TEST(send({"203.0.113.1", 1001, "eth0"}) == 0);
  const auto counters = read(meter);
  BOOST_TEST(counters.v4.packets == 1U);
  BOOST_TEST(counters.endpoint_misuse.packets == 1U);
  BOOST_TEST(meter.verify().has_value());
}

BOOST_FIXTURE_TEST_CASE(tables_that_somebody_took_away_or_changed_are_noticed, Metered) {
  auto tables = OutsideTables::open(client.opener(), OutsideAction::count, "test", 0).value();
  BOOST_TEST_REQUIRE(tables.install(policy()).has_value());
  client.run("nft insert rule inet vpn-sentinel-test-meter outside accept");
  BOOST_TEST(tables.verify().error().message.find("rule 1 of chain 'outside' is not ours") != std::string::npos);
  client.run("nft flush ruleset");
  BOOST_TEST((tables.verify().error().kind == Error::Kind::not_found));
  BOOST_TEST((tables.read().error().kind == Error::Kind::not_found));
  BOOST_TEST_REQUIRE(tables.update(policy()).has_value());
  BOOST_TEST(tables.verify().has_value());
}

BOOST_FIXTURE_TEST_CASE(an_uplink_that_went_away_and_came_again_is_counted_or_told, Metered) {
  auto meter = installed(with_uplinks());
  client.run("ip link delete eth1");
  client.run("ip link add eth1 type veth peer name late1 && ip link set eth1 up && ip link set late1 up");
  send_by_packet_socket("eth1");
  BOOST_TEST((read(meter).v4.packets == 1U || meter.egress_gap().has_value() || !meter.verify().has_value()));
}

BOOST_FIXTURE_TEST_CASE(without_the_capability_it_says_which_one_is_missing, Metered) {
  std::optional<Result<LeakMeter>> meter;
  std::jthread([&] {
    drop_net_admin();
    // Made here, as everything that the missing capability is looked at with.
    meter = LeakMeter::install(client.opener(), "test", policy());
  }).join();
  BOOST_TEST_REQUIRE(!meter->has_value());
  BOOST_TEST((meter->error().kind == Error::Kind::not_permitted));
  BOOST_TEST(meter->error().message == "CAP_NET_ADMIN is needed in the namespace to count packets");
}

BOOST_FIXTURE_TEST_CASE(the_bell_rings_at_the_first_packet_outside_and_again_when_it_is_armed_anew, Metered) {
  auto bell = good(LeakBell::open(client.opener(), "test"));
  auto other = good(LeakBell::open(client.opener(), "other"));
  auto meter = installed(with_uplinks());
  BOOST_TEST_REQUIRE(meter.rings());
  (void)good(bell.take());
  (void)good(other.take());
  BOOST_TEST(send({"203.0.113.1", 1000}) == 0);
  BOOST_TEST(send({"198.18.1.2", 80}) == 0);
  BOOST_TEST(!good(bell.take()));
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
    BOOST_TEST(good(bell.take()));
    BOOST_TEST(!good(other.take()));
    BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0);
    BOOST_TEST(!good(bell.take()));
    BOOST_TEST(meter.rearm().has_value());
  }
  BOOST_TEST(good(meter.read_totals()).v4.packets == 4U);
  BOOST_TEST(good(meter.read_totals()).destinations.empty());
  BOOST_TEST(meter.verify().has_value());
}

BOOST_FIXTURE_TEST_CASE(the_bell_rings_when_the_meters_tables_go, Metered) {
  auto bell = good(LeakBell::open(client.opener(), "test"));
  {
    auto meter = installed(with_uplinks());
    (void)good(bell.take());
  }
  BOOST_TEST(good(bell.take()));
}

BOOST_FIXTURE_TEST_CASE(the_probes_own_packets_are_told_from_others, Metered) {
  auto wanted = with_uplinks();
  AllowedPackets own;
  own.priority = own_priority();
  wanted.allowed = {own};
  auto meter = installed(wanted);
  const auto send_from = [&](const SocketOpener& opener) {
    const auto socket = opener(AF_INET, SOCK_DGRAM, 0);
    BOOST_REQUIRE(socket.has_value());
    BOOST_REQUIRE_EQUAL(::setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4), 0);
    sockaddr_storage storage{};
    const auto length = Endpoint{IpAddress::parse("203.0.113.7").value(), 53}.to_sockaddr(storage);
    BOOST_TEST(::sendto(socket->get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&storage), length) == 1);
  };
  send_from(with_own_priority(client.opener()));
  BOOST_TEST(read(meter).outside().packets == 0U);
  send_from(client.opener());
  BOOST_TEST(read(meter).dns.packets == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

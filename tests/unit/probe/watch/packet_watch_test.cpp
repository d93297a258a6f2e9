#include "probe/watch/packet_watch.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/test/unit_test.hpp>

#include "netns/firewall/own_packets.hpp"
#include "tests/unit/netns_firewall/two_uplinks.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsFirewall);

struct Watched : TwoUplinks {
  Watched() {
    target.client_id = "packets";
    target.meter.on = true;
    target.meter.instance = "/var/lib/one";
    seen.expected_tunnel = "tun0";
    seen.uplinks = {"eth0", "eth1"};
    seen.endpoints = {{IpAddress::parse(server).value(), "wireguard", IPPROTO_UDP, server_port, mark}};
    seen.public_subnets = {{IpPrefix::parse("198.18.1.0/24").value(), "eth1"}};
  }
  static bool cannot_ask() { return false; }
  void attach(PacketWatch& one) {
    one.attach(client.opener(), client.get().identity());
    one.follow(seen, answered);
    BOOST_TEST(!one.pending());
    // The bell has told of the tables themselves.
    run_for(20ms);
    news = 0;
  }
  void run_for(std::chrono::milliseconds time) {
    const auto work = boost::asio::make_work_guard(io);
    io.restart();
    io.run_for(time);
  }
  /// Whether news came within two seconds, which is before the counters are looked at unasked.
  bool told() {
    const auto work = boost::asio::make_work_guard(io);
    const auto end = mono_now() + 1500ms;
    for (io.restart(); news == 0 && mono_now() < end;) io.run_one_for(10ms);
    return news > 0;
  }
  PacketsView view(const PacketWatch& one) {
    seen.time = wall_now();
    one.fill(seen);
    BOOST_TEST_REQUIRE(seen.packets.has_value());
    return *seen.packets;
  }
  [[nodiscard]] std::string tables() const { return client.output_of("nft list tables | grep vpn-sentinel"); }

  boost::asio::io_context io{1};
  TargetPolicy target;
  Observation seen;
  int news = 0;
  int asked = 0;
  const VpnProgram answered{};
  const VpnProgram awaited{true, false, std::nullopt};
  PacketWatch watch{io, target, [this] { ++news; }, [this] { return ++asked > 0; }};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(packet_watch)

BOOST_AUTO_TEST_CASE(the_name_of_the_tables_is_the_same_after_a_restart_and_another_one_for_others) {
  BOOST_TEST(meter_id("/var/lib/one", "home") == meter_id("/var/lib/one", "home"));
  BOOST_TEST(meter_id("/var/lib/one", "home") != meter_id("/var/lib/two", "home"));
  BOOST_TEST(meter_id("/var/lib/one", "home") != meter_id("/var/lib/one", "office"));
  BOOST_TEST(check_firewall_id(meter_id("/var/lib/one", "home")).has_value());
}

BOOST_FIXTURE_TEST_CASE(the_kernel_rings_at_the_first_packet_outside, Watched) {
  attach(watch);
  BOOST_TEST(view(watch).is_complete());
  BOOST_TEST(!view(watch).leak.has_value());
  BOOST_TEST(send({std::string(server), server_port, "", mark}) == 0);
  BOOST_TEST(send({"198.18.1.2", 80}) == 0);
  run_for(50ms);
  BOOST_TEST(news == 0);
  BOOST_TEST(send({"203.0.113.7", 443, "eth0"}) == 0);
  BOOST_TEST(told());
  const auto packets = view(watch);
  BOOST_TEST_REQUIRE(packets.leak.has_value());
  BOOST_TEST(packets.leak->v4.packets == 1U);
  BOOST_TEST(packets.local.packets == 1U);
  BOOST_TEST_REQUIRE(packets.leak->destinations.size() == 1U);
  BOOST_TEST(packets.leak->destinations[0].address.to_string() == "203.0.113.7");
  BOOST_TEST(packets.leak->destinations[0].uid.value_or(99) == ::getuid());
}

BOOST_FIXTURE_TEST_CASE(another_kind_of_leak_is_told_while_the_first_goes_on, Watched) {
  attach(watch);
  BOOST_TEST(send({"203.0.113.7", 443, "eth0"}) == 0);
  BOOST_TEST(told());
  news = 0;
  BOOST_TEST(send({"203.0.113.7", 53, "eth0"}) == 0);
  BOOST_TEST(told());
  BOOST_TEST(view(watch).leak->dns.packets == 1U);
}

BOOST_FIXTURE_TEST_CASE(packet_sockets_ring_too, Watched) {
  attach(watch);
  send_by_packet_socket("eth1");
  BOOST_TEST(told());
  BOOST_TEST(view(watch).leak->v4.packets == 1U);
}

BOOST_FIXTURE_TEST_CASE(what_the_probe_itself_sends_is_not_counted, Watched) {
  attach(watch);
  const auto socket = with_own_priority(client.opener())(AF_INET, SOCK_DGRAM, 0);
  BOOST_REQUIRE(socket.has_value());
  BOOST_REQUIRE_EQUAL(::setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4), 0);
  sockaddr_storage storage{};
  const auto length = Endpoint{IpAddress::parse("203.0.113.7").value(), 53}.to_sockaddr(storage);
  BOOST_TEST(::sendto(socket->get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&storage), length) == 1);
  run_for(50ms);
  BOOST_TEST(news == 0);
}

BOOST_FIXTURE_TEST_CASE(other_servers_are_taken_over_and_the_counters_go_on, Watched) {
  attach(watch);
  BOOST_TEST(send({"203.0.113.7", 443, "eth0"}) == 0);
  BOOST_TEST(told());
  seen.endpoints.push_back({IpAddress::parse("203.0.113.9").value(), "wireguard", IPPROTO_UDP, 51820, 0});
  watch.follow(seen, answered);
  BOOST_TEST(send({"203.0.113.9", 51820, "eth0"}) == 0);
  BOOST_TEST(send({"203.0.113.7", 443, "eth0"}) == 0);
  run_for(300ms);
  BOOST_TEST(view(watch).leak->v4.packets == 2U);
  BOOST_TEST(view(watch).leak->endpoint_misuse.packets == 0U);
  seen.uplinks = {"eth0"};
  watch.follow(seen, answered);
  BOOST_TEST(send({"203.0.113.7", 443, "eth0"}) == 0);
  run_for(300ms);
  BOOST_TEST(view(watch).total.v4.packets == 3U);
}

BOOST_FIXTURE_TEST_CASE(what_turns_out_to_be_the_vpns_server_is_forgiven, Watched) {
  seen.endpoints.clear();
  attach(watch);
  BOOST_TEST(send({std::string(server), server_port, "eth0", mark}) == 0);
  BOOST_TEST(told());
  BOOST_TEST(view(watch).leak.has_value());
  seen.endpoints = {{IpAddress::parse(server).value(), "wireguard", IPPROTO_UDP, server_port, mark}};
  watch.follow(seen, answered);
  BOOST_TEST(!view(watch).leak.has_value());
}

BOOST_FIXTURE_TEST_CASE(a_leak_goes_on_when_the_same_namespace_is_watched_again, Watched) {
  attach(watch);
  BOOST_TEST(send({"203.0.113.7", 443, "eth0"}) == 0);
  BOOST_TEST(told());
  const auto before = view(watch);
  watch.detach(false);
  BOOST_TEST(tables().empty());
  BOOST_TEST(send({"203.0.113.7", 443, "eth0"}) == 0);
  attach(watch);
  auto again = view(watch);
  BOOST_TEST_REQUIRE(again.leak.has_value());
  BOOST_TEST((again.leak_since == before.leak_since));
  BOOST_TEST((again.since == before.since));
  BOOST_TEST((again.unbroken_since > before.unbroken_since));
  BOOST_TEST(send({"203.0.113.7", 443, "eth0"}) == 0);
  run_for(50ms);
  watch.refresh();
  again = view(watch);
  BOOST_TEST(again.total.v4.packets == 2U);
  BOOST_TEST(again.leak->v4.packets == 2U);
}

BOOST_FIXTURE_TEST_CASE(another_namespace_counts_anew, Watched) {
  attach(watch);
  BOOST_TEST(send({"203.0.113.7", 443, "eth0"}) == 0);
  BOOST_TEST(told());
  watch.detach(true);
  attach(watch);
  BOOST_TEST(!view(watch).leak.has_value());
  BOOST_TEST(view(watch).total.packets() == 0U);
  watch.attach(far.opener(), far.get().identity());
  BOOST_TEST(view(watch).total.packets() == 0U);
}

BOOST_FIXTURE_TEST_CASE(what_wireguard_may_have_sent_to_a_server_that_moved_waits_for_its_answer, Watched) {
  // Forwarded packets belong to nobody, as those of the kernel's WireGuard do.
  client.run(
      "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0 && "
      "ip route add 203.0.113.0/24 via 192.0.2.2 dev eth0");
  far.run("ip address add 198.18.1.2/24 dev far1 && ip route add 203.0.113.0/24 via 198.18.1.1");
  const VpnProgram kernels{false, true, std::nullopt};
  const VpnProgram asked_again{true, true, std::nullopt};
  attach(watch);
  far.run("bash -c 'echo x > /dev/udp/203.0.113.7/51820'");
  BOOST_TEST(told());
  watch.follow(seen, kernels);
  BOOST_TEST(asked == 1);
  BOOST_TEST(!view(watch).leak.has_value());
  BOOST_TEST(view(watch).total.packets() == 0U);
  watch.follow(seen, asked_again);
  BOOST_TEST(!view(watch).leak.has_value());
  watch.follow(seen, kernels);
  BOOST_TEST_REQUIRE(view(watch).leak.has_value());
  BOOST_TEST(view(watch).leak->v4.packets == 1U);
  watch.follow(seen, asked_again);
  BOOST_TEST(view(watch).leak.has_value());
  seen.endpoints.push_back({IpAddress::parse("203.0.113.7").value(), "wireguard", IPPROTO_UDP, 51820, 0});
  watch.follow(seen, answered);
  BOOST_TEST(!view(watch).leak.has_value());
  BOOST_TEST(view(watch).total.packets() == 0U);
}

BOOST_FIXTURE_TEST_CASE(the_servers_new_port_is_forgiven, Watched) {
  seen.endpoints[0].mark = 0;
  client.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0");
  far.run("ip address add 198.18.1.2/24 dev far1 && ip route add 198.51.100.0/24 via 198.18.1.1");
  attach(watch);
  far.run("bash -c 'echo x > /dev/udp/198.51.100.2/51821'");
  BOOST_TEST(told());
  BOOST_TEST(view(watch).leak->endpoint_misuse.packets == 1U);
  seen.endpoints[0].port = 51821;
  watch.follow(seen, answered);
  BOOST_TEST(!view(watch).leak.has_value());
}

BOOST_FIXTURE_TEST_CASE(it_waits_for_the_servers_before_it_counts, Watched) {
  auto servers = std::exchange(seen.endpoints, {});
  watch.attach(client.opener(), client.get().identity());
  watch.follow(seen, awaited);
  BOOST_TEST(watch.pending());
  BOOST_TEST(tables().empty());
  seen.endpoints = std::move(servers);
  watch.follow(seen, awaited);
  BOOST_TEST(!watch.pending());
  BOOST_TEST(!tables().empty());
}

BOOST_FIXTURE_TEST_CASE(while_the_program_is_slow_its_packets_are_neither_a_leak_nor_nothing, Watched) {
  const auto servers = std::exchange(seen.endpoints, {});
  watch.attach(client.opener(), client.get().identity());
  // It counts from then on, whether or not the program has answered.
  for (watch.follow(seen, awaited); watch.pending(); watch.follow(seen, awaited)) run_for(20ms);
  BOOST_TEST(send({std::string(server), server_port, "eth0", mark}) == 0);
  BOOST_TEST(told());
  watch.follow(seen, awaited);
  const auto slow = view(watch);
  BOOST_TEST(!slow.leak.has_value());
  BOOST_TEST_REQUIRE(slow.unjudged.has_value());
  BOOST_TEST(slow.unjudged->v4.packets == 1U);
  BOOST_TEST(slow.total.packets() == 0U);
  seen.endpoints = servers;
  watch.follow(seen, answered);
  const auto known = view(watch);
  BOOST_TEST(!known.leak.has_value());
  BOOST_TEST(!known.unjudged.has_value());
  BOOST_TEST(known.total.packets() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_leak_that_the_slow_program_does_not_explain_is_told_with_all_that_left, Watched) {
  const auto servers = std::exchange(seen.endpoints, {});
  watch.attach(client.opener(), client.get().identity());
  for (watch.follow(seen, awaited); watch.pending(); watch.follow(seen, awaited)) run_for(20ms);
  BOOST_TEST(send({"203.0.113.7", 443, "eth0"}) == 0);
  BOOST_TEST(told());
  watch.follow(seen, awaited);
  BOOST_TEST(!view(watch).leak.has_value());
  seen.endpoints = servers;
  watch.follow(seen, answered);
  const auto known = view(watch);
  BOOST_TEST_REQUIRE(known.leak.has_value());
  BOOST_TEST(known.leak->v4.packets == 1U);
  BOOST_TEST((known.leak_since >= known.since));
  BOOST_TEST(known.total.v4.packets == 1U);
}

BOOST_FIXTURE_TEST_CASE(without_a_tunnel_it_says_why_it_does_not_count, Watched) {
  seen.expected_tunnel.clear();
  watch.attach(client.opener(), client.get().identity());
  watch.follow(seen, answered);
  BOOST_TEST(!view(watch).counting);
  BOOST_TEST(view(watch).why_not == "no tunnel is known yet");
  seen.expected_tunnel = "tun0";
  watch.follow(seen, answered);
  BOOST_TEST(view(watch).counting);
  BOOST_TEST(view(watch).why_not.empty());
}

BOOST_FIXTURE_TEST_CASE(two_probes_count_side_by_side_and_take_their_tables_away, Watched) {
  auto other_target = target;
  other_target.meter.instance = "/var/lib/two";
  {
    PacketWatch other{io, other_target, [] {}, cannot_ask};
    attach(watch);
    attach(other);
    BOOST_TEST(send({"203.0.113.7", 443, "eth0"}) == 0);
    run_for(50ms);
    BOOST_TEST(view(watch).leak->v4.packets == 1U);
    BOOST_TEST(view(other).leak->v4.packets == 1U);
    BOOST_TEST(!tables().empty());
  }
  watch.detach(true);
  BOOST_TEST(tables().empty());
}

BOOST_FIXTURE_TEST_CASE(a_second_probe_of_the_same_name_says_why_it_does_not_count, Watched) {
  PacketWatch first{io, target, [] {}, cannot_ask};
  attach(first);
  PacketWatch same{io, target, [] {}, cannot_ask};
  same.attach(client.opener(), client.get().identity());
  same.follow(seen, answered);
  BOOST_TEST(!view(same).counting);
  BOOST_TEST(view(same).why_not.find("another program") != std::string::npos, view(same).why_not);
  BOOST_TEST(view(first).counting);
}

BOOST_AUTO_TEST_SUITE_END()

#include "ebpf/tracer.hpp"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include <array>

#include "tests/unit/ebpf/traced.hpp"

using namespace vpn_sentinel;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsBpf);

constexpr const char* beyond = "203.0.113.7";
constexpr const char* beyond_v6 = "2001:db8:ffff::7";

void be_nobody() { need(::setresgid(65534, 65534, 65534) == 0 && ::setresuid(65534, 65534, 65534) == 0); }

/// All of one owner, who is the program that was started last.
void require_named(const Traced& traced, const std::vector<FlowRecord>& leaks, const std::string& name) {
  BOOST_REQUIRE(!leaks.empty());
  for (const auto& leak : leaks) {
    BOOST_REQUIRE(leak.flow.owner.has_value());
    BOOST_TEST(leak.flow.owner->name == name);
    BOOST_TEST(leak.flow.owner->pid == static_cast<std::uint32_t>(traced.last_pid));
    BOOST_TEST(!leak.flow.owner->several);
    BOOST_TEST(leak.flow.netns == traced.netns);
    BOOST_TEST(leak.flow.socket != 0U);
    BOOST_REQUIRE(leak.packet.has_value());
    BOOST_TEST(leak.packet->interface == traced.index_of("eth0"));
    BOOST_TEST((leak.packet->way == PacketWay::outside));
  }
}

BOOST_FIXTURE_TEST_CASE(a_program_that_sends_udp_past_the_tunnel_is_named_with_destination_user_and_bytes, Traced) {
  const auto found = leaks_of("leak-udp", [] {
    be_nobody();
    send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {beyond, 4444}, 100, 10);
  });
  require_named(*this, found, "leak-udp");
  BOOST_TEST(found.size() == 4U);  // 1, 2, 4, 8
  const auto& last = found.back();
  BOOST_TEST(last.flow.owner->uid == 65534U);
  BOOST_TEST((last.flow.owner->by == OwnerBy::sent));
  BOOST_TEST(last.flow.owner->cgroup != 0U);
  BOOST_TEST(last.packet->destination.to_string() == "203.0.113.7:4444");
  BOOST_TEST(last.packet->source.address.to_string() == "192.0.2.1");
  BOOST_TEST(last.packet->source.port != 0);
  BOOST_TEST(int{last.packet->protocol} == IPPROTO_UDP);
  BOOST_TEST(last.packet->length == 128U);
  BOOST_TEST(last.flow.outside == (PacketCount{8, 8 * 128}));
  BOOST_TEST(arrived_at(beyond, IPPROTO_UDP) == (PacketCount{10, 10 * 128}));
}

BOOST_FIXTURE_TEST_CASE(who_makes_a_raw_socket_of_udp_is_named_too, Traced) {
  if (!tracer.abilities().makers) return;
  const auto found = leaks_of("leak-raw-udp", [] {
    // Source and destination port, length, and no checksum.
    const std::array<unsigned char, 12> datagram{0x0f, 0xa0, 0x11, 0x5c, 0, 12, 0, 0, 'l', 'e', 'a', 'k'};
    const int fd = make_bound(AF_INET, SOCK_RAW, IPPROTO_UDP, "eth0");
    const Target target(beyond, 0);
    need(::sendto(fd, datagram.data(), datagram.size(), 0, target.get(), target.length) == ssize_t{datagram.size()});
  });
  require_named(*this, found, "leak-raw-udp");
  BOOST_TEST((found.front().flow.owner->by == OwnerBy::made));
  BOOST_TEST(found.front().packet->destination.to_string() == "203.0.113.7:4444");
}

BOOST_FIXTURE_TEST_CASE(the_last_record_of_a_socket_has_all_that_the_far_side_saw, Traced) {
  Program program("leak-many", [this] {
    enter(client.name());
    send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {beyond, 4444}, 700, 1000);
  });
  program.wait();
  const auto all = records();
  BOOST_REQUIRE(!all.empty());
  BOOST_TEST((all.back().event == FlowEvent::closed));
  BOOST_TEST(!all.back().packet.has_value());
  BOOST_TEST(all.back().flow.closed);
  BOOST_TEST(all.back().flow.outside == arrived_at(beyond, IPPROTO_UDP));
}

BOOST_FIXTURE_TEST_CASE(a_tcp_connection_past_the_tunnel_is_named_by_its_first_packet, Traced) {
  const auto found = leaks_of("leak-tcp", [] {
    const int fd = make_bound(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0, "eth0");
    const Target target(beyond, 443);
    need(::connect(fd, target.get(), target.length) != 0 && errno == EINPROGRESS);
  });
  require_named(*this, found, "leak-tcp");
  BOOST_TEST((found.front().flow.owner->by == OwnerBy::connected));
  BOOST_TEST(found.front().packet->destination.to_string() == "203.0.113.7:443");
  BOOST_TEST(arrived_at(beyond, IPPROTO_TCP).packets >= 1U);
}

BOOST_FIXTURE_TEST_CASE(icmp_is_named_by_who_made_the_socket, Traced) {
  if (!tracer.abilities().makers) return;
  client.run("sysctl -qw net.ipv4.ping_group_range='0 2147483647'");
  for (const int type : {SOCK_DGRAM, SOCK_RAW}) {
    const auto found = leaks_of("leak-icmp", [type] {
      icmphdr request{};
      request.type = ICMP_ECHO;
      const int fd = make_bound(AF_INET, type, IPPROTO_ICMP, "eth0");
      const Target target(beyond, 0);
      need(::sendto(fd, &request, sizeof request, 0, target.get(), target.length) == sizeof request);
    });
    require_named(*this, found, "leak-icmp");
    BOOST_TEST((found.front().flow.owner->by == OwnerBy::made));
    BOOST_TEST(int{found.front().packet->protocol} == IPPROTO_ICMP);
    BOOST_TEST(found.front().packet->destination.port == 0);
  }
}

BOOST_FIXTURE_TEST_CASE(ipv6_is_named_like_ipv4_and_neighbour_discovery_is_no_leak, Traced) {
  const auto found = leaks_of("leak-v6", [] { send_to(make_bound(AF_INET6, SOCK_DGRAM, 0, "eth0"), {beyond_v6, 4444}, 100, 2); });
  require_named(*this, found, "leak-v6");
  BOOST_TEST(found.back().packet->destination.to_string() == "[2001:db8:ffff::7]:4444");
  BOOST_TEST(found.back().flow.outside == arrived_at(beyond_v6, IPPROTO_UDP));
  // Nobody answers for a neighbour that is not there, so that the kernel asks.
  const auto asking = leaks_of("asks", [] { send_to(make_bound(AF_INET6, SOCK_DGRAM, 0, nullptr), {"2001:db8:0::99", 4444}, 1); });
  for (const auto& leak : asking) BOOST_TEST(int{leak.packet->protocol} != IPPROTO_ICMPV6);
}

BOOST_FIXTURE_TEST_CASE(an_ipv4_address_of_an_ipv6_socket_is_an_ipv4_one, Traced) {
  const auto found = leaks_of("leak-mapped", [] {
    send_to(make_bound(AF_INET6, SOCK_DGRAM, 0, "eth0"), {"::ffff:203.0.113.7", 4444}, 100);
  });
  require_named(*this, found, "leak-mapped");
  BOOST_TEST(found.front().packet->destination.to_string() == "203.0.113.7:4444");
}

BOOST_FIXTURE_TEST_CASE(a_program_that_was_started_by_another_is_named_itself, Traced) {
  const auto found = leaks_of("starter", [] {
    if (::fork() == 0) {
      ::execlp("bash", "bash", "-c", "echo x > /dev/udp/198.51.100.9/4444", nullptr);
      ::_exit(1);
    }
    int status = -1;
    need(::wait(&status) > 0 && status == 0);
  });
  BOOST_REQUIRE_EQUAL(found.size(), 1U);
  BOOST_REQUIRE(found.front().flow.owner.has_value());
  BOOST_TEST(found.front().flow.owner->name == "bash");
  BOOST_TEST(found.front().flow.owner->pid != static_cast<std::uint32_t>(last_pid));
}

BOOST_FIXTURE_TEST_CASE(a_program_that_took_the_process_of_another_has_its_own_name, Traced) {
  const auto found = leaks_of("before", [] {
    const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, "eth0");
    send_to(fd, {beyond, 4444}, 10);
    ::prctl(PR_SET_NAME, "after");  // what exec(2) does to the name
    send_to(fd, {beyond, 4444}, 10);
  });
  BOOST_REQUIRE_EQUAL(found.size(), 2U);
  BOOST_TEST(found[0].flow.owner->name == "before");
  BOOST_TEST(found[1].flow.owner->name == "after");
}

BOOST_FIXTURE_TEST_CASE(programs_that_live_for_a_moment_are_each_named, Traced) {
  constexpr int programs = 50;
  for (int i = 0; i < programs; ++i) {
    const auto name = fmt::format("brief-{}", i);
    const auto port = static_cast<std::uint16_t>(5000 + i);
    const auto found = leaks_of(name, [port] { send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {beyond, port}, 10); });
    require_named(*this, found, name);
    BOOST_TEST(found.size() == 1U);
    BOOST_TEST(found.front().packet->destination.port == port);
  }
}

BOOST_FIXTURE_TEST_CASE(a_socket_that_several_programs_send_by_says_so, Traced) {
  const auto found = leaks_of("first", [] {
    const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, "eth0");
    send_to(fd, {beyond, 4444}, 10);
    if (::fork() == 0) {
      send_to(fd, {beyond, 4444}, 10);
      ::_exit(0);
    }
    int status = -1;
    need(::wait(&status) > 0 && status == 0);
  });
  BOOST_REQUIRE_EQUAL(found.size(), 2U);
  BOOST_TEST(!found[0].flow.owner->several);
  BOOST_TEST(found[1].flow.owner->several);
}

BOOST_FIXTURE_TEST_CASE(a_connected_socket_by_which_another_program_sends_says_so, Traced) {
  if (!tracer.abilities().senders) return;
  const auto found = leaks_of("connects", [] {
    const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, "eth0");
    const Target target(beyond, 4444);
    need(::connect(fd, target.get(), target.length) == 0 && ::send(fd, "x", 1, 0) == 1);
    if (::fork() == 0) ::_exit(::send(fd, "x", 1, 0) == 1 ? 0 : 1);
    int status = -1;
    need(::wait(&status) > 0 && status == 0);
  });
  BOOST_REQUIRE_EQUAL(found.size(), 2U);
  BOOST_TEST(!found[0].flow.owner->several);
  BOOST_TEST(found[1].flow.owner->several);
}

BOOST_FIXTURE_TEST_CASE(frames_that_are_written_to_the_device_itself_are_nobodys, Traced) {
  send_by_packet_socket("eth0");
  BOOST_TEST(leaks().empty());
  BOOST_TEST(arrived_at(beyond, IPPROTO_UDP).packets == 1U);
}

BOOST_FIXTURE_TEST_CASE(what_another_namespace_sends_is_not_told, Traced) {
  const Named other(prefix + "o");
  other.run(
      "ip link set lo up && ip link add eth0 type veth peer name peer0 && ip link set peer0 up && "
      "ip address add 192.0.2.1/24 dev eth0 && ip link set eth0 up && ip neighbour replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev eth0");
  Program program("elsewhere", [&] {
    enter(other.name());
    send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {"192.0.2.2", 4444}, 10);
  });
  program.wait();
  BOOST_TEST(leaks().empty());
}

}  // namespace

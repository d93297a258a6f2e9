#include "probe/connections/traced_leaks.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "probe/connections/leaking_programs.hpp"
#include "probe/connections/traced_flows.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t uplink = 2;
constexpr std::uint32_t tunnel = 3;

FlowGround ground() {
  Snapshot snapshot;
  Link eth0;
  eth0.index = uplink;
  eth0.name = "eth0";
  Link wg0;
  wg0.index = tunnel;
  wg0.name = "wg0";
  snapshot.links = {eth0, wg0};
  FirewallPolicy policy;
  policy.tunnels = {"wg0"};
  policy.local_networks = {IpPrefix::parse("192.168.0.0/16").value()};
  policy.endpoints = {{IpAddress::parse("198.51.100.2").value(), IPPROTO_UDP, 51820, 0},
                      {IpAddress::parse("198.51.100.3").value(), 0, 1194, 0},
                      {IpAddress::parse("198.51.100.4").value(), IPPROTO_UDP, 51820, 0xca6c}};
  return make_flow_ground(snapshot, policy, true);
}

SocketOwner owner(OwnerBy by = OwnerBy::sent, std::uint32_t pid = 42) { return {pid, 1000, "curl", 7, by, false}; }

FlowRecord record(std::uint64_t socket, std::optional<SocketOwner> by = owner(), const char* to = "203.0.113.7:443",
                  std::uint8_t protocol = IPPROTO_UDP) {
  FlowRecord made;
  made.flow.netns = 1;
  made.flow.socket = socket;
  made.flow.owner = std::move(by);
  made.flow.outside = {1, 60};
  FlowPacket packet;
  packet.source = Endpoint::parse("192.0.2.9:40000", 0).value();
  packet.destination = Endpoint::parse(to, 0).value();
  packet.protocol = protocol;
  packet.interface = uplink;
  packet.length = 60;
  packet.way = PacketWay::outside;
  packet.uid = 1000;
  made.packet = packet;
  return made;
}

OutsideDestination destination(std::uint8_t protocol = IPPROTO_UDP, std::optional<std::uint32_t> uid = 1000) {
  return {IpAddress::parse("203.0.113.7").value(), protocol, 443, uid, {1, 60}};
}

OwnerFacts no_container(const SocketOwner& owner) { return {owner.name, {}}; }

struct Traced {
  TracedLeaks leaks;
  MonoTime now = mono_now();

  TracedAnswer named(const std::vector<FlowRecord>& records, const OutsideDestination& to = destination(), bool senders = true) {
    for (const auto& one : records) leaks.take(one, now);
    return name_traced(to, leaks.to(to), ground(), senders, no_container);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(traced_leaks, Traced)

BOOST_AUTO_TEST_CASE(who_sent_there_is_named_with_bytes) {
  const auto answer = named({record(7)});
  BOOST_TEST_REQUIRE(answer.programs.size() == 1U);
  BOOST_TEST(answer.programs[0].name == "curl");
  BOOST_TEST(answer.programs[0].pid == 42);
  BOOST_TEST(answer.programs[0].bytes.value() == 60U);
}

BOOST_AUTO_TEST_CASE(who_sent_elsewhere_or_by_the_tunnel_or_is_another_user_is_not) {
  BOOST_TEST(named({record(7, owner(), "203.0.113.8:443")}).programs.empty());
  auto inside = record(8);
  inside.packet->way = PacketWay::tunnel;
  BOOST_TEST(named({inside}).programs.empty());
  const auto other = named({record(9)}, destination(IPPROTO_UDP, 0));
  BOOST_TEST(other.programs.empty());
  // The socket may have been made by that user: sock_diag knows.
  BOOST_TEST(other.to_confirm.size() == 1U);
  BOOST_TEST(named({}, destination(IPPROTO_UDP, std::nullopt)).to_confirm.empty());
}

BOOST_AUTO_TEST_CASE(what_may_leave_names_nobody) {
  const OutsideDestination lan{IpAddress::parse("192.168.1.5").value(), IPPROTO_UDP, 443, 1000, {1, 60}};
  BOOST_TEST(named({record(7, owner(), "192.168.1.5:443")}, lan).programs.empty());
  const OutsideDestination dns{IpAddress::parse("192.168.1.1").value(), IPPROTO_UDP, 53, 1000, {1, 60}};
  BOOST_TEST(named({record(8, owner(), "192.168.1.1:53")}, dns).programs.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_socket_of_several_processes_names_none_of_them) {
  auto by = owner();
  by.several = true;
  const auto answer = named({record(7, by)});
  BOOST_TEST(answer.programs.empty());
  BOOST_TEST(answer.to_confirm.empty());
  BOOST_TEST(answer.why_not == "several processes send by its socket");
}

BOOST_AUTO_TEST_CASE(who_connected_is_sure_where_the_kernel_tells_of_other_senders_and_else_is_confirmed) {
  for (const auto by : {OwnerBy::connected, OwnerBy::made, OwnerBy::held}) {
    BOOST_TEST(named({record(7, owner(by))}).programs.size() == 1U);
    BOOST_TEST(named({record(7, owner(by))}, destination(), false).to_confirm.size() == 1U);
  }
  BOOST_TEST(named({record(8, std::nullopt)}).to_confirm.size() == 1U);
}

BOOST_AUTO_TEST_CASE(where_the_kernel_does_not_tell_of_senders_who_called_sendto_is_sure_while_others_cannot_send_unseen) {
  BOOST_TEST(named({record(7)}, destination(), false).programs.size() == 1U);
  auto second = record(8);
  second.flow.outside = {2, 120};
  leaks.clear();
  BOOST_TEST(named({second}, destination(), false).programs.size() == 1U);
  second.flow.owner->unseen = true;
  leaks.clear();
  BOOST_TEST(named({second}).programs.size() == 1U);
  const auto answer = named({second}, destination(), false);
  BOOST_TEST(answer.programs.empty());
  BOOST_TEST(answer.to_confirm.size() == 1U);
  // Of the only packet he is sure; but his own may have gone by the tunnel.
  auto first = record(10);
  first.flow.owner->unseen = true;
  leaks.clear();
  BOOST_TEST(named({first}, destination(), false).programs.size() == 1U);
  auto moved = record(9);
  moved.flow.owner->unseen = true;
  moved.flow.tunnel = {1, 60};
  leaks.clear();
  BOOST_TEST(named({moved}, destination(), false).to_confirm.size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_connected_by_tcp_is_sure_of_what_went_outside_from_its_first_packet) {
  const auto tcp = destination(IPPROTO_TCP);
  BOOST_TEST(named({record(7, owner(OwnerBy::connected), "203.0.113.7:443", IPPROTO_TCP)}, tcp, false).programs.size() == 1U);
  auto moved = record(8, owner(OwnerBy::connected), "203.0.113.7:443", IPPROTO_TCP);
  moved.flow.tunnel = {3, 180};
  const auto answer = named({moved}, tcp);
  BOOST_TEST(answer.programs.size() == 1U);
  BOOST_TEST(answer.to_confirm.size() == 1U);
  BOOST_TEST(named({record(9, owner(OwnerBy::held), "203.0.113.7:443", IPPROTO_TCP)}, tcp).to_confirm.size() == 2U);
}

BOOST_AUTO_TEST_CASE(bytes_are_told_only_where_they_all_went_there) {
  auto second = record(7, owner(), "203.0.113.8:443");
  second.flow.outside = {2, 120};
  BOOST_TEST(!named({record(7), second}).programs.at(0).bytes.has_value());
  auto many = record(8, owner());
  many.flow.outside = {9, 540};
  leaks.clear();
  BOOST_TEST(!named({many}).programs.at(0).bytes.has_value());
  leaks.clear();
  many.flow.owner->by = OwnerBy::connected;
  BOOST_TEST(named({many}).programs.at(0).bytes.value() == 540U);
}

BOOST_AUTO_TEST_CASE(the_counts_grow_with_each_record_of_the_socket) {
  (void)named({record(7, owner(OwnerBy::connected))});
  auto closed = record(7, owner(OwnerBy::connected));
  closed.packet.reset();
  closed.event = FlowEvent::closed;
  closed.flow.outside = {5, 300};
  BOOST_TEST(named({closed}).programs.at(0).bytes.value() == 300U);
}

BOOST_AUTO_TEST_CASE(a_packet_goes_to_a_destination_by_protocol_address_and_port) {
  BOOST_TEST(goes_to(*record(7).packet, destination()));
  BOOST_TEST(!goes_to(*record(7).packet, destination(IPPROTO_TCP)));
  BOOST_TEST(!goes_to(*record(7, owner(), "203.0.113.7:444").packet, destination()));
  BOOST_TEST(!goes_to(*record(7, owner(), "192.168.1.5:443").packet, destination()));
}

BOOST_AUTO_TEST_CASE(who_sent_there_in_an_earlier_leak_is_not_named_for_this_one) {
  (void)named({record(7, owner(OwnerBy::connected))});
  const auto later = now + 5s;
  // It sends on, but by the tunnel.
  auto inside = record(7, owner(OwnerBy::connected));
  inside.flow.tunnel = {9, 540};
  inside.packet->way = PacketWay::tunnel;
  leaks.take(inside, later);
  BOOST_TEST(leaks.to(destination(), now).size() == 1U);
  BOOST_TEST(leaks.to(destination(), later).empty());
  // What has grown since has left, even when its packet was not told.
  inside.flow.outside = {2, 120};
  leaks.take(inside, later);
  BOOST_TEST(leaks.to(destination(), later).size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_was_told_long_ago_is_forgotten_and_a_flood_forgets_the_oldest) {
  (void)named({record(7)});
  leaks.age(now + TracedLeaks::kept);
  BOOST_TEST(leaks.to(destination()).size() == 1U);
  leaks.age(now + TracedLeaks::kept + 1s);
  BOOST_TEST(leaks.to(destination()).empty());
  leaks = TracedLeaks(2);
  for (std::uint64_t socket = 1; socket <= 3; ++socket) leaks.take(record(socket), now + std::chrono::seconds(socket));
  BOOST_TEST(leaks.to(destination()).size() == 2U);
  BOOST_TEST(leaks.to(destination())[0]->socket == 2U);
}

BOOST_AUTO_TEST_CASE(what_the_tracer_must_know_are_tunnels_and_servers_that_need_no_mark) {
  const auto space = watched_space(ground());
  BOOST_TEST((space.inside == std::set<std::uint32_t>{tunnel}));
  BOOST_TEST((space.networks == std::set{IpPrefix::parse("192.168.0.0/16").value()}));
  BOOST_TEST(space.endpoints.size() == 3U);
  BOOST_TEST(space.endpoints.contains({IpAddress::parse("198.51.100.3").value(), IPPROTO_TCP, 1194}));
  BOOST_TEST(!space.drop);
}

BOOST_AUTO_TEST_CASE(the_tracer_is_told_what_may_leave_by_its_device_its_user_or_its_mark) {
  auto with = ground();
  Link docker0;
  docker0.index = 4;
  docker0.name = "docker0";
  with.links.emplace(docker0.index, docker0);
  with.policy.inner_devices = {"docker0"};
  AllowedPackets by_uid;
  by_uid.uids = AllowedUids{1000, 1001};
  AllowedPackets own;
  own.priority = 7;
  with.policy.allowed = {by_uid, own};
  const auto space = watched_space(with);
  BOOST_TEST((space.inner == std::set<std::uint32_t>{4}));
  // The server with a mark is the other one.
  BOOST_TEST_REQUIRE(space.allowed.size() == 2U);
  BOOST_TEST((space.allowed[0].uids == std::pair<std::uint32_t, std::uint32_t>{1000, 1001}));
  BOOST_TEST(space.allowed[1].mark == 0xca6cU);
  BOOST_TEST(space.allowed[1].destination->to_string() == "198.51.100.4/32");
  with.policy.allowed.assign(40, by_uid);
  BOOST_TEST(watched_space(with).allowed.size() == WatchedSpace::most_allowed);
}

BOOST_AUTO_TEST_CASE(the_mark_and_user_of_the_packet_decide_whether_it_may_leave) {
  auto to_server = record(7, owner(), "198.51.100.4:51820");
  BOOST_TEST(!is_allowed(to_server, ground()));
  to_server.packet->mark = 0xca6c;
  BOOST_TEST(is_allowed(to_server, ground()));
  auto with = ground();
  AllowedPackets by_uid;
  by_uid.uids = AllowedUids{1000, 1000};
  with.policy.allowed = {by_uid};
  auto of_user = record(7, std::nullopt);
  BOOST_TEST(is_allowed(of_user, with));
  of_user.packet->uid = 1001;
  BOOST_TEST(!is_allowed(of_user, with));
}

BOOST_AUTO_TEST_CASE(a_local_network_that_the_tunnel_has_a_part_of_is_judged_from_the_records) {
  auto divided = ground();
  for (const auto* part : {"192.168.7.0/24", "192.168.0.0/16"}) {
    divided.policy.tunnel_networks = {IpPrefix::parse(part).value()};
    BOOST_TEST(watched_space(divided).networks.empty());
  }
  divided.policy.tunnel_networks = {IpPrefix::parse("0.0.0.0/0").value(), IpPrefix::parse("10.0.0.0/8").value()};
  BOOST_TEST(watched_space(divided).networks.size() == 1U);
  divided.policy.tunnel_networks.clear();
  for (unsigned i = 0; i < 100; ++i) {
    divided.policy.local_networks.push_back(IpPrefix::parse("10.0." + std::to_string(i) + ".0/24").value());
  }
  BOOST_TEST(watched_space(divided).networks.size() == 64U);
}

BOOST_AUTO_TEST_CASE(what_may_leave_takes_no_room_and_leaves_the_bytes_of_a_leak_unknown) {
  const auto local = record(7, owner(), "192.168.1.5:443");
  BOOST_TEST(is_allowed(local, ground()));
  BOOST_TEST(!is_allowed(record(7, owner(), "192.168.1.5:53"), ground()));
  BOOST_TEST(!is_allowed(record(7), ground()));
  leaks.take(local, now, true);
  const OutsideDestination lan{IpAddress::parse("192.168.1.5").value(), IPPROTO_UDP, 443, 1000, {1, 60}};
  BOOST_TEST(leaks.to(lan).empty());
  // One that the leak came after, and one that came after it.
  auto second = record(7);
  second.flow.outside = {2, 120};
  BOOST_TEST(!named({second}).programs.at(0).bytes.has_value());
  leaks.clear();
  (void)named({record(8)});
  leaks.take(record(8, owner(), "192.168.1.5:443"), now, true);
  BOOST_TEST(!named({}).programs.at(0).bytes.has_value());
}

BOOST_AUTO_TEST_CASE(the_holder_of_a_socket_confirms_who_sent) {
  SocketEntry entry;
  entry.protocol = IPPROTO_UDP;
  entry.uid = 1000;
  entry.inode = 5;
  entry.cookie = 7;
  entry.mark = 0;
  SocketOwners owners;
  owners.processes = {{42, "curl", 1000, {}}, {43, "wget", 1000, {}}};
  owners.of = {{5, {0}}, {6, {1}}, {8, {0, 1}}};
  leaks.take(record(7, std::nullopt), now);
  const auto confirmed = [&](std::uint32_t inode, std::optional<SocketOwner> by = std::nullopt, std::uint32_t uid = 1000) {
    auto leak = *leaks.to(destination()).at(0);
    leak.owner = std::move(by);
    entry.inode = inode;
    entry.uid = uid;
    return confirm_traced(destination(), std::vector{leak}, std::vector{entry}, owners, ground());
  };
  BOOST_TEST(confirmed(5, owner(OwnerBy::connected)).programs.at(0).pid == 42);
  // Whoever has it now may have been given it by the one that sent.
  BOOST_TEST(confirmed(5).programs.empty());
  BOOST_TEST(confirmed(5).why_not == "curl (pid 42) has its socket now; who had it when it sent is not known");
  BOOST_TEST(confirmed(6, owner(OwnerBy::connected)).why_not == "its socket was handed from one process to another");
  auto told_elsewhere = *leaks.to(destination()).at(0);
  told_elsewhere.owner = owner(OwnerBy::connected);
  entry.inode = 5;
  const auto not_comparable = confirm_traced(destination(), std::vector{told_elsewhere}, std::vector{entry}, owners, ground(), false);
  BOOST_TEST(not_comparable.programs.empty());
  BOOST_TEST(not_comparable.why_not.find("cannot be compared") != std::string::npos);
  BOOST_TEST(confirmed(8).why_not == "2 processes have its socket");
  BOOST_TEST(confirmed(0).why_not == "its program has closed it");
  BOOST_TEST(confirmed(5, std::nullopt, 0).programs.empty());
  entry.cookie = 8;
  BOOST_TEST(confirmed(5).why_not == "its socket was closed before it could be seen who has it");
  // It may well be open: only TCP and UDP are listed.
  BOOST_TEST(confirmed(5, owner(OwnerBy::made)).why_not.starts_with("who has its socket is not seen"));
}

BOOST_AUTO_TEST_CASE(a_process_that_got_the_number_of_another_one_is_another_program) {
  auto other = owner();
  other.name = "wget";
  BOOST_TEST(named({record(7), record(8, other)}).programs.size() == 2U);
  leaks.clear();
  BOOST_TEST(named({record(7), record(8)}).programs.size() == 1U);
  OutsideProgram one{"curl", 42, 1000, {}, destination(), 60};
  auto same = one;
  same.container = std::string(64, 'a');
  BOOST_TEST(is_same_program(one, same));
  one.container = std::string(64, 'b');
  BOOST_TEST(!is_same_program(one, same));
}

BOOST_AUTO_TEST_CASE(the_container_of_a_process_is_looked_for_once_whatever_the_number_of_its_sockets) {
  for (std::uint64_t socket = 1; socket <= 100; ++socket) leaks.take(record(socket), now);
  unsigned asked = 0;
  const auto container = [&asked](const SocketOwner& owner) {
    ++asked;
    return OwnerFacts{owner.name, std::string(64, 'a')};
  };
  const auto answer = name_traced(destination(), leaks.to(destination()), ground(), true, container);
  BOOST_TEST(answer.programs.at(0).container == std::string(64, 'a'));
  BOOST_TEST(answer.programs.at(0).bytes.value() == 6000U);
  BOOST_TEST(asked == 1U);
}

BOOST_AUTO_TEST_CASE(sightings_have_owner_device_and_the_bytes_that_went_out) {
  TracedFlows flows(true, no_container);
  const auto seen = flows.take(record(7));
  BOOST_TEST_REQUIRE(seen.size() == 1U);
  BOOST_TEST(seen[0].key.cookie == 7U);
  BOOST_TEST(seen[0].out_index == uplink);
  BOOST_TEST(seen[0].owner.program.value().pid == 42);
  BOOST_TEST(seen[0].bytes->out == 60U);
  BOOST_TEST(!seen[0].bytes->in_known);
  const auto second = flows.take(record(7, owner(), "203.0.113.8:443"));
  BOOST_TEST_REQUIRE(second.size() == 1U);
  BOOST_TEST(!second[0].bytes.has_value());
  auto closed = record(7);
  closed.packet.reset();
  closed.event = FlowEvent::closed;
  const auto ended = flows.take(closed);
  BOOST_TEST(ended.size() == 2U);
  for (const auto& one : ended) BOOST_TEST(one.ended);
}

BOOST_AUTO_TEST_CASE(an_owner_that_is_not_sure_is_left_to_another_source) {
  TracedFlows flows(false, no_container);
  auto unseen = owner(OwnerBy::sent);
  unseen.unseen = true;
  for (const auto& by : {owner(OwnerBy::connected), owner(OwnerBy::held), owner(OwnerBy::made), unseen}) {
    const auto seen = flows.take(record(7, by));
    BOOST_TEST(!seen.at(0).owner.program.has_value());
    BOOST_TEST(seen.at(0).owner.candidates.empty());
  }
  BOOST_TEST(flows.take(record(8, owner(OwnerBy::sent))).at(0).owner.program.value().pid == 42);
  BOOST_TEST(flows.take(record(0)).empty());
  BOOST_TEST(flows.lost() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

#include "probe/connections/flow_table.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

Endpoint end(const char* text) { return Endpoint::parse(text, 0).value(); }

Sighting sighting(std::uint64_t cookie, const char* local = "192.0.2.9:40000", const char* remote = "203.0.113.7:443") {
  Sighting seen;
  seen.key = {IPPROTO_TCP, end(local), end(remote), cookie};
  return seen;
}

Owner owner(pid_t pid, const char* name) { return {Program{pid, name, 1000, {}}, {}, {}}; }

struct Table {
  FlowTable table{};
  MonoTime now{1h};
  WallTime wall{std::chrono::seconds{1'800'000'000}};

  void take(FlowSource source, std::vector<Sighting> sightings, bool whole = false, FlowWay way = FlowWay::tunnel) {
    now += 1s;
    const std::vector<FlowDirection> directions(sightings.size(), FlowDirection{way, "eth0", {}});
    table.take(Batch{source, std::move(sightings), whole, 0, {}}, directions, wall, now);
  }
  const KnownFlow& only() {
    BOOST_REQUIRE_EQUAL(table.size(), 1U);
    return *table.flows().front();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(flow_table)

BOOST_AUTO_TEST_CASE(two_looks_at_one_socket_are_one_flow) {
  Table t;
  auto seen = sighting(7);
  seen.owner = owner(42, "curl");
  t.take(FlowSource::sock_diag, {seen}, true);
  seen.bytes = FlowBytes{10, 20, false};
  t.take(FlowSource::sock_diag, {seen}, true);
  BOOST_TEST(t.only().owner.program->name == "curl");
  BOOST_TEST(t.only().bytes->in == 20U);
  BOOST_TEST(!t.only().ended);
}

BOOST_AUTO_TEST_CASE(bytes_of_conntrack_join_the_socket_with_the_same_ends) {
  Table t;
  auto seen = sighting(7);
  seen.bytes = FlowBytes{10, 20, false};
  t.take(FlowSource::sock_diag, {seen}, true);
  auto tracked = sighting(0);
  tracked.bytes = FlowBytes{500, 600, true};
  t.take(FlowSource::conntrack, {tracked});
  BOOST_TEST(t.only().bytes->out == 500U);
  t.take(FlowSource::sock_diag, {seen}, true);
  BOOST_TEST(t.only().bytes->out == 500U);
  BOOST_TEST(t.only().told_by(FlowSource::conntrack));
}

BOOST_AUTO_TEST_CASE(a_socket_that_is_younger_than_the_last_list_does_not_inherit_an_older_flow_of_its_port) {
  Table t;
  t.take(FlowSource::conntrack, {sighting(0)});
  t.take(FlowSource::sock_diag, {}, true);
  auto seen = sighting(7);
  seen.owner = owner(42, "innocent");
  t.take(FlowSource::sock_diag, {seen}, true);
  BOOST_REQUIRE_EQUAL(t.table.size(), 2U);
  for (const auto* flow : t.table.flows()) {
    if (flow->key.cookie == 0) BOOST_TEST(!flow->owner.program.has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_socket_that_is_found_after_its_flow_owns_it) {
  Table t;
  t.take(FlowSource::sock_diag, {}, true);
  t.take(FlowSource::conntrack, {sighting(0)});
  auto seen = sighting(7);
  seen.owner = owner(42, "curl");
  t.take(FlowSource::sock_diag, {seen}, true);
  BOOST_TEST(t.only().owner.program->pid == 42);
}

BOOST_AUTO_TEST_CASE(another_owner_at_a_later_look_is_a_doubt_and_nobody_does_not_take_the_first_away) {
  Table t;
  auto seen = sighting(7);
  seen.owner = owner(42, "curl");
  t.take(FlowSource::sock_diag, {seen});
  seen.owner = {{}, {}, "no process has it"};
  t.take(FlowSource::sock_diag, {seen});
  BOOST_TEST(t.only().owner.program->pid == 42);
  seen.owner = owner(43, "sleep");
  t.take(FlowSource::sock_diag, {seen});
  BOOST_TEST(!t.only().owner.program.has_value());
  BOOST_TEST(t.only().owner.candidates.size() == 2U);
  seen.owner = owner(43, "sleep");
  t.take(FlowSource::sock_diag, {seen});
  BOOST_TEST(!t.only().owner.program.has_value());
}

BOOST_AUTO_TEST_CASE(what_is_missing_from_a_whole_list_has_ended_and_is_forgotten_later) {
  Table t;
  t.take(FlowSource::sock_diag, {sighting(7)}, true);
  t.take(FlowSource::sock_diag, {sighting(8, "192.0.2.9:40001")}, true);
  std::size_t ended = 0;
  for (const auto* flow : t.table.flows()) ended += flow->ended ? 1 : 0;
  BOOST_TEST(ended == 1U);
  t.table.age(t.now + 59s);
  BOOST_TEST(t.table.size() == 2U);
  t.table.age(t.now + 61s);
  BOOST_TEST(t.table.size() == 1U);
  t.table.age(t.now + 301s);
  BOOST_TEST(t.table.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_list_that_was_cut_ends_nothing) {
  Table t;
  t.take(FlowSource::sock_diag, {sighting(7)}, true);
  t.now += 1s;
  t.table.take(Batch{FlowSource::sock_diag, {}, true, 5, {}}, {}, t.wall, t.now);
  BOOST_TEST(!t.only().ended);
  BOOST_TEST(t.table.losses().by_sources == 5U);
}

BOOST_AUTO_TEST_CASE(a_socket_outlives_its_tracked_connection) {
  Table t;
  t.take(FlowSource::sock_diag, {sighting(7)}, true);
  auto gone = sighting(0);
  gone.ended = true;
  t.take(FlowSource::conntrack, {gone});
  BOOST_TEST(!t.only().ended);
}

BOOST_AUTO_TEST_CASE(the_device_that_was_seen_outweighs_routes_that_were_asked) {
  Table t;
  auto traced = sighting(7);
  traced.out_index = 2;
  t.take(FlowSource::ebpf, {traced}, false, FlowWay::outside);
  t.take(FlowSource::sock_diag, {sighting(7)}, true, FlowWay::tunnel);
  BOOST_TEST((t.only().direction.way == FlowWay::outside));
  BOOST_TEST(t.only().direction_seen);
}

BOOST_AUTO_TEST_CASE(a_traced_socket_without_a_near_end_gets_it_from_the_list) {
  Table t;
  auto traced = sighting(7);
  traced.key.local = {};
  t.take(FlowSource::ebpf, {traced});
  t.take(FlowSource::sock_diag, {sighting(7)}, true);
  BOOST_TEST(t.only().key.local.port == 40000);
  t.table.age(t.now + 1h);
  BOOST_TEST(t.table.size() == 0U);
}

BOOST_AUTO_TEST_CASE(beyond_the_limit_ended_flows_go_first_and_then_new_ones_are_counted) {
  Table t;
  t.table = FlowTable({.most = 2, .facts = {}});
  auto gone = sighting(1);
  gone.ended = true;
  t.take(FlowSource::sock_diag, {gone, sighting(2, "192.0.2.9:40002"), sighting(3, "192.0.2.9:40003"), sighting(4, "192.0.2.9:40004")});
  BOOST_TEST(t.table.size() == 2U);
  BOOST_TEST(t.table.losses().no_room == 2U);
  for (const auto* flow : t.table.flows()) BOOST_TEST(flow->key.cookie != 4U);
}

BOOST_AUTO_TEST_CASE(a_udp_socket_that_is_connected_anew_is_another_flow) {
  Table t;
  t.take(FlowSource::sock_diag, {sighting(7)}, true);
  t.take(FlowSource::sock_diag, {sighting(7, "192.0.2.9:40000", "203.0.113.8:443")}, true);
  BOOST_TEST(t.table.size() == 2U);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_burst_that_ebpf_has_not_told_yet_is_told_by_the_socket) {
  Table t;
  auto traced = sighting(7);
  traced.bytes = FlowBytes{60, 0, true, false};
  auto listed = sighting(7);
  listed.bytes = FlowBytes{100'000, 500, false, true};
  t.take(FlowSource::ebpf, {traced});
  t.take(FlowSource::sock_diag, {listed}, true);
  BOOST_TEST(t.only().bytes->out == 100'000U);
  BOOST_TEST(t.only().bytes->in == 500U);
  traced.bytes->out = 1500;
  t.take(FlowSource::ebpf, {traced});
  BOOST_TEST(t.only().bytes->out == 100'000U);
  traced.bytes->out = 104'000;
  t.take(FlowSource::ebpf, {traced});
  BOOST_TEST(t.only().bytes->out == 104'000U);
}

BOOST_AUTO_TEST_SUITE_END()

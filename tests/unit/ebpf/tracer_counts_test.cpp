#include <netinet/tcp.h>

#include <string_view>

#include "tests/unit/ebpf/traced.hpp"

using namespace vpn_sentinel;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsBpf);

constexpr const char* beyond = "203.0.113.7";

/// With somebody who answers at the far end of eth0.
struct Answered : Traced {
  using Traced::Traced;
  static constexpr const char* far_end = "198.51.100.77";
  static constexpr std::uint16_t port = 8080;

  void prepare_far_end() const {
    far.run("ip link set lo up && ip address add 192.0.2.2/24 dev far0 && ip address add 198.51.100.77/32 dev lo");
  }
  /// Takes one connection and reads it to its end.
  [[nodiscard]] std::unique_ptr<Program> sink() const {
    int ready[2];
    BOOST_REQUIRE_EQUAL(::pipe2(ready, O_CLOEXEC), 0);
    auto program = std::make_unique<Program>("sink", [&] {
      enter(far.name());
      const int fd = make_bound(AF_INET, SOCK_STREAM, 0, nullptr);
      const Target own(far_end, port);
      need(::bind(fd, own.get(), own.length) == 0 && ::listen(fd, 1) == 0);
      need(::write(ready[1], "x", 1) == 1);
      const int taken = ::accept(fd, nullptr, nullptr);
      need(taken >= 0);
      char part[65536];
      while (::read(taken, part, sizeof part) > 0) {
      }
    });
    ::close(ready[1]);
    char ignored = 0;
    BOOST_REQUIRE_EQUAL(::read(ready[0], &ignored, 1), 1);
    ::close(ready[0]);
    return program;
  }
  /// Until a record of that sort, which must come.
  [[nodiscard]] FlowRecord await(FlowEvent event) {
    std::optional<FlowRecord> found;
    for (const auto deadline = mono_now() + std::chrono::seconds{10}; !found;) {
      BOOST_REQUIRE(mono_now() < deadline);
      // Routine records wake nobody.
      pollfd waiting{tracer.descriptor(), POLLIN, 0};
      (void)::poll(&waiting, 1, 10);
      tracer.drain([&](const FlowRecord& record) {
        if (record.event == event) found = record;
      });
    }
    return *found;
  }
};

BOOST_FIXTURE_TEST_CASE(of_a_tcp_connection_the_last_record_has_what_the_far_side_saw_though_it_was_closed_at_once, Answered) {
  prepare_far_end();
  const auto survey = SocketSurvey::start(tracer);
  if (!survey) return;  // the end of a connection is told by it
  const auto reader = sink();
  Program program("leak-tcp", [this] {
    enter(client.name());
    const int fd = make_bound(AF_INET, SOCK_STREAM, 0, "eth0");
    const Target target(far_end, port);
    need(::connect(fd, target.get(), target.length) == 0);
    const std::string data(1'000'000, 'x');
    need(::send(fd, data.data(), data.size(), 0) == static_cast<ssize_t>(data.size()));
    ::close(fd);  // with what does not fit into the network yet
  });
  const auto last = await(FlowEvent::ended);
  const auto arrived = arrived_at(far_end, IPPROTO_TCP);
  BOOST_TEST(last.flow.owner->name == "leak-tcp");
  BOOST_TEST((last.flow.owner->by == OwnerBy::connected));
  BOOST_TEST(last.flow.outside.bytes > 1'000'000U);
  // The last acknowledgement belongs to TIME_WAIT, which is no socket any more.
  BOOST_TEST(arrived.packets - last.flow.outside.packets <= 1U);
  BOOST_TEST(arrived.bytes - last.flow.outside.bytes <= 60U);
}

BOOST_FIXTURE_TEST_CASE(packets_by_the_tunnel_are_counted_and_told_once_for_each_tick, Traced) {
  int go[2];
  BOOST_REQUIRE_EQUAL(::pipe2(go, O_CLOEXEC), 0);
  int done[2];
  BOOST_REQUIRE_EQUAL(::pipe2(done, O_CLOEXEC), 0);
  Program program("good", [&] {
    enter(client.name());
    const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, nullptr);
    char ignored = 0;
    for (int round = 0; round < 2; ++round) {
      send_to(fd, {beyond, 53}, 72, 5);
      need(::write(done[1], "x", 1) == 1 && ::read(go[0], &ignored, 1) == 1);
    }
  });
  const auto next = [&] {
    char ignored = 0;
    BOOST_REQUIRE_EQUAL(::read(done[0], &ignored, 1), 1);
    return records();
  };
  const auto first = next();
  BOOST_REQUIRE_EQUAL(first.size(), 1U);
  BOOST_TEST((first[0].event == FlowEvent::first_since_tick));
  BOOST_TEST((first[0].packet->way == PacketWay::tunnel));
  BOOST_TEST(first[0].packet->destination.to_string() == "203.0.113.7:53");
  BOOST_TEST(first[0].flow.tunnel == (PacketCount{1, 100}));
  tracer.tick();
  BOOST_REQUIRE_EQUAL(::write(go[1], "x", 1), 1);
  const auto second = next();
  BOOST_REQUIRE_EQUAL(second.size(), 1U);
  BOOST_TEST(second[0].flow.tunnel == (PacketCount{6, 600}));
  if (const auto survey = SocketSurvey::start(tracer)) {
    const auto flows = survey->flows();
    BOOST_REQUIRE(flows.has_value());
    const auto same =
        std::find_if(flows->rows.begin(), flows->rows.end(), [&](const SocketFlow& flow) { return flow.socket == second[0].flow.socket; });
    BOOST_REQUIRE(same != flows->rows.end());
    BOOST_TEST(same->tunnel == (PacketCount{10, 1000}));
    BOOST_TEST(same->owner->name == "good");
  }
  BOOST_REQUIRE_EQUAL(::write(go[1], "x", 1), 1);
  program.wait();
  const auto last = records();
  if (!tracer.abilities().makers) return;
  BOOST_REQUIRE_EQUAL(last.size(), 1U);
  BOOST_TEST((last[0].event == FlowEvent::closed));
  BOOST_TEST(last[0].flow.tunnel == (PacketCount{10, 1000}));
  BOOST_TEST(last[0].flow.outside.packets == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_server_a_local_network_and_the_probe_itself_are_exempt, Traced) {
  watch({{}, {IpPrefix::parse("198.18.1.0/24").value()}, {{IpAddress::parse("203.0.113.1").value(), IPPROTO_UDP, 1194}}});
  const auto to = [](const char* address, std::uint16_t port, const char* device) {
    return [=] { send_to(make_bound(AF_INET, SOCK_DGRAM, 0, device), {address, port}, 10); };
  };
  BOOST_TEST(leaks_of("server", to("203.0.113.1", 1194, "eth0")).empty());
  BOOST_TEST(leaks_of("other-port", to("203.0.113.1", 1195, "eth0")).size() == 1U);
  BOOST_TEST(leaks_of("local", to("198.18.1.9", 4444, "eth1")).empty());
  BOOST_TEST(leaks_of("local-names", to("198.18.1.9", 53, "eth1")).size() == 1U);
  BOOST_TEST(leaks_of("local-tls", to("198.18.1.9", 853, "eth1")).size() == 1U);
  BOOST_TEST(leaks_of("not-local", to("198.18.2.9", 4444, "eth1")).size() == 1U);
  watch({{}, {}, {{IpAddress::parse("203.0.113.1").value(), 0, 0}}});
  BOOST_TEST(leaks_of("any-port", to("203.0.113.1", 1195, "eth0")).empty());
  BOOST_TEST(leaks_of("local-no-more", to("198.18.1.9", 4444, "eth1")).size() == 1U);
  watch({{index_of("eth0")}, {}, {}});
  BOOST_TEST(leaks_of("inside-now", to("203.0.113.1", 1196, "eth0")).empty());
  tracer.forget(netns);
  BOOST_TEST(leaks_of("not-watched", to("203.0.113.1", 1196, "eth1")).empty());
}

BOOST_FIXTURE_TEST_CASE(a_socket_whose_tunnel_is_none_any_more_leaks_with_its_next_packet, Traced) {
  int go[2];
  BOOST_REQUIRE_EQUAL(::pipe2(go, O_CLOEXEC), 0);
  int done[2];
  BOOST_REQUIRE_EQUAL(::pipe2(done, O_CLOEXEC), 0);
  Program program("stays", [&] {
    enter(client.name());
    const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, nullptr);
    char ignored = 0;
    for (int round = 0; round < 3; ++round) {
      send_to(fd, {beyond, 53}, 72, 3);
      need(::write(done[1], "x", 1) == 1 && ::read(go[0], &ignored, 1) == 1);
    }
  });
  const auto leaks_of_round = [&] {
    char ignored = 0;
    BOOST_REQUIRE_EQUAL(::read(done[0], &ignored, 1), 1);
    return leaks();
  };
  BOOST_TEST(leaks_of_round().empty());
  auto without_tunnel = with_tunnel({});
  without_tunnel.inside.clear();
  BOOST_REQUIRE(tracer.watch(netns, without_tunnel).has_value());
  BOOST_REQUIRE_EQUAL(::write(go[1], "x", 1), 1);
  const auto found = leaks_of_round();
  BOOST_REQUIRE_EQUAL(found.size(), 2U);
  BOOST_TEST(found[0].flow.tunnel == (PacketCount{3, 300}));
  BOOST_TEST(found[0].flow.outside == (PacketCount{1, 100}));
  watch({});
  BOOST_REQUIRE_EQUAL(::write(go[1], "x", 1), 1);
  BOOST_TEST(leaks_of_round().empty());
  BOOST_REQUIRE_EQUAL(::write(go[1], "x", 1), 1);
}

BOOST_AUTO_TEST_CASE(the_probes_own_packets_are_known_by_their_priority) {
  TracerSettings settings;
  settings.own_priority = 0x5eed;
  Traced traced(settings);
  const auto found = traced.leaks_of("probe", [] {
    const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, "eth0");
    const int priority = 0x5eed;
    need(::setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority) == 0);
    send_to(fd, {beyond, 4444}, 10);
  });
  BOOST_TEST(found.empty());
}

BOOST_FIXTURE_TEST_CASE(what_leaves_by_an_inner_device_is_no_leak, Traced) {
  WatchedSpace space;
  space.inner = {index_of("eth0")};
  watch(space);
  const auto send = [] { send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {beyond, 53}, 10, 3); };
  Program program("inner", [&] { enter(client.name()), send(); });
  program.wait();
  const auto all = records();
  BOOST_REQUIRE(!all.empty());
  BOOST_TEST((all.front().event == FlowEvent::first_since_tick));
  BOOST_TEST((all.front().packet->way == PacketWay::exempt));
  BOOST_TEST(all.back().flow.outside.packets == 0U);
  BOOST_TEST(arrived_at(beyond, IPPROTO_UDP).packets == 3U);
  // Both ways round: what was inner may become the tunnel, and what was inside an uplink.
  space.inner.clear();
  watch(space);
  BOOST_TEST(leaks_of("outer", send).size() == 2U);
}

/// 10 bytes of UDP with mark and user, to `port`.
void send_marked(const char* to, std::uint16_t port, std::uint32_t mark, unsigned uid) {
  const int fd = make_bound(std::string_view(to).find(':') == std::string_view::npos ? AF_INET : AF_INET6, SOCK_DGRAM, 0, "eth0");
  need(::setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0);
  need(::fchown(fd, uid, static_cast<gid_t>(-1)) == 0);
  send_to(fd, {to, port}, 10);
}

BOOST_FIXTURE_TEST_CASE(what_is_allowed_by_user_mark_ports_or_network_is_no_leak_and_its_neighbours_are, Traced) {
  struct Try {
    TracedAllowance allowed;
    std::function<void()> passes;
    std::function<void()> leaks;
  };
  const auto allowance = [](const std::function<void(TracedAllowance&)>& set) {
    TracedAllowance made;
    set(made);
    return made;
  };
  constexpr const char* beyond_v6 = "2001:db8:ffff::7";
  const Try tries[] = {
      {allowance([](TracedAllowance& to) { to.uids = std::pair(1000U, 1001U); }), [] { send_marked(beyond, 443, 0, 1001); },
       [] { send_marked(beyond, 443, 0, 1002); }},
      {allowance([](TracedAllowance& to) { to.mark = 0x10, to.mark_mask = 0xf0; }), [] { send_marked(beyond, 443, 0x1f, 0); },
       [] { send_marked(beyond, 443, 0x2f, 0); }},
      {allowance([](TracedAllowance& to) { to.destination_ports = std::pair<std::uint16_t, std::uint16_t>(400, 500); }),
       [] { send_marked(beyond, 500, 0, 0); }, [] { send_marked(beyond, 501, 0, 0); }},
      {allowance([](TracedAllowance& to) { to.destination = IpPrefix::parse("203.0.113.0/29").value(); }),
       [] { send_marked(beyond, 443, 0, 0); }, [] { send_marked("203.0.113.8", 443, 0, 0); }},
      {allowance([](TracedAllowance& to) { to.destination = IpPrefix::parse("2001:db8:ffff::/125").value(); }),
       [] { send_marked(beyond_v6, 443, 0, 0); }, [] { send_marked("2001:db8:ffff::8", 443, 0, 0); }},
      {allowance([](TracedAllowance& to) { to.source = IpPrefix::parse("192.0.2.1/32").value(); }), [] { send_marked(beyond, 443, 0, 0); },
       [] { send_marked(beyond_v6, 443, 0, 0); }},
      {allowance([](TracedAllowance& to) { to.family = Family::v6, to.protocol = IPPROTO_UDP; }), [] { send_marked(beyond_v6, 443, 0, 0); },
       [] { send_marked(beyond, 443, 0, 0); }},
      {allowance([](TracedAllowance& to) { to.protocol = IPPROTO_TCP; }), [] {}, [] { send_marked(beyond, 443, 0, 0); }},
  };
  for (const auto& [allowed, passes, leaks] : tries) {
    WatchedSpace space;
    // The last of a full list counts as the first.
    TracedAllowance nothing;
    nothing.protocol = IPPROTO_SCTP;
    space.allowed.assign(WatchedSpace::most_allowed - 1, nothing);
    space.allowed.push_back(allowed);
    watch(space);
    BOOST_TEST(leaks_of("may", passes).empty());
    const auto found = leaks_of("may-not", leaks);
    BOOST_REQUIRE_EQUAL(found.size(), 1U);
    BOOST_TEST(found[0].flow.exempt.packets == 0U);
  }
  watch({});
  const auto found = leaks_of("told", [] { send_marked(beyond, 443, 0x1f, 1001); });
  BOOST_REQUIRE_EQUAL(found.size(), 1U);
  BOOST_TEST(found[0].packet->mark == 0x1fU);
  BOOST_TEST(found[0].packet->uid == 1001U);
}

BOOST_FIXTURE_TEST_CASE(a_target_that_drops_lets_nothing_out_and_says_who_tried, Traced) {
  WatchedSpace space;
  space.drop = true;
  watch(space);
  const auto found = leaks_of("stopped", [] {
    const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, "eth0");
    const Target target(beyond, 4444);
    for (int i = 0; i < 3; ++i) need(::sendto(fd, "x", 1, 0, target.get(), target.length) < 0 && errno == EPERM);
  });
  BOOST_REQUIRE_EQUAL(found.size(), 2U);
  BOOST_TEST((found[0].packet->way == PacketWay::stopped));
  BOOST_TEST(found[0].flow.owner->name == "stopped");
  BOOST_TEST(found[1].flow.stopped == (PacketCount{2, 58}));
  BOOST_TEST(found[1].flow.outside.packets == 0U);
  BOOST_TEST(arrived_at(beyond, IPPROTO_UDP).packets == 0U);
  watch({});
  BOOST_TEST(leaks_of("let-out", [] { send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {beyond, 4444}, 1); }).size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_leak_makes_the_descriptor_readable, Traced) {
  (void)records();
  pollfd waiting{tracer.descriptor(), POLLIN, 0};
  Program program("leak", [this] {
    enter(client.name());
    send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {beyond, 4444}, 1);
  });
  BOOST_REQUIRE_EQUAL(::poll(&waiting, 1, 5000), 1);
  BOOST_TEST(!leaks().empty());
  program.wait();
}

BOOST_AUTO_TEST_CASE(records_that_find_no_room_are_counted_and_leaks_are_not_crowded_out_by_the_rest) {
  TracerSettings settings;
  settings.routine_ring_bytes = 1;
  Traced traced(settings);
  Program program("many", [&] {
    enter(traced.client.name());
    for (int i = 0; i < 200; ++i) {
      const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, nullptr);
      send_to(fd, {beyond, 53}, 1);
      ::close(fd);
    }
    send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {beyond, 4444}, 1);
  });
  program.wait();
  BOOST_TEST(traced.tracer.losses().records > 0U);
  BOOST_TEST(traced.leaks().size() == 1U);
  BOOST_TEST(traced.tracer.losses().malformed == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_look_takes_no_more_than_it_was_asked_for, Traced) {
  Program program("many", [this] {
    enter(client.name());
    for (int i = 0; i < 10; ++i) send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {beyond, 4444}, 1);
  });
  program.wait();
  int taken = 0;
  const auto count = [&](const FlowRecord&) { ++taken; };
  BOOST_TEST(tracer.drain(count, 1));
  BOOST_TEST(taken == 1);  // the other ring is empty
  while (tracer.drain(count, 3)) {
  }
  BOOST_TEST(taken >= 10);
  BOOST_TEST(!tracer.drain(count));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused_with_the_reason_and_goes_away_again) {
  TracerSettings settings;
  settings.most_interfaces = 2;
  auto tracer = Traced::started(settings);
  const auto refused = tracer.watch(1, {{1, 2, 3}, {}, {}});
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error().kind == Error::Kind::no_space));
  BOOST_TEST(tracer.watch(1, {{3}, {}, {}}).has_value());
  BOOST_TEST(tracer.watch(2, {{4}, {}, {}}).has_value());
  tracer.forget(1);
  BOOST_TEST(tracer.watch(3, {{5}, {}, {}}).has_value());
}

BOOST_FIXTURE_TEST_CASE(two_tracers_see_the_same_and_neither_hinders_the_other, Traced) {
  auto other = started({});
  BOOST_REQUIRE_EQUAL(other.cookie_of(client.opener()).value(), netns);
  BOOST_REQUIRE(other.watch(netns, with_tunnel({})).has_value());
  const auto leak = [] { send_to(make_bound(AF_INET, SOCK_DGRAM, 0, "eth0"), {beyond, 4444}, 1); };
  BOOST_TEST(leaks_of("both", leak).size() == 1U);
  std::vector<FlowRecord> seen;
  other.drain([&](const FlowRecord& record) {
    if (record.event == FlowEvent::packet_outside) seen.push_back(record);
  });
  BOOST_REQUIRE_EQUAL(seen.size(), 1U);
  BOOST_TEST(seen[0].flow.owner->name == "both");
  { const auto gone = std::move(other); }
  BOOST_TEST(leaks_of("one", leak).size() == 1U);
}

}  // namespace

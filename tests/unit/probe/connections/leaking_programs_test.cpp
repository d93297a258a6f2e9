#include "probe/connections/leaking_programs.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "probe/connections/choose_sources.hpp"
#include "probe/connections/sources.hpp"

using namespace vpn_sentinel;

namespace {

OutsideDestination destination(std::uint8_t protocol = IPPROTO_TCP, std::optional<std::uint32_t> uid = 1000) {
  return {IpAddress::parse("203.0.113.7").value(), protocol, 443, uid, {3, 120}};
}

LeakingSocket socket(std::uint32_t inode, std::uint8_t protocol = IPPROTO_TCP, FlowWay way = FlowWay::outside, bool by_itself = true) {
  LeakingSocket made;
  made.entry.protocol = protocol;
  made.entry.remote = Endpoint::parse("203.0.113.7:443", 0).value();
  made.entry.uid = 1000;
  made.entry.inode = inode;
  made.entry.cookie = 100 + inode;
  if (protocol == IPPROTO_TCP) made.entry.counters = TcpCounters{10, 20, 30};
  made.direction.way = way;
  made.by_itself = by_itself;
  return made;
}

/// Process 42 "curl" has the socket 1, 43 "wget" has 2, both have 3.
SocketOwners owners() {
  SocketOwners made;
  made.processes = {{42, "curl", 1000, {}}, {43, "wget", 1000, {}}};
  made.of = {{1, {0}}, {2, {1}}, {3, {0, 1}}};
  return made;
}

NamedPrograms named(const std::vector<LeakingSocket>& sockets, const OutsideDestination& to = destination(), const LeakHints& hints = {}) {
  return name_programs(to, sockets, owners(), hints);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(leaking_programs)

BOOST_AUTO_TEST_CASE(the_one_program_with_a_socket_outside_to_the_destination_is_named) {
  const auto found = named({socket(1)});
  BOOST_REQUIRE_EQUAL(found.programs.size(), 1U);
  BOOST_TEST(found.programs[0].name == "curl");
  BOOST_TEST(found.programs[0].pid == 42);
  BOOST_TEST(found.programs[0].bytes.value() == 30U);
  BOOST_TEST(found.why_not.empty());
}

BOOST_AUTO_TEST_CASE(who_goes_there_by_the_tunnel_is_never_named) {
  const auto found = named({socket(1, IPPROTO_TCP, FlowWay::tunnel), socket(2, IPPROTO_TCP, FlowWay::allowed)});
  BOOST_TEST(found.programs.empty());
  BOOST_TEST(found.why_not == "its connection was closed already");
}

BOOST_AUTO_TEST_CASE(who_goes_another_way_than_is_known_is_never_named) {
  BOOST_TEST(named({socket(1, IPPROTO_TCP, FlowWay::unknown)}).programs.empty());
  // And it may be the one that sent, where others only might.
  const auto found = named({socket(1, IPPROTO_UDP, FlowWay::unknown), socket(2, IPPROTO_UDP)}, destination(IPPROTO_UDP));
  BOOST_TEST(found.programs.empty());
  BOOST_TEST(found.why_not.starts_with("by which way"));
}

BOOST_AUTO_TEST_CASE(another_user_another_protocol_and_another_destination_are_not_it) {
  BOOST_TEST(named({socket(1)}, destination(IPPROTO_TCP, 0)).programs.empty());
  BOOST_TEST(named({socket(1)}, destination(IPPROTO_UDP)).programs.empty());
  auto elsewhere = socket(1);
  elsewhere.entry.remote = Endpoint::parse("203.0.113.8:443", 0).value();
  BOOST_TEST(named({elsewhere}).programs.empty());
  BOOST_TEST(named({socket(1)}, destination(IPPROTO_TCP, std::nullopt)).why_not.starts_with("no socket sent it"));
}

BOOST_AUTO_TEST_CASE(connections_that_are_bound_to_the_outside_are_all_named) {
  const auto found = named({socket(1), socket(2), socket(1)});
  BOOST_REQUIRE_EQUAL(found.programs.size(), 2U);
  BOOST_TEST(found.programs[0].bytes.value() == 60U);
}

BOOST_AUTO_TEST_CASE(of_several_programs_that_only_might_have_sent_it_none_is_named) {
  for (const auto& sockets :
       {std::vector{socket(1, IPPROTO_UDP), socket(2, IPPROTO_UDP)},
        std::vector{socket(1, IPPROTO_TCP, FlowWay::outside, false), socket(2, IPPROTO_TCP, FlowWay::outside, false)}}) {
    const auto found = named(sockets, destination(sockets[0].entry.protocol));
    BOOST_TEST(found.programs.empty());
    BOOST_TEST(found.why_not == "sockets of several programs lead there");
  }
}

BOOST_AUTO_TEST_CASE(a_udp_socket_names_nobody_even_when_it_stays_the_only_one_while_more_is_counted) {
  const auto udp = destination(IPPROTO_UDP);
  const std::vector sockets{socket(1, IPPROTO_UDP)};
  const auto first = named(sockets, udp);
  BOOST_TEST(first.programs.empty());
  BOOST_TEST(first.candidate.cookie == 0U);
  BOOST_TEST(first.why_not == "curl (pid 42) may have sent it: its socket leads there, but tells not what it sent (sock_diag)");
  // One that lived between two looks may have sent.
  LeakHints hints;
  hints.before = {101, 0};
  const auto second = named(sockets, udp, hints);
  BOOST_TEST(second.programs.empty());
  BOOST_TEST(second.why_not == first.why_not);
  hints.other_senders = "another one may have sent it";
  const auto doubtful = named(sockets, udp, hints);
  BOOST_TEST(doubtful.programs.empty());
  BOOST_TEST(doubtful.why_not == hints.other_senders);
}

BOOST_AUTO_TEST_CASE(a_connection_that_only_the_routes_let_out_must_have_sent_more_itself) {
  auto moved = socket(1, IPPROTO_TCP, FlowWay::outside, false);
  const auto first = named({moved});
  BOOST_TEST(first.programs.empty());
  BOOST_TEST(first.why_not == "curl (pid 42) may have sent it: sock_diag is sure only when more is sent");
  LeakHints hints;
  hints.before = first.candidate;
  BOOST_TEST(named({moved}, destination(), hints).programs.empty());
  // It was another one that was the only one.
  BOOST_TEST(named({socket(2, IPPROTO_TCP, FlowWay::outside, false)}, destination(), hints).programs.empty());
  ++moved.entry.counters->sent;
  BOOST_TEST(named({moved}, destination(), hints).programs.size() == 1U);
  // What is still being opened sends its beginning again.
  moved = socket(1, IPPROTO_TCP, FlowWay::outside, false);
  moved.entry.state = SocketState::syn_sent;
  BOOST_TEST(named({moved}, destination(), hints).programs.size() == 1U);
}

BOOST_AUTO_TEST_CASE(where_a_tracer_sees_each_socket_none_is_guessed_that_it_did_not_see) {
  const auto udp = destination(IPPROTO_UDP);
  LeakHints hints;
  hints.before = {101, 0};
  hints.traced = true;
  const auto found = named({socket(1, IPPROTO_UDP)}, udp, hints);
  BOOST_TEST(found.programs.empty());
  BOOST_TEST(found.why_not.starts_with("no socket that eBPF sees sent it"));
  BOOST_TEST(named({}, udp, hints).why_not == found.why_not);
  // But one that has sent for certain is.
  BOOST_TEST(named({socket(1)}, destination(), hints).programs.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_socket_that_several_processes_have_names_none) {
  const auto found = named({socket(3)});
  BOOST_TEST(found.programs.empty());
  BOOST_TEST(found.why_not == "2 processes have its socket");
}

BOOST_AUTO_TEST_CASE(a_socket_that_nobody_has_any_more_names_none) {
  BOOST_TEST(named({socket(9)}).programs.empty());
  BOOST_TEST(named({socket(0)}).why_not == "its program has closed it");
  // A second one, whose program is known, is not taken for it.
  BOOST_TEST(named({socket(0, IPPROTO_UDP), socket(1, IPPROTO_UDP)}, destination(IPPROTO_UDP)).programs.empty());
}

BOOST_AUTO_TEST_CASE(a_look_that_was_cut_short_names_nobody) {
  auto some = owners();
  some.cut_short = true;
  const std::vector sockets{socket(1)};
  const auto found = name_programs(destination(), sockets, some);
  BOOST_TEST(found.programs.empty());
  BOOST_TEST(!found.why_not.empty());
}

BOOST_AUTO_TEST_CASE(the_words_of_the_settings_are_read_and_others_refused) {
  for (const auto* word : {"auto", "ebpf", "sock_diag", "conntrack", "nflog", "off"}) {
    BOOST_TEST(to_string(parse_connections_mode(word).value()) == word);
  }
  BOOST_TEST(!parse_connections_mode("").has_value());
  for (const auto* word : {"full", "prefix", "country", "none"}) BOOST_TEST(to_string(parse_destination_detail(word).value()) == word);
  BOOST_TEST(!parse_destination_detail("all").has_value());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_used_is_told_and_the_next_one_takes_over) {
  std::vector<FlowSource> tried;
  const MakeSource none = [&tried](FlowSource kind) -> Result<std::unique_ptr<ConnectionSource>> {
    tried.push_back(kind);
    return fail(Error::Kind::not_permitted, "CAP_BPF is missing");
  };
  const auto chosen = choose_sources(ConnectionsMode::ebpf, none);
  BOOST_TEST(chosen.sources.empty());
  BOOST_TEST((tried == std::vector{FlowSource::ebpf, FlowSource::sock_diag}));
  BOOST_TEST(chosen.refused.at(0) == "ebpf: CAP_BPF is missing");
  tried.clear();
  BOOST_TEST(choose_sources(ConnectionsMode::off, none).refused.empty());
  BOOST_TEST(tried.empty());
}

BOOST_AUTO_TEST_SUITE_END()

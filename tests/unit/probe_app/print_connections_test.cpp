#include "probe/app/print_connections.hpp"

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "probe/app/connection_settings.hpp"
#include "probe/app/probe_settings.hpp"

using namespace vpn_sentinel;

namespace {

KnownFlow flow() {
  KnownFlow made;
  made.key = {IPPROTO_TCP, Endpoint::parse("192.0.2.9:40000", 0).value(), Endpoint::parse("203.0.113.7:443", 0).value(), 7};
  made.uid = 1000;
  made.owner.program = Program{42, "curl", 1000, std::string(64, 'c')};
  made.direction = {FlowWay::outside, "eth0", {}};
  made.direction_seen = true;
  made.bytes = FlowBytes{1500, 12'345'678, false};
  made.sources = 1U << static_cast<unsigned>(FlowSource::ebpf);
  return made;
}

ConnectionsTold told() {
  ConnectionsTold made;
  made.target = "office (name:vpn)";
  made.sources = {"ebpf", "sock_diag"};
  made.cannot = {"ebpf does not see packet sockets"};
  made.refused = {"conntrack: CAP_NET_ADMIN is missing"};
  return made;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

Result<ConnectionsPolicy> policy_of(const std::map<std::string, std::string>& flags) {
  const auto loaded = load_settings(probe_setting_rows(), flags, {}, "", false);
  BOOST_TEST_REQUIRE(loaded.has_value());
  return make_connections_policy(loaded->global);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(print_connections_text)

BOOST_AUTO_TEST_CASE(a_line_reads_way_ends_device_bytes_and_program) {
  BOOST_TEST(print_connection(flow(), DestinationDetail::full, {}) ==
             "outside  tcp   192.0.2.9:40000          203.0.113.7:443          eth0         1.5k    12M curl (42) uid 1000 container "
             "cccccccccccc\n");
  BOOST_TEST(has(print_connection(flow(), DestinationDetail::full, Style{true}), "\033[1;31moutside \033[0m"));
}

BOOST_AUTO_TEST_CASE(what_is_not_counted_is_not_zero) {
  auto one = flow();
  one.bytes = FlowBytes{1500, 0, true, false};
  BOOST_TEST(has(print_connection(one, DestinationDetail::full, {}), "  1.5k      - curl"));
  BOOST_TEST(!connection_json(one, DestinationDetail::full)["bytes"].contains("in"));
  one.bytes.reset();
  BOOST_TEST(has(print_connection(one, DestinationDetail::full, {}), "     -      - curl"));
  BOOST_TEST(!connection_json(one, DestinationDetail::full).contains("bytes"));
}

BOOST_AUTO_TEST_CASE(whose_it_is_not_known_to_be_is_said_with_the_reason) {
  auto one = flow();
  one.owner = {{}, {{42, "curl", 1000, {}}, {43, "wget", 1000, {}}}, "2 processes have its socket"};
  BOOST_TEST(shown_owner(one) == "one of curl (42), wget (43): 2 processes have its socket");
  one.owner = {{}, {}, "its program has closed it"};
  BOOST_TEST(shown_owner(one) == "uid 1000: its program has closed it");
  one.uid.reset();
  one.owner = {};
  BOOST_TEST(shown_owner(one) == "?");
  BOOST_TEST(!connection_json(one, DestinationDetail::full).contains("program"));
}

BOOST_AUTO_TEST_CASE(a_program_cannot_write_to_the_terminal_by_its_name) {
  auto one = flow();
  one.owner.program->name = "a\033[2Jb";
  BOOST_TEST(has(print_connection(one, DestinationDetail::full, {}), "a?[2Jb (42)"));
}

BOOST_AUTO_TEST_CASE(no_more_is_told_of_a_far_end_than_is_wanted) {
  auto one = flow();
  one.facts.country = "RO";
  one.facts.asn = 64500;
  const auto shown = [&one](DestinationDetail detail) { return shown_destination(one.key.remote, one.facts, detail); };
  BOOST_TEST(shown(DestinationDetail::full) == "203.0.113.7:443");
  BOOST_TEST(shown(DestinationDetail::prefix) == "203.0.113.0/24");
  BOOST_TEST(shown(DestinationDetail::country) == "RO");
  BOOST_TEST(shown(DestinationDetail::none) == "-");
  for (const auto detail : {DestinationDetail::prefix, DestinationDetail::country, DestinationDetail::none}) {
    BOOST_TEST(!has(connection_json(one, detail).dump(), "203.0.113.7"));
    BOOST_TEST(!has(print_connection(one, detail, {}), "203.0.113.7"));
  }
  BOOST_TEST(!has(connection_json(one, DestinationDetail::none).dump(), "RO"));
}

BOOST_AUTO_TEST_CASE(what_is_not_seen_stands_beside_what_is) {
  const auto heading = print_connections_heading(told(), {});
  BOOST_TEST(heading.starts_with("office (name:vpn)   told by ebpf, sock_diag\n  not used: conntrack: CAP_NET_ADMIN is missing\n"));
  const auto one = flow();
  auto with_losses = told();
  with_losses.losses.no_room = 3;
  const auto end = print_connections_end(with_losses, {&one}, {});
  BOOST_TEST(end == "1 connection, 1 outside\nnote: 3 more are not listed: there are too many\nebpf does not see packet sockets\n");
  BOOST_TEST(connections_json(with_losses)["not_listed"] == 3);
}

BOOST_AUTO_TEST_CASE(the_settings_are_read_and_wrong_words_are_named) {
  BOOST_TEST((policy_of({})->mode == ConnectionsMode::automatic));
  BOOST_TEST((policy_of({})->destinations == DestinationDetail::full));
  BOOST_TEST((policy_of({{"connections", "nflog"}, {"nflog_group", "9"}})->nflog_group == 9));
  BOOST_TEST((policy_of({{"destinations", "country"}})->destinations == DestinationDetail::country));
  const auto wrong = policy_of({{"connections", "bpf"}});
  BOOST_TEST_REQUIRE(!wrong.has_value());
  BOOST_TEST(has(wrong.error().message, "VPN_SENTINEL_CONNECTIONS = 'bpf'"));
  BOOST_TEST(has(wrong.error().message, "expected auto, ebpf, sock_diag, conntrack, nflog or off"));
  BOOST_TEST(has(policy_of({{"destinations", "all"}}).error().message, "expected full, prefix, country or none"));
}

BOOST_AUTO_TEST_SUITE_END()

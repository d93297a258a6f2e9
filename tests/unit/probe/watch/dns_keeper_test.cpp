#include "probe/watch/dns_keeper.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/netns/support/test_namespace.hpp"
#include "tests/unit/netns_clients/dns_servers.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;
using test::run_until;

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

namespace {

constexpr const char* exit_address = "198.51.100.7";
constexpr const char* uplink_address = "203.0.113.10";

/// /etc/netns/NAME/resolv.conf of a namespace that only this test knows.
class ResolvConf {
 public:
  ResolvConf() { std::filesystem::create_directories(folder()); }
  ResolvConf(const ResolvConf&) = delete;
  ResolvConf& operator=(const ResolvConf&) = delete;
  ~ResolvConf() {
    std::error_code ignored;
    std::filesystem::remove_all(folder(), ignored);
  }
  void write(const std::string& text) const { std::ofstream(folder() / "resolv.conf") << text; }
  [[nodiscard]] NamespaceRef ref() const { return {NamespaceRef::Kind::name, name_}; }

 private:
  [[nodiscard]] std::filesystem::path folder() const { return std::filesystem::path("/etc/netns") / name_; }
  std::string name_ = "vs" + std::to_string(::getpid()) + "-keeper";
};

Fd bound_to(const TestNamespace& space, const char* address) {
  auto socket = space.opener()(AF_INET, SOCK_DGRAM, 0);
  BOOST_REQUIRE(socket.has_value());
  sockaddr_in near{};
  near.sin_family = AF_INET;
  near.sin_port = htons(53);
  ::inet_pton(AF_INET, address, &near.sin_addr);
  BOOST_REQUIRE(::bind(socket->get(), reinterpret_cast<const sockaddr*>(&near), sizeof near) == 0);
  return std::move(*socket);
}

TargetPolicy made_policy() {
  TargetPolicy policy;
  policy.egress_zone = "test.example";
  policy.egress_names = 2;
  return policy;
}

/// A namespace without a way out, whose programs ask a resolver on loopback.
struct Fixture {
  TestNamespace space;
  ResolvConf file;
  boost::asio::io_context io{1};
  DnsClient dns{io};
  TargetPolicy policy = made_policy();
  int news = 0;
  std::string egress = exit_address;  ///< empty: the resolver refuses
  std::string owner;                  ///< of the egress; empty: the resolver does not tell
  bool silent = false;
  std::unique_ptr<test::UdpServer> resolver;
  RouteLookup look_up = RouteLookup::open(space.opener()).value();
  Snapshot snapshot;
  std::string exit = exit_address;  ///< empty: not known
  std::function<void(Observation&)> change = [](Observation&) {};
  DnsKeeper keeper{io, dns, policy, [this] { ++news; }};

  Fixture() {
    space.run("ip link set lo up");
    file.write("nameserver 127.0.0.1\n");
    resolver = std::make_unique<test::UdpServer>(io, bound_to(space, "127.0.0.1"), [this](const test::Message& query) {
      if (silent) return test::Messages{};
      if (egress.empty()) return test::Messages{test::answer_to(query, 5)};
      auto answer = test::txt_answer(query, "resolver: " + egress, 1);
      if (!owner.empty()) test::add_record(answer, 16, 1, test::txt_rdata({"resolverOrg: " + owner}));
      return test::Messages{std::move(answer)};
    });
  }
  void start() {
    keeper.attach(ResolverSource{file.ref(), std::nullopt, std::nullopt}, space.opener());
    keeper.start(space.opener());
  }
  Observation look() {
    Observation seen;
    if (!exit.empty()) {
      seen.exit = ExitView{};
      seen.exit->v4 = IpAddress::parse(exit).value();
    }
    seen.uplink.addresses = {IpAddress::parse(uplink_address).value()};
    change(seen);
    keeper.fill(seen, snapshot, look_up);
    return seen;
  }
  bool settles() {
    return run_until(io, [this] { return !keeper.pending(); });
  }
  std::string reason() {
    const auto seen = look();
    return seen.dns ? seen.dns->reason : seen.dns_pending ? "pending" : "nothing";
  }
  /// One full round, and what is told then.
  std::string reason_after_round() {
    BOOST_TEST(settles());
    return reason();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_keeper, Fixture)

BOOST_AUTO_TEST_CASE(the_programs_own_resolver_is_asked_and_judged) {
  start();
  BOOST_TEST(reason() == "pending");
  BOOST_TEST(reason_after_round() == "EGRESS_IS_EXIT");
  const auto seen = look();
  BOOST_TEST((seen.dns->verdict == DnsVerdict::no_leak));
  BOOST_TEST(seen.dns->answered == 2U);
  BOOST_TEST(!seen.dns_pending.has_value());
  BOOST_TEST(seen.dns->stub.find("(pid " + std::to_string(::getpid()) + ")") != std::string::npos);
  BOOST_TEST(news > 0);
}

BOOST_AUTO_TEST_CASE(without_a_zone_nothing_is_asked_and_nothing_told) {
  policy.egress_zone.clear();
  start();
  BOOST_TEST(!keeper.pending());
  BOOST_TEST(reason() == "nothing");
  BOOST_TEST(resolver->queries() == 0);
}

BOOST_AUTO_TEST_CASE(a_round_that_fails_is_repeated_before_it_counts) {
  egress.clear();
  start();
  BOOST_REQUIRE(run_until(io, [this] { return resolver->queries() > 0; }));
  egress = exit_address;
  BOOST_TEST(reason_after_round() == "EGRESS_IS_EXIT");
}

BOOST_AUTO_TEST_CASE(a_resolver_that_tells_nothing_twice_is_unverifiable) {
  egress.clear();
  start();
  BOOST_TEST(reason_after_round() == "U_NO_EGRESS_ANSWER");
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_a_resolver_that_never_answers) {
  silent = true;
  start();
  BOOST_REQUIRE(run_until(io, [this] { return resolver->queries() > 0; }));
  BOOST_TEST(keeper.pending());
  keeper.give_up();
  BOOST_TEST(!keeper.pending());
  const auto seen = look();
  BOOST_REQUIRE(seen.dns_pending.has_value());
  BOOST_TEST(seen.dns_pending->overdue);
}

BOOST_AUTO_TEST_CASE(answers_of_an_older_network_are_thrown_away) {
  start();
  BOOST_REQUIRE(reason_after_round() == "EGRESS_IS_EXIT");
  keeper.recheck();
  BOOST_TEST(reason() == "pending");
  egress = uplink_address;
  BOOST_TEST(reason_after_round() == "EGRESS_IS_UPLINK");
}

BOOST_AUTO_TEST_CASE(answers_that_were_given_under_another_exit_are_thrown_away) {
  start();
  BOOST_REQUIRE(reason_after_round() == "EGRESS_IS_EXIT");
  exit = "192.0.2.7";
  BOOST_TEST(reason() == "pending");
  egress = exit;
  BOOST_TEST(reason_after_round() == "EGRESS_IS_EXIT");
}

BOOST_AUTO_TEST_CASE(a_leak_is_not_forgotten_while_it_is_looked_at_again) {
  egress = uplink_address;
  start();
  BOOST_TEST(!look().dns_leaked_before);
  BOOST_REQUIRE(reason_after_round() == "EGRESS_IS_UPLINK");
  keeper.recheck();
  auto seen = look();
  BOOST_TEST(!seen.dns.has_value());
  BOOST_TEST(seen.dns_leaked_before);
  egress = exit_address;
  BOOST_REQUIRE(reason_after_round() == "EGRESS_IS_EXIT");
  keeper.recheck();
  BOOST_TEST(!look().dns_leaked_before);
}

BOOST_AUTO_TEST_CASE(where_the_exit_is_the_uplink_no_answer_is_a_proof_but_where_nobody_knows_the_uplink) {
  exit = egress = uplink_address;
  start();
  BOOST_REQUIRE(reason_after_round() == "U_EXIT_IS_UPLINK");
  const std::vector<std::function<void(Observation&)>> hidden{
      [](Observation& seen) { seen.uplink_by_target = true; },
      [](Observation& seen) { seen.uplink.own_tunnel = "wg9"; },
      [](Observation& seen) { seen.exit_rules.expected.push_back(ExitRule::parse(uplink_address).value()); },
  };
  for (const auto& hide : hidden) {
    change = hide;
    BOOST_TEST(reason() == "EGRESS_IS_EXIT");
  }
}

BOOST_AUTO_TEST_CASE(another_resolv_conf_begins_another_round) {
  start();
  BOOST_REQUIRE(reason_after_round() == "EGRESS_IS_EXIT");
  test::UdpServer other(io, bound_to(space, "127.0.0.2"), [](const test::Message& query) {
    return test::Messages{test::txt_answer(query, std::string("resolver: ") + uplink_address, 1)};
  });
  file.write("nameserver 127.0.0.2\n");
  BOOST_REQUIRE(run_until(io, [this] { return keeper.pending(); }));
  BOOST_TEST(reason() == "pending");
  BOOST_TEST(reason_after_round() == "EGRESS_IS_UPLINK");
}

BOOST_AUTO_TEST_CASE(no_packet_outside_proves_nothing_where_names_may_be_asked_outside_unseen) {
  egress = "9.9.9.9";
  owner = "Quad9";
  PacketsView packets;
  packets.counting = true;
  packets.unbroken_since = wall_now();
  std::uint64_t passed_by_round = 0;
  keeper.count_by([&] {
    const auto now = DnsKeeper::counted_packets(packets);
    packets.passed_dns.packets += passed_by_round;
    return now;
  });
  change = [&](Observation& seen) { seen.packets = packets; };
  start();
  BOOST_TEST(reason_after_round() == "PUBLIC_RESOLVER_VIA_TUNNEL");
  passed_by_round = 1;
  keeper.recheck();
  BOOST_TEST(reason_after_round() == "U_ANYCAST_NO_LOCAL_PROOF");
  passed_by_round = 0;
  packets.total.dns.packets = 3;
  keeper.recheck();
  BOOST_TEST(reason_after_round() == "PUBLIC_RESOLVER_VIA_TUNNEL");
  packets.egress_gap = "no such hook";
  keeper.recheck();
  BOOST_TEST(reason_after_round() == "U_ANYCAST_NO_LOCAL_PROOF");
}

BOOST_AUTO_TEST_CASE(what_left_between_the_last_look_and_the_end_of_a_round_is_a_leak_and_what_leaves_later_is_not) {
  PacketsView packets;
  packets.counting = true;
  packets.unbroken_since = wall_now();
  keeper.count_by([&] { return DnsKeeper::counted_packets(packets); });
  change = [&](Observation& seen) { seen.packets = packets; };
  start();
  BOOST_REQUIRE(run_until(io, [this] { return resolver->queries() > 1; }));
  (void)look();
  packets.total.dns.packets = 1;
  BOOST_REQUIRE(settles());
  packets.total.dns.packets = 2;
  BOOST_TEST(reason() == "DNS_PKTS_OUTSIDE_TUNNEL");
  keeper.recheck();
  BOOST_TEST(reason_after_round() == "EGRESS_IS_EXIT");
  packets.total.dns.packets = 3;
  BOOST_TEST(reason() == "EGRESS_IS_EXIT");
}

BOOST_AUTO_TEST_CASE(asked_to_check_now_it_keeps_what_it_knows_until_there_is_more) {
  start();
  BOOST_REQUIRE(reason_after_round() == "EGRESS_IS_EXIT");
  const auto before = resolver->queries();
  egress = uplink_address;
  keeper.check_now();
  BOOST_TEST(!keeper.pending());
  BOOST_TEST(reason() == "EGRESS_IS_EXIT");
  BOOST_TEST(run_until(io, [this] { return reason() == "EGRESS_IS_UPLINK"; }));
  BOOST_TEST(resolver->queries() > before);
}

BOOST_AUTO_TEST_CASE(while_the_exit_is_awaited_only_a_leak_by_the_way_is_told) {
  exit.clear();
  start();
  BOOST_REQUIRE(settles());
  const auto look_with_awaited_exit = [this] {
    Observation seen;
    seen.exit_pending = PendingView{};
    seen.uplink.addresses = {IpAddress::parse(uplink_address).value()};
    keeper.fill(seen, snapshot, look_up);
    return seen;
  };
  BOOST_TEST(look_with_awaited_exit().dns_pending.has_value());
  keeper.recheck();
  egress = uplink_address;
  BOOST_REQUIRE(settles());
  const auto seen = look_with_awaited_exit();
  BOOST_REQUIRE(seen.dns.has_value());
  BOOST_TEST((seen.dns->verdict == DnsVerdict::leak));
}

BOOST_AUTO_TEST_CASE(without_a_tunnel_nothing_is_known) {
  start();
  BOOST_REQUIRE(reason_after_round() == "EGRESS_IS_EXIT");
  keeper.stop();
  BOOST_TEST(reason() == "nothing");
  BOOST_TEST(!keeper.pending());
}

BOOST_AUTO_TEST_SUITE_END()

#include <boost/test/unit_test.hpp>

#include "netns/namespace/net_namespace.hpp"
#include "probe/verdict/judge.hpp"
#include "probe/watch/observe.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

/// A namespace whose link was made so recently that its message was not read yet: the snapshot has none.
struct Renewed {
  explicit Renewed(std::string name = "tun0") : link(std::move(name)) {
    named.make();
    run("ip link add NAME type veth peer name other && ip link set NAME up && ip link set other up &&"
        "ip address add 10.8.0.2/24 dev NAME && ip route add default dev NAME");
    policy.tunnels = {"tun0"};
    learnt.tunnel = {"tun0", "veth", 4711};
  }

  void run(std::string command) const {
    for (auto at = command.find("NAME"); at != std::string::npos; at = command.find("NAME")) command.replace(at, 4, link);
    run_command_line(fmt::format("ip netns exec {} sh -c '{}'", named.name(), command));
  }

  Observation look() {
    const auto space = NetNamespace::open(named.ref()).value();
    auto look_up = RouteLookup::open(space.opener()).value();
    return observe(Snapshot{}, 0, look_up, policy, learnt);
  }

  static const LookUp& first(const Observation& seen) {
    BOOST_REQUIRE(!seen.look_ups.empty());
    return seen.look_ups.front();
  }

  std::string link;
  const NamedNamespace named{"renewed"};
  TargetPolicy policy;
  Learnt learnt;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(renewed_tunnel)

BOOST_FIXTURE_TEST_CASE(a_tunnel_that_was_made_anew_is_no_leak_before_its_message_was_read, Renewed) {
  const auto seen = look();
  BOOST_TEST_REQUIRE(first(seen).way.has_value());
  BOOST_TEST((first(seen).way->kind == Way::Kind::tunnel));
  BOOST_TEST(first(seen).way->device == "tun0");
  BOOST_TEST_REQUIRE(seen.tunnel.has_value());
  BOOST_TEST(seen.tunnel->up);
  BOOST_TEST((judge(seen).state != State::danger));
}

BOOST_FIXTURE_TEST_CASE(without_a_configured_name_it_must_have_name_and_kind_of_the_learnt_one, Renewed) {
  policy.tunnels.clear();
  BOOST_TEST((first(look()).way->kind == Way::Kind::tunnel));
  learnt.tunnel.kind = "wireguard";
  BOOST_TEST((first(look()).way->kind == Way::Kind::outside));
}

BOOST_AUTO_TEST_CASE(another_link_that_is_not_known_yet_is_outside_and_has_its_name) {
  Renewed stranger{"eth0"};
  const auto seen = stranger.look();
  BOOST_TEST((Renewed::first(seen).way->kind == Way::Kind::outside));
  BOOST_TEST(Renewed::first(seen).way->device == "eth0");
  BOOST_TEST(!seen.tunnel.has_value());
  BOOST_TEST((judge(seen).state == State::danger));
}

BOOST_AUTO_TEST_SUITE_END()

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "probe/app/commands.hpp"
#include "probe/watch/baseline.hpp"
#include "tests/unit/probe/delivery/make_item.hpp"
#include "tests/unit/probe_app/own_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

struct Pinning {
  Pinning() {
    policy.client_id = "a";
    policy.tunnels = {"tun7"};
    policy.baseline_folder = folder.file("baseline");
    file = baseline_file(policy.baseline_folder, policy.client_id);
  }
  [[nodiscard]] int act(BaselineAction action, bool force = false) const { return vpn_sentinel::baseline_command(policy, action, force); }
  [[nodiscard]] bool is_pinned() const { return std::filesystem::exists(file); }

  const TemporaryFolder folder;
  TargetPolicy policy;
  std::string file;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(baseline_command, Pinning)

BOOST_AUTO_TEST_CASE(a_healthy_state_is_pinned_shown_and_forgotten) {
  const SilentTunnel tunnel;
  BOOST_TEST(act(BaselineAction::show) == 2);
  BOOST_TEST(act(BaselineAction::pin) == 0);
  BOOST_TEST(read_baseline(file).value().tunnel == "tun7 (tun)");
  BOOST_TEST(act(BaselineAction::show) == 0);
  run("ip route add 198.51.100.0/24 dev tun7");
  BOOST_TEST(act(BaselineAction::show) == 1);
  BOOST_TEST(act(BaselineAction::pin) == 0);
  BOOST_TEST(act(BaselineAction::show) == 0);
  BOOST_TEST(act(BaselineAction::forget) == 0);
  BOOST_TEST(!is_pinned());
  BOOST_TEST(act(BaselineAction::forget) == 0);
}

BOOST_AUTO_TEST_CASE(a_state_without_a_tunnel_or_with_a_leak_is_refused) {
  BOOST_TEST(act(BaselineAction::pin) == 2);
  BOOST_TEST(!is_pinned());
  const SilentTunnel tunnel;
  run("ip link add eth0 type veth peer name eth1 && ip link set eth0 up && ip link set eth1 up &&"
      "ip address add 203.0.113.10/24 dev eth0 && ip route add 198.18.0.0/15 via 203.0.113.1");
  BOOST_TEST(act(BaselineAction::pin) == 2);
  BOOST_TEST(!is_pinned());
  run("ip link delete eth0");
}

BOOST_AUTO_TEST_CASE(a_state_that_cannot_be_looked_at_as_a_whole_is_pinned_only_by_force) {
  const SilentTunnel tunnel;
  run("ip link add eth0 type veth peer name eth1 && ip link set eth0 up && ip link set eth1 up &&"
      "ip address add 203.0.113.10/24 dev eth0 && ip route add default via 203.0.113.1 table 100 &&"
      "ip rule add priority 100 ipproto sctp lookup 100");
  BOOST_TEST(act(BaselineAction::pin) == 4);
  BOOST_TEST(!is_pinned());
  BOOST_TEST(act(BaselineAction::pin, true) == 0);
  BOOST_TEST(is_pinned());
  BOOST_TEST(act(BaselineAction::show) == 0);
  run("ip rule delete priority 100 && ip route add 198.18.0.0/15 via 203.0.113.1");
  BOOST_TEST(act(BaselineAction::forget) == 0);
  BOOST_TEST(act(BaselineAction::pin, true) == 2);
  BOOST_TEST(!is_pinned());
  run("ip link delete eth0");
}

BOOST_AUTO_TEST_CASE(the_way_to_the_vpn_server_is_no_difference_from_the_first_look_on) {
  run("ip link add eth0 type veth peer name eth1 && ip link set eth0 up && ip link set eth1 up &&"
      "ip address add 203.0.113.10/24 dev eth0 && ip route add 198.51.100.9/32 via 203.0.113.1");
  const SilentTunnel tunnel;
  BOOST_TEST(act(BaselineAction::pin) == 0);
  policy.offline = true;
  BOOST_TEST(check_command(policy, false) == 0);
  run("ip route add 192.0.2.0/24 dev tun7");
  BOOST_TEST(check_command(policy, false) == 1);
  run("ip link delete eth0");
}

BOOST_AUTO_TEST_CASE(a_namespace_that_cannot_be_looked_at_is_refused_and_what_was_pinned_stays) {
  {
    const SilentTunnel tunnel;
    BOOST_TEST(act(BaselineAction::pin) == 0);
  }
  policy.netns = NamespaceRef{NamespaceRef::Kind::name, "vs-no-such-namespace"};
  BOOST_TEST(act(BaselineAction::pin) == 4);
  BOOST_TEST(act(BaselineAction::show) == 4);
  BOOST_TEST(is_pinned());
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_written_is_said) {
  const SilentTunnel tunnel;
  policy.baseline_folder = "/proc/no-such-folder";
  BOOST_TEST(act(BaselineAction::pin) == 73);
}

BOOST_AUTO_TEST_CASE(a_tunnel_that_is_gone_with_all_its_routes_is_a_difference) {
  {
    const SilentTunnel tunnel;
    BOOST_TEST(act(BaselineAction::pin) == 0);
    BOOST_TEST(act(BaselineAction::show) == 0);
  }
  BOOST_TEST(act(BaselineAction::show) == 1);
}

BOOST_AUTO_TEST_SUITE_END()

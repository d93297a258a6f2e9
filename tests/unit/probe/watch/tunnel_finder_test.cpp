#include "probe/watch/tunnel_finder.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

std::string found(const std::vector<Link>& links, const LearntTunnel& learnt = {}, std::uint32_t routed = 0,
                  const std::vector<std::string>& patterns = {}) {
  Snapshot snapshot;
  snapshot.links = links;
  const auto* const tunnel = find_tunnel(snapshot, patterns, learnt, routed);
  return tunnel ? tunnel->name : "none";
}

const Link eth0 = link(2, "eth0", "");
const Link wg0 = link(3, "wg0", "wireguard");
const Link tailscale0 = link(4, "tailscale0", "tun");

Link ppp0() {
  auto made = link(5, "ppp0", "ppp");
  made.type = ARPHRD_PPP;
  return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tunnel_finder)

BOOST_AUTO_TEST_CASE(the_link_that_public_addresses_go_by_is_the_tunnel) {
  BOOST_TEST(found({eth0, tailscale0, wg0}, {}, wg0.index) == "wg0");
  BOOST_TEST(found({eth0, wg0, tailscale0}, {}, tailscale0.index) == "tailscale0");
}

BOOST_AUTO_TEST_CASE(before_anything_is_routed_one_that_is_up_is_shown) {
  BOOST_TEST(found({eth0, link(3, "wg0", "wireguard", false), tailscale0}, {}, eth0.index) == "tailscale0");
  BOOST_TEST(found({eth0}) == "none");
}

BOOST_AUTO_TEST_CASE(a_lost_tunnel_is_not_replaced_by_another_one_of_the_machine) {
  const LearntTunnel learnt{"wg0", "wireguard"};
  BOOST_TEST(found({eth0, tailscale0}, learnt, eth0.index) == "none");
  BOOST_TEST(found({eth0, tailscale0}, learnt, tailscale0.index) == "none");
  BOOST_TEST(found({eth0, link(6, "wg-office", "wireguard")}, learnt, eth0.index) == "none");
}

BOOST_AUTO_TEST_CASE(another_server_may_bring_another_name_of_the_same_kind) {
  BOOST_TEST(found({eth0, link(6, "wg-se3", "wireguard")}, {"wg0", "wireguard"}, 6) == "wg-se3");
}

BOOST_AUTO_TEST_CASE(a_tunnel_that_comes_back_is_found_by_name_and_kind_whatever_its_index) {
  BOOST_TEST(found({eth0, tailscale0, link(9, "wg0", "wireguard")}, {"wg0", "wireguard"}, tailscale0.index) == "wg0");
  BOOST_TEST(found({eth0, link(9, "wg0", "veth")}, {"wg0", "wireguard"}, 9) == "none");
}

BOOST_AUTO_TEST_CASE(an_uplink_by_ppp_is_never_taken_for_a_vpn) {
  BOOST_TEST(found({ppp0()}, {}, 5) == "none");
  BOOST_TEST(found({ppp0()}, {"wg0", "wireguard"}, 5) == "none");
  BOOST_TEST(found({ppp0()}, {}, 5, {"ppp*"}) == "ppp0");
}

BOOST_AUTO_TEST_CASE(names_from_the_settings_decide_alone_and_prefer_one_that_is_up) {
  BOOST_TEST(found({eth0, wg0, tailscale0}, {}, wg0.index, {"tailscale0"}) == "tailscale0");
  BOOST_TEST(found({eth0, wg0}, {}, wg0.index, {"tun*"}) == "none");
  BOOST_TEST(found({link(3, "tun0", "tun", false), link(4, "tun1", "tun")}, {}, 0, {"tun*"}) == "tun1");
  BOOST_TEST(found({link(3, "tap0", "bridge")}, {}, 0, {"tap0"}) == "tap0");
}

BOOST_AUTO_TEST_CASE(devices_that_the_kernel_makes_by_itself_are_no_tunnel) {
  for (const auto& [name, kind] : {std::pair{"tunl0", "ipip"}, {"sit0", "sit"}, {"gre0", "gre"}, {"ip6tnl0", "ip6tnl"}}) {
    BOOST_TEST(found({link(3, name, kind)}, {}, 3) == "none", name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

#include <boost/test/unit_test.hpp>

#include "netns/netlink/route_lookup.hpp"
#include "probe/watch/observe.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"
#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

/// A container's namespace, in which the probe lives.
struct Shared {
  Shared() {
    whole.links = {loopback(), link(2, "eth0", "veth"), link(3, "tun0", "tun")};
    whole.addresses = {own(2, "172.17.0.2", 16), own(3, "10.8.0.2", 24)};
    empty.links = {loopback()};
    policy.tunnels = {"tun0"};
  }

  static Link loopback() {
    auto lo = link(1, "lo", "");
    lo.type = ARPHRD_LOOPBACK;
    lo.flags |= static_cast<std::uint32_t>(IFF_LOOPBACK);
    return lo;
  }

  bool abandoned_after(const Snapshot& first, const Snapshot& second) {
    auto look_up = RouteLookup::open(space.opener()).value();
    Learnt learnt;
    BOOST_TEST(!observe(first, 0, look_up, policy, learnt).abandoned);
    return observe(second, 0, look_up, policy, learnt).abandoned;
  }

  const TestNamespace space;
  Snapshot whole;
  Snapshot empty;
  TargetPolicy policy;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(abandoned_namespace)

BOOST_FIXTURE_TEST_CASE(a_probe_that_stayed_in_the_namespace_of_a_container_that_is_gone_knows_it, Shared) {
  BOOST_TEST(abandoned_after(whole, empty));
  // What the kernel puts into every namespace is not somebody's.
  empty.links.push_back(link(2, "sit0", "sit", false));
  BOOST_TEST(abandoned_after(whole, empty));
}

BOOST_FIXTURE_TEST_CASE(an_interface_that_is_left_is_no_sign_of_it, Shared) {
  empty.links.push_back(link(2, "eth0", "veth", false));
  BOOST_TEST(!abandoned_after(whole, empty));
  empty.links.back() = link(3, "tun0", "tun");
  BOOST_TEST(!abandoned_after(whole, empty));
}

BOOST_FIXTURE_TEST_CASE(one_that_never_had_an_uplink_lost_none, Shared) {
  whole.addresses.clear();
  BOOST_TEST(!abandoned_after(whole, empty));
}

BOOST_FIXTURE_TEST_CASE(another_namespace_is_followed_and_not_shared, Shared) {
  policy.netns = {NamespaceRef::Kind::name, "vpn"};
  BOOST_TEST(!abandoned_after(whole, empty));
}

BOOST_AUTO_TEST_SUITE_END()

// Ends of veth pairs whose other ends go away with another network namespace: the kernel takes them away when it comes to it.
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/unit/netns/support/drop_filter.hpp"
#include "tests/unit/netns/support/watched.hpp"

using namespace vpn_sentinel;

namespace {

constexpr int rounds = 6;
constexpr int pairs = 6;

/// Half of the pairs are up, so that they also tell of their carrier; every third is renamed on its way.
std::string make_pairs(const std::string& other, int round) {
  auto command = fmt::format("ip netns add {} && ip -batch - <<END\n", other);
  for (int i = 0; i < pairs; ++i) {
    const auto ours = fmt::format("old{}-{}", round, i);
    const auto theirs = fmt::format("vpn{}-{}", round, i);
    command += fmt::format("link add {} type veth peer name {}\n", ours, theirs);
    if (i % 2 == 0) command += fmt::format("link set {} up\nlink set {} up\n", ours, theirs);
    if (i % 3 == 0) command += fmt::format("link set {0} down\nlink set {0} name {0}x\nlink set {0}x name {0}\n", theirs);
    command += fmt::format("link set {} netns {}\n", theirs, other);
  }
  return command + "END\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lost_peer)

BOOST_AUTO_TEST_CASE(a_link_whose_peer_ended_with_another_namespace_leaves_the_snapshot) {
  Watched watched(quiet);
  const auto other = fmt::format("vs{}-peers", ::getpid());
  for (int round = 0; round < rounds; ++round) {
    watched.inside.run(make_pairs(other, round) + fmt::format("code=$?; ip netns delete {}; exit $code", other));
    const auto is_told = [&] {
      return std::ranges::none_of(watched.monitor->snapshot().links, [](const Link& link) { return link.name.starts_with("old"); });
    };
    BOOST_TEST(watched.await([&] { return is_told() && take_snapshot(watched.inside.opener()).value().links.size() == 1U; }));
    BOOST_TEST_REQUIRE(watched.await_truth());
  }
}

BOOST_AUTO_TEST_CASE(an_entry_whose_end_no_message_told_is_found_by_reading_everything_again) {
  Watched watched(quiet);
  watched.inside.run("ip link add old0 type veth peer name old1 && ip rule add priority 9 table 9");
  watched.start(deaf_to(RTM_DELLINK, watched.inside.opener()), Monitor::usual_receive_buffer, std::chrono::milliseconds{300});
  watched.inside.run("ip link delete old0 && ip rule delete priority 9");
  BOOST_TEST(watched.await_cause("rule 9 from all lookup 9 deleted"));
  BOOST_TEST(watched.await([&] { return watched.monitor->snapshot().links.size() == 1U; }));
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(reading_everything_again_tells_nothing_when_nothing_changed) {
  Watched watched;
  BOOST_TEST(watched.await_truth());
  watched.start(watched.inside.opener(), Monitor::usual_receive_buffer, std::chrono::milliseconds{20});
  watched.inside.run("ip rule add priority 9 table 9");
  BOOST_TEST(watched.await_cause("rule 9 from all lookup 9 added"));
  watched.changes.clear();
  watched.inside.run("sleep 0.3; ip rule delete priority 9");
  BOOST_TEST(watched.await_cause("rule 9 from all lookup 9 deleted"));
  BOOST_TEST(watched.changes.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

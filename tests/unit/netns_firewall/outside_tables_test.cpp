#include "netns/firewall/outside_tables.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "netns/firewall/kill_switch.hpp"
#include "netns/firewall/leak_meter.hpp"
#include "netns/firewall/ruleset_dump.hpp"
#include "tests/unit/netns_firewall/largest_policy.hpp"
#include "tests/unit/netns_firewall/two_uplinks.hpp"

using namespace vpn_sentinel;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsFirewall);

struct Tabled : TwoUplinks {
  [[nodiscard]] OutsideTables opened(OutsideAction action = OutsideAction::count) const {
    return OutsideTables::open(client.opener(), action, "test", 0).value();
  }
  static FirewallPolicy with_uplinks(std::vector<std::string> uplinks) {
    auto wanted = policy();
    wanted.uplinks = std::move(uplinks);
    return wanted;
  }
  void leak() const { BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == 0); }
};

std::uint64_t counted(OutsideTables& tables) {
  const auto counters = tables.read();
  BOOST_REQUIRE_MESSAGE(counters.has_value(), why(counters));
  return counters->v4.packets;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(outside_tables)

BOOST_FIXTURE_TEST_CASE(what_was_counted_stays_when_the_tables_are_made_anew, Tabled) {
  auto tables = opened();
  BOOST_TEST_REQUIRE(tables.install(with_uplinks({"eth0"})).has_value());
  leak();
  BOOST_TEST_REQUIRE(tables.update(with_uplinks({"eth0", "eth1"})).has_value());
  BOOST_TEST(counted(tables) == 1U);
  leak();
  BOOST_TEST(counted(tables) == 2U);
  client.run("nft reset counters >/dev/null");
  BOOST_TEST(counted(tables) == 2U);
  leak();
  BOOST_TEST(counted(tables) == 3U);
  client.run("nft flush ruleset");
  BOOST_TEST((tables.read().error().kind == Error::Kind::not_found));
  BOOST_TEST_REQUIRE(tables.update(with_uplinks({"eth0", "eth1"})).has_value());
  leak();
  BOOST_TEST(counted(tables) == 4U);
}

BOOST_FIXTURE_TEST_CASE(an_uplink_that_is_not_there_is_no_difference_and_one_that_is_not_held_is, Tabled) {
  auto tables = opened(OutsideAction::drop);
  BOOST_TEST_REQUIRE(tables.install(with_uplinks({"eth0"})).has_value());
  if (!tables.has_egress()) {
    BOOST_TEST_MESSAGE("SKIPPED: " << tables.egress_gap()->message);
    return;
  }
  BOOST_TEST(tables.compare(with_uplinks({"absent0", "eth0"})).has_value());
  BOOST_TEST(tables.adopt(with_uplinks({"absent0", "eth0"})).value());
  BOOST_TEST((tables.compare(with_uplinks({"eth0", "eth1"})).error().kind == Error::Kind::failed));
  client.run("ip link delete eth0");
  BOOST_TEST(tables.compare(with_uplinks({"eth0"})).has_value());
}

BOOST_FIXTURE_TEST_CASE(who_looks_while_the_same_tables_are_made_anew_sees_the_old_ones_or_the_new_ones, Tabled) {
  const auto wanted = with_uplinks({"eth0", "eth1"});
  auto tables = opened(OutsideAction::drop);
  BOOST_TEST_REQUIRE(tables.install(wanted).has_value());
  auto others = opened(OutsideAction::drop);
  auto socket = nft::open_nft(client.opener()).value();
  const auto chains = [](const audit::Ruleset& ruleset) {
    std::size_t count = 0;
    for (const auto& table : ruleset.tables) count += table.chains.size();
    return count;
  };
  const auto at_first = chains(audit::read_whole_ruleset(socket).value());
  std::atomic<bool> done{false};
  std::thread maker([&] {
    for (int i = 0; i < 400; ++i) (void)tables.install(wanted);
    done = true;
  });
  std::size_t looks = 0;
  std::string difference;
  while (!done) {
    const auto same = others.compare(wanted);
    if (same) ++looks;
    if (!same && same.error().kind != Error::Kind::timed_out) difference = same.error().message;
    const auto ruleset = audit::read_whole_ruleset(socket);
    if (ruleset && chains(*ruleset) != at_first) difference = fmt::format("{} chains instead of {}", chains(*ruleset), at_first);
  }
  maker.join();
  BOOST_TEST(difference == "");
  BOOST_TEST(looks > 0U);
}

BOOST_FIXTURE_TEST_CASE(where_a_kernel_cannot_look_at_uplinks_what_is_there_without_them_is_adopted, Tabled) {
  // Says that it is Linux 2.6, for this thread (personality(2)).
  BOOST_TEST_REQUIRE(::personality(UNAME26) >= 0);
  auto first = KillSwitch::open(client.opener(), "test");
  auto next = KillSwitch::open(client.opener(), "test");
  (void)::personality(PER_LINUX);
  BOOST_TEST_REQUIRE((first && next));
  const auto armed = first->arm(with_uplinks({"eth0"}));
  BOOST_TEST_REQUIRE(armed.has_value());
  BOOST_TEST_REQUIRE(armed->egress_gap.has_value());
  BOOST_TEST(!armed->holds_some_uplinks);
  BOOST_TEST(send({"203.0.113.1", 1000, "eth0"}) == EPERM);
  const auto adopted = next->arm(with_uplinks({"eth0"}));
  BOOST_TEST_REQUIRE(adopted.has_value());
  BOOST_TEST(adopted->adopted);
  BOOST_TEST_REQUIRE(adopted->egress_gap.has_value());
  BOOST_TEST(adopted->egress_gap->message == armed->egress_gap->message);
  BOOST_TEST(next->stopped().value().outside().packets == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_table_at_uplinks_that_nobody_names_any_more_is_told, Tabled) {
  auto kill_switch = KillSwitch::open(client.opener(), "test").value();
  BOOST_TEST_REQUIRE(kill_switch.arm(with_uplinks({"eth0"})).has_value());
  if (!kill_switch.status(with_uplinks({"eth0"})).value().holds_uplinks) return;
  BOOST_TEST((kill_switch.status(policy()).value().state == KillSwitchStatus::State::changed));
}

BOOST_FIXTURE_TEST_CASE(an_uplink_that_came_again_as_another_device_is_noticed, Tabled) {
  auto tables = opened();
  BOOST_TEST_REQUIRE(tables.install(with_uplinks({"eth0", "eth1"})).has_value());
  if (!tables.has_egress()) return;
  client.run("ip link delete eth1 && ip link add eth1 type veth peer name eth1x");
  BOOST_TEST((tables.verify().error().kind == Error::Kind::failed));
  BOOST_TEST(tables.update(with_uplinks({"eth0", "eth1"})).has_value());
  BOOST_TEST(tables.verify().has_value());
}

BOOST_FIXTURE_TEST_CASE(who_takes_tables_away_at_the_same_moment_makes_no_failure, Tabled) {
  std::atomic<bool> end = false;
  std::atomic<std::size_t> removed = 0;
  std::jthread remover([&] {
    auto other = opened(OutsideAction::drop);
    while (!end)
      if (other.remove()) ++removed;
  });
  auto tables = opened(OutsideAction::drop);
  for (int i = 0; i < 300 || removed < 20; ++i) {
    for (const auto& done : {tables.install(policy()), tables.remove()}) {
      if (done) continue;
      BOOST_TEST(done.error().message.find("removing table") == std::string::npos, done.error().message);
    }
  }
  end = true;
}

BOOST_FIXTURE_TEST_CASE(what_others_change_meanwhile_is_neither_a_difference_nor_a_failure, Tabled) {
  auto tables = opened(OutsideAction::drop);
  BOOST_TEST_REQUIRE(tables.install(largest_policy()).has_value());
  std::atomic<bool> end = false;
  std::atomic<std::size_t> changes = 0;
  std::jthread changer([&] {
    auto other = OutsideTables::open(client.opener(), OutsideAction::count, "other", 0).value();
    while (!end) {
      if (other.install(policy())) ++changes;
      // So that the tables can be read in one piece, too.
      for (const auto until = mono_now() + std::chrono::milliseconds{static_cast<int>(changes % 16)}; mono_now() < until && !end;)
        std::this_thread::yield();
    }
  });
  std::size_t same = 0;
  for (int i = 0; i < 100 || changes < 100; ++i) {
    const auto done = tables.verify();
    if (done) ++same;
    if (!done) BOOST_TEST((done.error().kind == Error::Kind::timed_out), done.error().message);
  }
  end = true;
  BOOST_TEST(same > 0U);
}

BOOST_FIXTURE_TEST_CASE(tables_that_another_running_program_owns_are_not_adopted, Tabled) {
  auto owner = KillSwitch::open(client.opener(), "test", true).value();
  const auto arming = owner.arm(with_uplinks({"eth0"})).value();
  if (!arming.is_protected) {
    BOOST_TEST_MESSAGE("SKIPPED: this kernel does not protect tables that stay (before Linux 6.9)");
    return;
  }
  BOOST_TEST(owner.adopt(with_uplinks({"eth0"})).value());
  auto other = KillSwitch::open(client.opener(), "test").value();
  const auto refused = other.arm(with_uplinks({"eth0"}));
  BOOST_TEST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error().kind == Error::Kind::not_permitted));
  BOOST_TEST(refused.error().message.find("netlink port") != std::string::npos, refused.error().message);
}

BOOST_FIXTURE_TEST_CASE(what_another_one_put_in_their_place_is_not_taken_away, Tabled) {
  auto first = opened();
  BOOST_TEST_REQUIRE(first.install(policy()).has_value());
  auto second = opened();
  BOOST_TEST_REQUIRE(second.install(policy()).has_value());
  BOOST_TEST(first.remove_own().has_value());
  BOOST_TEST(second.verify().has_value());
  BOOST_TEST(second.remove_own().has_value());
  BOOST_TEST(!second.exists().value());
}

BOOST_AUTO_TEST_CASE(in_a_user_namespace_a_policy_that_does_not_fit_is_told_with_the_limit) {
  const auto child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) ::_exit(77);
    const SocketOpener opener = [](int domain, int type, int protocol) -> Result<Fd> {
      Fd fd{::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)};
      if (!fd) return fail(system_error(errno, "socket"));
      return fd;
    };
    auto tables = OutsideTables::open(opener, OutsideAction::drop, "test", 0);
    if (!tables) ::_exit(77);
    const auto small = TwoUplinks::policy();
    if (!tables->install(small)) ::_exit(1);
    const auto done = tables->install(largest_policy());
    if (done) ::_exit(0);  // it fitted: the system's limit is higher here
    ::_exit(done.error().kind == Error::Kind::no_space && tables->compare(small) ? 0 : 2);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == 77) BOOST_TEST_MESSAGE("SKIPPED: no user namespace can be made here");
  BOOST_TEST((WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77), WEXITSTATUS(status));
}

BOOST_AUTO_TEST_SUITE_END()

#include "probe/watch/ruleset_watch.hpp"

#include <boost/test/unit_test.hpp>

#include "netns/monitor/monitor.hpp"
#include "tests/unit/netns_firewall/audited_namespace.hpp"

using namespace vpn_sentinel;

namespace {

using Verdict = RulesetView::Verdict;

BOOST_TEST_GLOBAL_FIXTURE(NeedsFirewall);

constexpr std::string_view closed =
    "table inet t {\nchain out {\ntype filter hook output priority 0; policy drop; oifname { lo, tun0 } accept\n}\n}\n";

struct Watched {
  boost::asio::io_context io;
  AuditedNamespace space;
  TargetPolicy policy;
  int news = 0;
  RulesetWatch watch{io, policy, [this] { ++news; }};
  Observation seen;

  Watched() {
    seen.expected_tunnel = "tun0";
    seen.uplinks = {"eth0"};
  }

  void attach() { watch.attach(space.net.client.get()); }
  RulesetView look() {
    watch.follow(seen, take_snapshot(space.net.client.opener()).value());
    watch.fill(seen);
    BOOST_REQUIRE(seen.ruleset.has_value());
    return *seen.ruleset;
  }
  /// After the next change was noticed and read.
  RulesetView next() {
    const auto before = news;
    for (const auto deadline = mono_now() + std::chrono::seconds{5}; news == before;) {
      BOOST_REQUIRE(mono_now() < deadline);
      io.restart();
      io.run_one_for(std::chrono::seconds{1});
    }
    return look();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(ruleset_watch)

BOOST_AUTO_TEST_CASE(each_change_is_noticed_and_who_made_rules_that_held_hold_no_more_is_named) {
  Watched target;
  target.attach();
  auto view = target.look();
  BOOST_TEST((view.verdict == Verdict::lets_out));
  BOOST_TEST(view.changed_by.empty());
  target.space.load(std::string(closed));
  view = target.next();
  BOOST_TEST((view.verdict == Verdict::holds));
  BOOST_TEST(!view.held_before);
  BOOST_TEST(view.changed_by.starts_with("nft (pid "));
  target.space.run("nft flush ruleset");
  view = target.next();
  BOOST_TEST((view.verdict == Verdict::lets_out));
  BOOST_TEST(view.held_before);
  BOOST_TEST(view.changed_by.starts_with("nft (pid "));
  BOOST_TEST(view.changed_tables == "inet t");
  BOOST_TEST(view.changed_at.has_value());
  target.space.load(std::string(closed));
  BOOST_TEST(!target.next().held_before);
}

BOOST_AUTO_TEST_CASE(another_question_is_no_change_of_the_rules) {
  Watched target;
  target.space.load(std::string(closed) + "table ip u {\nchain out {\ntype filter hook output priority 0\noifname eth0 drop\n}\n}\n");
  target.attach();
  BOOST_TEST((target.look().verdict == Verdict::holds));
  target.seen.uplinks = {"eth0", "lo"};
  target.watch.follow(target.seen, take_snapshot(target.space.net.client.opener()).value());
  const auto view = target.next();
  BOOST_TEST((view.verdict == Verdict::lets_out));
  BOOST_TEST(!view.held_before);
}

BOOST_AUTO_TEST_CASE(a_server_that_was_known_once_stays_one_while_the_tunnel_is_gone) {
  Watched target;
  target.space.load("table inet t {\nchain out {\ntype filter hook output priority 0; policy drop; ip daddr 203.0.113.9 accept\n}\n}\n");
  target.attach();
  target.seen.endpoints.emplace_back().address = IpAddress::parse("203.0.113.9").value();
  BOOST_TEST((target.look().verdict == Verdict::holds));
  target.seen.endpoints.clear();
  BOOST_TEST((target.look().verdict == Verdict::holds));
}

BOOST_AUTO_TEST_CASE(without_a_way_out_nothing_has_to_be_held_and_who_asks_for_nothing_is_told_nothing) {
  Watched target;
  target.seen.uplinks.clear();
  target.attach();
  BOOST_TEST(target.look().no_uplink);
  target.watch.detach();
  target.policy.audit.on = false;
  target.attach();
  target.seen.ruleset.reset();
  target.watch.follow(target.seen, {});
  target.watch.fill(target.seen);
  BOOST_TEST(!target.seen.ruleset.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

#include "probe/watch/kill_switch_keeper.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <thread>

#include "tests/unit/netns_firewall/two_uplinks.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

BOOST_TEST_GLOBAL_FIXTURE(NeedsFirewall);

using Standing = KillSwitchView::State;
using What = KillSwitchEvent::What;

constexpr auto table = "inet vpn-sentinel-office-killswitch";

struct Kept : TwoUplinks {
  Kept() : folder(std::filesystem::temp_directory_path() / prefix) { std::filesystem::remove_all(folder); }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept() {
    keeper.reset();
    std::filesystem::remove_all(folder);
  }

  void start(KillSwitchMode mode, bool disarm_on_stop = false, bool tend = true) {
    KillSwitchPolicy wanted;
    wanted.mode = mode;
    wanted.tend = tend;
    wanted.disarm_on_stop = disarm_on_stop;
    wanted.folder = folder.string();
    events.clear();
    news = 0;
    keeper.emplace(io, wanted, "office", false, [this] { ++news; });
    keeper->on_event([this](const KillSwitchEvent& event) { events.push_back(event); });
    keeper->attach(client.opener(), false);
  }
  void follow(FirewallPolicy allowed = uplinks(), bool carries = true) { keeper->follow({std::move(allowed), {}, {}, carries}); }
  [[nodiscard]] Standing state() const { return keeper->view()->state; }
  [[nodiscard]] static FirewallPolicy uplinks() {
    auto wanted = policy();
    wanted.uplinks = {"eth0", "eth1"};
    return wanted;
  }
  [[nodiscard]] std::size_t told(What what) const {
    return static_cast<std::size_t>(std::ranges::count(events, what, &KillSwitchEvent::what));
  }
  [[nodiscard]] bool is_open() const { return send({"203.0.113.1", 1000, "eth0"}) == 0; }
  [[nodiscard]] std::string tables() const { return client.output_of("nft list tables"); }

  std::filesystem::path folder;
  KillSwitchRecord record{folder.string(), "office"};
  boost::asio::io_context io{1};
  std::vector<KillSwitchEvent> events;
  int news = 0;
  std::optional<KillSwitchKeeper> keeper;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(kill_switch_keeper, Kept)

BOOST_AUTO_TEST_CASE(switched_off_it_does_nothing_and_says_nothing) {
  start(KillSwitchMode::off);
  follow();
  keeper->sweep();
  BOOST_TEST(!keeper->view().has_value());
  BOOST_TEST(tables().empty());
}

BOOST_AUTO_TEST_CASE(armed_it_is_in_place_with_the_first_look_although_there_is_no_tunnel) {
  start(KillSwitchMode::armed);
  auto nothing_known = uplinks();
  nothing_known.tunnels.clear();
  nothing_known.endpoints.clear();
  follow(nothing_known, false);
  BOOST_TEST((state() == Standing::armed));
  BOOST_TEST(keeper->view()->no_server);
  BOOST_TEST(send({"203.0.113.1", 1000}) == EPERM);
  follow();
  BOOST_TEST(!keeper->view()->no_server);
  BOOST_TEST(send({"203.0.113.1", 1000}) == 0);
  BOOST_TEST(!is_open());
  BOOST_TEST(told(What::armed) == 2U);
}

BOOST_AUTO_TEST_CASE(servers_stay_reachable_while_the_tunnel_is_away) {
  start(KillSwitchMode::armed);
  follow();
  auto without = uplinks();
  without.endpoints.clear();
  follow(without, false);
  BOOST_TEST(send({std::string(server), server_port, "", mark}) == 0);
  BOOST_TEST(told(What::armed) == 1U);
}

BOOST_AUTO_TEST_CASE(it_goes_on_after_its_process_and_the_next_start_adopts_it) {
  start(KillSwitchMode::armed);
  follow();
  keeper.reset();
  BOOST_TEST(!is_open());
  start(KillSwitchMode::armed);
  follow();
  BOOST_TEST(told(What::adopted) == 1U);
  BOOST_TEST(told(What::armed) == 0U);
  BOOST_TEST((state() == Standing::armed));
}

BOOST_AUTO_TEST_CASE(it_is_taken_away_at_the_end_when_the_user_wants_so) {
  const auto before = client.output_of("nft list ruleset");
  start(KillSwitchMode::armed, true);
  follow();
  BOOST_TEST(!is_open());
  keeper.reset();
  BOOST_TEST(is_open());
  BOOST_TEST(client.output_of("nft list ruleset") == before);
}

BOOST_AUTO_TEST_CASE(what_somebody_flushed_is_put_back_at_once_and_told) {
  start(KillSwitchMode::armed);
  follow();
  for (const std::string command : {"nft flush ruleset", "nft insert rule inet vpn-sentinel-office-killswitch outside accept",
                                    "nft delete table netdev vpn-sentinel-office-killswitch"}) {
    const auto repaired = told(What::repaired);
    const auto heard = news;
    client.run(command);
    BOOST_TEST_REQUIRE(run_until(io, [&] { return told(What::repaired) > repaired; }), command);
    BOOST_TEST_MESSAGE(fmt::format("{}: put back in {} us", command, events.back().took.count()));
    BOOST_TEST(news > heard);
    BOOST_TEST(!is_open());
    BOOST_TEST((state() == Standing::changed));
    BOOST_TEST(!keeper->view()->why.empty());
  }
}

BOOST_AUTO_TEST_CASE(an_interface_that_goes_away_is_nobodys_doing) {
  start(KillSwitchMode::armed);
  follow();
  client.run("ip link del eth1");
  keeper->sweep();
  BOOST_TEST((state() == Standing::armed));
  auto one = uplinks();
  one.uplinks = {"eth0"};
  follow(one);
  keeper->sweep();
  BOOST_TEST((state() == Standing::armed));
  BOOST_TEST(!is_open());
  observers.clear();
}

BOOST_AUTO_TEST_CASE(whoever_flushes_without_end_does_not_keep_it_busy_without_end) {
  start(KillSwitchMode::armed);
  follow();
  for (int i = 0; i < 60; ++i) {
    client.run("nft flush ruleset");
    io.restart();
    io.poll();
  }
  BOOST_TEST(told(What::repaired) < 60U);
  BOOST_TEST_REQUIRE(run_until(io, [&] { return !is_open(); }));
}

BOOST_AUTO_TEST_CASE(whoever_changes_other_tables_without_end_is_no_failure_of_it) {
  start(KillSwitchMode::armed);
  follow();
  std::atomic<bool> ended = false;
  std::jthread others([&] {
    auto tables = OutsideTables::open(client.opener(), OutsideAction::drop, "other", 0);
    while (!ended && tables && tables->prepare(policy()) && tables->remove()) {
    }
  });
  for (int i = 0; i < 20; ++i) {
    io.restart();
    io.run_for(std::chrono::milliseconds{20});
    keeper->sweep();
    BOOST_TEST((state() == Standing::armed));
  }
  ended = true;
  BOOST_TEST(told(What::failed) == 0U);
  BOOST_TEST(told(What::repaired) == 0U);
}

BOOST_AUTO_TEST_CASE(the_users_word_outranks_the_settings_until_he_takes_it_back) {
  start(KillSwitchMode::armed);
  follow();
  BOOST_TEST_REQUIRE(record.mark_disarmed().has_value());
  client.run("nft flush ruleset");
  BOOST_TEST_REQUIRE(run_until(io, [&] { return keeper->view()->disarmed.has_value(); }));
  for (int i = 0; i < 3; ++i) {
    keeper->sweep();
    follow();
  }
  BOOST_TEST(is_open());
  BOOST_TEST((state() == Standing::off));
  BOOST_TEST_REQUIRE(record.forget_disarmed().has_value());
  keeper->sweep();
  follow();
  BOOST_TEST(!is_open());
  BOOST_TEST(!keeper->view()->disarmed.has_value());
}

BOOST_AUTO_TEST_CASE(the_users_word_alone_disarms_it_within_a_sweep) {
  start(KillSwitchMode::armed);
  follow();
  BOOST_TEST_REQUIRE(record.mark_disarmed().has_value());
  keeper->sweep();
  BOOST_TEST(is_open());
  BOOST_TEST(tables().empty());
  BOOST_TEST(told(What::disarmed) == 1U);
  start(KillSwitchMode::armed);
  follow();
  BOOST_TEST(is_open());
}

BOOST_AUTO_TEST_CASE(on_danger_it_waits_for_the_danger_and_lets_go_after_it) {
  start(KillSwitchMode::on_danger);
  follow();
  BOOST_TEST((state() == Standing::off));
  BOOST_TEST(is_open());
  BOOST_TEST(keeper->decide(TargetSafety::danger));
  BOOST_TEST(!is_open());
  BOOST_TEST((state() == Standing::armed));
  BOOST_TEST(!keeper->decide(TargetSafety::unknown));
  BOOST_TEST(!is_open());
  // Something tried to leave just now.
  keeper->sweep();
  BOOST_TEST(!keeper->decide(TargetSafety::safe));
  BOOST_TEST(!is_open());
  BOOST_TEST(keeper->view()->stopped.packets >= 2U);
}

BOOST_AUTO_TEST_CASE(on_danger_it_lets_go_when_nothing_tried_to_leave) {
  start(KillSwitchMode::on_danger);
  follow();
  BOOST_TEST(keeper->decide(TargetSafety::danger));
  keeper->sweep();
  BOOST_TEST(keeper->view()->stopped.packets == 0U);
  BOOST_TEST(keeper->decide(TargetSafety::safe));
  BOOST_TEST(is_open());
  BOOST_TEST((state() == Standing::off));
  BOOST_TEST(keeper->decide(TargetSafety::danger));
  BOOST_TEST(!is_open());
}

BOOST_AUTO_TEST_CASE(on_danger_it_stays_closed_for_a_minute_after_packets_that_were_counted_outside) {
  start(KillSwitchMode::on_danger);
  follow();
  BOOST_TEST(keeper->decide(TargetSafety::danger, true));
  keeper->sweep();
  BOOST_TEST(keeper->view()->stopped.packets == 0U);
  BOOST_TEST(!keeper->decide(TargetSafety::safe));
  BOOST_TEST(!is_open());
}

BOOST_AUTO_TEST_CASE(on_danger_it_stays_closed_over_a_restart_in_the_danger) {
  start(KillSwitchMode::on_danger);
  follow();
  (void)keeper->decide(TargetSafety::danger);
  keeper.reset();
  start(KillSwitchMode::on_danger);
  follow();
  BOOST_TEST(!is_open());
  BOOST_TEST(told(What::adopted) == 1U);
  BOOST_TEST(!keeper->decide(TargetSafety::unknown));
  BOOST_TEST(!is_open());
}

BOOST_AUTO_TEST_CASE(on_danger_it_takes_over_what_the_user_armed_by_hand) {
  start(KillSwitchMode::on_danger);
  follow();
  auto by_hand = KillSwitch::open(client.opener(), "office").value();
  BOOST_TEST_REQUIRE(by_hand.arm(uplinks()).has_value());
  BOOST_TEST_REQUIRE(run_until(io, [&] { return state() == Standing::armed; }));
  BOOST_TEST(!is_open());
  BOOST_TEST(!keeper->decide(TargetSafety::unknown));
  BOOST_TEST(!is_open());
}

BOOST_AUTO_TEST_CASE(what_was_only_prepared_is_taken_away_at_the_end) {
  start(KillSwitchMode::on_danger);
  follow();
  BOOST_TEST(!tables().empty());
  keeper.reset();
  BOOST_TEST(tables().empty());
}

BOOST_AUTO_TEST_CASE(what_a_killed_one_had_prepared_is_taken_away_when_nobody_asks_for_one_any_more) {
  auto killed = KillSwitch::open(client.opener(), "office").value();
  BOOST_TEST_REQUIRE(killed.prepare(uplinks()).has_value());
  start(KillSwitchMode::off, false, false);
  BOOST_TEST(!tables().empty());
  start(KillSwitchMode::off);
  BOOST_TEST(tables().empty());
}

BOOST_AUTO_TEST_CASE(on_danger_what_a_killed_one_had_prepared_is_no_danger_that_goes_on) {
  auto killed = KillSwitch::open(client.opener(), "office").value();
  BOOST_TEST_REQUIRE(killed.prepare(uplinks()).has_value());
  start(KillSwitchMode::on_danger, false, false);
  BOOST_TEST((state() == Standing::off));
  start(KillSwitchMode::on_danger);
  follow();
  BOOST_TEST((state() == Standing::off));
  BOOST_TEST(is_open());
}

BOOST_AUTO_TEST_CASE(a_canary_that_leaves_is_told_and_ends_when_it_is_held_again) {
  start(KillSwitchMode::armed);
  auto laxer = uplinks();
  follow(laxer);
  BOOST_TEST((state() == Standing::armed));
  // A mark that lets it out, and that a canary does not know of.
  client.run("nft add table inet theirs '{ chain c { type filter hook output priority 0; udp dport 9 meta mark set 0x77; }; }'");
  laxer.allowed.emplace_back().mark = 0x77;
  laxer.allowed.back().mark_mask = 0xff;
  follow(laxer);
  BOOST_TEST((state() == Standing::unproven));
  BOOST_TEST(keeper->view()->why.find("a canary left by eth0") != std::string::npos, keeper->view()->why);
  BOOST_TEST(told(What::open) == 1U);
  follow();
  BOOST_TEST((state() == Standing::armed));
  BOOST_TEST(keeper->view()->why.empty());
}

BOOST_AUTO_TEST_CASE(armed_without_a_canary_that_showed_it_is_told_as_a_gap) {
  const auto gaps = [this] { return fmt::format("{}", fmt::join(keeper->view()->gaps, "; ")); };
  start(KillSwitchMode::armed);
  follow();
  BOOST_TEST(gaps().find("was not shown") == std::string::npos, gaps());
  auto none = uplinks();
  none.uplinks.clear();
  follow(none);
  BOOST_TEST((state() == Standing::armed));
  BOOST_TEST(gaps().find("was not shown: there is no uplink") != std::string::npos, gaps());
  client.run("nft add table inet theirs '{ chain c { type filter hook output priority 0; oifname \"eth0\" udp dport 9 drop; }; }'");
  follow();
  BOOST_TEST((state() == Standing::armed));
  BOOST_TEST(gaps().find("was not shown: the canary by eth0 (IPv4) was refused, and") != std::string::npos, gaps());
}

BOOST_AUTO_TEST_CASE(a_probe_whose_user_may_bypass_sends_no_canary_and_tells_it) {
  start(KillSwitchMode::armed);
  auto laxer = uplinks();
  laxer.allowed.emplace_back().uids = AllowedUids{::geteuid(), ::geteuid()};
  follow(laxer);
  BOOST_TEST((state() == Standing::armed));
  BOOST_TEST(told(What::open) == 0U);
  const auto gaps = fmt::format("{}", fmt::join(keeper->view()->gaps, "; "));
  BOOST_TEST(gaps.find("might leave on purpose") != std::string::npos, gaps);
  BOOST_TEST(arrived() == 0U);
}

BOOST_AUTO_TEST_CASE(who_does_not_tend_it_only_looks) {
  start(KillSwitchMode::armed, false, false);
  follow();
  BOOST_TEST((state() == Standing::off));
  BOOST_TEST(tables().empty());
  start(KillSwitchMode::armed);
  follow();
  start(KillSwitchMode::off, false, false);
  BOOST_TEST((state() == Standing::armed));
  client.run(fmt::format("nft insert rule {} outside accept", table));
  keeper->sweep();
  BOOST_TEST((state() == Standing::changed));
  keeper.reset();
  BOOST_TEST(is_open());
}

BOOST_AUTO_TEST_CASE(who_only_looks_and_does_not_know_the_rules_says_so) {
  start(KillSwitchMode::armed);
  follow();
  record.forget_policy();
  start(KillSwitchMode::armed, false, false);
  BOOST_TEST((state() == Standing::failed));
  BOOST_TEST(keeper->view()->why.find("data folder") != std::string::npos, keeper->view()->why);
}

BOOST_AUTO_TEST_CASE(one_that_is_there_with_unknown_rules_is_told_also_when_nobody_asks_for_one) {
  start(KillSwitchMode::armed);
  follow();
  record.forget_policy();
  for (const bool tend : {false, true}) {
    start(KillSwitchMode::off, false, tend);
    keeper->sweep();
    BOOST_TEST_REQUIRE(keeper->view().has_value());
    BOOST_TEST((state() == Standing::changed));
    BOOST_TEST(!keeper->view()->holds());
    BOOST_TEST(keeper->view()->why.find("data folder") != std::string::npos, keeper->view()->why);
  }
  BOOST_TEST(told(What::failed) == 0U);
  BOOST_TEST(!is_open());
}

BOOST_AUTO_TEST_CASE(what_repair_changed_is_remembered) {
  start(KillSwitchMode::armed);
  follow();
  client.run("ip link del eth1 && nft flush ruleset");
  BOOST_TEST_REQUIRE(run_until(io, [&] { return told(What::repaired) > 0; }));
  BOOST_TEST(record.policy()->uplinks == std::vector<std::string>{"eth0"}, boost::test_tools::per_element());
  observers.clear();
}

BOOST_AUTO_TEST_CASE(that_others_can_change_it_although_they_should_not_is_told) {
  KillSwitchPolicy wanted;
  wanted.mode = KillSwitchMode::armed;
  wanted.tend = wanted.protect = wanted.disarm_on_stop = true;
  keeper.emplace(io, wanted, "office", false, [] {});
  keeper->attach(client.opener(), false);
  follow();
  client.run("nft flush ruleset || true");
  const bool is_protected = !tables().empty();
  const auto gaps = fmt::format("{}", fmt::join(keeper->view()->gaps, "; "));
  BOOST_TEST((gaps.find("others can change it") == std::string::npos) == is_protected, gaps);
}

BOOST_AUTO_TEST_CASE(an_uplink_that_goes_before_it_is_held_leaves_the_others_held) {
  auto gone = uplinks();
  gone.uplinks.emplace_back("absent0");
  start(KillSwitchMode::armed);
  follow(gone);
  if (tables().find("netdev") == std::string::npos) return;
  client.run("nft delete table netdev vpn-sentinel-office-killswitch");
  BOOST_TEST_REQUIRE(run_until(io, [&] { return told(What::repaired) > 0; }));
  BOOST_TEST(tables().find("netdev") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_hub_is_let_out_of_the_probes_own_namespace_only) {
  for (const bool own : {false, true}) {
    KillSwitchPolicy wanted;
    wanted.mode = KillSwitchMode::armed;
    wanted.tend = true;
    wanted.disarm_on_stop = true;
    wanted.hubs = {{IpAddress::parse("203.0.113.1").value(), IPPROTO_UDP, 5000, 0}};
    keeper.emplace(io, wanted, "office", false, [] {});
    keeper->attach(client.opener(), own);
    follow();
    BOOST_TEST(send({"203.0.113.1", 5000, "eth0"}) == (own ? 0 : EPERM));
    BOOST_TEST(send({"203.0.113.1", 53, "eth0"}) == EPERM);
    BOOST_TEST(!is_open());
  }
}

BOOST_AUTO_TEST_CASE(a_hub_is_no_vpn_server_and_closed_again_when_it_is_not_allowed_any_more) {
  auto without = uplinks();
  without.endpoints.clear();
  for (const bool allowed : {true, false}) {
    KillSwitchPolicy wanted;
    wanted.mode = KillSwitchMode::armed;
    wanted.tend = true;
    wanted.folder = folder.string();
    if (allowed) wanted.hubs = {{IpAddress::parse("203.0.113.1").value(), IPPROTO_UDP, 5000, 0}};
    keeper.emplace(io, wanted, "office", false, [] {});
    keeper->attach(client.opener(), true);
    follow(without, false);
    BOOST_TEST(send({"203.0.113.1", 5000, "eth0"}) == (allowed ? 0 : EPERM));
    BOOST_TEST(keeper->view()->no_server);
  }
}

BOOST_AUTO_TEST_CASE(a_namespace_that_comes_again_is_closed_with_its_first_look) {
  start(KillSwitchMode::armed);
  follow();
  keeper->detach();
  BOOST_TEST(!keeper->view().has_value());
  client.run("nft flush ruleset");
  keeper->attach(client.opener(), false);
  follow();
  BOOST_TEST(!is_open());
}

BOOST_AUTO_TEST_CASE(a_sweep_costs_little) {
  start(KillSwitchMode::armed);
  follow();
  const auto began = mono_now();
  for (int i = 0; i < 20; ++i) keeper->sweep();
  BOOST_TEST_MESSAGE(fmt::format("one sweep: {} us", (mono_now() - began) / std::chrono::microseconds{20}));
}

BOOST_AUTO_TEST_SUITE_END()

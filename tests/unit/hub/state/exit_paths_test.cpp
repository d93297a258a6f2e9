#include "hub/state/exit_paths.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>

#include "hub/state/fleet.hpp"
#include "tests/unit/hub/make.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using enum State;

namespace {

constexpr const char* line = "203.0.113.10";
constexpr const char* exit_address = "198.51.100.2";

FleetPolicy make_policy() {
  FleetPolicy policy;
  policy.public_addresses = {IpPrefix::parse("203.0.113.80").value(), IpPrefix::parse("2001:db8:80::/64").value()};
  return policy;
}

struct Watch {
  /// The next report, by this path from this address.
  const ClientState& take(const char* path, const char* source, const std::function<void(Report&)>& change = {}) {
    ++seq;
    auto admitted = report("vpn", boot, seq, secure, at(static_cast<int>(seq)));
    admitted.source_address = source;
    admitted.report.path = path;
    admitted.report.exit.reset();
    admitted.report.public_ip.reset();
    if (change) change(admitted.report);
    changes = fleet.apply(admitted);
    return *fleet.find("vpn");
  }
  static const Finding* find(const ClientState& client, std::string_view code) {
    const auto found = std::ranges::find(client.findings, code, &Finding::code);
    return found == client.findings.end() ? nullptr : &*found;
  }

  Fleet fleet{make_policy()};
  std::string boot = "a";
  std::uint64_t seq = 0;
  std::vector<Change> changes;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(exit_paths, Watch)

BOOST_AUTO_TEST_CASE(one_address_for_both_paths_is_danger_until_it_ends) {
  (void)take("uplink", line);
  const auto& both = take("tunnel", line);
  BOOST_TEST((both.state == danger));
  BOOST_REQUIRE(find(both, "exit_is_uplink"));
  BOOST_TEST(find(both, "exit_is_uplink")->evidence.at("tunnel_path") == line);
  BOOST_TEST((find(both, "exit_is_uplink")->since == at(2)));
  BOOST_TEST(changes.size() == 1U);
  BOOST_TEST((find(take("tunnel", line), "exit_is_uplink")->since == at(2)));
  BOOST_TEST(changes.empty());
  BOOST_TEST((take("tunnel", exit_address).state == secure));
  BOOST_TEST(changes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(two_addresses_are_fine) {
  (void)take("uplink", line);
  BOOST_TEST((take("tunnel", exit_address).state == secure));
}

BOOST_AUTO_TEST_CASE(private_addresses_prove_nothing) {
  for (const auto* address : {"192.168.1.7", "10.0.0.1", "127.0.0.1", "fd00::1"}) {
    (void)take("uplink", address);
    BOOST_TEST((take("tunnel", address).state == secure), address);
  }
}

BOOST_AUTO_TEST_CASE(of_ipv6_the_line_counts) {
  (void)take("uplink", "2001:db8:10::10");
  BOOST_TEST((take("tunnel", "2001:db8:10::77").state == danger));
  BOOST_TEST((take("tunnel", "2001:db8:11::77").state == secure));
}

BOOST_AUTO_TEST_CASE(another_start_of_the_probe_may_be_on_another_line) {
  (void)take("uplink", line);
  boot = "b";
  BOOST_TEST((take("tunnel", line).state == secure));
}

BOOST_AUTO_TEST_CASE(another_start_ends_the_danger_only_when_it_has_shown_two_addresses) {
  (void)take("uplink", line);
  (void)take("tunnel", line);
  boot = "b";
  const auto& restarted = take("tunnel", exit_address);
  BOOST_TEST((restarted.state == danger));
  BOOST_TEST(find(restarted, "exit_is_uplink")->evidence.at("both_paths") == line);
  BOOST_TEST((find(restarted, "exit_is_uplink")->since == at(2)));
  BOOST_TEST(changes.empty());
  boot = "c";
  BOOST_TEST((take("tunnel", exit_address).state == danger));
  BOOST_TEST((take("uplink", line).state == secure));
  boot = "d";
  BOOST_TEST((take("tunnel", line).state == secure));
}

BOOST_AUTO_TEST_CASE(neither_a_stop_nor_a_silence_ends_the_danger) {
  (void)take("uplink", line);
  (void)take("tunnel", line);
  (void)take("tunnel", line, [](Report& told) { told.trigger = "stop"; });
  boot = "b";
  BOOST_TEST((take("uplink", line).state == danger));
  (void)fleet.expire(at(1000));
  BOOST_TEST((fleet.find("vpn")->state == offline));
  seq = 1000;
  boot = "c";
  BOOST_TEST((take("uplink", line).state == danger));
  BOOST_TEST((take("tunnel", exit_address).state == secure));
}

BOOST_AUTO_TEST_CASE(several_services_that_name_another_exit_end_the_danger_of_an_earlier_start) {
  const auto exit_told_by = [](std::uint32_t sources) {
    return [sources](Report& told) { told.exit = ExitReport{exit_address, {}, {}, {}, "a.test, b.test", sources}; };
  };
  (void)take("uplink", line);
  (void)take("tunnel", line);
  boot = "b";
  BOOST_TEST((take("tunnel", exit_address, exit_told_by(1)).state == danger));
  BOOST_TEST((take("tunnel", exit_address, exit_told_by(2)).state == secure));
  BOOST_TEST((take("tunnel", exit_address).state == secure));
}

BOOST_AUTO_TEST_CASE(an_unknown_proxy_raises_no_alarm_with_a_new_start) {
  const auto known = [](Report& told) { told.exit = ExitReport{exit_address, {}, {}, {}, "a.test, b.test", 2}; };
  (void)take("uplink", line, known);
  (void)take("tunnel", line, known);
  boot = "b";
  BOOST_TEST((take("tunnel", line).state == secure));
}

BOOST_AUTO_TEST_CASE(a_hub_that_has_moved_does_not_keep_its_old_address_as_danger) {
  const auto stored = take("tunnel", exit_address, [](Report& told) { told.public_ip = "203.0.113.80"; });
  BOOST_TEST((stored.state == danger));
  fleet = Fleet(FleetPolicy{});
  fleet.restore({stored}, at(2));
  BOOST_TEST((take("tunnel", exit_address).state == secure));
}

BOOST_AUTO_TEST_CASE(what_the_hub_saw_of_a_twin_is_not_hidden_by_the_other) {
  const auto take_with_exit = [this](const char* exit) {
    return take("tunnel", exit_address, [exit](Report& told) { told.public_ip = exit; });
  };
  (void)take_with_exit(exit_address);
  boot = "b";
  BOOST_TEST((take_with_exit("203.0.113.80").state == danger));
  boot = "a";
  BOOST_TEST((take_with_exit(exit_address).state == danger));
  boot = "b";
  (void)take_with_exit(exit_address);
  BOOST_TEST((take_with_exit(exit_address).state == warning));  // duplicate_client_id
}

BOOST_AUTO_TEST_CASE(a_restart_of_the_hub_ends_no_danger) {
  (void)take("uplink", line);
  const auto stored = take("tunnel", line);
  fleet = Fleet(make_policy());
  fleet.restore({stored}, at(3));
  BOOST_TEST((take("tunnel", line).state == danger));
  BOOST_TEST((take("tunnel", exit_address).state == secure));
}

BOOST_AUTO_TEST_CASE(behind_an_unknown_proxy_several_services_know_better) {
  const auto exit_told_by = [](std::uint32_t sources) {
    return [sources](Report& told) { told.exit = ExitReport{exit_address, {}, {}, {}, "a.test, b.test", sources}; };
  };
  (void)take("uplink", line, exit_told_by(2));
  BOOST_TEST((take("tunnel", line, exit_told_by(2)).state == secure));
  BOOST_TEST((take("tunnel", line, exit_told_by(1)).state == danger));
}

BOOST_AUTO_TEST_CASE(the_hubs_own_address_as_exit_is_danger_for_every_sort_of_client) {
  const auto& by_exit = take("tunnel", exit_address, [](Report& told) { told.exit = ExitReport{{}, "2001:db8:80::5", {}, {}, "a.test"}; });
  BOOST_TEST((by_exit.state == danger));
  BOOST_TEST(find(by_exit, "exit_is_hub")->evidence.at("address") == "2001:db8:80::5");
  // Silence about the exit is no end of it, another exit is.
  BOOST_TEST((take("tunnel", exit_address).state == danger));
  const auto& other = take("tunnel", exit_address, [](Report& told) { told.exit = ExitReport{exit_address, {}, {}, {}, "a.test"}; });
  BOOST_TEST((other.state == secure));
  const auto& original = take("", exit_address, [](Report& told) {
    told.schema = 1;
    told.public_ip = "203.0.113.80";
    told.state = warning;
  });
  BOOST_TEST((original.state == danger));
  BOOST_TEST(find(original, "exit_is_hub"));
}

BOOST_AUTO_TEST_CASE(what_the_probe_has_said_is_not_said_again) {
  (void)take("uplink", line);
  const auto& client = take("tunnel", line, [](Report& told) {
    told.findings = {{"exit_is_uplink", Severity::danger, at(1), {}}};
    told.state = danger;
  });
  BOOST_TEST(client.findings.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_probe_that_was_stopped_is_offline_and_nothing_else) {
  (void)take("uplink", line);
  BOOST_TEST((take("tunnel", line, [](Report& told) { told.trigger = "stop"; }).state == offline));
}

BOOST_AUTO_TEST_SUITE_END()

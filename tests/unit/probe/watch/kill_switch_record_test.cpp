#include "probe/watch/kill_switch_record.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "probe/watch/small_file.hpp"
#include "probe/watch/wanted_policy.hpp"
#include "tests/unit/netns_firewall/largest_policy.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

struct Folder {
  Folder() : path(std::filesystem::temp_directory_path() / fmt::format("vs-record-{}", ::getpid())) { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
  KillSwitchRecord record{path.string() + "/killswitch", "office"};
  [[nodiscard]] std::string file() const { return path.string() + "/killswitch/office.json"; }
};

TunnelEndpoint server(std::string_view address, std::uint16_t port = 51820) {
  return {IpAddress::parse(address).value(), IPPROTO_UDP, port, 0};
}

FirewallPolicy seen(std::vector<TunnelEndpoint> endpoints, std::vector<std::string> tunnels = {"tun0"}) {
  FirewallPolicy policy;
  policy.tunnels = std::move(tunnels);
  policy.endpoints = std::move(endpoints);
  policy.uplinks = {"eth0"};
  return policy;
}

const MonoTime begin{1h};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(kill_switch_record, Folder)

BOOST_AUTO_TEST_CASE(a_policy_is_read_as_it_was_written_with_everything_in_it) {
  auto policy = largest_policy();
  AllowedPackets some;
  some.family = Family::v6;
  some.mark = 0x10;
  some.mark_mask = 0xf0;
  some.uids = AllowedUids{1000, 2000};
  some.protocol = IPPROTO_TCP;
  some.source_ports = AllowedPorts{1, 2};
  some.destination_ports = AllowedPorts{65534, 65535};
  some.source = IpPrefix::parse("2001:db8::/64").value();
  some.destination = IpPrefix::parse("2001:db8:1::/64").value();
  policy.allowed = {some};
  BOOST_TEST(!record.policy().has_value());
  BOOST_TEST_REQUIRE(record.remember(policy).has_value());
  BOOST_TEST((record.policy() == policy));
  BOOST_TEST((firewall_policy_from_json(to_json(largest_policy())).value() == largest_policy()));
  record.forget_policy();
  BOOST_TEST(!record.policy().has_value());
}

BOOST_AUTO_TEST_CASE(a_damaged_or_strange_file_is_no_policy) {
  const auto good = to_json(seen({server("198.51.100.2")}));
  for (const auto* const member : {"tunnels", "endpoints", "local_networks", "uplinks", "allowed"}) {
    auto lacking = good;
    lacking.erase(member);
    BOOST_TEST(!firewall_policy_from_json(lacking).has_value(), member);
    lacking[member] = "text";
    BOOST_TEST(!firewall_policy_from_json(lacking).has_value(), member);
    lacking[member] = nlohmann::json::array({1, nullptr});
    BOOST_TEST(!firewall_policy_from_json(lacking).has_value(), member);
  }
  auto wide = good;
  wide["endpoints"][0]["port"] = 65536;
  BOOST_TEST(!firewall_policy_from_json(wide).has_value());
  auto without_tunnel = good;
  without_tunnel["tunnels"] = nlohmann::json::array();
  BOOST_TEST(!firewall_policy_from_json(without_tunnel).has_value());
  for (const auto* const text : {"", "{", "[]", "null"}) {
    BOOST_TEST_REQUIRE(write_small_file(file(), text).has_value());
    BOOST_TEST(!record.policy().has_value(), text);
  }
  BOOST_TEST_REQUIRE(write_small_file(file(), std::string(100'000, ' ') + good.dump()).has_value());
  BOOST_TEST(!record.policy().has_value());
}

BOOST_AUTO_TEST_CASE(the_users_word_lasts_until_it_is_taken_back) {
  BOOST_TEST(!record.disarmed().has_value());
  BOOST_TEST(record.forget_disarmed().has_value());
  const auto before = wall_now();
  BOOST_TEST_REQUIRE(record.mark_disarmed().has_value());
  BOOST_TEST_REQUIRE(KillSwitchRecord(path.string() + "/killswitch", "office").disarmed().has_value());
  BOOST_TEST((*record.disarmed() > before - 2s && *record.disarmed() < before + 10s));
  BOOST_TEST(!KillSwitchRecord(path.string() + "/killswitch", "other").disarmed().has_value());
  BOOST_TEST_REQUIRE(record.forget_disarmed().has_value());
  BOOST_TEST(!record.disarmed().has_value());
}

BOOST_AUTO_TEST_CASE(which_endpoints_were_hubs_is_kept_and_an_older_file_has_none) {
  const auto hub = server("203.0.113.1", 5000);
  BOOST_TEST_REQUIRE(record.remember(seen({server("198.51.100.2"), hub}), {hub}).has_value());
  BOOST_TEST((record.policy() == seen({server("198.51.100.2"), hub})));
  BOOST_TEST((record.hubs() == std::vector{hub}));
  BOOST_TEST_REQUIRE(write_small_file(file(), to_json(seen({hub})).dump()).has_value());
  BOOST_TEST(record.hubs().empty());
  BOOST_TEST((record.policy() == seen({hub})));
}

BOOST_AUTO_TEST_CASE(a_word_that_cannot_be_looked_for_is_what_it_was_before) {
  BOOST_TEST_REQUIRE(record.mark_disarmed().has_value());
  const auto before = record.disarmed();
  // A loop of links instead of the folder.
  std::filesystem::remove_all(path / "killswitch");
  std::filesystem::create_symlink("killswitch", path / "killswitch");
  BOOST_TEST((record.disarmed(before) == before));
  BOOST_TEST(!record.disarmed().has_value());
  std::filesystem::remove(path / "killswitch");
  BOOST_TEST(!record.disarmed(before).has_value());
}

BOOST_AUTO_TEST_CASE(without_a_folder_nothing_is_kept) {
  const KillSwitchRecord none("", "office");
  BOOST_TEST(none.remember(seen({})).has_value());
  BOOST_TEST(!none.policy().has_value());
  BOOST_TEST(!none.mark_disarmed().has_value());
  BOOST_TEST(!none.disarmed().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(wanted_policy)

struct Earlier {
  Earlier() {
    policy = seen({server("198.51.100.2")});
    policy.tunnel_networks = {IpPrefix::parse("192.168.1.0/24").value()};
    policy.tunnel_types = {{"tun0", 65534}};
    wanted.restore(policy, {}, begin);
  }
  FirewallPolicy policy;
  WantedPolicy wanted{{}};
};

BOOST_FIXTURE_TEST_CASE(what_was_known_of_a_tunnel_stays_while_none_has_been_up, Earlier) {
  const auto now = wanted.complete({seen({})}, false, begin);
  BOOST_TEST((now.tunnel_types == policy.tunnel_types));
  BOOST_TEST((now.tunnel_networks == policy.tunnel_networks));
}

BOOST_FIXTURE_TEST_CASE(a_tunnel_that_has_been_up_tells_all_there_is_to_know_of_it, Earlier) {
  const auto up = wanted.complete({seen({}), {}, {}, true, true}, false, begin);
  BOOST_TEST(up.tunnel_types.empty());
  BOOST_TEST(up.tunnel_networks.empty());
  BOOST_TEST(wanted.complete({seen({})}, false, begin + 1h).tunnel_types.empty());
}

BOOST_FIXTURE_TEST_CASE(frames_that_carried_an_uplink_pass_while_it_is_away_also_when_a_tunnel_is_known, Earlier) {
  policy.carrying_types = {0x8863, 0x8864};
  wanted.restore(policy, {}, begin);
  const auto now = wanted.complete({seen({}), {}, {}, true, true}, false, begin);
  BOOST_TEST((now.carrying_types == policy.carrying_types));
}

BOOST_FIXTURE_TEST_CASE(a_lan_of_another_place_is_none_of_the_tunnels_networks, Earlier) {
  auto elsewhere = seen({});
  elsewhere.local_networks = standard_local_networks();
  elsewhere.on_link = {IpPrefix::parse("192.168.1.0/24").value()};
  BOOST_TEST(wanted.complete({elsewhere}, false, begin).tunnel_networks.empty());
  policy.tunnel_networks = {IpPrefix::parse("192.168.0.0/16").value()};
  wanted.restore(policy, {}, begin);
  const auto now = wanted.complete({elsewhere}, false, begin);
  BOOST_TEST((now.tunnel_networks == policy.tunnel_networks));
  BOOST_TEST(std::ranges::count(now.local_networks, elsewhere.on_link.front()) == 1);
}

BOOST_AUTO_TEST_CASE(a_hub_is_added_in_the_probes_own_namespace_and_not_remembered_as_a_server) {
  const auto hub = server("203.0.113.1", 5000);
  WantedPolicy own({hub});
  BOOST_TEST((own.complete({seen({})}, true, begin) == seen({hub})));
  BOOST_TEST((own.added_hubs() == std::vector{hub}));
  BOOST_TEST((own.complete({seen({})}, false, begin) == seen({})));
  BOOST_TEST((own.complete({seen({hub})}, true, begin) == seen({hub})));
  BOOST_TEST(own.added_hubs().empty());
  WantedPolicy next({});
  next.restore(seen({server("198.51.100.2"), hub}), {hub}, begin);
  BOOST_TEST((next.complete({seen({})}, true, begin) == seen({server("198.51.100.2")})));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(remembered_servers)

BOOST_AUTO_TEST_CASE(a_server_stays_while_the_tunnel_is_away_however_long_that_is) {
  RememberedServers servers;
  BOOST_TEST((servers.complete(seen({server("198.51.100.2")}), {}, true, begin) == seen({server("198.51.100.2")})));
  BOOST_TEST((servers.complete(seen({}), {}, false, begin + 24h) == seen({server("198.51.100.2")})));
}

BOOST_AUTO_TEST_CASE(a_server_that_was_left_is_forgotten_when_another_tunnel_has_carried_for_a_while) {
  RememberedServers servers;
  (void)servers.complete(seen({server("198.51.100.2")}), {}, true, begin);
  const auto both = servers.complete(seen({server("198.51.100.3")}), {}, true, begin + 1s);
  BOOST_TEST(both.endpoints.size() == 2U);
  (void)servers.complete(seen({server("198.51.100.3")}), {}, false, begin + 1h);
  const auto later = servers.complete(seen({server("198.51.100.3")}), {}, true, begin + 1h + 1s);
  BOOST_TEST((later == seen({server("198.51.100.3")})));
}

BOOST_AUTO_TEST_CASE(a_guess_counts_only_while_nothing_better_is_known) {
  const std::vector guessed{IpAddress::parse("203.0.113.9").value()};
  const auto guess = server("203.0.113.9", 0);
  RememberedServers servers;
  BOOST_TEST((servers.complete(seen({guess}), guessed, false, begin) == seen({guess})));
  BOOST_TEST((servers.complete(seen({}), {}, false, begin + 1s) == seen({})));
  (void)servers.complete(seen({server("198.51.100.2")}), {}, true, begin + 2s);
  BOOST_TEST((servers.complete(seen({guess}), guessed, false, begin + 3s) == seen({server("198.51.100.2")})));
}

BOOST_AUTO_TEST_CASE(without_a_known_tunnel_everything_is_outside) {
  RememberedServers servers;
  BOOST_TEST((servers.complete(seen({}, {}), {}, false, begin).tunnels == std::vector<std::string>{no_known_tunnel}));
  servers.restore(seen({server("198.51.100.2")}, {"wg0"}), begin);
  BOOST_TEST((servers.complete(seen({}, {}), {}, false, begin) == seen({server("198.51.100.2")}, {"wg0"})));
}

BOOST_AUTO_TEST_CASE(what_is_an_uplink_now_is_no_tunnel_whatever_was_remembered) {
  RememberedServers servers;
  (void)servers.complete(seen({}, {"eth0x"}), {}, true, begin);
  auto now = seen({}, {});
  now.uplinks = {"eth0x"};
  BOOST_TEST((servers.complete(now, {}, false, begin).tunnels == std::vector<std::string>{no_known_tunnel}));
}

BOOST_AUTO_TEST_CASE(there_is_room_for_so_many_servers_and_the_newest_stay) {
  RememberedServers servers;
  for (std::uint16_t i = 1; i <= most_endpoints + 10; ++i) {
    (void)servers.complete(seen({server("198.51.100.2", i)}), {}, false, begin + std::chrono::seconds{i});
  }
  const auto all = servers.complete(seen({}), {}, false, begin + 1h);
  BOOST_TEST(all.endpoints.size() == most_endpoints);
  BOOST_TEST(std::ranges::count(all.endpoints, server("198.51.100.2", most_endpoints + 10)) == 1);
  BOOST_TEST(std::ranges::count(all.endpoints, server("198.51.100.2", 1)) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

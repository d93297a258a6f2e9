#include "probe/watch/kill_switch_record.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "probe/watch/remembered_servers.hpp"
#include "probe/watch/small_file.hpp"
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

BOOST_AUTO_TEST_CASE(without_a_folder_nothing_is_kept) {
  const KillSwitchRecord none("", "office");
  BOOST_TEST(none.remember(seen({})).has_value());
  BOOST_TEST(!none.policy().has_value());
  BOOST_TEST(!none.mark_disarmed().has_value());
  BOOST_TEST(!none.disarmed().has_value());
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
  servers.forget();
  BOOST_TEST((servers.complete(seen({}, {}), {}, false, begin) == seen({}, {no_known_tunnel})));
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

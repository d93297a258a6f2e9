#include <netinet/in.h>

#include <boost/test/unit_test.hpp>
#include <map>

#include "probe/app/probe_settings.hpp"

using namespace vpn_sentinel;

namespace {

Result<KillSwitchPolicy> policy_of(std::map<std::string, std::string> environment) {
  environment["VPN_SENTINEL_DATA_DIR"] = "/var/lib/test";
  const auto loaded = load_settings(probe_setting_rows(), {}, environment, "", false);
  if (!loaded) return fail(loaded.error());
  const auto config = make_probe_config(*loaded);
  if (!config) return fail(config.error());
  return config->targets.front().kill_switch;
}

std::string refusal(std::map<std::string, std::string> environment) {
  const auto policy = policy_of(std::move(environment));
  return policy ? std::string() : policy.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(kill_switch_settings)

BOOST_AUTO_TEST_CASE(nothing_is_dropped_unless_the_user_says_so_and_only_the_daemon_tends) {
  const auto policy = policy_of({}).value();
  BOOST_TEST((policy.mode == KillSwitchMode::off));
  BOOST_TEST((!policy.tend && !policy.protect && !policy.disarm_on_stop && policy.hubs.empty()));
  BOOST_TEST(policy.folder == "/var/lib/test/killswitch");
}

BOOST_AUTO_TEST_CASE(each_mode_has_its_word_and_others_are_refused_by_name) {
  BOOST_TEST((policy_of({{"VPN_SENTINEL_KILL_SWITCH", "armed"}})->mode == KillSwitchMode::armed));
  BOOST_TEST((policy_of({{"VPN_SENTINEL_KILL_SWITCH", "on-danger"}})->mode == KillSwitchMode::on_danger));
  const auto message = refusal({{"VPN_SENTINEL_KILL_SWITCH", "on"}});
  BOOST_TEST(message.find("VPN_SENTINEL_KILL_SWITCH = 'on'") != std::string::npos, message);
  BOOST_TEST(message.find("expected off, armed or on-danger") != std::string::npos, message);
}

BOOST_AUTO_TEST_CASE(a_hub_is_let_out_by_address_only) {
  const auto policy = policy_of({{"VPN_SENTINEL_KILL_SWITCH_ALLOW_HUB", "true"},
                                 {"VPN_SENTINEL_URL", "https://192.0.2.1:5000,http://[2001:db8::1],http://hub.example"}});
  BOOST_TEST_REQUIRE(policy.has_value(), (policy ? "" : policy.error().message));
  const std::vector<TunnelEndpoint> expected{{IpAddress::parse("192.0.2.1").value(), IPPROTO_TCP, 5000, 0},
                                             {IpAddress::parse("2001:db8::1").value(), IPPROTO_TCP, 80, 0}};
  BOOST_TEST((policy->hubs == expected));
  const auto message = refusal({{"VPN_SENTINEL_KILL_SWITCH_ALLOW_HUB", "true"}, {"VPN_SENTINEL_URL", "http://hub.example:5000"}});
  BOOST_TEST(message.find("no name can be looked up") != std::string::npos, message);
}

BOOST_AUTO_TEST_SUITE_END()

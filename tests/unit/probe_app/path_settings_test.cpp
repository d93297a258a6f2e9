#include <boost/test/unit_test.hpp>
#include <map>

#include "probe/app/probe_settings.hpp"

using namespace vpn_sentinel;

namespace {

Result<TargetPolicy> policy_of(std::map<std::string, std::string> environment) {
  environment["VPN_SENTINEL_NETNS"] = "name:vpn";
  const auto loaded = load_settings(probe_setting_rows(), {}, environment, "", false);
  if (!loaded) return fail(loaded.error());
  const auto config = make_probe_config(*loaded);
  if (!config) return fail(config.error());
  return config->targets.front();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(path_settings)

BOOST_AUTO_TEST_CASE(servers_are_named_with_and_without_a_port) {
  const auto policy = policy_of({{"VPN_SENTINEL_STUN_SERVERS", "stun.example:19302, 198.51.100.3"}});
  BOOST_TEST_REQUIRE(policy.has_value(), (policy ? "" : policy.error().message));
  const std::vector<StunServer> expected{{"stun.example", 19302}, {"198.51.100.3", 3478}};
  BOOST_TEST((policy->path.stun_servers == expected));
  BOOST_TEST(!policy_of({{"VPN_SENTINEL_STUN_SERVERS", "stun.example:0"}}).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_set_to_none_is_not_asked_rather_than_taken_for_a_name) {
  const auto policy = policy_of({
      {"VPN_SENTINEL_STUN_SERVERS", "none"},
      {"VPN_SENTINEL_DNS_COMPARE_NAMES", "none"},
      {"VPN_SENTINEL_WHOAMI_SERVERS", "none"},
  });
  BOOST_TEST_REQUIRE(policy.has_value(), (policy ? "" : policy.error().message));
  BOOST_TEST(policy->path.stun_servers.empty());
  BOOST_TEST(policy->dns_compare_names.empty());
  BOOST_TEST(policy->whoami_servers.empty());
}

BOOST_AUTO_TEST_SUITE_END()

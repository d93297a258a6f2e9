#include <boost/test/unit_test.hpp>
#include <csignal>

#include "netns/base/clock.hpp"
#include "probe/app/commands.hpp"
#include "tests/unit/probe_app/own_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

BOOST_TEST_GLOBAL_FIXTURE(OwnNamespace);

namespace {

struct BehindSilentTunnel {
  BehindSilentTunnel() {
    policy.client_id = "a";
    policy.tunnels = {"tun7"};
    policy.liveness_interval = 0ms;
    policy.check_timeout = 1s;
  }

  SilentTunnel tunnel;
  TargetPolicy policy;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(check_command, BehindSilentTunnel)

BOOST_AUTO_TEST_CASE(without_checks_the_routes_alone_are_judged) { BOOST_TEST(vpn_sentinel::check_command(policy, true) == 0); }

BOOST_AUTO_TEST_CASE(services_that_never_answer_are_not_secure_and_cost_one_time_out_only) {
  policy.trace_urls = std::vector<std::string>(7, "http://192.0.2.80/cdn-cgi/trace");
  const auto begin = mono_now();
  BOOST_TEST(vpn_sentinel::check_command(policy, true) == 1);
  BOOST_TEST((mono_now() - begin < 3s));
}

BOOST_AUTO_TEST_CASE(dns_servers_that_never_answer_are_not_secure_even_when_there_is_no_time_to_ask_all) {
  policy.whoami_servers = std::vector<Endpoint>(20, *Endpoint::parse("192.0.2.53", 53));
  const auto begin = mono_now();
  BOOST_TEST(vpn_sentinel::check_command(policy, true) == 1);
  BOOST_TEST((mono_now() - begin < 8s));
}

BOOST_AUTO_TEST_SUITE_END()

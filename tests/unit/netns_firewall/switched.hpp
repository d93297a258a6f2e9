/// What the tests of the kill switch share: a namespace with two uplinks and a tunnel, and everything that a program may try to get out.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "netns/firewall/kill_switch.hpp"
#include "tests/unit/netns_firewall/two_uplinks.hpp"

namespace vpn_sentinel {

struct Switched : TwoUplinks {
  [[nodiscard]] KillSwitch opened(bool protect = false) const { return KillSwitch::open(client.opener(), "test", protect).value(); }
  static FirewallPolicy with_uplinks() {
    auto wanted = policy();
    wanted.uplinks = {"eth0", "eth1"};
    return wanted;
  }
  /// Everything that a program may try, and a tunnel that fails meanwhile.
  void try_to_leave() const {
    for (const auto* device : {"eth0", "eth1"}) {
      (void)send({"203.0.113.1", 1000, device});
      (void)send({"203.0.113.1", 53, device});
      (void)send({"2001:db8:ffff::1", 1000, device});
      (void)send({"2001:db8:ffff::1", 853, device});
    }
    (void)send({std::string(server), 443});
    (void)send({std::string(server), server_port});
    (void)send({"198.18.1.2", 53});
    client.run("ip link set tun0 down");
    (void)send({"203.0.113.1", 1000});
    (void)send({"2001:db8:ffff::1", 1000});
    client.run("ip link set tun0 up && ip route replace default dev tun0 && ip -6 route replace default dev tun0 metric 1");
  }
  [[nodiscard]] std::string tables() const { return client.output_of("nft list tables"); }
};

template <typename Value>
Value good(Result<Value> result) {
  BOOST_REQUIRE_MESSAGE(result.has_value(), why(result));
  return std::move(*result);
}

inline bool all_are(const std::vector<CanaryReport>& reports, CanaryOutcome outcome) {
  return std::all_of(reports.begin(), reports.end(), [&](const CanaryReport& report) { return report.outcome == outcome; });
}

}  // namespace vpn_sentinel

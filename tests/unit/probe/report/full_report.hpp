/// A report with every field set.
#pragma once

#include "probe/report/report.hpp"

namespace vpn_sentinel::test {

inline Report full_report() {
  const auto time = parse_rfc3339("2026-11-21T10:15:30.123456Z").value();
  Report report;
  report.client_id = "office-vpn";
  report.boot_id = "6f1c0a";
  report.seq = 1841;
  report.timestamp = time;
  report.sent_at = time + std::chrono::seconds{2};
  report.tags = {"home", "nas-2"};
  report.client_version = "1.0.0";
  report.dropped = 3;
  report.lease_s = 30;
  report.path = "tunnel";
  report.trigger = "interval";
  report.public_ip = "198.51.100.2";
  report.location = LocationReport{"RO", "Bucharest", "B", "AS64500 Example", "Europe/Bucharest"};
  report.dns_location = "RO";
  report.dns_colo = "OTP";
  report.state = State::warning;
  report.findings = {Finding{"tunnel_stalled", Severity::warning, time, {{"tunnel", "wg0"}, {"silent_ms", 3200}}},
                     Finding{"code_of_a_newer_probe", Severity::information, time, nlohmann::json::object()}};
  report.tunnel = TunnelReport{"wg0", "wireguard", true, time, 18'446'744'073'709'551'615ULL, 0, 12};
  report.exit = ExitReport{"198.51.100.2", "2001:db8::2", 64500, "RO", "trace.test, other.test", 2};
  report.dns = DnsReport{"no_leak", "EGRESS_IS_EXIT", {"198.51.100.2", "2001:db8::2"}, {{"10.8.0.1", "tunnel"}}};
  report.leak = LeakReport{
      true, {}, time, 7, 900, 3, 2, 1, 1, 40, {{"203.0.113.53", "udp", 53, 1000, 3, 300}, {"2001:db8::9", "icmpv6", {}, {}, 1, 64}}};
  report.kill_switch = KillSwitchReport{"armed", "changed", "a rule is missing", time, 12};
  report.ruleset = RulesetReport{"lets_out", "nft (pid 4242)", time};
  report.udp_exit = UdpExitReport{"198.51.100.2", "2001:db8::2"};
  report.mtu = MtuReport{"lost_requests"};
  report.peers =
      PeersReport{{},
                  {{"udp/51820", "wireguard", 1, 4, {}}, {"udp/1194", "conntrack", {}, {}, "the kernel tracks no connection here"}},
                  {{"udp/51820", "203.0.113.7:40000", "c2VydmVyIGtleSBvZiB0aGlydHktdHdvIGJ5dGVzIQ==", time, true, 7, 9},
                   {"tcp/1194", "RO", {}, time, false, {}, {}}},
                  3,
                  time,
                  12,
                  1};
  report.latency_ms = 23.1;
  return report;
}

}  // namespace vpn_sentinel::test

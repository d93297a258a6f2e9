/// Observations for the judge's tests: a sound one, to be broken by each test.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "probe/verdict/judge.hpp"
#include "tests/unit/probe/make_ip.hpp"

namespace vpn_sentinel::test {

inline WallTime at(int seconds) { return WallTime{} + std::chrono::seconds{1'700'000'000 + seconds}; }

inline LookUp look_up(std::string_view destination, Way::Kind kind, std::string device = "") {
  Way way;
  way.kind = kind;
  way.device = kind == Way::Kind::nowhere ? "" : (device.empty() ? (kind == Way::Kind::tunnel ? "wg0" : "eth0") : std::move(device));
  if (kind == Way::Kind::nowhere) way.why_nowhere = "unreachable";
  return LookUp{ip(destination), 0, way, true, 1, {}};
}

inline LookUp failed_look_up(std::string_view destination, std::string message = "netlink: no buffer space") {
  return LookUp{ip(destination), 0, fail(Error::Kind::overrun, std::move(message)), true, 1, {}};
}

/// By the uplink along `route`, which covers only a part of the Internet.
inline LookUp by_route(std::string_view destination, std::string_view route, std::uint8_t protocol = 3,
                       std::string_view gateway = "203.0.113.1") {
  auto made = look_up(destination, Way::Kind::outside);
  made.representative = false;
  made.way->route = RouteView{IpPrefix::parse(route).value(), 254, 0, protocol, gateway.empty()};
  if (!gateway.empty()) made.way->gateway = ip(gateway);
  return made;
}

inline std::vector<LookUp> all_v4(Way::Kind kind) {
  return {look_up("11.0.0.1", kind), look_up("100.0.0.1", kind), look_up("150.0.0.1", kind), look_up("200.0.0.1", kind)};
}

inline std::vector<LookUp> all_v6(Way::Kind kind) { return {look_up("2600::1", kind), look_up("2a00::1", kind)}; }

inline std::vector<LookUp> together(std::vector<LookUp> first, const std::vector<LookUp>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// Everything is fine: v4 through the tunnel, v6 goes nowhere, checks agree.
inline Observation sound() {
  Observation seen;
  seen.time = at(0);
  seen.expected_tunnel = "wg0";
  seen.tunnel = TunnelView{"wg0", "wireguard", 7, true, true, true};
  seen.uplinks = {"eth0"};
  seen.look_ups = together(all_v4(Way::Kind::tunnel), all_v6(Way::Kind::nowhere));
  seen.liveness = LivenessView::alive;
  seen.exit = ExitView{ip("198.51.100.2"), std::nullopt, "RO", "OTP", "trace.test", ""};
  seen.whoami = WhoamiView{ip("198.51.100.2"), "192.0.2.53:53", ""};
  return seen;
}

/// "danger: default_route_outside, tunnel_down(danger)": the state and the codes, each with its severity when it is not the usual one.
inline std::string summary(const Verdict& verdict) {
  std::string text(to_string(verdict.state));
  for (std::size_t i = 0; i < verdict.findings.size(); ++i) {
    const auto& finding = verdict.findings[i];
    text += (i == 0 ? ": " : ", ") + finding.code;
    const auto* const usual = find_text(finding.code);
    if (!usual || usual->severity != finding.severity) text += "(" + std::string(to_string(finding.severity)) + ")";
  }
  return text;
}

}  // namespace vpn_sentinel::test

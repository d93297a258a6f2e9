#include "probe/verdict/containment.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "probe/verdict/kill_switch_findings.hpp"
#include "probe/verdict/route_findings.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// What look-ups show, with their routes as evidence.
constexpr std::array<std::string_view, 6> of_routes{"default_route_outside", "ipv6_outside",           "route_injected",
                                                    "route_captures_local",  "endpoint_route_misused", "rule_changed"};
/// That where packets go could not be seen; rules that go by interfaces do not depend on it.
constexpr std::array<std::string_view, 2> of_blindness{"routes_unverifiable", "routes_sampled"};

template <std::size_t N>
bool is_one_of(std::string_view code, const std::array<std::string_view, N>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// The look-up gives a device that it does not know a number for a name; it may be anything.
bool is_unknown_device(std::string_view name) {
  return name.starts_with("if") && name.size() > 2 &&
         std::all_of(name.begin() + 2, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool drops(const KillSwitchView& kill_switch, const IpAddress& destination, const std::string& device) {
  if (device.empty() || is_unknown_device(device)) return false;
  if (std::ranges::find(kill_switch.passing_devices, device) != kill_switch.passing_devices.end()) return false;
  if (std::ranges::find(kill_switch.passing_addresses, destination) != kill_switch.passing_addresses.end()) return false;
  return std::ranges::none_of(kill_switch.passing_networks, [&](const IpPrefix& network) { return network.contains(destination); });
}

/// Also of a finding that was kept from an earlier look: then its evidence is all that there is, and must be complete.
bool shows_only_what_is_dropped(const Finding& finding, const KillSwitchView& kill_switch, bool kept) {
  const auto routes = finding.evidence.find("routes");
  if (routes == finding.evidence.end() || !routes->is_array()) return false;
  if (kept && finding.evidence.contains("more")) return false;
  return std::ranges::all_of(*routes, [&](const json& route) {
    if (!route.is_object()) return false;
    const auto destination = IpAddress::parse(route.value("destination", ""));
    return destination && drops(kill_switch, *destination, route.value("device", ""));
  });
}

/// What would still leave.
std::vector<Finding> judge_what_passes(const Observation& seen, const KillSwitchView& kill_switch) {
  auto open = seen;
  std::erase_if(open.look_ups, [&](const LookUp& look_up) {
    return look_up.way && look_up.way->kind == Way::Kind::outside && drops(kill_switch, look_up.destination, look_up.way->device);
  });
  return judge_ways_out(open);
}

const Finding* find(const std::vector<Finding>& findings, std::string_view code) {
  const auto found = std::ranges::find(findings, code, &Finding::code);
  return found == findings.end() ? nullptr : &*found;
}

class Containment {
 public:
  Containment(const Observation& seen, const KillSwitchView& kill_switch)
      : seen_(seen), kill_switch_(kill_switch), shown_(judge_ways_out(seen)), passing_(judge_what_passes(seen, kill_switch)) {}

  void apply(std::vector<Finding>& findings) const {
    for (auto& finding : findings) {
      if (finding.severity != Severity::danger || !is_held(finding)) continue;
      finding.severity = Severity::contained;
      finding.evidence["held_by"] = "kill_switch";
    }
    // What was no news of its own beside a greater leak is one when that is held back.
    for (const auto& finding : passing_) {
      if (!find(findings, finding.code)) findings.push_back(finding);
    }
  }

 private:
  [[nodiscard]] bool is_held(const Finding& finding) const {
    // Who took the tunnel's name may take its packets, too.
    if (is_one_of(finding.code, of_blindness)) return !seen_.replaced_by_stranger && !is_blind(seen_);
    if (!is_one_of(finding.code, of_routes) || find(passing_, finding.code)) return false;
    return shows_only_what_is_dropped(finding, kill_switch_, find(shown_, finding.code) == nullptr);
  }

  const Observation& seen_;
  const KillSwitchView& kill_switch_;
  std::vector<Finding> shown_;
  std::vector<Finding> passing_;
};

}  // namespace

Verdict contain(const Verdict& bare, const Observation& seen) {
  if (!seen.kill_switch) return bare;
  Verdict verdict = bare;
  if (seen.kill_switch->holds() && verdict.state == State::danger) Containment(seen, *seen.kill_switch).apply(verdict.findings);
  for (auto& finding : judge_kill_switch(seen)) verdict.findings.push_back(std::move(finding));
  std::ranges::stable_sort(verdict.findings, std::ranges::greater{}, &Finding::severity);
  verdict.state = state_of(verdict.findings);
  return verdict;
}

}  // namespace vpn_sentinel

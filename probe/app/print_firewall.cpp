#include "probe/app/print_firewall.hpp"

#include <fmt/format.h>

#include "probe/app/print_layers.hpp"

namespace vpn_sentinel {
namespace {

std::string told(const RulesetView& rules) {
  if (rules.no_uplink) return "nothing to hold back: there is no way out beside the tunnel";
  if (!rules.why_not.empty()) return "could not be looked at: " + rules.why_not;
  switch (rules.verdict) {
    case RulesetView::Verdict::holds:
      return "would hold packets back if the tunnel failed";
    case RulesetView::Verdict::lets_out:
      return rules.others_held ? "would let some packets out if the tunnel failed" : "would hold nothing back if the tunnel failed";
    default:
      return "could not be decided whether they would hold packets back";
  }
}

std::string told(const KillSwitchView& kill_switch) {
  using State = KillSwitchView::State;
  switch (kill_switch.state) {
    case State::armed:
      return fmt::format("kill switch armed; it stopped {} packets, {} bytes", kill_switch.stopped.packets, kill_switch.stopped.bytes);
    case State::changed:
      return "kill switch changed: " + kill_switch.why;
    case State::unproven:
      return "kill switch does not hold: " + kill_switch.why;
    case State::failed:
      return "kill switch failed: " + kill_switch.why;
    case State::off:
      break;
  }
  if (kill_switch.disarmed) return fmt::format("kill switch disarmed by hand {}", to_rfc3339(*kill_switch.disarmed));
  return "kill switch not armed" + (kill_switch.why.empty() ? std::string() : ": " + kill_switch.why);
}

std::vector<std::string> passing(const KillSwitchView& kill_switch) {
  std::vector<std::string> lines;
  for (const auto& device : kill_switch.passing_devices) lines.push_back(fmt::format("lets out what goes by {}", device));
  for (const auto& address : kill_switch.passing_addresses) lines.push_back(fmt::format("lets out what goes to {}", address.to_string()));
  if (kill_switch.no_server) lines.emplace_back("knows no VPN server, so the VPN may be unable to connect");
  for (const auto& gap : kill_switch.gaps) lines.push_back("gap: " + gap);
  return lines;
}

}  // namespace

std::string print_kill_switch(const CheckView& view) {
  if (!view.seen.kill_switch) return {};
  const auto& kill_switch = *view.seen.kill_switch;
  const bool is_there = kill_switch.state != KillSwitchView::State::off;
  return print_row("switch", told(kill_switch)) + (is_there ? print_details(passing(kill_switch)) : std::string());
}

std::string print_firewall(const CheckView& view) {
  if (!view.seen.ruleset) return {};
  const auto& rules = *view.seen.ruleset;
  auto lines = rules.no_uplink ? std::vector<std::string>{} : rules.reasons;
  if (!rules.changed_by.empty()) lines.push_back(fmt::format("changed by {}", rules.changed_by));
  return print_row("firewall", told(rules)) + print_details(lines);
}

}  // namespace vpn_sentinel

#include "probe/verdict/kill_switch_findings.hpp"

#include <string_view>
#include <utility>

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using Standing = KillSwitchView::State;
using Mode = KillSwitchView::Mode;

std::string_view word_of(Mode mode) {
  switch (mode) {
    case Mode::armed:
      return "armed";
    case Mode::on_danger:
      return "on-danger";
    case Mode::off:
      break;
  }
  return "off";
}

bool tunnel_works(const Observation& seen) { return seen.tunnel && seen.tunnel->up && seen.tunnel->has_address; }

}  // namespace

std::vector<Finding> judge_kill_switch(const Observation& seen) {
  std::vector<Finding> findings;
  if (!seen.kill_switch) return findings;
  const auto& kill_switch = *seen.kill_switch;
  const auto add = [&](std::string_view code, json evidence) {
    evidence["mode"] = word_of(kill_switch.mode);
    findings.push_back(Finding{std::string(code), find_text(code)->severity, seen.time, std::move(evidence)});
  };
  if (kill_switch.disarmed && kill_switch.mode != Mode::off) {
    add("kill_switch_disarmed", json{{"disarmed", to_rfc3339(*kill_switch.disarmed)}});
  }
  switch (kill_switch.state) {
    case Standing::failed:
      add("kill_switch_failed", json{{"error", kill_switch.why}});
      break;
    case Standing::unproven:
      add("kill_switch_not_holding", json{{"error", kill_switch.why}});
      break;
    case Standing::off:
      if (kill_switch.mode == Mode::armed && !kill_switch.disarmed) add("kill_switch_failed", json{{"error", "it is not in place"}});
      return findings;
    case Standing::armed:
    case Standing::changed:
      break;
  }
  if (kill_switch.mode == Mode::off) {
    add("kill_switch_unasked", kill_switch.why.empty() ? json::object() : json{{"state", kill_switch.why}});
  }
  if (!kill_switch.holds()) return findings;
  if (kill_switch.no_server && !tunnel_works(seen)) add("kill_switch_no_server", json::object());
  if (!kill_switch.gaps.empty()) add("kill_switch_incomplete", json{{"gaps", kill_switch.gaps}});
  return findings;
}

}  // namespace vpn_sentinel

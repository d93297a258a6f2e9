#include "probe/app/health.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "netns/base/clock.hpp"
#include "netns/base/text.hpp"

namespace vpn_sentinel {
namespace {

/// Of a client id or of an error's text.
constexpr std::size_t most_bytes_of_text = 300;

std::string harmless(const std::string& text) { return without_control_characters(text.substr(0, most_bytes_of_text)); }

std::string fault_of(const TargetHealth& target) {
  const auto name = harmless(target.client_id);
  if (target.since_look > look_overdue) return fmt::format("{} was not looked at for {}", name, human_duration(target.since_look));
  if (target.blind && !target.gone) return fmt::format("{} cannot be looked at: {}", name, harmless(*target.blind));
  return {};
}

}  // namespace

std::string health_line(std::span<const TargetHealth> targets) {
  std::size_t faults = 0;
  std::string first;
  for (const auto& target : targets) {
    auto fault = fault_of(target);
    if (fault.empty()) continue;
    if (faults++ == 0) first = std::move(fault);
  }
  if (faults > 0) return fmt::format("unhealthy: {}{}\n", first, faults > 1 ? fmt::format(", and {} other target(s)", faults - 1) : "");
  const auto gone = std::ranges::count_if(targets, &TargetHealth::gone);
  return fmt::format("healthy: {} target(s) watched{}\n", targets.size(), gone > 0 ? fmt::format(", {} of them not there", gone) : "");
}

bool says_healthy(const std::string& line) { return line.starts_with("healthy: ") && line.ends_with('\n'); }

}  // namespace vpn_sentinel

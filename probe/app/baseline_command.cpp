// baseline show|pin|forget: the healthy state that the user has confirmed.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "probe/app/commands.hpp"
#include "probe/app/one_look.hpp"
#include "probe/app/output.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

constexpr int exit_differs = 1;
constexpr int exit_refused = 2;
constexpr int exit_could_not_look = 4;
constexpr int exit_cannot_write = 73;
/// Nothing is sent; a container engine and the tunnel's program are asked.
constexpr auto longest_look = 15s;

std::string name_of(const TargetPolicy& policy) { return fmt::format("{} ({})", policy.client_id, policy.netns.to_string()); }

std::string lines_below(std::string_view title, const std::vector<std::string>& lines) {
  auto text = fmt::format("  {} ({}):\n", title, lines.size());
  for (const auto& line : lines) text += fmt::format("    {}\n", line);
  return text;
}

/// Why the look is no proof of a healthy state; empty: it is one.
std::string unseen(const TargetWatch& watch) {
  if (watch.seen().blind) return watch.seen().blind->message;
  const auto& findings = watch.verdict().findings;
  const bool unverifiable =
      watch.verdict().state == State::warning && std::ranges::find(findings, "routes_unverifiable", &Finding::code) != findings.end();
  return unverifiable ? "not every route could be looked up; 'check' says which" : "";
}

std::string dangers(const Verdict& verdict) {
  std::string text;
  for (const auto& finding : verdict.findings) {
    if (finding.severity < Severity::contained) continue;
    const auto* const words = find_text(finding.code);
    text += fmt::format("\n  {}: {}", finding.code, words ? words->meaning : "");
  }
  return text;
}

int pin(const TargetPolicy& policy, const std::string& file) {
  OneLook look(policy);
  const auto& watch = look.run(longest_look);
  if (const auto reason = unseen(watch); !reason.empty()) {
    fmt::print(stderr, "vpn-sentinel-probe: {} was not pinned, it could not be looked at: {}\n", name_of(policy), reason);
    return exit_could_not_look;
  }
  if (watch.verdict().state >= State::contained) {
    fmt::print(stderr, "vpn-sentinel-probe: {} was not pinned, because its state is {}:{}\n", name_of(policy),
               to_string(watch.verdict().state), dangers(watch.verdict()));
    return exit_refused;
  }
  const auto healthy = watch.present_state();
  if (!healthy) return exit_could_not_look;
  if (const auto written = write_baseline(file, *healthy); !written) {
    fmt::print(stderr, "vpn-sentinel-probe: {}. Hint: set VPN_SENTINEL_DATA_DIR to a folder that this user can write\n",
               written.error().message);
    return exit_cannot_write;
  }
  print_out(fmt::format("{} is pinned: tunnel {}, {} rules, {} routes\n", name_of(policy),
                        healthy->tunnel.empty() ? "none" : healthy->tunnel, healthy->rules.size(), healthy->routes.size()));
  return 0;
}

int compare(const TargetPolicy& policy, const Baseline& pinned) {
  OneLook look(policy);
  const auto& watch = look.run(longest_look);
  const auto now = watch.present_state();
  if (!now) {
    print_out(fmt::format("  now: could not look: {}\n", watch.seen().blind ? watch.seen().blind->message : "the namespace is gone"));
    return exit_could_not_look;
  }
  const auto drift = explain_drift(pinned, *now, true);
  if (drift.rules.empty() && drift.routes.empty()) {
    print_out("  now: nothing differs\n");
    return 0;
  }
  if (!drift.rules.empty()) print_out(lines_below("rules that differ now", drift.rules));
  if (!drift.routes.empty()) print_out(lines_below("routes that differ now", drift.routes));
  return exit_differs;
}

int show(const TargetPolicy& policy, const std::string& file) {
  const auto pinned = read_baseline(file);
  if (!pinned && pinned.error().kind == Error::Kind::not_found) {
    print_out(fmt::format("{}: no healthy state is pinned\n", name_of(policy)));
    return exit_refused;
  }
  if (!pinned) {
    fmt::print(stderr, "vpn-sentinel-probe: {}\n", pinned.error().message);
    return exit_could_not_look;
  }
  print_out(fmt::format("{}: pinned {}, tunnel {}\n{}{}", name_of(policy), to_rfc3339(pinned->time),
                        pinned->tunnel.empty() ? "none" : pinned->tunnel, lines_below("rules", pinned->rules),
                        lines_below("routes", pinned->routes)));
  return compare(policy, *pinned);
}

int forget(const TargetPolicy& policy, const std::string& file) {
  std::error_code error;
  const bool removed = std::filesystem::remove(file, error);
  if (error) {
    fmt::print(stderr, "vpn-sentinel-probe: cannot remove {}: {}\n", file, error.message());
    return exit_cannot_write;
  }
  print_out(fmt::format("{}: {}\n", name_of(policy), removed ? "the pinned healthy state is forgotten" : "no healthy state was pinned"));
  return 0;
}

}  // namespace

int baseline_command(TargetPolicy policy, BaselineAction action) {
  policy.offline = true;
  const auto file = baseline_file(policy.baseline_folder, policy.client_id);
  switch (action) {
    case BaselineAction::show:
      return show(policy, file);
    case BaselineAction::pin:
      return pin(policy, file);
    case BaselineAction::forget:
      break;
  }
  return forget(policy, file);
}

}  // namespace vpn_sentinel

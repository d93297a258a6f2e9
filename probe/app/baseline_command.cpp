// baseline show|pin|forget: the healthy state that the user has confirmed.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "netns/daemon/exit_codes.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/one_look.hpp"
#include "probe/app/output.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

constexpr int exit_differs = 1;
constexpr int exit_not_pinned = 2;
/// Nothing is sent; a container engine and the tunnel's program are asked.
constexpr auto longest_baseline_look = 15s;

std::string lines_below(std::string_view title, const std::vector<std::string>& lines) {
  auto text = fmt::format("  {} ({}):\n", title, lines.size());
  for (const auto& line : lines) text += fmt::format("    {}\n", line);
  return text;
}

/// Of tables too large to be kept it must be said that nothing will be noticed there.
std::string not_compared_line(const Baseline& baseline) {
  const auto text = not_compared_text(baseline);
  return text.empty() ? text : fmt::format("  ! {}: only rules and the tunnel are\n", text);
}

/// What of a state that is no danger could not be looked at, a line each; empty: all was.
std::vector<std::string> unseen(const Verdict& verdict) {
  const auto found = std::ranges::find(verdict.findings, "routes_unverifiable", &Finding::code);
  if (verdict.state != State::warning || found == verdict.findings.end()) return {};
  std::vector<std::string> lines{found->evidence.value("error", "not every route could be looked up")};
  if (found->evidence.contains("destination")) lines.back() += fmt::format(" ({})", found->evidence.value("destination", ""));
  for (const auto& rule : found->evidence.value("rules", std::vector<std::string>{})) lines.push_back(rule);
  return lines;
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

int pin(const TargetPolicy& policy, const std::string& file, bool force) {
  OneLook look(policy);
  const auto& watch = look.run(longest_baseline_look);
  if (watch.seen().blind) {
    fmt::print(stderr, "vpn-sentinel-probe: {} was not pinned, it could not be looked at: {}\n", name_of(policy),
               watch.seen().blind->message);
    return exit_could_not_look;
  }
  const auto gaps = unseen(watch.verdict());
  if (!gaps.empty() && !force) {
    fmt::print(stderr, "vpn-sentinel-probe: {} was not pinned, not all of it could be looked at:\n  {}\n{}", name_of(policy),
               fmt::join(gaps, "\n  "),
               "Remove what cannot be asked about; if it is there on purpose and is known to let nothing out, pin this state with --force. "
               "The warning stays\n");
    return exit_could_not_look;
  }
  if (watch.verdict().state >= State::contained) {
    fmt::print(stderr, "vpn-sentinel-probe: {} was not pinned, because its state is {}:{}\n", name_of(policy),
               to_string(watch.verdict().state), dangers(watch.verdict()));
    return exit_not_pinned;
  }
  const auto healthy = watch.present_state();
  if (!healthy) return exit_could_not_look;
  if (const auto written = write_baseline(file, *healthy); !written) {
    fmt::print(stderr, "vpn-sentinel-probe: {}. Hint: set VPN_SENTINEL_DATA_DIR to a folder that this user can write\n",
               written.error().message);
    return exit_cannot_create;
  }
  print_out(fmt::format("{} is pinned: tunnel {}, {} rules, {} routes\n{}", name_of(policy),
                        healthy->tunnel.empty() ? "none" : healthy->tunnel, healthy->rules.size(), healthy->routes.size(),
                        not_compared_line(*healthy)));
  if (!gaps.empty()) print_out(fmt::format("  ! not looked at: {}\n", fmt::join(gaps, "; ")));
  return 0;
}

int compare(const TargetPolicy& policy, const Baseline& pinned) {
  OneLook look(policy);
  const auto& watch = look.run(longest_baseline_look);
  const auto now = watch.present_state();
  if (!now) {
    print_out(fmt::format("  now: could not look: {}\n", watch.seen().blind ? watch.seen().blind->message : "the namespace is gone"));
    return exit_could_not_look;
  }
  const auto drift = explain_drift(pinned, *now, true);
  if (!drift.not_compared.empty()) print_out(fmt::format("  now: {}\n", drift.not_compared));
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
    return exit_not_pinned;
  }
  if (!pinned) {
    fmt::print(stderr, "vpn-sentinel-probe: {}\n", pinned.error().message);
    return exit_could_not_look;
  }
  print_out(fmt::format("{}: pinned {}, tunnel {}\n{}{}{}", name_of(policy), to_rfc3339(pinned->time),
                        pinned->tunnel.empty() ? "none" : pinned->tunnel, lines_below("rules", pinned->rules),
                        lines_below("routes", pinned->routes), not_compared_line(*pinned)));
  return compare(policy, *pinned);
}

int forget(const TargetPolicy& policy, const std::string& file) {
  std::error_code error;
  const bool removed = std::filesystem::remove(file, error);
  if (error) {
    fmt::print(stderr, "vpn-sentinel-probe: cannot remove {}: {}\n", file, error.message());
    return exit_cannot_create;
  }
  print_out(fmt::format("{}: {}\n", name_of(policy), removed ? "the pinned healthy state is forgotten" : "no healthy state was pinned"));
  return 0;
}

}  // namespace

int baseline_command(TargetPolicy policy, BaselineAction action, bool force) {
  policy.offline = true;
  const auto file = baseline_file(policy.baseline_folder, policy.client_id);
  switch (action) {
    case BaselineAction::show:
      return show(policy, file);
    case BaselineAction::pin:
      return pin(policy, file, force);
    case BaselineAction::forget:
      break;
  }
  return forget(policy, file);
}

}  // namespace vpn_sentinel

#include "probe/watch/baseline.hpp"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "netns/monitor/describe.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_lines = 32;

bool is_server_route(const Route& route, const Observation& seen) {
  const unsigned host = route.family == Family::v4 ? 32 : 128;
  return route.destination.length() == host &&
         std::ranges::any_of(seen.endpoints, [&](const EndpointView& endpoint) { return endpoint.address == route.destination.address(); });
}

/// Comes and goes by itself and leads nowhere.
bool is_noise(const Route& route) {
  return route.destination.address().is_link_local() || (route.family == Family::v6 && route.destination.address().bytes()[0] == 0xff);
}

/// Of `these` what `those` does not have, counted: two equal lines are two.
std::vector<std::string> missing(std::vector<std::string> these, std::vector<std::string> those) {
  std::ranges::sort(these);
  std::ranges::sort(those);
  std::vector<std::string> result;
  std::ranges::set_difference(these, those, std::back_inserter(result));
  return result;
}

std::vector<std::string> differences(const std::vector<std::string>& healthy, const std::vector<std::string>& now) {
  std::vector<std::string> lines;
  for (const auto& line : missing(now, healthy)) lines.push_back(fmt::format("{}: was added", line));
  for (const auto& line : missing(healthy, now)) lines.push_back(fmt::format("{}: is gone", line));
  if (lines.size() > most_lines) {
    const auto more = lines.size() - most_lines;
    lines.resize(most_lines);
    lines.push_back(fmt::format("and {} more", more));
  }
  return lines;
}

}  // namespace

Baseline make_baseline(const Snapshot& snapshot, const Observation& seen) {
  Baseline made;
  made.time = seen.time;
  if (seen.tunnel) made.tunnel = fmt::format("{} ({})", seen.tunnel->name, seen.tunnel->kind);
  for (const auto& rule : snapshot.rules) {
    made.rules.push_back(describe_rule(rule, ""));
  }
  if (snapshot.routes.size() > most_baseline_routes) {
    made.left_out = snapshot.routes.size();
    return made;
  }
  for (const auto& route : snapshot.routes) {
    if (!is_server_route(route, seen) && !is_noise(route)) made.routes.push_back(describe_route(route, snapshot, ""));
  }
  std::ranges::sort(made.routes);
  return made;
}

std::string not_compared_text(const Baseline& baseline) {
  if (baseline.left_out == 0) return {};
  return fmt::format("{} routes are more than {} and are not compared", baseline.left_out, most_baseline_routes);
}

DriftView explain_drift(const Baseline& healthy, const Baseline& now, bool pinned) {
  DriftView drift;
  drift.pinned = pinned;
  drift.rules = differences(healthy.rules, now.rules);
  if (drift.rules.empty() && healthy.rules != now.rules) {
    const auto [before, after] = std::ranges::mismatch(healthy.rules, now.rules);
    drift.rules.push_back(fmt::format("the order of the rules changed: '{}' stands where '{}' stood", *after, *before));
  }
  drift.not_compared = not_compared_text(now.left_out > 0 ? now : healthy);
  // No routes at all are fewer than there were; only tables that are too large are not compared.
  if (!healthy.routes.empty() && now.left_out == 0) drift.routes = differences(healthy.routes, now.routes);
  // Of two large tables nothing is known; one that became large may hide anything.
  if (!healthy.routes.empty() && now.left_out > 0)
    drift.routes.push_back(fmt::format("{} routes were there and {}", healthy.routes.size(), not_compared_text(now)));
  if (healthy.left_out > 0 && now.left_out == 0)
    drift.routes.push_back(
        fmt::format("{} routes were there, too many to be kept, and {} are there now", healthy.left_out, now.routes.size()));
  if (healthy.tunnel != now.tunnel && !healthy.tunnel.empty()) {
    drift.routes.push_back(fmt::format("the tunnel was {} and is {}", healthy.tunnel, now.tunnel.empty() ? "gone" : now.tunnel));
  }
  return drift;
}

}  // namespace vpn_sentinel

#include "hub/state/exit_paths.hpp"

#include <algorithm>
#include <utility>

#include "hub/state/client_state.hpp"
#include "hub/state/view.hpp"
#include "netns/base/public_address.hpp"

namespace vpn_sentinel {
namespace {

/// So many services cannot all be wrong.
constexpr std::uint32_t enough_sources = 2;

/// Whoever has one IPv6 address of a line has the whole /64.
bool is_same_line(const IpAddress& a, const IpAddress& b) { return a.is_v4() ? a == b : IpPrefix(a, 64).contains(b); }

std::optional<IpAddress> public_address(const std::string& text) {
  const auto address = IpAddress::parse(text);
  if (!address || !is_public_address(*address)) return std::nullopt;
  return *address;
}

void remember_path(const ClientState* before, const Admitted& admitted, ClientState& after) {
  const auto& report = admitted.report;
  if (before != nullptr) after.paths = before->paths;
  // Another start may be on another line: what it was is no proof of what is, but no end of it either.
  if (before != nullptr && before->last_report.boot_id != report.boot_id) after.paths.tunnel = after.paths.uplink = std::nullopt;
  auto* const place = report.path == "tunnel" ? &after.paths.tunnel : report.path == "uplink" ? &after.paths.uplink : nullptr;
  if (place != nullptr) *place = public_address(admitted.source_address);
}

/// The exit of that family as the probe has been told by so many services that it is none of the hub's business.
bool is_well_known_otherwise(const Report& report, const IpAddress& source) {
  if (!report.exit || report.exit->sources.value_or(0) < enough_sources) return false;
  const auto& text = source.is_v4() ? report.exit->v4 : report.exit->v6;
  const auto exit = text ? IpAddress::parse(*text) : Result<IpAddress>(fail(Error{}));
  return exit && !is_same_line(*exit, source);
}

void add(std::string_view code, const ClientState* before, const Admitted& admitted, nlohmann::json evidence, ClientState& after) {
  if (std::ranges::find(after.findings, code, &Finding::code) != after.findings.end()) return;
  auto since = admitted.received;
  if (before != nullptr) {
    const auto old = std::ranges::find(before->findings, code, &Finding::code);
    if (old != before->findings.end()) since = old->since;
  }
  after.findings.push_back(hub_finding(code, since, std::move(evidence)));
  after.state = std::max(after.state, state_of(after.findings));
}

std::vector<IpAddress> exits_of(const Report& report) {
  std::vector<IpAddress> exits;
  const auto take = [&](const std::optional<std::string>& text) {
    const auto address = text ? public_address(*text) : std::nullopt;
    if (address && std::ranges::find(exits, *address) == exits.end()) exits.push_back(*address);
  };
  take(report.public_ip);
  if (report.exit) {
    take(report.exit->v4);
    take(report.exit->v6);
  }
  return exits;
}

nlohmann::json evidence_of(const PathAddresses& paths) {
  nlohmann::json evidence{{"seen_by", "hub"}};
  if (paths.tunnel && paths.uplink) {
    evidence["tunnel_path"] = paths.tunnel->to_string();
    evidence["uplink_path"] = paths.uplink->to_string();
  } else {
    evidence["both_paths"] = paths.shared->to_string();  // of an earlier start
  }
  return evidence;
}

void judge_shared(const Report& report, PathAddresses& paths) {
  const auto& tunnel = paths.tunnel;
  const auto& uplink = paths.uplink;
  if (tunnel && uplink) paths.shared = is_same_line(*tunnel, *uplink) ? tunnel : std::nullopt;
  if (paths.shared && is_well_known_otherwise(report, *paths.shared)) paths.shared.reset();
}

void judge_hub_exit(const Report& report, const std::vector<IpPrefix>& hub_addresses, PathAddresses& paths) {
  const auto is_hub = [&](const IpAddress& exit) {
    return std::ranges::any_of(hub_addresses, [&](const IpPrefix& own) { return own.contains(exit); });
  };
  const auto exits = exits_of(report);
  if (!exits.empty()) {
    const auto found = std::ranges::find_if(exits, is_hub);
    paths.hub_exit = found == exits.end() ? std::nullopt : std::optional(*found);
  } else if (paths.hub_exit && !is_hub(*paths.hub_exit)) {
    paths.hub_exit.reset();  // the hub has moved
  }
}

}  // namespace

void note_exit_paths(const ClientState* before, const Admitted& admitted, const std::vector<IpPrefix>& hub_addresses, ClientState& after) {
  remember_path(before, admitted, after);
  if (after.state == State::offline) return;
  judge_shared(admitted.report, after.paths);
  judge_hub_exit(admitted.report, hub_addresses, after.paths);
  if (after.paths.shared) add("exit_is_uplink", before, admitted, evidence_of(after.paths), after);
  if (after.paths.hub_exit) {
    add("exit_is_hub", before, admitted, {{"seen_by", "hub"}, {"address", after.paths.hub_exit->to_string()}}, after);
  }
}

std::vector<Finding> exit_path_findings(const ClientState& client) {
  std::vector<Finding> findings;
  for (const auto& finding : client.findings) {
    const bool is_own =
        (finding.code == "exit_is_uplink" && client.paths.shared) || (finding.code == "exit_is_hub" && client.paths.hub_exit);
    if (is_own) findings.push_back(finding);
  }
  return findings;
}

}  // namespace vpn_sentinel

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
  // Another start may be on another line.
  if (before != nullptr && before->last_report.boot_id == report.boot_id) after.paths = before->paths;
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

}  // namespace

void note_exit_paths(const ClientState* before, const Admitted& admitted, const std::vector<IpPrefix>& hub_addresses, ClientState& after) {
  remember_path(before, admitted, after);
  if (after.state == State::offline) return;
  const auto& [tunnel, uplink] = after.paths;
  if (tunnel && uplink && is_same_line(*tunnel, *uplink) && !is_well_known_otherwise(admitted.report, *tunnel)) {
    add("exit_is_uplink", before, admitted,
        {{"seen_by", "hub"}, {"tunnel_path", tunnel->to_string()}, {"uplink_path", uplink->to_string()}}, after);
  }
  for (const auto& exit : exits_of(admitted.report)) {
    const bool is_hub = std::ranges::any_of(hub_addresses, [&](const IpPrefix& own) { return own.contains(exit); });
    if (is_hub) add("exit_is_hub", before, admitted, {{"seen_by", "hub"}, {"address", exit.to_string()}}, after);
  }
}

}  // namespace vpn_sentinel

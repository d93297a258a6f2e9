#include "netns/firewall/kill_switch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace vpn_sentinel {

Result<KillSwitchMode> parse_kill_switch_mode(std::string_view text) {
  for (const auto mode : {KillSwitchMode::off, KillSwitchMode::armed, KillSwitchMode::on_danger}) {
    if (text == to_string(mode)) return mode;
  }
  return fail(Error::Kind::invalid, fmt::format("kill switch '{}': expected off, armed or on-danger", text.substr(0, 32)));
}

std::string_view to_string(KillSwitchMode mode) {
  switch (mode) {
    case KillSwitchMode::armed:
      return "armed";
    case KillSwitchMode::on_danger:
      return "on-danger";
    case KillSwitchMode::off:
      break;
  }
  return "off";
}

bool wants_armed(KillSwitchMode mode, bool is_armed, TargetSafety safety) noexcept {
  if (mode != KillSwitchMode::on_danger) return mode == KillSwitchMode::armed;
  if (safety == TargetSafety::unknown) return is_armed;
  return safety == TargetSafety::danger;
}

Result<KillSwitch> KillSwitch::open(const SocketOpener& opener, std::string id, bool protect) {
  auto tables = OutsideTables::open(opener, OutsideAction::drop, std::move(id), protect ? nft::flag_owner | nft::flag_persist : 0);
  if (!tables) return fail(tables.error());
  return KillSwitch{opener, std::move(*tables), protect};
}

Result<void> KillSwitch::prepare(const FirewallPolicy& policy) { return tables_.prepare(policy); }

Result<Arming> KillSwitch::arm(const FirewallPolicy& policy) {
  if (tables_.is_ready_for(policy)) {
    if (auto done = tables_.activate(policy); !done) return fail(done.error());
    return Arming{false, tables_.egress_gap(), is_protected(), tables_.has_egress()};
  }
  // An owner's tables are made anew: only so does this process become their owner.
  if (!protect_) {
    const auto adopted = tables_.adopt(policy);
    if (!adopted) return fail(adopted.error());
    if (*adopted) return Arming{true, tables_.egress_gap(), false, tables_.has_egress()};
  }
  if (auto done = tables_.install(policy); !done) return fail(done.error());
  return Arming{false, tables_.egress_gap(), is_protected(), tables_.has_egress()};
}

bool KillSwitch::is_protected() const noexcept { return (tables_.flags() & nft::flag_owner) != 0; }

Result<void> KillSwitch::disarm() { return tables_.remove(); }

Result<bool> KillSwitch::judges() {
  const auto table = tables_.judging();
  if (!table) return fail(table.error());
  return table->has_value();
}

Result<bool> KillSwitch::remove_prepared() {
  const auto exists = tables_.exists();
  if (!exists) return fail(exists.error());
  if (!*exists) return false;
  const auto armed = judges();
  if (!armed) return fail(armed.error());
  if (*armed) return false;
  if (auto done = tables_.remove(); !done) return fail(done.error());
  return true;
}

namespace {

Result<KillSwitchStatus> changed_or_error(const Error& error) {
  if (error.kind != Error::Kind::failed && error.kind != Error::Kind::not_found) return fail(error);
  return KillSwitchStatus{KillSwitchStatus::State::changed, false, error.message};
}

}  // namespace

Result<KillSwitchStatus> KillSwitch::status(const FirewallPolicy& policy) {
  const auto exists = tables_.exists();
  if (!exists) return fail(exists.error());
  if (!*exists) return KillSwitchStatus{};
  using State = KillSwitchStatus::State;
  auto without_uplinks = policy;
  without_uplinks.uplinks.clear();
  const auto same = tables_.compare(without_uplinks);
  if (!same) {
    const auto prepared = tables_.is_prepared(policy);
    if (!prepared) return fail(prepared.error());
    if (*prepared) return KillSwitchStatus{State::prepared, false, {}};
    return changed_or_error(same.error());
  }
  if (policy.uplinks.empty()) {
    const auto more = tables_.exists_at_uplinks();
    if (!more) return fail(more.error());
    if (*more) return KillSwitchStatus{State::changed, false, "there is a table at uplinks, and none is named"};
    return KillSwitchStatus{State::armed, false, {}};
  }
  const auto at_uplinks = tables_.compare(policy);
  if (at_uplinks) return KillSwitchStatus{State::armed, true, {}};
  // Where the kernel has no such table, arm() made none.
  if (at_uplinks.error().kind == Error::Kind::not_found) return KillSwitchStatus{State::armed, false, at_uplinks.error().message};
  return changed_or_error(at_uplinks.error());
}

Result<bool> KillSwitch::adopt(const FirewallPolicy& policy) { return tables_.adopt(policy); }

Result<LeakCounters> KillSwitch::stopped(std::size_t top) {
  auto counters = tables_.read();
  if (counters) keep_top(*counters, top);
  return counters;
}

Result<std::vector<CanaryReport>> KillSwitch::prove(const std::vector<std::string>& devices, const FirewallPolicy& policy) const {
  if (devices.empty() || devices.size() > most_uplinks) {
    return fail(Error::Kind::invalid, fmt::format("devices: {} are given, expected 1-{}", devices.size(), most_uplinks));
  }
  // By a socket of its own: nothing here changes.
  auto tables = OutsideTables::open(opener_, OutsideAction::drop, tables_.id(), 0);
  if (!tables) return fail(tables.error());
  std::vector<CanaryReport> reports;
  for (const auto& device : devices) {
    const auto more = prove(*tables, device, policy);
    if (!more) return fail(more.error());
    reports.insert(reports.end(), more->begin(), more->end());
  }
  return reports;
}

namespace {

/// Whether our tables noted it tells whose refusal it was; the sender of a packet socket is told nothing else.
template <typename Send>
Result<CanaryReport> counted(OutsideTables& tables, const Endpoint& destination, CanaryReport report, const Send& send) {
  const auto before = tables.count_there(destination);
  if (!before) return fail(before.error());
  const auto outcome = send();
  if (!outcome) return fail(outcome.error());
  report.outcome = *outcome;
  if (*outcome == CanaryOutcome::no_way_out || *outcome == CanaryOutcome::left) return report;
  const auto after = tables.count_there(destination);
  if (!after) return fail(after.error());
  // One that was noted ten minutes ago may have been forgotten in between, and begins anew.
  const bool grew = after->packets > before->packets;
  report.stopped = grew ? Traffic{after->packets - before->packets, after->bytes - before->bytes} : *after;
  const bool noted = grew || (after->packets > 0 && after->packets != before->packets);
  report.outcome = noted ? CanaryOutcome::held : CanaryOutcome::refused;
  if (!noted) report.stopped = {};
  return report;
}

}  // namespace

Result<CanaryReport> KillSwitch::prove(OutsideTables& tables, const std::string& device, Family family,
                                       const FirewallPolicy& policy) const {
  const CanaryReport report{device, family, CanaryOutcome::may_leave, false, {}};
  const auto destination = canary_destination(family, policy, CanaryKind::socket, ::geteuid());
  if (!destination) return report;
  return counted(tables, *destination, report, [&] { return send_canary(opener_, device, *destination); });
}

Result<CanaryReport> KillSwitch::prove_at_uplink(OutsideTables& tables, const std::string& device, const FirewallPolicy& policy) const {
  const CanaryReport report{device, Family::v4, CanaryOutcome::may_leave, true, {}};
  const auto destination = canary_destination(Family::v4, policy, CanaryKind::packet_socket, ::geteuid());
  if (!destination) return report;
  return counted(tables, *destination, report, [&] { return send_packet_canary(opener_, device, *destination); });
}

Result<std::vector<CanaryReport>> KillSwitch::prove(OutsideTables& tables, const std::string& device, const FirewallPolicy& policy) const {
  std::vector<CanaryReport> reports;
  for (const auto family : {Family::v4, Family::v6}) {
    auto report = prove(tables, device, family, policy);
    if (!report) return fail(report.error());
    reports.push_back(std::move(*report));
  }
  const auto at_uplinks = tables.exists_at_uplinks();
  if (!at_uplinks) return fail(at_uplinks.error());
  if (!*at_uplinks) return reports;
  auto report = prove_at_uplink(tables, device, policy);
  // Without CAP_NET_RAW nobody here can write to a device; a sandbox without AF_PACKET (RestrictAddressFamilies=) says "invalid".
  const bool no_packets = !report && (report.error().kind == Error::Kind::not_permitted || report.error().kind == Error::Kind::invalid);
  if (no_packets) return reports;
  if (!report) return fail(report.error());
  reports.push_back(std::move(*report));
  return reports;
}

Proof proof_of(const std::vector<CanaryReport>& reports) noexcept {
  const auto any = [&](CanaryOutcome outcome) {
    return std::any_of(reports.begin(), reports.end(), [&](const CanaryReport& report) { return report.outcome == outcome; });
  };
  if (any(CanaryOutcome::left)) return Proof::broken;
  const bool some_unknown = any(CanaryOutcome::refused) || any(CanaryOutcome::may_leave);
  return any(CanaryOutcome::held) && !some_unknown ? Proof::holds : Proof::unproven;
}

Result<std::vector<std::string>> kill_switch_ids(const SocketOpener& opener) { return outside_table_ids(opener, OutsideAction::drop); }

Result<std::size_t> remove_left_meters(const SocketOpener& opener) {
  return remove_outside_tables(opener, OutsideAction::count, OwnedTables::stay);
}

Result<std::size_t> disarm_all(const SocketOpener& opener) { return remove_outside_tables(opener, OutsideAction::drop); }

}  // namespace vpn_sentinel

#include "hub/state/twin.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "hub/state/exit_paths.hpp"
#include "hub/state/order.hpp"
#include "hub/state/view.hpp"

namespace vpn_sentinel {
namespace {

/// Whoever has taken one of both away sees it gone after this time.
constexpr std::chrono::minutes shown_after{10};
constexpr std::string_view code = "duplicate_client_id";

void add_missing(std::vector<Finding>& findings, const std::vector<Finding>& others) {
  for (const auto& other : others) {
    if (std::ranges::find(findings, other.code, &Finding::code) == findings.end()) findings.push_back(other);
  }
}

/// What the probe of `before` said, and what the hub saw of it; nothing of its twin, or the two would keep each other's findings alive.
std::vector<Finding> own_findings(const ClientState& before) {
  auto findings = before.last_report.findings;
  add_missing(findings, exit_path_findings(before));
  return findings;
}

/// The probe of `before`, which is not the one that reports now.
Twin twin_from(const ClientState& before, WallTime now) {
  Twin twin;
  twin.boot_id = before.last_report.boot_id;
  twin.source_address = before.source_address;
  twin.exit = before.last_report.public_ip.value_or(std::string());
  twin.findings = own_findings(before);
  twin.state = std::max(before.last_report.state.value_or(State::warning), state_of(twin.findings));
  twin.lease_deadline = before.lease_deadline;
  twin.first_noticed = now;
  for (const auto& known : before.twins) twin.first_noticed = std::min(twin.first_noticed, known.first_noticed);
  twin.shown_until = now + shown_after;
  return twin;
}

/// A start that another one followed is there again, and the other one has not gone.
bool came_back(const ClientState& before, const Report& report) {
  return before.last_report.boot_id != report.boot_id && is_retired(before.retired_boots, report.boot_id) &&
         before.state != State::offline && before.last_report.trigger != "stop";
}

/// Python clients have no starts: another one, or the same by another exit.
bool is_another_python(const ClientState& before, const Admitted& admitted) {
  return before.last_report.boot_id.empty() && admitted.report.boot_id.empty() && before.source_address != admitted.source_address &&
         before.last_report.public_ip != admitted.report.public_ip && before.state != State::offline;
}

bool is_of(const Twin& twin, const std::string& boot_id, const std::string& source_address) {
  return twin.boot_id == boot_id && (!boot_id.empty() || twin.source_address == source_address);
}

/// Takes out what is known of a start.
std::optional<Twin> take(std::vector<Twin>& twins, const std::string& boot_id, const std::string& source_address) {
  const auto found = std::ranges::find_if(twins, [&](const Twin& twin) { return is_of(twin, boot_id, source_address); });
  if (found == twins.end()) return std::nullopt;
  auto taken = std::move(*found);
  twins.erase(found);
  return taken;
}

/// All but the one that reports.
std::vector<Twin> others(const ClientState& before, const Admitted& admitted) {
  auto twins = before.twins;
  std::erase_if(twins, [&](const Twin& twin) { return twin.shown_until <= admitted.received; });
  const auto itself = take(twins, admitted.report.boot_id, admitted.source_address);
  const bool another_python = is_another_python(before, admitted);
  if (!another_python && !came_back(before, admitted.report)) return twins;
  auto twin = twin_from(before, admitted.received);
  const auto known = take(twins, twin.boot_id, twin.source_address);
  if (known) twin.lease_deadline = std::max(twin.lease_deadline, known->lease_deadline);
  twin.turns = another_python ? (itself ? itself->turns + 1 : 0) : sure_turns;
  twins.push_back(std::move(twin));
  if (twins.size() > most_twins) twins.erase(std::ranges::min_element(twins, {}, &Twin::lease_deadline));
  return twins;
}

/// What those see whose lease lasts.
void add_sights(WallTime now, ClientState& after) {
  for (const auto& twin : after.twins) {
    if (twin.lease_deadline <= now || !twin.is_sure()) continue;
    add_missing(after.findings, twin.findings);
    after.state = std::max(after.state, twin.state);
  }
}

/// A Python client has no name of its own.
std::string name_of_start(const std::string& boot_id) { return boot_id.empty() ? "python" : boot_id; }

void tell_duplicate(std::vector<std::string> boots, std::vector<std::string> addresses, ClientState& after) {
  auto since = WallTime::max();
  for (const auto& twin : after.twins) {
    if (!twin.is_sure()) continue;
    boots.push_back(name_of_start(twin.boot_id));
    addresses.push_back(twin.source_address);
    since = std::min(since, twin.first_noticed);
  }
  after.findings.push_back(hub_finding(code, since, {{"boots", boots}, {"addresses", addresses}}));
  after.state = std::max(after.state, state_of(after.findings));
}

}  // namespace

void note_twins(const ClientState& before, const Admitted& admitted, ClientState& after) {
  after.twins = others(before, admitted);
  if (std::ranges::none_of(after.twins, &Twin::is_sure)) return;
  add_sights(admitted.received, after);
  tell_duplicate({name_of_start(admitted.report.boot_id)}, {admitted.source_address}, after);
}

bool is_known_exit_of_twin(const ClientState& before, const Admitted& admitted) {
  return std::ranges::any_of(before.twins, [&](const Twin& twin) {
    return twin.is_sure() && is_of(twin, admitted.report.boot_id, admitted.source_address) && twin.exit == admitted.report.public_ip;
  });
}

bool leave_to_twins(const ClientState* before, const Admitted& admitted, ClientState& after) {
  if (before == nullptr || before->state == State::offline) return false;
  auto living = others(*before, admitted);
  std::erase_if(living, [&](const Twin& twin) { return !twin.is_sure() || twin.lease_deadline <= admitted.received; });
  if (living.empty()) return false;
  after.twins = std::move(living);
  after.state = State::secure;
  after.findings.clear();
  add_sights(admitted.received, after);
  for (const auto& twin : after.twins) after.lease_deadline = std::max(after.lease_deadline, twin.lease_deadline);
  if (after.twins.size() > 1) tell_duplicate({}, {}, after);
  return true;
}

void keep_twins(ClientState& client, WallTime now, std::chrono::microseconds patience) {
  if (client.state == State::offline) client.twins.clear();  // all had been silent for long, or had stopped
  if (std::ranges::none_of(client.twins, &Twin::is_sure)) return;
  // The one that reported last is another's twin as soon as that one reports. It may be there already: by a start before this one.
  const auto known = take(client.twins, client.last_report.boot_id, client.source_address);
  if (client.last_report.trigger != "stop") {
    client.twins.push_back(twin_from(client, now));
    if (known) client.twins.back().turns = known->turns;
  }
  for (auto& twin : client.twins) {
    twin.lease_deadline = now + patience;
    twin.shown_until = now + std::max<std::chrono::microseconds>(patience, shown_after);
  }
}

}  // namespace vpn_sentinel

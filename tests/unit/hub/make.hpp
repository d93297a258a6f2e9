/// Reports and times for the hub's tests, short enough to read in a table.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/ingest/admission.hpp"
#include "hub/state/client_state.hpp"

namespace vpn_sentinel::test {

/// 2026-11-21T10:00:00Z plus seconds.
inline WallTime at(double seconds) {
  const auto start = WallTime{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}} + std::chrono::hours{10};
  return start + std::chrono::microseconds{static_cast<std::int64_t>(seconds * 1e6)};
}

inline Finding finding(std::string code, Severity severity, WallTime since) {
  return {std::move(code), severity, since, nlohmann::json::object()};
}

/// A report of the probe that started as `boot`, true and received at `when`.
inline Admitted report(std::string client_id, std::string boot, std::uint64_t seq, State state, WallTime when) {
  Admitted admitted;
  admitted.source_address = "192.0.2.7";
  admitted.received = when;
  auto& report = admitted.report;
  report.client_id = std::move(client_id);
  report.boot_id = std::move(boot);
  report.seq = seq;
  report.timestamp = when;
  report.client_version = "1.0.0";
  report.lease_s = 30;
  report.path = "tunnel";
  report.trigger = "interval";
  report.public_ip = "198.51.100.2";
  report.state = state;
  if (state == State::warning) report.findings = {finding("dns_unverifiable", Severity::warning, when)};
  if (state == State::contained) report.findings = {finding("tunnel_down", Severity::contained, when)};
  if (state == State::danger) report.findings = {finding("default_route_outside", Severity::danger, when)};
  return admitted;
}

/// The same report, but it reached the hub at `received`.
inline Admitted late(Admitted admitted, WallTime received) {
  admitted.received = received;
  return admitted;
}

/// The same report, sent from the probe's queue at `received`.
inline Admitted queued(Admitted admitted, WallTime received) {
  admitted.report.sent_at = received;
  return late(std::move(admitted), received);
}

inline Admitted with_address(Admitted admitted, std::optional<std::string> address) {
  admitted.report.public_ip = std::move(address);
  return admitted;
}

inline Admitted stopping(Admitted admitted) {
  admitted.report.trigger = "stop";
  return admitted;
}

/// What the Python original's client sends.
inline Admitted original(std::string client_id, State state, WallTime when) {
  auto admitted = report(std::move(client_id), "", 0, state, when);
  admitted.report.schema = 1;
  admitted.report.lease_s.reset();
  admitted.report.path.clear();
  admitted.report.trigger.clear();
  return admitted;
}

}  // namespace vpn_sentinel::test

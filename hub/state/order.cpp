#include "hub/state/order.hpp"

#include <algorithm>

namespace vpn_sentinel {
namespace {

/// A report that took no longer than this from its making to the hub is about now.
constexpr std::chrono::seconds fresh{60};
constexpr std::size_t most_retired_boots = 8;

/// By the clock of the probe as it was measured. Of a clock that is another one now nothing is known.
bool sent_now(const Report& report, WallTime received, const ClientState& known) {
  if (!report.sent_at || !known.clock_skew) return true;
  return std::chrono::abs(received - *report.sent_at - *known.clock_skew) <= fresh;
}

}  // namespace

bool is_retired(const std::vector<std::string>& retired_boots, const std::string& boot_id) {
  return std::ranges::find(retired_boots, boot_id) != retired_boots.end();
}

bool is_newer(const Report& report, WallTime received, const ClientState& known) {
  const auto& last = known.last_report;
  if (report.boot_id.empty()) return true;  // The Python original keeps no queue: what arrives is the latest.
  if (report.boot_id == last.boot_id) return report.seq > last.seq;
  const auto time = report.timestamp.value_or(received);
  const bool later = time > last.timestamp.value_or(known.last_seen);
  const bool is_fresh = (report.sent_at ? age_when_sent(report) : received - time) <= fresh;
  // Of a Python client's clock nothing is known.
  if (is_retired(known.retired_boots, report.boot_id)) return is_fresh && (later || last.boot_id.empty());
  if (later || known.state == State::offline || last.boot_id.empty()) return true;
  return is_fresh && (sent_now(report, received, known) || believed_state(report) >= known.state);
}

std::vector<std::string> retire_boot(const ClientState& known, const Report& report) {
  auto retired = known.retired_boots;
  std::erase(retired, report.boot_id);
  const auto& last = known.last_report.boot_id;
  if (last == report.boot_id || is_retired(retired, last)) return retired;
  if (retired.size() >= most_retired_boots) retired.erase(retired.begin());
  retired.push_back(last);
  return retired;
}

}  // namespace vpn_sentinel

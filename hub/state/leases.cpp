#include "hub/state/leases.hpp"

namespace vpn_sentinel {

void Leases::set(const std::string& client_id, WallTime deadline) { replace(client_id, {deadline, grace(client_id)}); }

void Leases::grant(const std::string& client_id, WallTime until) {
  const auto found = leases_.find(client_id);
  if (found != leases_.end()) replace(client_id, {found->second.deadline, until});
}

void Leases::heard(const std::string& client_id) {
  const auto found = leases_.find(client_id);
  if (found != leases_.end()) replace(client_id, {found->second.deadline, std::nullopt});
}

void Leases::erase(const std::string& client_id) {
  const auto found = leases_.find(client_id);
  if (found == leases_.end()) return;
  deadlines_.erase({found->second.deadline, client_id});
  alarms_.erase({found->second.alarm(), client_id});
  leases_.erase(found);
}

std::optional<WallTime> Leases::grace(const std::string& client_id) const {
  const auto found = leases_.find(client_id);
  return found == leases_.end() ? std::nullopt : found->second.grace;
}

std::optional<WallTime> Leases::next_alarm() const {
  if (alarms_.empty()) return std::nullopt;
  return alarms_.begin()->first;
}

std::vector<std::string> Leases::until(const Times& times, WallTime now) {
  std::vector<std::string> client_ids;
  for (const auto& [time, client_id] : times) {
    if (time > now) break;
    client_ids.push_back(client_id);
  }
  return client_ids;
}

void Leases::replace(const std::string& client_id, Lease lease) {
  erase(client_id);
  deadlines_.emplace(lease.deadline, client_id);
  alarms_.emplace(lease.alarm(), client_id);
  leases_.emplace(client_id, lease);
}

}  // namespace vpn_sentinel

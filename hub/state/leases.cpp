#include "hub/state/leases.hpp"

#include <iterator>

namespace vpn_sentinel {

void Leases::set(const std::string& client_id, WallTime deadline) {
  const auto [place, is_new] = leases_.try_emplace(client_id);
  place->second.deadline = deadline;
  if (!is_new) return follow(*place);
  deadlines_.add(*place);
  alarms_.add(*place);
}

void Leases::grant(const std::string& client_id, WallTime until) {
  const auto found = leases_.find(client_id);
  if (found == leases_.end()) return;
  if (!found->second.grace) ++with_grace_;
  found->second.grace = until;
  follow(*found);
}

void Leases::heard(const std::string& client_id) {
  const auto found = leases_.find(client_id);
  if (found == leases_.end()) return;
  if (found->second.grace) --with_grace_;
  found->second.grace.reset();
  follow(*found);
}

void Leases::erase(const std::string& client_id) {
  const auto found = leases_.find(client_id);
  if (found == leases_.end()) return;
  deadlines_.remove(*found);
  alarms_.remove(*found);
  if (found->second.grace) --with_grace_;
  leases_.erase(found);
}

std::optional<WallTime> Leases::grace(const std::string& client_id) const {
  const auto found = leases_.find(client_id);
  return found == leases_.end() ? std::nullopt : found->second.grace;
}

void Leases::follow(Entry& entry) {
  deadlines_.follow(entry);
  alarms_.follow(entry);
}

void Leases::Calendar::add(Entry& entry) {
  entry.second.*listed_ = (entry.second.*time_)();
  places_.emplace(entry.second.*listed_, &entry);
}

void Leases::Calendar::follow(Entry& entry) {
  if ((entry.second.*time_)() >= entry.second.*listed_) return;
  remove(entry);
  add(entry);
}

bool Leases::Calendar::settle_front() const {
  if (places_.empty()) return false;
  auto& entry = *places_.begin()->second;
  const auto time = (entry.second.*time_)();
  if (time == entry.second.*listed_) return false;
  auto node = places_.extract(places_.begin());
  entry.second.*listed_ = time;
  node.value().first = time;
  places_.insert(std::move(node));
  return true;
}

std::optional<WallTime> Leases::Calendar::next() const {
  while (settle_front()) {
  }
  if (places_.empty()) return std::nullopt;
  return places_.begin()->first;
}

std::vector<std::string> Leases::Calendar::until(WallTime now) const {
  std::vector<Place> early;
  for (const auto& place : places_) {
    if (place.first > now) break;
    if ((place.second->second.*time_)() != place.first) early.push_back(place);
  }
  for (const auto& place : early) {
    auto node = places_.extract(place);
    node.value().first = place.second->second.*listed_ = (place.second->second.*time_)();
    places_.insert(std::move(node));
  }
  std::vector<std::string> client_ids;
  for (const auto& [time, entry] : places_) {
    if (time > now) break;
    client_ids.push_back(entry->first);
  }
  return client_ids;
}

}  // namespace vpn_sentinel

#include "netns/firewall/table_counters.hpp"

#include <chrono>
#include <utility>

#include "netns/firewall/leak_rules.hpp"

namespace vpn_sentinel {
namespace {

bool fell(const Traffic& last, const Traffic& now) { return now.packets < last.packets || now.bytes < last.bytes; }

void add(Traffic& to, const Traffic& more) {
  to.packets += more.packets;
  to.bytes += more.bytes;
}

}  // namespace

void TableCounters::take(std::size_t table, const LeakCounters& now) {
  auto& last = last_.at(table);
  for (const auto part : all_traffic) {
    if (fell(last.*part, now.*part)) add(before_.at(table).*part, last.*part);
  }
  last = now;
}

void TableCounters::take_totals(std::size_t table, LeakCounters now) {
  now.destinations = last_.at(table).destinations;
  take(table, now);
}

void TableCounters::restart(MonoTime now) {
  for (std::size_t table = 0; table < tables; ++table) {
    before_.at(table) = sum_of(before_.at(table), std::exchange(last_.at(table), {}), false);
    keep_top(before_.at(table), std::size_t{2} * most_seen_destinations);
  }
  restarted_ = now;
}

LeakCounters TableCounters::total(bool pass_both, MonoTime now) const {
  std::array<LeakCounters, tables> both;
  for (std::size_t table = 0; table < tables; ++table) {
    auto before = before_.at(table);
    if (now - restarted_ > seen_timeout) before.destinations.clear();
    both.at(table) = sum_of(before, last_.at(table), false);
  }
  return sum_of(both[0], both[1], pass_both);
}

}  // namespace vpn_sentinel

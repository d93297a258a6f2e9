#include "probe/watch/stopped_packets.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

void add(Traffic& to, const Traffic& more) {
  to.packets += more.packets;
  to.bytes += more.bytes;
}

Traffic without(const Traffic& all, const Traffic& part) {
  return {all.packets - std::min(all.packets, part.packets), all.bytes - std::min(all.bytes, part.bytes)};
}

Traffic canaries_of(const LeakCounters& counters) {
  Traffic sum;
  for (const auto& destination : counters.destinations) {
    if (is_canary_destination(destination.address, destination.port)) add(sum, destination.traffic);
  }
  return sum;
}

}  // namespace

void StoppedPackets::note(const std::vector<CanaryReport>& canaries) {
  for (const auto& canary : canaries) add(noted_, canary.stopped);
}

bool StoppedPackets::take(const LeakCounters& now) {
  auto last_counted = std::exchange(counted_, now.outside());
  auto last_canaries = std::exchange(canaries_, canaries_of(now));
  const auto noted = std::exchange(noted_, {});
  // Other tables, that count from nothing.
  if (counted_.packets < last_counted.packets) last_counted = last_canaries = {};
  const bool forgot = canaries_.packets < last_canaries.packets;
  const auto came = without(without(counted_, last_counted), forgot ? noted : without(canaries_, last_canaries));
  add(stopped_, came);
  return came.packets > 0;
}

}  // namespace vpn_sentinel

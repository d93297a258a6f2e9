#include "probe/app/meter_settings.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

namespace vpn_sentinel {

MeterPolicy make_meter_policy(const Settings& settings) {
  MeterPolicy policy;
  policy.on = settings.boolean("leak_meter");
  policy.poll = std::chrono::milliseconds{settings.integer("leak_poll_ms")};
  // Only one daemon runs in a folder.
  policy.instance = settings.text("data_dir");
  return policy;
}

TargetPolicy for_this_process(TargetPolicy target) {
  target.meter.instance += fmt::format(" pid {}", ::getpid());
  return target;
}

}  // namespace vpn_sentinel

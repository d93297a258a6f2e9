/// GET /health, /health/ready and /health/startup for container engines and load balancers.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "hub/alert/channel_standing.hpp"
#include "hub/engine/engine.hpp"
#include "hub/http/router.hpp"

namespace vpn_sentinel {

struct HealthComponent {
  enum class Status { ok, degraded, fail };
  std::string name;
  Status status = Status::ok;
  std::string details;  ///< for strangers too: counts, never names or addresses
};

/// The engine has not finished a turn for so long that nobody is judged any more: the disk does not answer.
[[nodiscard]] bool hangs(const Engine& engine);
[[nodiscard]] HealthComponent store_health(const Engine& engine);

/// Degraded under 14 days and beyond: that a restart would not help is why an expired certificate is no failure.
[[nodiscard]] HealthComponent certificate_health(std::chrono::microseconds left);

/// Degraded while a channel does not take messages.
[[nodiscard]] HealthComponent channels_health(const std::vector<ChannelStanding>& channels);

/// Asked at every request, on an I/O thread.
using HealthCheck = std::function<std::vector<HealthComponent>()>;

/// 503 when a component has failed; a degraded one is told with 200.
void add_health_routes(Router& router, const HealthCheck& check);

}  // namespace vpn_sentinel

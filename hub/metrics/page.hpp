/// GET /metrics for Prometheus and its kin: numbers only, never names or addresses unless a setting says so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hub/alert/channel_standing.hpp"
#include "hub/http/router.hpp"
#include "hub/metrics/counters.hpp"
#include "hub/metrics/process.hpp"
#include "hub/metrics/text.hpp"
#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// How things stand at one moment.
struct HubView {
  std::string version;
  std::vector<std::shared_ptr<const ClientState>> clients;
  bool name_clients = false;  ///< a series for each client, with its name; at most most_named_clients
  bool store_works = true;    ///< writes succeed, and the disk answers
  std::uint64_t store_bytes = 0;
  bool flow_store_works = true;  ///< flows can be written
  std::uint64_t flow_store_bytes = 0;
  std::vector<ChannelStanding> channels;  ///< of alerts
  std::size_t live_listeners = 0;
  double uptime_s = 0;
  ProcessNumbers process;
};

inline constexpr std::size_t most_named_clients = 10'000;

[[nodiscard]] std::string metrics_text(MetricsText text, const HubView& view, const HubCounters& counters);

/// `look` is called at every request, on an I/O thread; `counters` must outlive the router.
void add_metrics_route(Router& router, std::function<HubView()> look, const HubCounters& counters);

}  // namespace vpn_sentinel

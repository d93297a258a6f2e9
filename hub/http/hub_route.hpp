/// GET {prefix}/hub: what there is to know of the hub itself, for who may read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hub/http/router.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {

struct HubFacts {
  struct Listener {
    std::string what;  ///< api, dashboard or health
    std::string url;
  };
  /// What the settings fix, so that people need not look for the file.
  struct Limit {
    std::string setting;  ///< its name in the environment
    std::string meaning;
    std::uint64_t value = 0;
    std::string unit;
  };
  std::string version;
  WallTime started{};
  std::chrono::seconds uptime{};
  std::vector<Listener> listeners;
  bool store_works = false;
  std::uint64_t store_bytes = 0;  ///< of reports, states and incidents
  std::uint64_t flow_bytes = 0;   ///< of connections
  std::size_t clients = 0;
  std::size_t live_pages = 0;  ///< that follow the live channel now
  std::vector<Limit> limits;
};

/// `facts`: asked at every request, on an I/O thread.
void add_hub_route(Router& router, const std::string& prefix, std::function<HubFacts()> facts);

}  // namespace vpn_sentinel

/// GET {prefix}/hub: what there is to know of the hub itself, for who may read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hub/http/router.hpp"
#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"
#include "netns/geo/address_facts.hpp"

namespace vpn_sentinel {

/// By which addresses the Internet sees the hub.
struct HubExit {
  std::vector<IpAddress> addresses;  ///< IPv4 first; empty: nobody has told yet
  AddressFacts facts;                ///< of the first
  std::optional<WallTime> at;        ///< when they were told last
  std::string problem;               ///< why the newest question had no answer; empty: it had
};

/// Whether the hub's own resolvers answer.
struct HubDns {
  std::string state = "not_asked";  ///< "answers", "fails", "not_asked"
  std::vector<std::string> servers;
  std::optional<std::chrono::milliseconds> took;
  std::string problem;         ///< of "fails"
  std::optional<WallTime> at;  ///< when they were asked last
};

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
  std::vector<std::string> warnings;  ///< what of the settings is not safe, in sentences
  std::optional<HubExit> exit;        ///< absent: switched off
  std::optional<HubDns> dns;
};

/// `facts`: asked at every request, on an I/O thread.
void add_hub_route(Router& router, const std::string& prefix, std::function<HubFacts()> facts);

}  // namespace vpn_sentinel

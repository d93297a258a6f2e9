/// N virtual probes, C connections, one thread: sends as fast as answers come, or at a fixed rate, and keeps count.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "netns/base/ip.hpp"
#include "tests/bench/simulate/histogram.hpp"
#include "tests/bench/simulate/virtual_probe.hpp"

namespace vpn_sentinel {

struct LoadOptions {
  Endpoint hub;
  std::string prefix = "/api/v1";
  std::string key;
  std::string get;  ///< this path is read instead of reporting; empty: reports
  std::string client_prefix = "sim";
  std::string boot;         ///< of all probes, each with its own number behind; empty: random
  std::uint64_t first = 1;  ///< number of each probe's first report
  unsigned probes = 200;
  unsigned connections = 64;
  unsigned sources = 1;                        ///< addresses that the connections come from, 127.0.0.1 (1) or 127.1.x.y (more)
  std::uint64_t requests = 0;                  ///< answers after which it ends; 0: no limit
  std::chrono::milliseconds time;              ///< after which it ends
  std::chrono::milliseconds patience{30'000};  ///< for one answer; then the connection is given up and the report sent again
  double rate = 0;                             ///< requests per second; 0: each connection asks again as soon as it is answered
  Mix mix;
  std::string record;  ///< file for one line "client boot seq CLOCK_MONOTONIC-ns" per acknowledged report; empty: none
};

struct LoadResult {
  Histogram latency;                           ///< of answers with 2xx; at a fixed rate from when the request was due
  std::map<unsigned, std::uint64_t> statuses;  ///< answers by HTTP status
  std::uint64_t lost = 0;                      ///< connections that ended with a request under way
  std::uint64_t refused = 0;                   ///< that could not be made
  std::uint64_t unanswered = 0;                ///< requests without an answer within `patience`
  std::uint64_t answer_bytes = 0;
  double seconds = 0;

  [[nodiscard]] std::uint64_t answers() const;
};

/// Throws FatalError when it cannot begin. Connections that break are made again for as long as the time lasts. SIGTERM and SIGINT end it.
[[nodiscard]] LoadResult run_load(const LoadOptions& options);

}  // namespace vpn_sentinel

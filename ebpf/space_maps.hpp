/// The maps that say what is inside: interfaces, networks and endpoints of each watched namespace.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "ebpf/tracer.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

class SpaceMaps {
 public:
  struct Descriptors {
    int spaces = -1;
    int interfaces = -1;
    int networks = -1;
    int endpoints = -1;
    int allowed = -1;
  };
  explicit SpaceMaps(const Descriptors& maps) : maps_(maps) {}

  /// What is new goes in before what is old goes out, so that nothing looks outside meanwhile. An error leaves everything as it was.
  [[nodiscard]] Result<void> put(std::uint64_t netns, const WatchedSpace& space);
  void remove(std::uint64_t netns);

 private:
  [[nodiscard]] int put_allowed(std::uint64_t netns, const std::vector<TracedAllowance>& allowed) const;
  [[nodiscard]] int add(std::uint64_t netns, const WatchedSpace& space) const;
  void take_away(std::uint64_t netns, const WatchedSpace& old, const WatchedSpace& kept) const;

  Descriptors maps_;
  std::map<std::uint64_t, WatchedSpace> known_;
};

}  // namespace vpn_sentinel

#include "hub/app/open_files.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace vpn_sentinel {
namespace {

/// Of the database, its helpers, alerts, loops and listening sockets: about 60, and room for whatever a library opens.
constexpr std::size_t reserve = 256;
/// With fewer nothing would work: then descriptors run out before the limit, which the listeners survive.
constexpr std::size_t least_connections = 64;

}  // namespace

std::size_t raise_open_files(std::size_t listeners) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;  // the kernel's default
  const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, listeners * wanted_connections + reserve);
  if (wanted > limit.rlim_cur) {
    const rlimit raised{wanted, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

std::size_t connections_within(std::size_t open_files, std::size_t listeners) {
  const auto left = open_files > reserve ? (open_files - reserve) / std::max<std::size_t>(listeners, 1) : 0;
  return std::clamp(left, least_connections, wanted_connections);
}

}  // namespace vpn_sentinel

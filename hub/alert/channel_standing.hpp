/// How a channel of alerts stands: for health pages, metrics and the API.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vpn_sentinel {

/// How one channel stands.
struct ChannelStanding {
  std::string name;
  std::string_view kind;
  std::size_t waiting = 0;
  bool failing = false;  ///< the last attempt failed
  std::string last_error;
  std::uint64_t delivered = 0;
  std::uint64_t failures = 0;  ///< attempts
  std::uint64_t given_up = 0;
};

}  // namespace vpn_sentinel

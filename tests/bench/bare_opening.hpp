/// What the kernel itself asks for: namespaces entered, two sockets made in each, one subscribed, and everything dumped, in a bare loop
/// without a thread, a decoder or a judgement. Nothing that follows namespaces this way can be faster.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace vpn_sentinel {

struct BareOpening {
  std::chrono::nanoseconds all{};
  std::chrono::nanoseconds processor{};  ///< of it, time of the processor
};

/// Throws FatalError where a step fails.
[[nodiscard]] BareOpening open_barely(const std::vector<std::string>& names);

}  // namespace vpn_sentinel

/// How long the kernel is waited for.
#pragma once

#include <chrono>

namespace vpn_sentinel {

/// It answers at once unless the machine stands still.
inline constexpr std::chrono::seconds kernel_patience{1};

}  // namespace vpn_sentinel

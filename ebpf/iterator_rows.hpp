/// Reads what a BPF iterator writes: rows of one length, one behind the other.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Calls `take` for each row until it answers false. `link` is the iterator's. The error's message is an errno value's; blocks while the
/// kernel walks.
[[nodiscard]] Result<void> read_iterator(int link, std::size_t row, const std::function<bool(std::span<const std::byte>)>& take);

}  // namespace vpn_sentinel

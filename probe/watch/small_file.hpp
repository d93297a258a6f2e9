/// Small files of the data folder that the daemon and the commands of its user share. Each call blocks for the file system.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// not_found: there is none; invalid: it has more than `most_bytes`.
[[nodiscard]] Result<std::string> read_small_file(const std::string& file, std::size_t most_bytes);

/// Makes or replaces it as a whole, and the folder it is in. It belongs to who owns the folder, also when root writes it. `at_once` waits
/// for the disk; without it the file may be lost, or empty, when the machine goes down.
[[nodiscard]] Result<void> write_small_file(const std::string& file, std::string_view text, bool at_once = true);

}  // namespace vpn_sentinel

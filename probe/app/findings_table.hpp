/// The finding table for people: packaging/guides/findings.md has it.
#pragma once

#include <string>

namespace vpn_sentinel {

/// Markdown, one row for each code, by code. Pure.
[[nodiscard]] std::string findings_table();

}  // namespace vpn_sentinel

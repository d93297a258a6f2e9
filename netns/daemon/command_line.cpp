#include "netns/daemon/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace vpn_sentinel {

void add_setting_flags(CLI::App& command, std::span<const SettingRow> rows, std::map<std::string, std::string>& flags) {
  for (const auto& row : rows) {
    if (row.type == SettingRow::Type::secret) continue;
    std::string flag(row.key);
    std::ranges::replace(flag, '_', '-');
    const auto note = row.default_value.empty() ? fmt::format("{} ({})", row.help, row.environment)
                                                : fmt::format("{} ({}, default {})", row.help, row.environment, row.default_value);
    command.add_option_function<std::string>(
        "--" + flag, [&flags, key = std::string(row.key)](const std::string& value) { flags[key] = value; }, note);
  }
}

}  // namespace vpn_sentinel

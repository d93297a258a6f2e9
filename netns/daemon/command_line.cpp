#include "netns/daemon/command_line.hpp"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

namespace vpn_sentinel {

void add_setting_flags(CLI::App& command, std::span<const SettingRow> rows, std::map<std::string, std::string>& flags) {
  for (const auto& row : rows) {
    if (row.type == SettingRow::Type::secret) continue;
    std::string flag(row.key);
    std::ranges::replace(flag, '_', '-');
    const auto note = row.default_value.empty() ? fmt::format("{} ({})", row.help, row.environment)
                                                : fmt::format("{} ({}, default {})", row.help, row.environment, row.default_value);
    const auto store = [&flags, key = std::string(row.key)](const std::vector<std::string>& values) {
      flags[key] = fmt::format("{}", fmt::join(values, ","));
    };
    auto* const option = command.add_option_function<std::vector<std::string>>("--" + flag, store, note)->type_name("TEXT");
    // A list may be given as one value with commas or by repeating the flag; of anything else the last one counts.
    const bool is_list = row.type == SettingRow::Type::list;
    option->expected(1)->allow_extra_args(false)->multi_option_policy(is_list ? CLI::MultiOptionPolicy::TakeAll
                                                                              : CLI::MultiOptionPolicy::TakeLast);
  }
}

}  // namespace vpn_sentinel

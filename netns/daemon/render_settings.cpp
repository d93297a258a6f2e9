#include <fmt/format.h>

#include <algorithm>

#include "netns/daemon/settings.hpp"

namespace vpn_sentinel {
namespace {

std::string toml_value(const SettingRow& row) {
  switch (row.type) {
    case SettingRow::Type::boolean:
    case SettingRow::Type::integer:
      return std::string(row.default_value);
    default:
      return fmt::format("\"{}\"", row.default_value);
  }
}

std::string flag_of(const SettingRow& row) {
  std::string flag(row.key);
  std::ranges::replace(flag, '_', '-');
  return "--" + flag;
}

}  // namespace

std::string sample_file(std::span<const SettingRow> rows) {
  std::string text = "# Every setting with its default. Precedence: flag, environment, systemd credential (secrets), this file, default.\n";
  if (std::ranges::any_of(rows, &SettingRow::names_target)) {
    text += "# Several targets: one [[target]] table each. A flag or a variable that says which target stands for all tables:";
    for (const auto& row : rows) text += row.names_target ? fmt::format(" {}", row.key) : "";
    text += ".\n";
  }
  for (const auto& row : rows) {
    text +=
        fmt::format("\n# {}.{}\n# {} = {}\n", row.help, row.per_target ? " May differ in each [[target]]." : "", row.key, toml_value(row));
    if (row.type == SettingRow::Type::secret) text += fmt::format("# {}_file = \"/path/to/a/file\"\n", row.key);
  }
  return text;
}

std::string markdown_table(std::span<const SettingRow> rows) {
  std::string text = "| flag | environment | default | meaning |\n|---|---|---|---|\n";
  for (const auto& row : rows) {
    // A secret on the command line would be seen by every user of the machine in the process list.
    const auto flag = row.type == SettingRow::Type::secret ? std::string("-") : fmt::format("`{}`", flag_of(row));
    const auto environment = row.type == SettingRow::Type::secret ? fmt::format("`{}` or `{}_FILE`", row.environment, row.environment)
                                                                  : fmt::format("`{}`", row.environment);
    const auto value = row.default_value.empty() ? std::string("-") : fmt::format("`{}`", row.default_value);
    text += fmt::format("| {} | {} | {} | {} |\n", flag, environment, value, row.help);
  }
  return text;
}

}  // namespace vpn_sentinel

#include "probe/app/findings_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

std::string findings_table() {
  const auto table = finding_table();
  std::vector<FindingText> rows(table.begin(), table.end());
  std::ranges::sort(rows, {}, &FindingText::code);
  std::string text = "| code | usually | meaning | what to do |\n|---|---|---|---|\n";
  for (const auto& row : rows) text += fmt::format("| `{}` | {} | {} | {} |\n", row.code, to_string(row.severity), row.meaning, row.advice);
  return text;
}

}  // namespace vpn_sentinel

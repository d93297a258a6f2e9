#include "probe/app/unit_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_names = 8;
constexpr std::array order{State::danger, State::contained, State::offline, State::warning, State::secure};

}  // namespace

std::string unit_status(std::size_t targets, const std::vector<std::pair<std::string, State>>& states) {
  std::string text = fmt::format("{} target{}", targets, targets == 1 ? "" : "s");
  std::string_view separator = ": ";
  std::size_t named = 0;
  for (const auto state : order) {
    std::string names;
    std::size_t count = 0;
    for (const auto& [client_id, its] : states) {
      if (its != state) continue;
      ++count;
      if (state == State::secure || state == State::warning || named == most_names) continue;
      ++named;
      names += (names.empty() ? "" : ", ") + client_id;
    }
    if (count == 0) continue;
    text += fmt::format("{}{} {}", separator, count, to_string(state));
    if (!names.empty()) text += fmt::format(" ({})", names);
    separator = ", ";
  }
  if (states.size() < targets) text += fmt::format("{}{} not judged yet", separator, targets - states.size());
  return text;
}

}  // namespace vpn_sentinel

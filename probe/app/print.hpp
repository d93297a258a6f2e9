/// The words that check and watch print for people.
#pragma once

#include <string>
#include <string_view>

#include "probe/report/report.hpp"
#include "probe/watch/target_watch.hpp"

namespace vpn_sentinel {

/// ANSI colours when `colour`, else plain text. Symbols and words carry the meaning, never colour alone.
struct Style {
  bool colour = false;
};

/// True when standard output is a terminal and NO_COLOR is not set.
[[nodiscard]] Style style_of_stdout();

/// `text` in the ANSI colour `ansi` ("1;32"), or as it is.
[[nodiscard]] std::string paint(std::string_view text, std::string_view ansi, const Style& style);

/// The whole verdict in a few lines, with evidence and what to do.
[[nodiscard]] std::string print_verdict(const TargetWatch& watch, const Style& style);
/// One line for one change: time, state, target, findings, cause.
[[nodiscard]] std::string print_change(const TargetWatch& watch, const TargetWatch::Update& update, const Style& style);
/// The same as JSON, one line: time, client_id, state, findings, cause.
[[nodiscard]] std::string print_change_json(const TargetWatch& watch, const TargetWatch::Update& update);

}  // namespace vpn_sentinel

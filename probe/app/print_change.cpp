#include "probe/app/print_change.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

std::string codes_for_people(const Verdict& verdict) {
  std::string text;
  for (const auto& finding : verdict.findings) {
    text += text.empty() ? "" : " ";
    text += finding.severity == Severity::information ? fmt::format("({})", finding.code) : finding.code;
  }
  return text.empty() ? "no findings" : text;
}

/// Columns of UTF-8 text without colours: bytes that begin a character.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

}  // namespace

std::string print_change(const ChangeView& change, const Style& style) {
  constexpr std::size_t badge_width = 11;
  const auto plain = state_badge(change.verdict.state, Style{false});
  // "2026-11-21T10:15:30.123456Z": the time of day stands after the T.
  auto line = fmt::format("{}  {}{}  {}  {}", to_rfc3339(change.time).substr(11, 15), state_badge(change.verdict.state, style),
                          std::string(badge_width - std::min(badge_width, width_of(plain)), ' '), change.client_id,
                          codes_for_people(change.verdict));
  if (!change.news.empty()) line += fmt::format("  {}", change.news);
  if (change.shown) line += fmt::format("  held back, {} is shown", to_string(*change.shown));
  const auto cause = fmt::format("[{}, {} µs]", change.cause, change.took.count());
  const auto hidden = state_badge(change.verdict.state, style).size() - plain.size();
  const bool fits = width_of(line) - hidden + 2 + width_of(cause) <= widest_change;
  return fmt::format("{}{}{}\n", line, fits ? "  " : "\n                 ", cause);
}

std::string print_change_json(const ChangeView& change) {
  Report report;
  report.state = change.verdict.state;
  report.findings = change.verdict.findings;
  const auto encoded = encode(report);
  nlohmann::json line{{"time", to_rfc3339(change.time)},  {"client_id", change.client_id}, {"state", encoded["state"]},
                      {"findings", encoded["findings"]},  {"cause", change.cause},         {"trigger", change.trigger},
                      {"verdict_us", change.took.count()}};
  if (change.shown) line["shown"] = to_string(*change.shown);
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace vpn_sentinel

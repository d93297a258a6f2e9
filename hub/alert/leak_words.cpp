#include "hub/alert/leak_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace vpn_sentinel {
namespace {

using Line = Notice::Line;

constexpr std::size_t most_destinations = 5;
constexpr std::size_t most_destination_text = 120;

std::string counted(std::uint64_t number, std::string_view what) { return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s"); }

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

/// "• 203.0.113.53 UDP 53: 3 packets (300 bytes), uid 1000"
Line destination_line(const LeakDestinationReport& destination) {
  const bool is_number = destination.protocol.find_first_not_of("0123456789") == std::string::npos;
  auto way = is_number ? "protocol " + destination.protocol : upper(destination.protocol);
  if (destination.port) way += fmt::format(" {}", *destination.port);
  auto after = fmt::format(" {}: {} ({})", way, counted(destination.packets, "packet"), human_bytes(destination.bytes));
  if (destination.uid) after += fmt::format(", uid {}", *destination.uid);
  return {"•", destination.address, true, Line::Part::damage, Line::Look::literal, std::move(after)};
}

Line sentence(std::string text, Line::Look look = Line::Look::plain) { return {"", std::move(text), false, Line::Part::damage, look}; }

/// What the amount counts: an incident that is over, one that nobody watches any more, or one that goes on.
std::string_view when_of(const Change& change) {
  if (change.to == State::offline) return "until the last report";
  return change.to == State::secure ? "meanwhile" : "so far";
}

std::vector<Line> not_counted(const Change& change) {
  const auto& leak = change.client.last_report.leak;
  // A silent probe does not count either, and who has no meter is not told so with each message.
  if (!leak || leak->counting || change.to == State::offline || leak->why.empty()) return {};
  return {sentence(fmt::format("📤 What leaves outside is not counted: {}", shortened(leak->why, most_destination_text)))};
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return counted(bytes, "byte");
  constexpr std::array units{"kB", "MB", "GB", "TB", "PB", "EB"};
  auto amount = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  for (; amount >= 999.5 && unit + 1 < units.size(); ++unit) amount /= 1000;
  return amount < 9.95 ? fmt::format("{:.1f} {}", amount, units.at(unit)) : fmt::format("{:.0f} {}", amount, units.at(unit));
}

bool held_by_kill_switch(const Report& report, State state) {
  return state == State::contained && report.kill_switch && report.kill_switch->state == "armed";
}

std::vector<Line> leak_lines(const Change& change) {
  if (!change.leaked) return not_counted(change);
  const auto& leaked = *change.leaked;
  if (leaked.packets == 0) {
    // Of a mere warning nobody expects that something left.
    if (change.from != State::danger && change.to != State::danger) return {};
    if (leaked.is_nothing()) return {sentence(fmt::format("📤 Nothing was seen to leave outside {}", when_of(change)))};
    auto lines = not_counted(change);
    lines.insert(lines.begin(),
                 sentence(fmt::format("📤 What left outside {} is not known: it was not counted all the time", when_of(change))));
    return lines;
  }
  std::vector<Line> lines{sentence(fmt::format("📤 Left outside {}: {}{} ({})", when_of(change), leaked.at_least ? "at least " : "",
                                               counted(leaked.packets, "packet"), human_bytes(leaked.bytes)),
                                   Line::Look::strong)};
  const auto shown = std::min(leaked.destinations.size(), most_destinations);
  for (std::size_t i = 0; i < shown; ++i) lines.push_back(destination_line(leaked.destinations[i]));
  if (leaked.destinations.size() > shown) {
    lines.push_back({"•", fmt::format("and {} more", leaked.destinations.size() - shown), true, Line::Part::damage});
  }
  return lines;
}

std::string kill_switch_text(const Report& report) {
  if (!report.kill_switch) return {};
  const auto& [mode, state, why, since, stopped] = *report.kill_switch;
  const auto reason = why.empty() ? std::string() : ": " + shortened(why, most_destination_text);
  if (state == "armed") return stopped == 0 ? "holds" : fmt::format("holds, {} stopped", counted(stopped, "packet"));
  if (state == "off") return mode == "armed" ? "OFF although it should be armed" : std::string();
  if (state == "changed") return "somebody CHANGED it" + reason;
  if (state == "unproven") return "could NOT be proved to hold" + reason;
  return upper(shortened(state, most_destination_text)) + reason;
}

}  // namespace vpn_sentinel

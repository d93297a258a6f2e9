#include "probe/app/print.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "probe/app/print_layers.hpp"
#include "probe/watch/target_watch.hpp"

namespace vpn_sentinel {
namespace {

struct StateLook {
  std::string_view symbol;
  std::string_view word;
  std::string_view ansi;
};

/// In the order of State.
constexpr std::array<StateLook, 5> state_looks{
    {{"✔", "SECURE", "1;32"}, {"!", "WARNING", "1;33"}, {"■", "CONTAINED", "1;34"}, {"✖", "DANGER", "1;31"}, {"?", "OFFLINE", "1;90"}}};
/// In the order of Severity.
constexpr std::array<StateLook, 4> severity_looks{
    {{"i", "information", "36"}, {"!", "warning", "33"}, {"■", "contained", "34"}, {"✖", "danger", "31"}}};

/// The line of `ip route get`, then what is special about it.
std::string route_text(const nlohmann::json& route) {
  auto text = fmt::format("      {}\n", route.value("line", route.value("destination", "?") + " dev " + route.value("device", "?")));
  std::string more;
  const auto add = [&](std::string_view words) { more += fmt::format("{}{}", more.empty() ? "" : ", ", words); };
  if (route.contains("route")) add("route " + route.value("route", ""));
  if (route.contains("next_hops")) add(fmt::format("one of {} next hops", route.value("next_hops", 0)));
  if (route.contains("router_advertisement")) add("advertised by " + route.value("router_advertisement", ""));
  if (route.contains("for")) add("for " + route.value("for", ""));
  if (route.contains("rule")) add(route.value("rule", ""));
  if (!more.empty()) text += fmt::format("        [{}]\n", more);
  if (route.contains("allow")) text += fmt::format("        if it is on purpose: {}\n", route.value("allow", ""));
  return text;
}

/// Without brackets and quotes of JSON.
std::string value_text(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::string text;
  if (value.is_object()) {
    for (const auto& [key, part] : value.items()) text += fmt::format("{}{} {}", text.empty() ? "" : "; ", key, value_text(part));
    return text;
  }
  if (value.is_array()) {
    for (const auto& part : value) text += fmt::format("{}{}", text.empty() ? "" : ", ", value_text(part));
    return text;
  }
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string evidence_text(const Finding& finding) {
  std::string text;
  if (const auto routes = finding.evidence.find("routes"); routes != finding.evidence.end() && routes->is_array()) {
    for (const auto& route : *routes) text += route_text(route);
  }
  for (const auto& [key, value] : finding.evidence.items()) {
    if (key == "routes") continue;
    if (value.is_array() && value.size() > 1) {
      text += fmt::format("      {}:\n", key);
      for (const auto& line : value) text += fmt::format("        {}\n", value_text(line));
    } else {
      text += fmt::format("      {}: {}\n", key, value_text(value));
    }
  }
  return text;
}

std::string finding_text(const Finding& finding, const Style& style) {
  const auto& look = severity_looks.at(static_cast<std::size_t>(finding.severity));
  const auto* const words = find_text(finding.code);
  auto text =
      fmt::format("\n  {} {}\n", paint(fmt::format("{} {}", look.symbol, finding.code), look.ansi, style), words ? words->meaning : "");
  text += evidence_text(finding);
  if (words) text += fmt::format("      → {}\n", words->advice);
  return text;
}

}  // namespace

std::string paint(std::string_view text, std::string_view ansi, const Style& style) {
  return style.colour ? fmt::format("\033[{}m{}\033[0m", ansi, text) : std::string(text);
}

Style style_of_stdout() {
  const char* const no_color = std::getenv("NO_COLOR");
  return Style{isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0')};
}

std::string state_badge(State state, const Style& style) {
  const auto& look = state_looks.at(static_cast<std::size_t>(state));
  return paint(fmt::format("{} {}", look.symbol, look.word), look.ansi, style);
}

CheckView view_of(const TargetWatch& watch) {
  return CheckView{watch.policy(),
                   watch.seen(),
                   watch.verdict(),
                   watch.identity(),
                   watch.tunnel_facts(),
                   watch.baseline().pinned(),
                   watch.baseline().learnt(),
                   watch.tunnel_carries(),
                   watch.latency_ms()};
}

std::string print_verdict(const CheckView& view, const Style& style) {
  auto text = fmt::format("{}  {} ({})\n", state_badge(view.verdict.state, style), view.policy.client_id, view.policy.netns.to_string());
  if (!view.seen.blind) {
    text += print_links(view);
    text += print_routes(view.seen);
    text += print_rules(view);
    text += print_healthy(view);
    text += print_answers(view);
  }
  for (const auto& finding : view.verdict.findings) text += finding_text(finding, style);
  return text;
}

}  // namespace vpn_sentinel

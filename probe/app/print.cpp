#include "probe/app/print.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

namespace vpn_sentinel {
namespace {

struct Look {
  std::string_view symbol;
  std::string_view word;
  std::string_view ansi;
};

/// In the order of State.
constexpr std::array<Look, 5> state_looks{
    {{"✔", "SECURE", "1;32"}, {"!", "WARNING", "1;33"}, {"■", "CONTAINED", "1;34"}, {"✖", "DANGER", "1;31"}, {"?", "OFFLINE", "1;90"}}};
/// In the order of Severity.
constexpr std::array<Look, 4> severity_looks{
    {{"i", "information", "36"}, {"!", "warning", "33"}, {"■", "contained", "34"}, {"✖", "danger", "31"}}};

std::string state_badge(State state, const Style& style) {
  const auto& look = state_looks.at(static_cast<std::size_t>(state));
  return paint(fmt::format("{} {}", look.symbol, look.word), look.ansi, style);
}

std::string row(std::string_view name, std::string_view text) { return fmt::format("  {:<9} {}\n", name, text); }

std::string tunnel_text(const TargetWatch& watch) {
  const auto& seen = watch.seen();
  if (!seen.tunnel) {
    return seen.expected_tunnel.empty() ? "no tunnel interface found" : fmt::format("{} does not exist", seen.expected_tunnel);
  }
  const auto& tunnel = *seen.tunnel;
  auto text = fmt::format("{} ({}), {}", tunnel.name, tunnel.kind.empty() ? "kind unknown" : tunnel.kind, tunnel.up ? "up" : "down");
  if (!tunnel.has_address) text += ", no address";
  if (!tunnel.up && tunnel.carrier == false) text += ", its program has ended";
  return text;
}

/// "IPv4 by wg0", "IPv6 by eth0 (outside)", "IPv4 nowhere (unreachable)", or a mixture with counts.
std::string ways_text(const Observation& seen, Family family) {
  std::map<std::string, std::size_t> ways;
  std::size_t all = 0;
  for (const auto& look_up : seen.look_ups) {
    if (look_up.destination.family() != family) continue;
    ++all;
    if (!look_up.way) {
      ++ways["could not look"];
    } else if (look_up.way->kind == Way::Kind::nowhere) {
      ++ways[fmt::format("nowhere ({})", look_up.way->why_nowhere)];
    } else {
      ++ways[fmt::format("by {}{}", look_up.way->device, look_up.way->kind == Way::Kind::outside ? " (outside the tunnel)" : "")];
    }
  }
  auto text = fmt::format("IPv{}", static_cast<int>(family));
  bool first = true;
  for (const auto& [way, count] : ways) {
    text += fmt::format("{} {}", first ? "" : ",", way);
    if (ways.size() > 1) text += fmt::format(" {} of {}", count, all);
    first = false;
  }
  return text;
}

std::string liveness_text(const TargetWatch& watch) {
  switch (watch.seen().liveness) {
    case LivenessView::alive:
      return watch.latency_ms() ? fmt::format("answers through the tunnel in {:.1f} ms", *watch.latency_ms())
                                : "answers through the tunnel";
    case LivenessView::stalled:
      return fmt::format("no answer through the tunnel for {}", human_duration(watch.seen().silent_for));
    case LivenessView::waiting:
      return "no answer through the tunnel yet";
    case LivenessView::off:
      break;
  }
  return "not checked";
}

std::string unanswered_text(const std::optional<PendingView>& pending) {
  return pending ? fmt::format("no answer yet after {}", human_duration(pending->waited)) : "not checked";
}

std::string exit_text(const Observation& seen) {
  if (!seen.exit) return unanswered_text(seen.exit_pending);
  std::string text;
  for (const auto& address : {seen.exit->v4, seen.exit->v6}) {
    if (address) text += (text.empty() ? "" : " and ") + address->to_string();
  }
  if (text.empty()) return fmt::format("could not be verified: {}", seen.exit->error);
  if (!seen.exit->country.empty()) text += fmt::format(", {}", seen.exit->country);
  return text + fmt::format(" (told by {})", seen.exit->source);
}

std::string dns_text(const Observation& seen) {
  if (!seen.whoami) return unanswered_text(seen.whoami_pending);
  if (!seen.whoami->egress) return fmt::format("could not be verified: {}", seen.whoami->error);
  return fmt::format("port 53 leaves by {} (told by {}); which resolver programs use is not judged", seen.whoami->egress->to_string(),
                     seen.whoami->server);
}

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
  return more.empty() ? text : text + fmt::format("        [{}]\n", more);
}

std::string evidence_text(const Finding& finding) {
  std::string text;
  if (const auto routes = finding.evidence.find("routes"); routes != finding.evidence.end() && routes->is_array()) {
    for (const auto& route : *routes) text += route_text(route);
  }
  for (const auto& [key, value] : finding.evidence.items()) {
    if (key == "routes") continue;
    text += fmt::format("      {}: {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
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

std::string codes(const Verdict& verdict) {
  std::string text;
  for (const auto& finding : verdict.findings) text += (text.empty() ? "" : " ") + finding.code;
  return text.empty() ? "no findings" : text;
}

}  // namespace

std::string paint(std::string_view text, std::string_view ansi, const Style& style) {
  return style.colour ? fmt::format("\033[{}m{}\033[0m", ansi, text) : std::string(text);
}

Style style_of_stdout() {
  const char* const no_color = std::getenv("NO_COLOR");
  return Style{isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0')};
}

std::string print_verdict(const TargetWatch& watch, const Style& style) {
  const auto& seen = watch.seen();
  auto text =
      fmt::format("{}  {} ({})\n", state_badge(watch.verdict().state, style), watch.policy().client_id, watch.policy().netns.to_string());
  if (!seen.blind) {
    text += row("tunnel", tunnel_text(watch));
    text += row("routes", ways_text(seen, Family::v4));
    text += row("", ways_text(seen, Family::v6));
    text += row("liveness", liveness_text(watch));
    text += row("exit", exit_text(seen));
    text += row("dns", dns_text(seen));
  }
  for (const auto& finding : watch.verdict().findings) text += finding_text(finding, style);
  return text;
}

std::string print_change(const TargetWatch& watch, const TargetWatch::Update& update, const Style& style) {
  return fmt::format("{}  {}  {}  {}  [{}]\n", to_rfc3339(watch.seen().time), state_badge(watch.verdict().state, style),
                     watch.policy().client_id, codes(watch.verdict()), update.cause);
}

std::string print_change_json(const TargetWatch& watch, const TargetWatch::Update& update) {
  Report report;
  report.state = watch.verdict().state;
  report.findings = watch.verdict().findings;
  const auto encoded = encode(report);
  const nlohmann::json line{{"time", to_rfc3339(watch.seen().time)},
                            {"client_id", watch.policy().client_id},
                            {"state", encoded["state"]},
                            {"findings", encoded["findings"]},
                            {"cause", update.cause},
                            {"trigger", update.trigger}};
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace vpn_sentinel

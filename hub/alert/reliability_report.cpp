#include "hub/alert/reliability_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

namespace vpn_sentinel {
namespace {

using Time = TimeParts::Time;

constexpr std::string_view no_number = "–";

bool is_group(const SubjectReliability& subject) { return subject.client_id.starts_with("group:"); }

/// Most time in danger first, then who was least protected: whoever prints a page reads its top.
std::vector<const SubjectReliability*> worst_first(const ReliabilityReport& report) {
  std::vector<const SubjectReliability*> sorted;
  for (const auto& subject : report.subjects) sorted.push_back(&subject);
  std::ranges::stable_sort(sorted, [](const auto* left, const auto* right) {
    const auto& a = left->total.parts;
    const auto& b = right->total.parts;
    if (a.in(State::danger) != b.in(State::danger)) return a.in(State::danger) > b.in(State::danger);
    return protected_share(a).value_or(2) < protected_share(b).value_or(2);
  });
  return sorted;
}

/// Groups are made of clients: their time would count twice.
Reliability total_of(const ReliabilityReport& report) {
  Reliability total;
  total.period = report.period;
  for (const auto& subject : report.subjects) {
    if (is_group(subject)) continue;
    add(total.parts, subject.total.parts);
    add(total.incidents, subject.total.incidents);
    total.approximate = total.approximate || subject.total.approximate;
  }
  return total;
}

/// Rounded down: 100 % is said only of all of the time.
std::string percent(std::optional<double> share) {
  if (!share) return std::string(no_number);
  return *share >= 1 ? "100 %" : fmt::format("{:.2f} %", std::floor(*share * 10'000) / 100);
}

std::string duration(Time time) {
  if (time <= Time{0}) return "0";
  return human_duration(std::chrono::duration_cast<std::chrono::milliseconds>(time));
}

std::string mean_recovery(const IncidentNumbers& incidents) {
  return incidents.recovered > 0 ? duration(incidents.recovery_sum / incidents.recovered) : std::string(no_number);
}

std::string longest(const IncidentNumbers& incidents) {
  return incidents.longest_id != 0 ? duration(incidents.longest) : std::string(no_number);
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

struct Share {
  std::string_view name;  ///< of its colour
  std::string_view word;
  Time time;
};

std::array<Share, 6> shares_of(const TimeParts& parts) {
  return {{{"secure", "protected", parts.in(State::secure)},
           {"warning", "warning", parts.in(State::warning)},
           {"contained", "contained", parts.in(State::contained)},
           {"danger", "in danger", parts.in(State::danger)},
           {"offline", "offline", parts.offline},
           {"unknown", "not known", parts.unknown}}};
}

std::string bar(const TimeParts& parts) {
  const auto whole = (parts.total() - parts.absent).count();
  // Widths as attributes of a drawing: a policy that takes no style from the page takes none from its elements either.
  std::string html = "<svg class=\"bar\" width=\"100%\" height=\"8\" aria-hidden=\"true\">";
  double at = 0;
  for (const auto& share : shares_of(parts)) {
    if (share.time <= Time{0} || whole <= 0) continue;
    const auto width = 100.0 * static_cast<double>(share.time.count()) / static_cast<double>(whole);
    html += fmt::format("<rect class=\"{}\" x=\"{:.3f}%\" width=\"{:.3f}%\" height=\"8\"><title>{}: {}</title></rect>", share.name, at,
                        width, share.word, duration(share.time));
    at += width;
  }
  return html + "</svg>";
}

/// The colour of a day is that of the worst in it, so that a minute in danger is not lost among the hours.
std::string_view colour_of_day(const TimeParts& parts) {
  constexpr Time blip = std::chrono::minutes{1};
  if (parts.in(State::danger) > Time{0}) return "danger";
  if (parts.offline > blip) return "offline";
  if (parts.in(State::contained) > Time{0}) return "contained";
  if (parts.in(State::warning) > Time{0}) return "warning";
  if (parts.in(State::secure) > Time{0}) return parts.unknown > std::chrono::hours{1} ? "partly" : "secure";
  return parts.unknown > Time{0} ? "unknown" : "absent";
}

std::string strip(const SubjectReliability& subject, const TimeZone& zone) {
  if (subject.periods.size() < 2) return {};
  std::string html = "<div class=\"days\">";
  for (const auto& day : subject.periods) {
    html += fmt::format("<i class=\"{}\" title=\"{}: protected {}, in danger {}\"></i>", colour_of_day(day.parts),
                        zone.date_text(day.period.from), percent(protected_share(day.parts)), duration(day.parts.in(State::danger)));
  }
  return html + "</div>";
}

std::string row(const SubjectReliability& subject, const TimeZone& zone) {
  const auto& parts = subject.total.parts;
  const auto& incidents = subject.total.incidents;
  const auto number = [](const std::string& text, std::string_view kind = "") {
    return fmt::format("<td class=\"number {}\">{}</td>", text == "0" ? "" : kind, text);
  };
  return fmt::format("<tr><th scope=\"row\">{}{}{}</th><td class=\"number strong\">{}</td>", escaped(subject.client_id), bar(parts),
                     strip(subject, zone), percent(protected_share(parts))) +
         number(duration(parts.in(State::danger)), "bad") + number(duration(parts.in(State::contained))) + number(duration(parts.offline)) +
         number(duration(parts.unknown)) + number(fmt::format("{}", incidents.count)) + number(mean_recovery(incidents)) +
         number(longest(incidents)) + "</tr>\n";
}

std::string card(std::string_view label, const std::string& value, std::string_view kind = "") {
  return fmt::format("<div class=\"card {}\"><b>{}</b><span>{}</span></div>", kind, value, label);
}

constexpr std::string_view style = R"css(
:root{color-scheme:light dark;--page:#fff;--ink:#1b2430;--soft:#5a6675;--line:#dde3ea;--panel:#f5f7fa;
--secure:#1a9c5b;--partly:#7fc8a2;--warning:#d99a00;--contained:#2f7fd6;--danger:#d0342c;--offline:#5d6570;--unknown:#c3cad3;--absent:transparent}
@media (prefers-color-scheme:dark){:root{--page:#12171e;--ink:#e6ebf1;--soft:#9aa7b6;--line:#2b3542;--panel:#1a212b;
--secure:#33b877;--partly:#2c6e4d;--warning:#e2ac2f;--contained:#579ff0;--danger:#f0625a;--offline:#8f9aa8;--unknown:#414d5b}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.25rem;max-width:62rem;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
h1{margin:0;font-size:1.7rem;letter-spacing:-.01em}
p{margin:.3rem 0;color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1.5rem 0}
.card{padding:.8rem 1rem;background:var(--panel);border:1px solid var(--line);border-radius:.6rem}
.card b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:.85rem}
.card.bad b{color:var(--danger)}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
thead th{color:var(--soft);font-weight:500;font-size:.82rem;text-align:right;vertical-align:bottom;padding:.4rem .5rem}
thead th:first-child,tbody th{text-align:left}
tbody th{font-weight:600;min-width:13rem;overflow-wrap:anywhere}
tbody th,td{padding:.6rem .5rem;border-top:1px solid var(--line);vertical-align:top}
.number{text-align:right;white-space:nowrap}.strong{font-weight:600}td.bad{color:var(--danger);font-weight:600}
.bar{display:block;margin:.4rem 0 .25rem;border-radius:.25rem;overflow:hidden;background:var(--unknown)}
.days{display:flex;gap:1px}.days i{flex:1;height:.7rem;border-radius:1px}
.secure{background:var(--secure);fill:var(--secure)}.partly{background:var(--partly)}.warning{background:var(--warning);fill:var(--warning)}
.contained{background:var(--contained);fill:var(--contained)}.danger{background:var(--danger);fill:var(--danger);stroke:var(--danger);stroke-width:2}
.offline{background:var(--offline);fill:var(--offline)}.unknown{background:var(--unknown);fill:var(--unknown)}
.days .absent{border:1px solid var(--line)}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;margin:1.2rem 0 .6rem;padding:0;list-style:none;font-size:.85rem;color:var(--soft)}
.legend i{display:inline-block;width:.7rem;height:.7rem;margin-right:.4rem;border-radius:2px}
@page{size:A4;margin:14mm}
@media print{:root{color-scheme:light;--page:#fff;--ink:#000;--soft:#444;--line:#ccc;--panel:#fff;--secure:#1a9c5b;--partly:#7fc8a2;--warning:#d99a00;
--contained:#2f7fd6;--danger:#d0342c;--offline:#5d6570;--unknown:#c3cad3}
body{padding:0;max-width:none;font-size:9pt}tr,.card{break-inside:avoid}thead{display:table-header-group}.scroll{overflow:visible}tbody th{min-width:9rem}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
)css";

constexpr std::string_view legend = R"html(<ul class="legend"><li><i class="secure"></i>protected</li>
<li><i class="warning"></i>warning: protected as far as could be looked</li><li><i class="contained"></i>contained: no tunnel, and nothing can leave</li>
<li><i class="danger"></i>in danger: something can leave outside the tunnel</li><li><i class="offline"></i>offline: the probe was silent</li>
<li><i class="unknown"></i>not known: the hub was not there, or nothing is kept</li></ul>
<p>Time that nobody knows about never counts as protected. Time before a client was first heard of counts for nothing. A day has the colour of the
worst that was in it. Recovery is the mean length of the incidents that ended in the period.</p>
)html";

constexpr std::string_view table_head =
    R"html(<div class="scroll"><table><thead><tr><th scope="col">Client</th><th scope="col">Protected</th>
<th scope="col">Danger</th><th scope="col">Contained</th><th scope="col">Offline</th><th scope="col">Not known</th><th scope="col">Incidents</th>
<th scope="col">Recovery</th><th scope="col">Longest</th></tr></thead><tbody>
)html";

}  // namespace

std::string month_title(WallTime begin, const TimeZone& zone) {
  static constexpr std::array months{"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
  const auto text = zone.date_text(begin);
  const int month = (text[5] - '0') * 10 + (text[6] - '0');
  return fmt::format("{} {}", months.at(static_cast<std::size_t>(month - 1)), text.substr(0, 4));
}

std::vector<Stretch> report_periods(const Stretch& period, const TimeZone& zone, std::size_t clients) {
  constexpr std::size_t most_days = 400;
  auto days = clients <= most_strips ? zone.split(period, CalendarUnit::day, most_days) : std::nullopt;
  if (!days || days->empty()) return {period};
  for (auto& day : *days) day = common(day, period);
  return std::move(*days);
}

std::string_view report_style() noexcept { return style; }

std::string report_html(const ReliabilityReport& report) {
  const auto total = total_of(report);
  const bool danger = total.parts.in(State::danger) > Time{0};
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">"
      "<title>VPN Sentinel, {0}</title><style>{1}</style></head><body><main>\n<h1>VPN Sentinel, {0}</h1>\n<p>{2} to {3} ({4}), made "
      "{5}</p>\n",
      escaped(report.title), style, report.zone.text(report.period.from), report.zone.text(report.period.to), escaped(report.zone.name()),
      report.zone.text(report.made));
  const auto clients = std::ranges::count_if(report.subjects, [](const auto& subject) { return !is_group(subject); });
  html += "<div class=\"cards\">" + card("protected, of all clients' time", percent(protected_share(total.parts))) +
          card("in danger", duration(total.parts.in(State::danger)), danger ? "bad" : "") +
          card("incidents", fmt::format("{}", total.incidents.count)) + card("mean time to recover", mean_recovery(total.incidents)) +
          card("reported, of all clients' time", percent(reported_share(total.parts))) + card("clients", fmt::format("{}", clients)) +
          "</div>\n";
  if (report.subjects.empty()) return html + "<p>No client was known in this time.</p></main></body></html>\n";
  html += table_head;
  for (const auto* subject : worst_first(report)) html += row(*subject, report.zone);
  html += "</tbody></table></div>\n";
  html += legend;
  if (total.approximate) {
    html += "<p>Of some hours at the ends of days only the sums are kept; of them as much counts as protected as certainly was.</p>\n";
  }
  return html + "</main></body></html>\n";
}

std::string report_text(const ReliabilityReport& report) {
  std::size_t widest = 6;
  for (const auto& subject : report.subjects) widest = std::max(widest, subject.client_id.size());
  const auto line = [widest](const std::string& name, const Reliability& numbers) {
    const auto& parts = numbers.parts;
    return fmt::format("{:<{}} {:>9} {:>13} {:>13} {:>13} {:>13} {:>9} {:>13} {:>13}\n", name, widest, percent(protected_share(parts)),
                       duration(parts.in(State::danger)), duration(parts.in(State::contained)), duration(parts.offline),
                       duration(parts.unknown), numbers.incidents.count, mean_recovery(numbers.incidents), longest(numbers.incidents));
  };
  auto text = fmt::format("{}: {} to {} ({})\n{:<{}} {:>9} {:>13} {:>13} {:>13} {:>13} {:>9} {:>13} {:>13}\n", report.title,
                          report.zone.text(report.period.from), report.zone.text(report.period.to), report.zone.name(), "client", widest,
                          "protected", "danger", "contained", "offline", "not known", "incidents", "recovery", "longest");
  for (const auto* subject : worst_first(report)) text += line(subject->client_id, subject->total);
  return text + line("all", total_of(report));
}

Notice report_notice(const ReliabilityReport& report) {
  constexpr std::size_t most_worst = 3;
  const auto total = total_of(report);
  const auto& parts = total.parts;
  Notice notice;
  notice.kind = Notice::Kind::report;
  notice.at = notice.noticed = report.made;
  notice.title = fmt::format("📊 {}: protected {} of the time, in danger {}", report.title, percent(protected_share(parts)),
                             duration(parts.in(State::danger)));
  const auto fact = [&notice](std::string_view label, std::string value) {
    Notice::Line line;
    line.label = label;
    line.value = std::move(value);
    notice.facts.push_back(std::move(line));
  };
  fact("Clients", fmt::format("{}", std::ranges::count_if(report.subjects, [](const auto& each) { return !is_group(each); })));
  fact("Contained", duration(parts.in(State::contained)));
  fact("Offline", duration(parts.offline));
  fact("Not known", duration(parts.unknown));
  fact("Incidents", fmt::format("{}, mean time to recover {}", total.incidents.count, mean_recovery(total.incidents)));
  std::size_t named = 0;
  for (const auto* subject : worst_first(report)) {
    const auto danger = subject->total.parts.in(State::danger);
    if (is_group(*subject) || danger <= Time{0}) continue;
    if (named++ == most_worst) break;
    fact("•", fmt::format("{}: in danger {}", subject->client_id, duration(danger)));
  }
  return notice;
}

nlohmann::json to_json(const SubjectReliability& subject) {
  auto periods = nlohmann::json::array();
  for (const auto& period : subject.periods) periods.push_back(to_json(period));
  return {{"client_id", subject.client_id}, {"total", to_json(subject.total)}, {"periods", std::move(periods)}};
}

nlohmann::json report_json(const ReliabilityReport& report) {
  auto subjects = nlohmann::json::array();
  for (const auto& subject : report.subjects) subjects.push_back(to_json(subject));
  return {{"title", report.title},
          {"zone", report.zone.name()},
          {"from", to_rfc3339(report.period.from)},
          {"to", to_rfc3339(report.period.to)},
          {"made", to_rfc3339(report.made)},
          {"total", to_json(total_of(report))},
          {"reliability", std::move(subjects)}};
}

}  // namespace vpn_sentinel

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "hub/alert/leak_words.hpp"
#include "hub/alert/notice.hpp"
#include "hub/alert/state_words.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;
using Kind = Notice::Kind;
using Line = Notice::Line;

/// Characters of whatever comes from outside.
constexpr std::size_t most_clipped = 120;
constexpr std::size_t most_evidence = 300;
constexpr std::size_t most_evidence_lines = 8;
constexpr std::chrono::seconds late_notice{60};

std::string clip(std::string_view text) { return shortened(text, most_clipped); }

bool has_danger(const std::vector<Finding>& findings, std::string_view code) {
  return std::ranges::any_of(findings, [code](const Finding& each) { return each.code == code && each.severity == Severity::danger; });
}

bool left_outside(const Change& change) { return change.to == State::danger && change.leaked && change.leaked->packets > 0; }

/// What has happened already is told before what could happen; the address that others see is the worst of it.
std::string_view danger_headline(const Change& change) {
  const auto& findings = findings_of(change);
  if (has_danger(findings, "exit_is_uplink") || has_danger(findings, "exit_is_hub")) {
    return "BYPASS: others see your own address, the VPN is not used";
  }
  if (left_outside(change)) return "LEAK: packets have left outside the VPN";
  return words_of(State::danger).sentence;
}

StateWords words_for(const Change& change) {
  auto words = words_of(change.to);
  if (change.to == State::danger) words.sentence = danger_headline(change);
  // That nothing leaves because it is held back is another thing than that there is no way.
  if (held_by_kill_switch(change.client.last_report, change.to)) {
    words.sentence = "CONTAINED: the VPN is down, the kill switch holds everything back";
  }
  return words;
}

/// "WARNING" of "WARNING: protection is …".
std::string_view first_word(std::string_view headline) { return headline.substr(0, headline.find(':')); }

/// The findings that matter: whatever is new in an old state first, else the worst.
std::vector<const Finding*> to_tell(const Change& change) {
  std::vector<const Finding*> list;
  for (const auto& finding : findings_of(change)) {
    if (finding.severity != Severity::information) list.push_back(&finding);
  }
  std::stable_sort(list.begin(), list.end(), [](const auto* left, const auto* right) { return left->severity > right->severity; });
  std::stable_partition(list.begin(), list.end(),
                        [&](const Finding* finding) { return std::ranges::find(change.news, finding->code) != change.news.end(); });
  return list;
}

std::string meaning_of(const Finding& finding) {
  const auto* text = find_text(finding.code);
  return text != nullptr ? std::string(text->meaning) : clip(finding.code);
}

/// The original's title, and the verdict whenever it is not the good one.
std::string titled(std::string_view title, const StateWords& words, State state) {
  return fmt::format("{} {}{}{}", words.sign, title, state == State::secure ? "" : " ", state == State::secure ? "" : words.sentence);
}

bool stopped_on_purpose(const ClientState& client) {
  return std::ranges::any_of(client.findings, [](const Finding& finding) { return finding.code == "probe_stopped"; });
}

std::string title_of(const Change& change) {
  const auto words = words_for(change);
  const bool secure = change.to == State::secure;
  if (!change.news.empty()) {  // the state was told before: what came is the headline
    const auto findings = to_tell(change);
    return fmt::format("{} STILL {}, and now: {}", words.sign, first_word(words.sentence),
                       findings.empty() ? "" : meaning_of(*findings.front()));
  }
  if (change.past) {
    const bool silent = change.client.state == State::offline;
    return fmt::format("{} {}: {}", words.sign, silent ? "WHILE IT WAS SILENT" : "EARLIER, TOLD ONLY NOW", words.sentence);
  }
  switch (change.kind) {
    case Change::Kind::connected:
      return titled("VPN Connected!", words, change.to);
    case Change::Kind::address_changed:
      return titled("VPN IP Changed!", words, change.to);
    case Change::Kind::went_offline:
      if (stopped_on_purpose(change.client)) return fmt::format("{} STOPPED: the probe was ended, nobody is watching", words.sign);
      break;
    case Change::Kind::came_back:
      return fmt::format("{} BACK{} {}", words.sign, secure ? " and" : ", but", words.sentence);
    case Change::Kind::state_changed:
      if (secure) return fmt::format("{} SECURE again: the VPN protects", words.sign);
      break;
  }
  return fmt::format("{} {}", words.sign, words.sentence);
}

Kind kind_of_state(const Change& change) {
  switch (change.to) {
    case State::secure:
      return Kind::protected_again;
    case State::warning:
      return Kind::warning;
    case State::contained:
      return Kind::contained;
    case State::danger:
      return left_outside(change) ? Kind::leak : Kind::danger;
    case State::offline:
      break;
  }
  return Kind::offline;
}

Kind kind_of(const Change& change) {
  if (!change.news.empty()) return Kind::news;
  if (change.past) return kind_of_state(change);
  switch (change.kind) {
    case Change::Kind::connected:
      return Kind::connected;
    case Change::Kind::address_changed:
      return Kind::address_changed;
    case Change::Kind::went_offline:
      return Kind::offline;
    case Change::Kind::came_back:
      return Kind::back;
    case Change::Kind::state_changed:
      break;
  }
  return kind_of_state(change);
}

/// "203.0.113.7 dev eth0 via 203.0.113.1": the first route tells enough for a phone; the page has all.
std::string first_route(const nlohmann::json& routes) {
  if (!routes.is_array() || routes.empty() || !routes.front().is_object()) return {};
  std::string text;
  for (const auto& [key, word] : {std::pair{"destination", ""}, {"device", "dev "}, {"gateway", "via "}, {"for", "for "}}) {
    const auto found = routes.front().find(key);
    if (found == routes.front().end() || !found->is_string()) continue;
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", word, found->get_ref<const std::string&>());
  }
  return routes.size() > 1 ? fmt::format("{} and {} more", text, routes.size() - 1) : text;
}

std::vector<Line> evidence_of(const Finding& finding) {
  if (finding.code == "lease_expired") return {};  // the facts say since when, in words
  if (const auto routes = finding.evidence.find("routes"); routes != finding.evidence.end()) {
    if (const auto route = first_route(*routes); !route.empty()) return {{"", shortened(route, most_evidence)}};
  }
  std::vector<Line> lines;
  if (!finding.evidence.is_object()) return lines;
  for (const auto& [key, value] : finding.evidence.items()) {
    if (lines.size() == most_evidence_lines) break;
    auto text = value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    lines.push_back({clip(key), shortened(text, most_evidence)});
  }
  return lines;
}

void say_why(Notice& notice, const Change& change) {
  const auto findings = to_tell(change);
  for (const auto* finding : findings) {
    if (notice.reasons.size() == Notice::most_reasons) break;
    notice.reasons.push_back({clip(finding->code), std::string(to_string(finding->severity)), meaning_of(*finding),
                              std::string(advice_of(*finding)), evidence_of(*finding)});
  }
  notice.more_reasons = findings.size() - notice.reasons.size();
}

class Facts {
 public:
  Facts(std::vector<Line>& lines, Line::Part part) : lines_(lines), part_(part) {}
  void add(std::string label, std::string value, bool is_private = false) {
    if (!value.empty()) lines_.push_back({std::move(label), std::move(value), is_private, part_});
  }
  void literal(std::string label, std::string value, bool is_private, std::string after = {}) {
    lines_.push_back({std::move(label), std::move(value), is_private, part_, Line::Look::literal, std::move(after)});
  }

 private:
  std::vector<Line>& lines_;
  Line::Part part_;
};

void say_when(Notice& notice, const Change& change) {
  Facts facts(notice.facts, Line::Part::when);
  const auto lasted = human_duration(change.previous_lasted);
  const auto before = fmt::format("{} for {}", change.from ? to_string(*change.from) : std::string_view(), lasted);
  switch (change.kind) {
    case Change::Kind::connected:
      facts.add("Connected at", utc_text(change.at));
      break;
    case Change::Kind::address_changed:
      facts.add("Changed at", utc_text(change.at));
      break;
    case Change::Kind::came_back:
      facts.add("Back since", utc_text(change.at));
      facts.add("Silent for", lasted);
      break;
    case Change::Kind::went_offline:
      facts.add("Since", utc_text(change.at));
      facts.add("Last report", utc_text(change.client.last_seen));
      facts.add("Last known state", before);
      break;
    case Change::Kind::state_changed:
      facts.add("Since", utc_text(notice.at));
      if (!change.past) facts.add(change.to == State::secure ? "Recovered" : "Before", before);
      break;
  }
  const auto delay = std::chrono::duration_cast<milliseconds>(change.noticed - change.at);
  if (change.past && change.client.state == State::offline) facts.add("", "⚪ The probe is still silent: what holds now is unknown");
  if (delay > late_notice) facts.add("", fmt::format("⏳ Told late: the hub learnt it {} afterwards", human_duration(delay)));
}

/// What it has cost.
void say_damage(Notice& notice, const Change& change) {
  Facts facts(notice.facts, Line::Part::damage);
  if (change.to == State::secure && change.exposed > std::chrono::microseconds{0}) {
    facts.add("⏱ Exposed for", human_duration(std::chrono::duration_cast<milliseconds>(change.exposed)));
  }
  for (auto& line : leak_lines(change)) notice.facts.push_back(std::move(line));
  if (change.to != State::offline) facts.add("🧱 Kill switch", kill_switch_text(change.client.last_report));
}

std::string location_of(const LocationReport& place) {
  std::string list;
  for (const auto& part : {place.city, place.region, place.country}) {
    if (part.empty()) continue;
    if (!list.empty()) list += ", ";
    list += clip(part);
  }
  return list;
}

std::string dns_verdict(const DnsReport& dns) {
  // The way of port 53 is known then, but not which resolver programs ask.
  if (dns.reason == "PORT_53_PATH_ONLY" && !dns.egress.empty()) {
    return fmt::format("port 53 leaves by {}, resolver not checked", clip(dns.egress.front()));
  }
  if (dns.verdict == "no_leak") return "no leak";
  return dns.verdict == "unverifiable" ? "could not be verified" : clip(dns.verdict);
}

std::string dns_of(const Report& report) {
  auto verdict = report.dns ? dns_verdict(*report.dns) : std::string();
  if (report.dns_location.empty()) return verdict;
  const auto colo = report.dns_colo.empty() ? std::string() : fmt::format(" ({})", clip(report.dns_colo));
  return fmt::format("{}{}answers from {}{}", verdict, verdict.empty() ? "" : ", ", clip(report.dns_location), colo);
}

void say_where(Notice& notice, const Change& change) {
  Facts facts(notice.facts, Line::Part::where);
  const auto& report = change.client.last_report;
  const bool offline = change.client.state == State::offline;
  if (!change.previous_address.empty()) facts.literal("Previous IP", clip(change.previous_address), true);
  const auto* const label = offline ? "Last VPN IP" : "VPN IP";
  if (report.public_ip) facts.literal(label, clip(*report.public_ip), true);
  if (!report.public_ip) facts.add(label, "unknown", true);
  const auto place = report.location.value_or(LocationReport{});
  facts.add("📍 Location", location_of(place), true);
  facts.add("🏢 Provider", clip(place.org), true);
  if (offline) return;
  facts.add("🕒 VPN Timezone", clip(place.timezone), true);
  facts.add("🔒 DNS", dns_of(report), !report.dns_location.empty());
  if (const auto& tunnel = report.tunnel) {
    const auto kind = tunnel->kind.empty() ? std::string() : fmt::format(" ({})", clip(tunnel->kind));
    facts.literal("🔌 Tunnel", clip(tunnel->name), false, fmt::format("{}, {}", kind, tunnel->up ? "up" : "down"));
  }
  if (change.kind == Change::Kind::connected && !report.client_version.empty()) {
    facts.literal("📦 Version", clip(report.client_version), false);
  }
}

Notice hub_notice(Kind kind, std::string title, std::string text, WallTime at) {
  Notice notice;
  notice.kind = kind;
  notice.title = std::move(title);
  notice.text = std::move(text);
  notice.at = at;
  notice.noticed = at;
  return notice;
}

}  // namespace

std::optional<Notice> notice_of(const Change& change) {
  // A first report may already be the last one of a probe that stops: nothing to say.
  if (change.kind == Change::Kind::connected && change.to == State::offline) return std::nullopt;
  // What was good again for a while is no comfort as long as nobody knows what is now.
  if (change.past && change.to <= change.from.value_or(State::secure)) return std::nullopt;
  Notice notice;
  notice.kind = kind_of(change);
  notice.title = title_of(change);
  notice.client_id = change.client_id;
  notice.group = change.client.last_report.group;
  notice.from = change.from;
  notice.to = change.to;
  const bool own_time = change.kind != Change::Kind::state_changed || change.past || change.from == change.to;
  notice.at = own_time ? change.at : change.client.since;
  notice.noticed = change.noticed;
  say_why(notice, change);
  say_when(notice, change);
  say_damage(notice, change);
  say_where(notice, change);
  return notice;
}

Notice start_notice(std::string_view version, WallTime now, std::size_t known_clients) {
  auto notice = hub_notice(Kind::hub_started, "🚀 VPN Sentinel hub started", "The hub is watching again.", now);
  Facts facts(notice.facts, Line::Part::when);
  facts.literal("📦 Version", clip(version), false);
  facts.add("Known clients", std::to_string(known_clients));
  facts.add("Started at", utc_text(now));
  return notice;
}

Notice store_fails_notice(std::string_view problem, WallTime since) {
  auto notice = hub_notice(Kind::hub_trouble, "⚠️ VPN Sentinel hub cannot store reports", clip(problem), since);
  Facts(notice.facts, Line::Part::when).add("Since", utc_text(since));
  Facts(notice.facts, Line::Part::damage)
      .add("", "What probes report is shown live but not kept; they are told to send it again. Nobody is told to be offline meanwhile.");
  return notice;
}

Notice store_works_notice(milliseconds lasted, WallTime now) {
  auto notice = hub_notice(Kind::hub_works, "✅ VPN Sentinel hub stores reports again",
                           fmt::format("The trouble lasted {}.", human_duration(lasted)), now);
  Facts(notice.facts, Line::Part::when).add("Noticed at", utc_text(now));
  return notice;
}

Notice test_notice(std::string_view channel, std::string_view who, WallTime now) {
  auto notice = hub_notice(Kind::test, "🔔 Test of VPN Sentinel", "Alerts of this channel arrive here. Nothing has happened.", now);
  Facts facts(notice.facts, Line::Part::when);
  facts.literal("Channel", clip(channel), false);
  facts.add("Asked for by", clip(who));
  facts.add("Sent at", utc_text(now));
  return notice;
}

}  // namespace vpn_sentinel

#include "hub/alert/message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "hub/alert/leak_words.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// Telegram's limit is 4096 UTF-16 units without the tags; bytes with tags are never fewer.
constexpr std::size_t most_bytes = 3'800;
constexpr std::size_t most_text = 120;
constexpr std::size_t most_evidence = 300;
constexpr std::size_t most_findings = 6;
constexpr std::chrono::seconds late{60};

struct StateWords {
  std::string_view emoji;
  std::string_view headline;
};

/// In the order of State. Emoji and first word must tell the states apart on a lock screen.
constexpr std::array<StateWords, 5> state_words{{{"🟢", "SECURE: the VPN protects"},
                                                 {"🟡", "WARNING: protection is weakened or could not be verified"},
                                                 {"🔵", "CONTAINED: the VPN is down, nothing can leave"},
                                                 {"🔴", "DANGER: traffic can leave outside the VPN"},
                                                 {"⚪", "OFFLINE: the probe is silent, protection unknown"}}};

const StateWords& words_of(State state) { return state_words.at(static_cast<std::size_t>(state)); }

std::string utc(WallTime time) {
  auto text = to_rfc3339(time).substr(0, 19);
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text + " UTC";
}

/// At most `most` characters, escaped.
std::string shown(std::string_view text, std::size_t most = most_text) {
  std::size_t characters = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool starts_character = (static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80U;
    if (starts_character && ++characters > most) break;
  }
  return escape_html(text.substr(0, end)) + (end < text.size() ? "…" : "");
}

std::string code(std::string_view text) { return "<code>" + shown(text) + "</code>"; }

/// The findings that matter, the worst first.
std::vector<const Finding*> weighty(const std::vector<Finding>& findings) {
  std::vector<const Finding*> list;
  for (const auto& finding : findings) {
    if (finding.severity != Severity::information) list.push_back(&finding);
  }
  std::stable_sort(list.begin(), list.end(), [](const auto* left, const auto* right) { return left->severity > right->severity; });
  return list;
}

std::string meaning_of(const Finding& finding) {
  const auto* text = find_text(finding.code);
  return text != nullptr ? escape_html(text->meaning) : code(finding.code);
}

/// "203.0.113.7 dev eth0 via 203.0.113.1": the first route tells enough for a phone; the page has all.
std::string first_route(const nlohmann::json& routes) {
  if (!routes.is_array() || routes.empty() || !routes.front().is_object()) return {};
  std::string text;
  for (const auto* const key : {"destination", "device", "gateway"}) {
    const auto found = routes.front().find(key);
    if (found == routes.front().end() || !found->is_string()) continue;
    const std::string_view word = key == std::string_view("device") ? "dev " : key == std::string_view("gateway") ? "via " : "";
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", word, found->get_ref<const std::string&>());
  }
  if (const auto whom = routes.front().find("for"); whom != routes.front().end() && whom->is_string()) {
    text += fmt::format(" for {}", whom->get_ref<const std::string&>());
  }
  return routes.size() > 1 ? fmt::format("{} and {} more", text, routes.size() - 1) : text;
}

std::string evidence_of(const Finding& finding) {
  if (const auto routes = finding.evidence.find("routes"); routes != finding.evidence.end()) {
    if (const auto route = first_route(*routes); !route.empty()) return shown(route, most_evidence);
  }
  std::string list;
  for (const auto& [key, value] : finding.evidence.items()) {
    if (!list.empty()) list += ", ";
    list += key + "=";
    list += value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return shown(list, most_evidence);
}

class Text {
 public:
  void line(std::string text) { lines_.push_back(std::move(text)); }
  void field(std::string_view name, const std::string& value) {
    if (!value.empty()) line(fmt::format("{}: {}", name, value));
  }
  /// One blank line between two parts.
  void part() {
    if (!lines_.empty() && !lines_.back().empty()) line("");
  }

  /// Lines that do not fit are left out: a cut tag would make Telegram refuse all of it.
  [[nodiscard]] std::string finish() const {
    std::string text;
    for (const auto& next : lines_) {
      if (text.size() + next.size() + 1 > most_bytes) break;
      if (&next != lines_.data()) text += '\n';
      text += next;
    }
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

 private:
  std::vector<std::string> lines_;
};

bool stopped_on_purpose(const ClientState& client) {
  return std::any_of(client.findings.begin(), client.findings.end(),
                     [](const Finding& finding) { return finding.code == "probe_stopped"; });
}

/// "🔴 <b>VPN Connected!</b> DANGER: …": the original's title, and the verdict whenever it is not the good one.
std::string titled(std::string_view title, const StateWords& words, State state) {
  const auto verdict = state == State::secure ? std::string() : fmt::format(" {}", words.headline);
  return fmt::format("{} <b>{}</b>{}", words.emoji, title, verdict);
}

/// That nothing leaves because it is held back is another thing than that there is no way.
StateWords words_of(const Change& change) {
  auto words = words_of(change.to);
  if (held_by_kill_switch(change.client.last_report, change.to)) {
    words.headline = "CONTAINED: the VPN is down, the kill switch holds everything back";
  }
  return words;
}

/// "WARNING" of "WARNING: protection is …".
std::string_view first_word(std::string_view headline) { return headline.substr(0, headline.find(':')); }

bool is_news(const Change& change, const Finding& finding) { return std::ranges::find(change.news, finding.code) != change.news.end(); }

/// What matters first: whatever is new in an old state, else the worst.
std::vector<const Finding*> to_tell(const Change& change) {
  auto findings = weighty(findings_of(change));
  std::stable_partition(findings.begin(), findings.end(), [&](const Finding* finding) { return is_news(change, *finding); });
  return findings;
}

/// The state was told before: what came is the headline.
std::string news_headline(const Change& change, const StateWords& words) {
  const auto findings = to_tell(change);
  const auto what = findings.empty() ? std::string() : meaning_of(*findings.front());
  return fmt::format("{} <b>STILL {}, and now: {}</b>", words.emoji, first_word(words.headline), what);
}

std::string headline_of(const Change& change) {
  const auto words = words_of(change);
  if (!change.news.empty()) return news_headline(change, words);
  const bool secure = change.to == State::secure;
  if (change.past) {
    const bool silent = change.client.state == State::offline;
    return fmt::format("{} <b>{}: {}</b>", words.emoji, silent ? "WHILE IT WAS SILENT" : "EARLIER, TOLD ONLY NOW", words.headline);
  }
  switch (change.kind) {
    case Change::Kind::connected:
      return titled("VPN Connected!", words, change.to);
    case Change::Kind::address_changed:
      return titled("VPN IP Changed!", words, change.to);
    case Change::Kind::went_offline:
      if (stopped_on_purpose(change.client)) return fmt::format("{} <b>STOPPED: the probe was ended, nobody is watching</b>", words.emoji);
      return fmt::format("{} <b>{}</b>", words.emoji, words.headline);
    case Change::Kind::came_back:
      return fmt::format("{} <b>BACK{} {}</b>", words.emoji, secure ? ":" : ", but", words.headline);
    case Change::Kind::state_changed:
      break;
  }
  return fmt::format("{} <b>{}</b>", words.emoji, secure ? "SECURE again: the VPN protects" : words.headline);
}

void say_why(Text& text, const Change& change) {
  const auto findings = to_tell(change);
  if (findings.empty()) return;
  text.part();
  for (std::size_t i = 0; i < std::min(findings.size(), most_findings); ++i) text.line("• " + meaning_of(*findings[i]));
  if (findings.size() > most_findings) text.line(fmt::format("• and {} more", findings.size() - most_findings));
  const auto& worst = *findings.front();
  text.field("👉 What to do", escape_html(advice_of(worst)));
  text.field("🔎 Evidence", evidence_of(worst));
}

void say_when(Text& text, const Change& change) {
  text.part();
  const auto lasted = human_duration(change.previous_lasted);
  const auto from = change.from ? to_string(*change.from) : std::string_view();
  switch (change.kind) {
    case Change::Kind::connected:
      text.field("Connected at", utc(change.at));
      break;
    case Change::Kind::address_changed:
      text.field("Changed at", utc(change.at));
      break;
    case Change::Kind::came_back:
      text.field("Back since", utc(change.at));
      text.field("Silent for", lasted);
      break;
    case Change::Kind::went_offline:
      text.field("Since", utc(change.at));
      text.field("Last report", utc(change.client.last_seen));
      text.field("Last known state", fmt::format("{} for {}", from, lasted));
      break;
    case Change::Kind::state_changed:
      text.field("Since", utc(change.past || change.from == change.to ? change.at : change.client.since));
      if (change.past) break;
      text.field(change.to == State::secure ? "Recovered" : "Before", fmt::format("{} for {}", from, lasted));
      break;
  }
  const auto delay = std::chrono::duration_cast<milliseconds>(change.noticed - change.at);
  if (change.past && change.client.state == State::offline) text.line("⚪ The probe is still silent: what holds now is unknown");
  if (delay > late) text.line(fmt::format("⏳ Told late: the hub learnt it {} afterwards", human_duration(delay)));
}

/// What it has cost.
void say_damage(Text& text, const Change& change) {
  text.part();
  if (change.to == State::secure && change.exposed > std::chrono::microseconds{0}) {
    text.field("⏱ Exposed for", human_duration(std::chrono::duration_cast<milliseconds>(change.exposed)));
  }
  for (auto& line : leak_lines(change)) text.line(std::move(line));
  if (change.to != State::offline) text.field("🧱 Kill switch", kill_switch_text(change.client.last_report));
}

std::string location_of(const LocationReport& place) {
  std::string list;
  for (const auto& part : {place.city, place.region, place.country}) {
    if (part.empty()) continue;
    if (!list.empty()) list += ", ";
    list += shown(part);
  }
  return list;
}

std::string dns_of(const Report& report) {
  std::string verdict;
  if (report.dns) {
    const auto& word = report.dns->verdict;
    // The way of port 53 is known then, but not which resolver programs ask.
    const bool path_only = report.dns->reason == "PORT_53_PATH_ONLY" && !report.dns->egress.empty();
    verdict = word == "no_leak"        ? "no leak"
              : path_only              ? fmt::format("port 53 leaves by {}, resolver not checked", code(report.dns->egress.front()))
              : word == "unverifiable" ? "could not be verified"
                                       : shown(word);
  }
  if (report.dns_location.empty()) return verdict;
  const auto colo = report.dns_colo.empty() ? std::string() : fmt::format(" ({})", shown(report.dns_colo));
  return fmt::format("{}{}answers from {}{}", verdict, verdict.empty() ? "" : ", ", shown(report.dns_location), colo);
}

std::string tunnel_of(const TunnelReport& tunnel) {
  const auto kind = tunnel.kind.empty() ? std::string() : fmt::format(" ({})", shown(tunnel.kind));
  return fmt::format("{}{}, {}", code(tunnel.name), kind, tunnel.up ? "up" : "down");
}

void say_where(Text& text, const Change& change) {
  const auto& client = change.client;
  const auto& report = client.last_report;
  const bool offline = client.state == State::offline;
  text.part();
  if (!change.previous_address.empty()) text.field("Previous IP", code(change.previous_address));
  const auto address = report.public_ip ? code(*report.public_ip) : "unknown";
  text.field(offline ? "Last VPN IP" : "VPN IP", address);
  const auto place = report.location.value_or(LocationReport{});
  text.field("📍 Location", location_of(place));
  text.field("🏢 Provider", shown(place.org));
  if (offline) return;
  text.field("🕒 VPN Timezone", shown(place.timezone));
  text.field("🔒 DNS", dns_of(report));
  if (report.tunnel) text.field("🔌 Tunnel", tunnel_of(*report.tunnel));
  if (change.kind == Change::Kind::connected && !report.client_version.empty()) text.field("📦 Version", code(report.client_version));
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::optional<std::string> telegram_text(const Change& change) {
  // A first report may already be the last one of a probe that stops: nothing to say.
  if (change.kind == Change::Kind::connected && change.to == State::offline) return std::nullopt;
  // What was good again for a while is no comfort as long as nobody knows what is now.
  if (change.past && change.to <= change.from.value_or(State::secure)) return std::nullopt;
  Text text;
  text.line(headline_of(change));
  text.field("Client", code(change.client_id));
  say_why(text, change);
  say_when(text, change);
  say_damage(text, change);
  say_where(text, change);
  return text.finish();
}

std::string telegram_start_text(std::string_view version, WallTime now, std::size_t known_clients) {
  return fmt::format(
      "🚀 <b>VPN Sentinel hub started</b>\n\nThe hub is watching again.\n📦 Version: <code>{}</code>\nKnown clients: {}\nStarted at: {}",
      shown(version), known_clients, utc(now));
}

std::string telegram_store_fails_text(std::string_view problem, WallTime since) {
  return fmt::format(
      "⚠️ <b>VPN Sentinel hub cannot store reports</b>\n\n{}\nSince: {}\n\nWhat probes report is shown live but not kept; they are "
      "told "
      "to "
      "send it again. Nobody is told to be offline meanwhile.",
      shown(problem), utc(since));
}

std::string telegram_store_works_text(std::chrono::milliseconds lasted, WallTime now) {
  return fmt::format("✅ <b>VPN Sentinel hub stores reports again</b>\n\nThe trouble lasted {}.\nNoticed at: {}", human_duration(lasted),
                     utc(now));
}

}  // namespace vpn_sentinel

#include "hub/alert/bot_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "hub/alert/leak_words.hpp"
#include "hub/alert/message.hpp"
#include "hub/alert/notice.hpp"
#include "hub/alert/state_words.hpp"
#include "hub/state/group.hpp"

namespace vpn_sentinel {
namespace {

/// Telegram's limit is 4096 UTF-16 units without the tags; bytes with tags are never fewer.
constexpr std::size_t most_answer_bytes = 3'800;
constexpr std::size_t most_reasons = 6;
constexpr std::size_t most_place = 40;
constexpr std::size_t most_address = 45;

/// Those that matter, the worst first.
std::vector<const Finding*> weighty(const std::vector<Finding>& findings) {
  std::vector<const Finding*> list;
  for (const auto& finding : findings) {
    if (finding.severity != Severity::information) list.push_back(&finding);
  }
  std::stable_sort(list.begin(), list.end(), [](const auto* left, const auto* right) { return left->severity > right->severity; });
  return list;
}

std::string place_of(const LocationReport& place, bool privacy) {
  std::string list;
  for (const auto& part : {privacy ? std::string() : place.city, privacy ? std::string() : place.region, place.country}) {
    if (!part.empty()) list += (list.empty() ? "" : ", ") + bot_shown(part, most_place);
  }
  return list;
}

std::string dns_of(const DnsReport& dns) {
  if (dns.verdict == "no_leak") return "no leak";
  if (dns.verdict == "unverifiable") return "could not be verified";
  return bot_shown(dns.verdict, most_place);
}

}  // namespace

std::string_view bot_sign(State state) { return words_of(state).sign; }
std::string_view bot_word(State state) { return words_of(state).word; }
std::string_view bot_sentence(State state) { return words_of(state).sentence; }

std::string bot_shown(std::string_view text, std::size_t most) { return escape_html(shortened(text, most)); }

std::string bot_text_at(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string bot_code(std::string_view text) { return "<code>" + bot_shown(text) + "</code>"; }

std::string bot_duration(std::chrono::microseconds duration) {
  using std::chrono::seconds;
  return human_duration(std::max(std::chrono::duration_cast<seconds>(duration), seconds{0}));
}

std::string bot_lowered(std::string_view text) {
  std::string copy(text);
  std::transform(copy.begin(), copy.end(), copy.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return copy;
}

const BotMute* bot_mute_of(const ClientState& client, const std::vector<BotMute>& mutes, WallTime now) {
  const auto& group = client.last_report.group;
  const auto of_group = group.empty() ? std::string() : group_client_id(group);
  const auto found = std::ranges::find_if(mutes, [&](const BotMute& mute) {
    const bool meant = mute.subject == client.client_id || (!of_group.empty() && mute.subject == of_group);
    return meant && (!mute.until || *mute.until > now);
  });
  return found == mutes.end() ? nullptr : &*found;
}

std::vector<std::string> bot_reasons(const std::vector<Finding>& findings) {
  std::vector<std::string> reasons;
  const auto list = weighty(findings);
  for (std::size_t i = 0; i < std::min(list.size(), most_reasons); ++i) {
    const auto* text = find_text(list[i]->code);
    reasons.push_back(text != nullptr ? escape_html(text->meaning) : bot_code(list[i]->code));
  }
  if (list.size() > most_reasons) reasons.back() += fmt::format(" (and {} more)", list.size() - most_reasons);
  return reasons;
}

std::string bot_advice(const std::vector<Finding>& findings) {
  const auto list = weighty(findings);
  return list.empty() ? std::string() : escape_html(advice_of(*list.front()));
}

std::string bot_where(const ClientState& client, bool privacy) {
  const auto& report = client.last_report;
  auto text = privacy || !report.public_ip ? std::string() : "<code>" + bot_shown(*report.public_ip, most_address) + "</code>";
  const auto place = place_of(report.location.value_or(LocationReport{}), privacy);
  if (place.empty()) return text;
  return text + (text.empty() ? "" : " · ") + place;
}

std::vector<std::string> bot_facts(const ClientState& client, bool privacy) {
  const auto& report = client.last_report;
  const bool offline = client.state == State::offline;
  std::vector<std::string> lines;
  const auto add = [&](std::string_view label, const std::string& value) {
    if (!value.empty()) lines.push_back(fmt::format("{}: {}", label, value));
  };
  if (client.is_group()) return lines;
  if (!privacy) add(offline ? "Last VPN IP" : "VPN IP", report.public_ip ? bot_code(*report.public_ip) : "unknown");
  const auto place = report.location.value_or(LocationReport{});
  add("📍 Location", place_of(place, privacy));
  add("🏢 Provider", bot_shown(place.org));
  if (offline) return lines;
  if (report.dns) add("🔒 DNS", dns_of(*report.dns));
  if (report.tunnel) add("🔌 Tunnel", fmt::format("{}, {}", bot_code(report.tunnel->name), report.tunnel->up ? "up" : "down"));
  add("🧱 Kill switch", bot_shown(kill_switch_text(report)));
  if (report.latency_ms) add("⏱ Latency", fmt::format("{:.0f} ms", *report.latency_ms));
  add("📦 Version", report.client_version.empty() ? std::string() : bot_code(report.client_version));
  return lines;
}

std::string bot_acknowledged(const nlohmann::json& incident) {
  const auto found = incident.find("acknowledged");
  if (found == incident.end() || !found->is_object()) return {};
  const auto by = found->find("by");
  return by == found->end() || !by->is_string() ? std::string() : "\n   ✅ acknowledged by " + bot_shown(by->get<std::string>(), most_place);
}

std::string BotText::finish() const {
  std::string text;
  for (const auto& next : lines_) {
    if (text.size() + next.size() + 1 > most_answer_bytes) break;
    if (&next != lines_.data()) text += '\n';
    text += next;
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace vpn_sentinel

#include "hub/alert/notice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using Kind = Notice::Kind;
using Line = Notice::Line;

constexpr std::array<std::string_view, 22> kind_words{
    "connected",    "protected_again",  "leak",     "danger",      "contained",   "warning",   "offline",
    "back",         "address_changed",  "news",     "reminder",    "escalation",  "together",  "latency",
    "dns_mismatch", "address_flapping", "exposure", "hub_started", "hub_trouble", "hub_works", "test",
    "report"};
constexpr std::array<std::string_view, 3> part_words{"when", "damage", "where"};
constexpr std::array<std::string_view, 3> look_words{"plain", "literal", "strong"};

template <typename Enum, std::size_t N>
std::optional<Enum> parse_word(const std::array<std::string_view, N>& words, std::string_view word) {
  const auto* const found = std::find(words.begin(), words.end(), word);
  if (found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}

/// Fields that are wrong or missing read as empty ones: a row of another version must not stop the hub.
std::string stored_text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::size_t count_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::size_t>() : 0;
}

WallTime time_at(const json& object, const char* key) { return parse_rfc3339(stored_text(object, key)).value_or(WallTime{}); }

template <typename Take>
void each_at(const json& object, const char* key, std::size_t most, Take take) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return;
  for (std::size_t i = 0; i < std::min(found->size(), most); ++i) take((*found)[i]);
}

/// Keys with an empty or usual value are left out: a thousand messages may wait.
void add(json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}
void add(json& object, const char* key, std::size_t value) {
  if (value != 0) object[key] = value;
}

json line_json(const Line& line) {
  json object = json::object();
  add(object, "label", line.label);
  add(object, "value", line.value);
  add(object, "after", line.after);
  if (line.is_private) object["private"] = true;
  if (line.part != Line::Part::when) object["part"] = part_words.at(static_cast<std::size_t>(line.part));
  if (line.look != Line::Look::plain) object["look"] = look_words.at(static_cast<std::size_t>(line.look));
  return object;
}

json lines_json(const std::vector<Line>& lines) {
  auto list = json::array();
  for (const auto& line : lines) list.push_back(line_json(line));
  return list;
}

/// More lines than any message has.
constexpr std::size_t most_lines = 64;

std::vector<Line> lines_at(const json& object, const char* key) {
  std::vector<Line> lines;
  each_at(object, key, most_lines, [&lines](const json& item) {
    if (!item.is_object()) return;
    Line line;
    line.label = stored_text(item, "label");
    line.value = stored_text(item, "value");
    line.after = stored_text(item, "after");
    // Whatever is not surely public is private.
    const auto hidden = item.find("private");
    line.is_private = hidden != item.end() && *hidden != json(false);
    line.part = parse_word<Line::Part>(part_words, stored_text(item, "part")).value_or(Line::Part::when);
    line.look = parse_word<Line::Look>(look_words, stored_text(item, "look")).value_or(Line::Look::plain);
    lines.push_back(std::move(line));
  });
  return lines;
}

json reason_json(const Notice::Reason& reason) {
  json object{{"code", reason.code}, {"severity", reason.severity}, {"text", reason.text}};
  add(object, "advice", reason.advice);
  if (!reason.evidence.empty()) object["evidence"] = lines_json(reason.evidence);
  return object;
}

}  // namespace

std::string_view to_string(Kind kind) { return kind_words.at(static_cast<std::size_t>(kind)); }

std::optional<Kind> parse_notice_kind(std::string_view text) { return parse_word<Kind>(kind_words, text); }

std::string to_text(const Notice& notice) {
  json object{{"notice", 1},
              {"kind", to_string(notice.kind)},
              {"title", notice.title},
              {"at", to_rfc3339(notice.at)},
              {"noticed", to_rfc3339(notice.noticed)}};
  add(object, "rule", notice.rule);
  add(object, "client_id", notice.client_id);
  add(object, "group", notice.group);
  if (notice.incident) object["incident"] = *notice.incident;
  if (notice.from) object["from"] = to_string(*notice.from);
  if (notice.to) object["to"] = to_string(*notice.to);
  add(object, "text", notice.text);
  for (const auto& reason : notice.reasons) object["reasons"].push_back(reason_json(reason));
  add(object, "more_reasons", notice.more_reasons);
  if (!notice.facts.empty()) object["facts"] = lines_json(notice.facts);
  for (const auto& client : notice.clients) object["clients"].push_back(client);
  add(object, "more_clients", notice.more_clients);
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Notice> parse_notice(std::string_view text) {
  const auto object = json::parse(text, nullptr, false);
  if (!object.is_object() || !object.contains("notice")) return std::nullopt;
  Notice notice;
  notice.title = stored_text(object, "title");
  if (notice.title.empty()) return std::nullopt;
  notice.to = parse_state(stored_text(object, "to"));
  notice.from = parse_state(stored_text(object, "from"));
  const auto unknown = notice.to == State::danger ? Kind::danger : Kind::news;
  notice.kind = parse_notice_kind(stored_text(object, "kind")).value_or(unknown);
  notice.rule = stored_text(object, "rule");
  notice.client_id = stored_text(object, "client_id");
  notice.group = stored_text(object, "group");
  if (const auto found = object.find("incident"); found != object.end() && found->is_number_integer()) {
    notice.incident = found->get<std::int64_t>();
  }
  notice.at = time_at(object, "at");
  notice.noticed = time_at(object, "noticed");
  notice.text = stored_text(object, "text");
  each_at(object, "reasons", Notice::most_reasons, [&notice](const json& item) {
    if (!item.is_object()) return;
    notice.reasons.push_back({stored_text(item, "code"), stored_text(item, "severity"), stored_text(item, "text"),
                              stored_text(item, "advice"), lines_at(item, "evidence")});
  });
  notice.more_reasons = count_at(object, "more_reasons");
  notice.facts = lines_at(object, "facts");
  each_at(object, "clients", Notice::most_clients, [&notice](const json& item) {
    if (item.is_string()) notice.clients.push_back(item.get<std::string>());
  });
  notice.more_clients = count_at(object, "more_clients");
  return notice;
}

std::string shortened(std::string_view text, std::size_t most) {
  std::size_t characters = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool starts_character = (static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80U;
    if (starts_character && ++characters > most) break;
  }
  return std::string(text.substr(0, end)) + (end < text.size() ? "…" : "");
}

std::string utc_text(WallTime time) {
  auto text = to_rfc3339(time).substr(0, 19);
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text + " UTC";
}

}  // namespace vpn_sentinel

#include "hub/alert/notice_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "hub/alert/notice_words.hpp"

namespace vpn_sentinel {
namespace {

struct Context {
  const Notice& notice;
  std::string_view id;
  std::string_view channel;
};

std::string state_word(const std::optional<State>& state) { return state ? std::string(to_string(*state)) : std::string(); }

struct Placeholder {
  std::string_view name;
  std::string (*value)(const Context&);
};

const std::array placeholders{
    Placeholder{"title", [](const Context& now) { return now.notice.title; }},
    Placeholder{"text", [](const Context& now) { return plain_body(now.notice, most_plain_body); }},
    Placeholder{"kind", [](const Context& now) { return std::string(to_string(now.notice.kind)); }},
    Placeholder{"client", [](const Context& now) { return now.notice.client_id; }},
    Placeholder{"group", [](const Context& now) { return now.notice.group; }},
    Placeholder{"from", [](const Context& now) { return state_word(now.notice.from); }},
    Placeholder{"state", [](const Context& now) { return state_word(now.notice.to); }},
    Placeholder{"since", [](const Context& now) { return utc_text(now.notice.at); }},
    Placeholder{"at", [](const Context& now) { return to_rfc3339(now.notice.at); }},
    Placeholder{"rule", [](const Context& now) { return now.notice.rule; }},
    Placeholder{"incident", [](const Context& now) { return now.notice.incident ? std::to_string(*now.notice.incident) : std::string(); }},
    Placeholder{"reason", [](const Context& now) { return now.notice.reasons.empty() ? std::string() : now.notice.reasons.front().text; }},
    Placeholder{"advice",
                [](const Context& now) { return now.notice.reasons.empty() ? std::string() : now.notice.reasons.front().advice; }},
    Placeholder{"priority", [](const Context& now) { return std::to_string(priority_of(now.notice)); }},
    Placeholder{"id", [](const Context& now) { return std::string(now.id); }},
    Placeholder{"channel", [](const Context& now) { return std::string(now.channel); }},
};

std::string known_names() {
  std::string list;
  for (const auto& each : placeholders) list += fmt::format("{}{}", list.empty() ? "" : ", ", each.name);
  return list;
}

const Placeholder* find_placeholder(std::string_view name) {
  const auto* const found = std::ranges::find(placeholders, name, &Placeholder::name);
  return found == placeholders.end() ? nullptr : found;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

Result<NoticeTemplate> NoticeTemplate::parse(std::string_view text) {
  if (text.size() > most_bytes) {
    return fail(Error::Kind::invalid, fmt::format("{} bytes: expected at most {}", text.size(), most_bytes));
  }
  NoticeTemplate made;
  while (!text.empty()) {
    const auto begin = text.find("{{");
    if (begin != 0) made.pieces_.push_back({false, std::string(text.substr(0, begin))});
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin + 2);
    const auto end = text.find("}}");
    if (end == std::string_view::npos) return fail(Error::Kind::invalid, "a placeholder begins with {{ and does not end: expected }}");
    const auto name = trimmed(text.substr(0, end));
    if (find_placeholder(name) == nullptr) {
      return fail(Error::Kind::invalid, fmt::format("{{{{{}}}}}: expected one of {}", shortened(name, 40), known_names()));
    }
    made.pieces_.push_back({true, std::string(name)});
    text.remove_prefix(end + 2);
  }
  return made;
}

std::string NoticeTemplate::render(const Notice& notice, std::string_view id, std::string_view channel,
                                   const std::function<std::string(std::string_view)>& escape) const {
  const Context context{notice, id, channel};
  std::string text;
  for (const auto& piece : pieces_) {
    const auto* placeholder = piece.is_name ? find_placeholder(piece.text) : nullptr;
    text += placeholder != nullptr ? escape(placeholder->value(context)) : piece.text;
  }
  return text;
}

std::string escape_json(std::string_view text) {
  const auto quoted = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace vpn_sentinel

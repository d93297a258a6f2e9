#include "hub/alert/telegram_reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using std::chrono::seconds;

/// A server that wants a longer silence is asked once an hour all the same.
constexpr seconds longest_telegram_pause{3600};
constexpr std::size_t most_reason = 200;

std::string description_of(const json& body) {
  if (!body.is_object()) return {};
  const auto found = body.find("description");
  return found != body.end() && found->is_string() ? found->get<std::string>().substr(0, most_reason) : std::string();
}

std::optional<bool> ok_of(const json& body) {
  if (!body.is_object()) return std::nullopt;
  const auto found = body.find("ok");
  return found != body.end() && found->is_boolean() ? std::optional(found->get<bool>()) : std::nullopt;
}

const json& parameters_of(const json& body) {
  static const json none = json::object();
  if (!body.is_object()) return none;
  const auto found = body.find("parameters");
  return found != body.end() && found->is_object() ? *found : none;
}

std::optional<seconds> telegram_pause(const json& parameters, std::optional<seconds> header) {
  const auto found = parameters.find("retry_after");
  if (found != parameters.end() && found->is_number()) header = seconds{static_cast<long>(std::min(found->get<double>(), 86'400.0))};
  if (!header) return std::nullopt;
  return std::clamp(*header, seconds{1}, longest_telegram_pause);
}

/// Telegram answers 400 for a bad text and for whatever is wrong with chat, rights or topic, in words that grow with its versions. Only
/// what surely blames the text may cost a message.
bool blames_text(std::string_view description) {
  constexpr std::array words{"can't parse entities", "message is too long", "message text is empty"};
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return description.find(word) != std::string_view::npos; });
}

/// What surely concerns every message. Of other words nobody knows: only another message shows it.
bool blames_setup(std::string_view description) {
  constexpr std::array words{"chat not found", "rights",        "thread",         "TOPIC_",         "CHAT_",
                             "PEER_ID",        "administrator", "bot was",        "bot is not",     "kicked",
                             "deactivated",    "chat_id",       "user not found", "group chat was", "not a member"};
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return description.find(word) != std::string_view::npos; });
}

/// `ok`: nullopt when the answer is not the Bot API's.
TelegramReply::Kind kind_of(long status, std::optional<bool> ok, std::string_view description) {
  using enum TelegramReply::Kind;
  if (status == 200) return ok == true ? delivered : try_again;  // A captive portal answers 200, too.
  if (status == 400 || status == 413) {
    if (ok != false) return try_again;  // a proxy's own page
    if (blames_text(description)) return bad_text;
    return blames_setup(description) ? wrong_setup : refused;
  }
  if (status == 401 || status == 403 || status == 404) return wrong_setup;
  return try_again;
}

}  // namespace

TelegramReply read_telegram_reply(long status, std::string_view body, std::optional<seconds> retry_after) {
  const auto answer = json::parse(body, nullptr, false);
  const auto description = description_of(answer);
  const auto& parameters = parameters_of(answer);

  TelegramReply reply;
  reply.kind = kind_of(status, ok_of(answer), description);
  reply.pause = telegram_pause(parameters, retry_after);
  if (const auto moved = parameters.find("migrate_to_chat_id"); moved != parameters.end() && moved->is_number_integer()) {
    reply.kind = TelegramReply::Kind::chat_moved;
    reply.new_chat_id = std::to_string(moved->get<std::int64_t>());
  }
  if (reply.kind == TelegramReply::Kind::delivered) return reply;
  reply.reason = fmt::format("HTTP {}{}{}", status, description.empty() ? "" : ": ", description);
  if (status == 200) reply.reason = "the answer is not the Bot API's: check the address and what stands between (proxy, captive portal)";
  if (status == 401 || status == 404) reply.reason += "; check the bot token";
  if (status == 403 || (status == 400 && reply.kind == TelegramReply::Kind::wrong_setup)) {
    reply.reason += "; check the chat id, and that the bot may write there";
  }
  return reply;
}

std::string plain_text(std::string_view html) {
  std::string text;
  bool in_tag = false;
  for (const char c : html) {
    if (c == '<') in_tag = true;
    if (!in_tag) text += c;
    if (c == '>') in_tag = false;
  }
  constexpr std::array<std::pair<std::string_view, char>, 4> entities{{{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&amp;", '&'}}};
  for (const auto& [entity, character] : entities) {
    for (auto at = text.find(entity); at != std::string::npos; at = text.find(entity, at + 1))
      text.replace(at, entity.size(), 1, character);
  }
  return text;
}

std::string telegram_body(const TelegramPlace& place, std::string_view text, bool html, const json& buttons) {
  json body{{"chat_id", place.chat_id}, {"text", text}, {"disable_notification", place.quiet}, {"disable_web_page_preview", true}};
  if (place.thread) body["message_thread_id"] = *place.thread;
  if (html) body["parse_mode"] = "HTML";
  if (buttons.is_object()) body["reply_markup"] = buttons;
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace vpn_sentinel

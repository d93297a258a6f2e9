// Buttons: what they do, and how their message shows it afterwards.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "hub/alert/bot_talk.hpp"
#include "hub/alert/bot_words.hpp"
#include "hub/alert/notice.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using What = BotPress::What;

/// What stands below it in a message was added when somebody pressed a button.
constexpr std::string_view ruler = "\n\n──\n";
constexpr std::size_t most_units = 4096;
constexpr std::size_t most_toast = 180;

/// As Telegram counts: UTF-16.
std::size_t units_of(std::string_view text) {
  std::size_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    units += ((byte & 0xc0U) != 0x80U ? 1U : 0U) + (byte >= 0xf0U ? 1U : 0U);
  }
  return units;
}

/// What the one who pressed sees for a moment; `stays`: until he closes it.
BotCall toast(const BotUpdate& update, std::string_view text, bool stays = false) {
  return {
      "answerCallbackQuery", {{"callback_query_id", update.press_id}, {"text", shortened(text, most_toast)}, {"show_alert", stays}}, false};
}

/// "@ada" of "telegram:@ada": within Telegram everybody is of Telegram.
std::string person(std::string_view by) {
  constexpr std::string_view from_here = "telegram:";
  return std::string(by.starts_with(from_here) ? by.substr(from_here.size()) : by);
}

json acknowledged(const json& incident) {
  const auto found = incident.find("acknowledged");
  return found == incident.end() ? json() : *found;
}

}  // namespace

std::vector<BotCall> BotTalk::answer_press(const BotUpdate& update, const BotChatRule& rule, WallTime now, MonoTime mono) {
  if (presses_.take(update.chat.id, mono) != BotPace::Verdict::answer) return {};
  const auto press = parse_bot_press(update.data);
  if (!press) return {toast(update, "This button is not one of mine", true)};
  if (press->what == What::status || press->what == What::incidents) return turn_page(update, *press, rule.privacy, now);
  // Whoever reads a channel can press its buttons.
  BotChat own;
  own.id = update.user_id;
  if (update.chat.kind == "channel" && rule_of(own) == nullptr)
    return {toast(update, "In a channel only those whose own chat is allowed may do this", true)};
  return act(update, *press, now);
}

std::vector<BotCall> BotTalk::turn_page(const BotUpdate& update, const BotPress& press, bool privacy, WallTime now) const {
  auto shown = page(press.what, press.page, privacy, now);
  json body{{"chat_id", update.chat.id},        {"message_id", update.message_id},
            {"text", std::move(shown.html)},    {"parse_mode", "HTML"},
            {"disable_web_page_preview", true}, {"reply_markup", page_buttons(press.what, shown.page, shown.pages)}};
  return {toast(update, ""), {"editMessageText", std::move(body), false}};
}

std::vector<BotCall> BotTalk::act(const BotUpdate& update, const BotPress& press, WallTime now) {
  auto incident = actions_.incident(press.incident);
  if (!incident) return {toast(update, "The hub cannot do that now: " + incident.error().message, true)};
  if (!incident->is_object()) return {toast(update, "This incident is not kept any more", true)};
  if (!seal_.is_ours(press, bot_text_at(*incident, "client_id"))) {
    note_("bot_forged_button", fmt::format("{} sent what no button of incident {} carries", update.user, press.incident));
    return {toast(update, "This button is not one of mine", true)};
  }
  const auto done = carry_out(update, press, *incident, now);
  if (!done) return {toast(update, "The hub cannot do that now: " + done.error().message, true)};
  return {toast(update, *done), show_care(update, press.incident, *incident, now)};
}

/// What the one who pressed is told.
Result<std::string> BotTalk::carry_out(const BotUpdate& update, const BotPress& press, json& incident, WallTime now) const {
  const auto by = "telegram:" + update.user;
  const auto client_id = bot_text_at(incident, "client_id");
  if (press.what == What::acknowledge) {
    if (const auto before = acknowledged(incident); before.is_object())
      return "Acknowledged already by " + person(bot_text_at(before, "by"));
    if (auto done = actions_.acknowledge(press.incident, by, now); !done) return fail(done.error());
    note_("bot_acknowledged", fmt::format("incident {} of {} by {}", press.incident, client_id, by));
    incident["acknowledged"] = {{"by", by}, {"at", to_rfc3339(now)}};
    return "Acknowledged";
  }
  if (press.what == What::unmute) {
    if (auto done = actions_.unmute(client_id, by); !done) return fail(done.error());
    note_("bot_unmuted", fmt::format("{} by {}", client_id, by));
    return "Messages come again";
  }
  if (auto done = actions_.mute({client_id, now + usual_mute, by}, now); !done) return fail(done.error());
  note_("bot_muted", fmt::format("{} by {}", client_id, by));
  return "Muted for an hour";
}

/// The message as it was, and below it who cares. Its markup comes as places in the text, which stay where they are.
BotCall BotTalk::show_care(const BotUpdate& update, std::int64_t number, const json& incident, WallTime now) const {
  const auto client_id = bot_text_at(incident, "client_id");
  const auto mutes = actions_.mutes();
  const auto mute =
      std::ranges::find_if(mutes, [&](const BotMute& each) { return each.subject == client_id && (!each.until || *each.until > now); });
  const auto seen = acknowledged(incident);
  std::string care;
  if (seen.is_object()) {
    const auto at = parse_rfc3339(bot_text_at(seen, "at"));
    care += fmt::format("✅ Acknowledged by {}{}\n", person(bot_text_at(seen, "by")), at ? ", " + utc_text(*at) : "");
  }
  if (mute != mutes.end()) {
    care += fmt::format("🔕 Muted {} by {}\n", mute->until ? "until " + utc_text(*mute->until) : "until it is taken back", person(mute->by));
  }
  const ButtonState state{seen.is_object(), mute != mutes.end()};
  json body{
      {"chat_id", update.chat.id}, {"message_id", update.message_id}, {"reply_markup", alert_buttons(seal_, number, client_id, state)}};
  auto text = update.text.substr(0, update.text.rfind(ruler));
  if (!care.empty()) text += std::string(ruler) + care.substr(0, care.size() - 1);
  // Of a message that is too old the server tells no text.
  if (update.text.empty() || units_of(text) > most_units) return {"editMessageReplyMarkup", std::move(body), false};
  body["text"] = std::move(text);
  body["entities"] = update.entities;
  body["disable_web_page_preview"] = true;
  return {"editMessageText", std::move(body), false};
}

}  // namespace vpn_sentinel

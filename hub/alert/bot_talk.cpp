#include "hub/alert/bot_talk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/alert/bot_words.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using Verb = BotCommand::Verb;

constexpr std::size_t most_refused = 1'000;
constexpr std::chrono::seconds late_answer{60};
/// Six at once, then twelve in a minute: alerts to the same chat have the rest of what Telegram takes.
constexpr double message_burst = 6;
constexpr double messages_per_second = 0.2;
constexpr double press_burst = 20;
constexpr double presses_per_second = 1;

BotCall send(const BotUpdate& update, std::string html) {
  json body{{"chat_id", update.chat.id}, {"text", std::move(html)}, {"parse_mode", "HTML"}, {"disable_web_page_preview", true}};
  if (update.topic) body["message_thread_id"] = *update.topic;
  return {"sendMessage", std::move(body), true};
}

BotCall send_page(const BotUpdate& update, BotPress::What what, BotPage page) {
  auto call = send(update, std::move(page.html));
  call.body["reply_markup"] = page_buttons(what, page.page, page.pages);
  return call;
}

std::string unanswered(const Error& error) { return "⚠️ The hub cannot answer that now: " + bot_shown(error.message); }

std::string by_whom(const BotUpdate& update) { return "telegram:" + update.user; }

/// The message's clock is Telegram's: what comes again after a restart means the same time.
WallTime asked_at(const BotUpdate& update, WallTime now) { return update.sent == WallTime{} ? now : std::min(update.sent, now); }

}  // namespace

BotPace::Verdict BotPace::take(std::int64_t chat, MonoTime now) {
  auto& bucket = buckets_.try_emplace(chat, Bucket{burst_, now}).first->second;
  const auto passed = std::chrono::duration<double>(now - bucket.at).count();
  bucket.left = std::min(burst_, bucket.left + passed * per_second_);
  bucket.at = now;
  if (bucket.left >= 1) {
    bucket.left -= 1;
    bucket.complained = bucket.complained && bucket.left < burst_ / 2;
    return Verdict::answer;
  }
  return std::exchange(bucket.complained, true) ? Verdict::silence : Verdict::complain;
}

BotTalk::BotTalk(std::vector<BotChatRule> chats, std::string_view bot_token, BotActions actions, Note note)
    : chats_(std::move(chats)),
      seal_(bot_token),
      actions_(std::move(actions)),
      note_(std::move(note)),
      messages_(message_burst, messages_per_second),
      presses_(press_burst, presses_per_second) {}

const BotChatRule* BotTalk::rule_of(const BotChat& chat) const {
  const auto number = std::to_string(chat.id);
  const auto name = chat.username.empty() ? std::string() : "@" + bot_lowered(chat.username);
  const auto found = std::ranges::find_if(
      chats_, [&](const BotChatRule& rule) { return rule.id == number || (!name.empty() && bot_lowered(rule.id) == name); });
  return found == chats_.end() ? nullptr : &*found;
}

bool BotTalk::wants_answer(const BotUpdate& update) const {
  if (update.kind != BotUpdate::Kind::message || rule_of(update.chat) == nullptr) return false;
  const auto verb = parse_bot_command(update.text, bot_name_).verb;
  return verb != Verb::none && verb != Verb::unknown;
}

BotCall BotTalk::listening(const BotUpdate& last, std::size_t skipped) { return send(last, listening_answer(skipped)); }

std::vector<BotCall> BotTalk::answer(const BotUpdate& update, WallTime now, MonoTime mono) {
  if (update.kind == BotUpdate::Kind::other) return {};
  follow(update);
  const auto* rule = rule_of(update.chat);
  if (rule == nullptr) {
    refuse(update);
    return {};
  }
  return update.kind == BotUpdate::Kind::press ? answer_press(update, *rule, now, mono) : answer_message(update, *rule, now, mono);
}

/// Strangers are told nothing, not even that there is somebody.
void BotTalk::refuse(const BotUpdate& update) {
  if (refused_.size() >= most_refused || !refused_.insert(update.chat.id).second) return;
  note_("bot_stranger",
        fmt::format("chat {} ({}, {}) writes to the bot and is not answered; VPN_SENTINEL_TELEGRAM_COMMAND_CHATS names those that are",
                    update.chat.id, update.chat.kind.empty() ? "?" : update.chat.kind, update.user));
}

/// A group that became a supergroup has another id; until the settings name it, the word of Telegram counts.
void BotTalk::follow(const BotUpdate& update) {
  if (!update.moved_from || rule_of(update.chat) != nullptr) return;
  BotChat before;
  before.id = *update.moved_from;
  const auto* rule = rule_of(before);
  if (rule == nullptr) return;
  note_("bot_chat_moved", fmt::format("chat {} has become {}; set that as the chat id", before.id, update.chat.id));
  chats_.push_back({std::to_string(update.chat.id), rule->privacy});
}

std::vector<BotCall> BotTalk::answer_message(const BotUpdate& update, const BotChatRule& rule, WallTime now, MonoTime mono) {
  const auto command = parse_bot_command(update.text, bot_name_);
  const bool alone = update.chat.kind == "private";
  // In a group people talk to each other.
  if (command.verb == Verb::none && (!alone || update.text.empty() || update.text.starts_with('/'))) return {};
  if (command.verb == Verb::unknown && !alone && !command.addressed) return {};
  switch (messages_.take(update.chat.id, mono)) {
    case BotPace::Verdict::answer:
      break;
    case BotPace::Verdict::complain:
      note_("bot_flood", fmt::format("chat {} asks more than 12 times in a minute; what is too much is not answered", update.chat.id));
      return {send(update, "⏳ Too many commands at once. Ask again in a minute.")};
    case BotPace::Verdict::silence:
      return {};
  }
  auto calls = run(command, update, rule.privacy, now);
  const auto waited = now - asked_at(update, now);
  if (waited > late_answer && !calls.empty()) {
    auto& text = calls.front().body["text"];
    text = fmt::format("⏳ Asked {} ago.\n\n{}", bot_duration(waited), text.get<std::string>());
  }
  return calls;
}

std::vector<BotCall> BotTalk::run(const BotCommand& command, const BotUpdate& update, bool privacy, WallTime now) {
  switch (command.verb) {
    case Verb::none:
      return {send(update, unknown_answer(""))};
    case Verb::wrong:
      return {send(update, "❓ " + bot_shown(command.problem, 200))};
    case Verb::unknown:
      return {send(update, unknown_answer(command.name))};
    case Verb::start:
      return {send(update, start_answer())};
    case Verb::help:
      return {send(update, help_answer())};
    case Verb::ping:
      return {send(update, ping_answer(actions_.hub(), actions_.clients(), now))};
    case Verb::status:
      if (!command.name.empty()) return {send(update, client(command.name, privacy, now))};
      return {send_page(update, BotPress::What::status, page(BotPress::What::status, 0, privacy, now))};
    case Verb::client:
      return {send(update, client(command.name, privacy, now))};
    case Verb::incidents:
      if (command.name.empty()) return {send_page(update, BotPress::What::incidents, incidents("", 0, now))};
      return {send(update, incidents(command.name, 0, now).html)};
    case Verb::mute:
      return {send(update, mute(command, update, now))};
    case Verb::unmute:
      return {send(update, unmute(command.name, update))};
  }
  return {};
}

std::string BotTalk::client(const std::string& name, bool privacy, WallTime now) const {
  const auto found = named_clients(actions_.clients(), name);
  if (found.size() != 1) return which_client_answer(name, found);
  const auto open = actions_.incidents(found.front()->client_id, true);
  const auto incident = open && open->is_array() && !open->empty() ? open->front() : json();
  return client_answer(*found.front(), actions_.mutes(), incident, privacy, now);
}

std::string BotTalk::mute(const BotCommand& command, const BotUpdate& update, WallTime now) const {
  const auto found = named_clients(actions_.clients(), command.name);
  if (found.size() != 1) return which_client_answer(command.name, found);
  const auto at = asked_at(update, now);
  BotMute mute{found.front()->client_id, std::nullopt, by_whom(update)};
  if (command.minutes) mute.until = at + *command.minutes;
  if (!mute.until || *mute.until > now) {
    if (const auto done = actions_.mute(mute, at); !done) return unanswered(done.error());
    note_("bot_muted", fmt::format("{} by {}", mute.subject, mute.by));
  }
  return muted_answer(mute, found.front()->state == State::danger, now);
}

std::string BotTalk::unmute(const std::string& name, const BotUpdate& update) const {
  const auto mutes = actions_.mutes();
  auto subject = name;
  // What is muted may be known no longer.
  if (std::ranges::find(mutes, name, &BotMute::subject) == mutes.end()) {
    const auto found = named_clients(actions_.clients(), name);
    if (found.size() != 1) return which_client_answer(name, found);
    subject = found.front()->client_id;
  }
  const auto was_muted = actions_.unmute(subject, by_whom(update));
  if (!was_muted) return unanswered(was_muted.error());
  if (*was_muted) note_("bot_unmuted", fmt::format("{} by {}", subject, by_whom(update)));
  return unmuted_answer(subject, *was_muted);
}

BotPage BotTalk::page(BotPress::What what, std::size_t number, bool privacy, WallTime now) const {
  if (what == BotPress::What::incidents) return incidents("", number, now);
  return status_page(actions_.clients(), actions_.mutes(), number, privacy, now);
}

BotPage BotTalk::incidents(const std::string& name, std::size_t number, WallTime now) const {
  auto client_id = name;
  if (!name.empty()) {
    const auto found = named_clients(actions_.clients(), name);
    if (found.size() != 1) return {which_client_answer(name, found), 0, 1};
    client_id = found.front()->client_id;
  }
  const auto open = actions_.incidents(client_id, true);
  if (!open) return {unanswered(open.error()), 0, 1};
  const auto latest = open->empty() ? actions_.incidents(client_id, false) : Result<json>(json::array());
  if (!latest) return {unanswered(latest.error()), 0, 1};
  return incidents_page(*open, *latest, number, now);
}

}  // namespace vpn_sentinel

#include "hub/alert/telegram_bot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <thread>
#include <utility>

#include "hub/alert/bot_line.hpp"
#include "hub/alert/bot_standing.hpp"
#include "hub/alert/telegram_reply.hpp"
#include "netns/base/backoff.hpp"
#include "netns/base/random.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

/// Of one answer: what a chat writes in a minute, and small enough to be read when each is as long as it may be.
constexpr int most_updates = 20;
/// At the first start: what Telegram keeps (a day) of a busy group.
constexpr int most_skipped_rounds = 500;
constexpr int most_attempts = 10;
constexpr milliseconds patience_at_end{2'000};
constexpr milliseconds poll_slack{10'000};
/// When nothing was written for a week, Telegram begins its numbers anew, maybe with smaller ones.
constexpr std::chrono::hours numbers_last{24 * 6};
/// Numbers so little below the next one are old ones.
constexpr std::int64_t remembered_numbers = 100'000;

/// The number before the ':' of a token is the bot's.
std::int64_t bot_number(std::string_view token) {
  std::int64_t number = 0;
  std::from_chars(token.data(), token.data() + token.size(), number);
  return number;
}

json commands() {
  const auto one = [](const char* command, const char* description) { return json{{"command", command}, {"description", description}}; };
  return {{"commands",
           {one("status", "All clients, the worst first"), one("client", "One client: why, and what to do"),
            one("incidents", "What goes on, or went on last"), one("mute", "No messages about a client for a while"),
            one("unmute", "Messages again"), one("ping", "The hub itself"), one("help", "All commands")}}};
}

class Bot final : public TelegramBot {
 public:
  Bot(TelegramBotOptions options, Hooks hooks)
      : options_(std::move(options)),
        hooks_(std::move(hooks)),
        line_(options_.api_url, options_.bot_token, options_.ca_file),
        talk_(options_.chats, options_.bot_token, hooks_.actions,
              [this](std::string_view event, const std::string& message) { hooks_.note(event, line_.clean(message), false); }),
        backoff_(options_.first_retry, options_.most_retry),
        thread_([this] { run(); }) {}

  ~Bot() override {
    line_.end(patience_at_end);
    thread_.join();
  }
  Bot(const Bot&) = delete;
  Bot& operator=(const Bot&) = delete;

  [[nodiscard]] Standing standing() const override { return standing_.now(); }

 private:
  void run() {
    while (!line_.ended() && !introduce()) continue;
    if (!line_.ended()) remember();
    while (!line_.ended()) turn();
  }

  /// Who the bot is, and what its menu shows. False: to be tried again.
  bool introduce() {
    const auto me = line_.call("getMe", json::object(), options_.timeout, true);
    if (!me || me->status != 200) {
      failed(me);
      return false;
    }
    const auto result = read_bot_result(me->body);
    if (!result || !result->is_object()) {
      trouble("the answer is not the Bot API's: check the address and what stands between (proxy, captive portal)",
              backoff_.next(random_unit()));
      return false;
    }
    const auto name = result->find("username");
    if (name != result->end() && name->is_string()) talk_.set_bot_name(name->get<std::string>());
    const auto menu = line_.call("setMyCommands", commands(), options_.timeout, true);
    if (!menu || menu->status != 200) note("bot_menu", "Telegram does not take the list of commands; the commands work without it", false);
    return true;
  }

  /// How far it had come. What was written before its very first start is skipped.
  void remember() {
    const auto number = bot_number(options_.bot_token);
    auto kept = hooks_.load();
    if (!kept) note("bot_place", kept.error().message + "; what Telegram still has is answered, maybe once more", true);
    if (kept && *kept && (*kept)->bot == number) {
      place_ = **kept;
      if (place_.begun != 0) note("bot_answer_in_doubt", "the hub ended while an answer was on its way; it is not sent again", false);
      return;
    }
    place_ = {number, 0, 0, wall_now()};
    if (kept) skip_old();
  }

  void skip_old() {
    std::size_t skipped = 0;
    std::vector<BotUpdate> asked;  // the last one of each chat that is answered
    for (int round = 0; round < most_skipped_rounds && !line_.ended();) {
      const auto updates = poll(std::chrono::seconds{0});
      if (!updates) continue;
      if (updates->empty()) break;
      ++round;
      for (const auto& update : *updates) {
        place_.next = update.id + 1;
        if (!talk_.wants_answer(update)) continue;
        ++skipped;
        std::erase_if(asked, [&](const BotUpdate& other) { return other.chat.id == update.chat.id; });
        asked.push_back(update);
      }
    }
    if (line_.ended()) return;
    save();
    if (skipped > 0) note("bot_skipped", fmt::format("{} commands from before the first start are not answered", skipped), false);
    for (const auto& update : asked) static_cast<void>(send(BotTalk::listening(update, skipped), 0));
  }

  void turn() {
    const auto updates = poll(options_.poll);
    if (!updates) return;
    bool unsaved = false;
    for (const auto& update : *updates) {
      if (line_.ended()) return;  // what is not done comes again
      if (!is_old(update.id)) unsaved = !handle(update);
    }
    if (unsaved && !line_.ended()) save();
  }

  /// Nullopt: there was trouble, and a pause.
  std::optional<std::vector<BotUpdate>> poll(std::chrono::seconds wait) {
    json question{{"timeout", wait.count()}, {"limit", limit_}, {"allowed_updates", {"message", "channel_post", "callback_query"}}};
    if (place_.next > 0 && wall_now() - place_.at < numbers_last) question["offset"] = place_.next;
    const auto answer = line_.call("getUpdates", question, wait + poll_slack, true);
    if (!answer || answer->status != 200) {
      failed(answer);
      return std::nullopt;
    }
    auto updates = read_bot_updates(answer->body);
    if (!updates) {
      trouble(updates.error().message, backoff_.next(random_unit()));
      return std::nullopt;
    }
    limit_ = most_updates;
    works(updates->size());
    return std::move(*updates);
  }

  [[nodiscard]] bool is_old(std::int64_t id) const { return id < place_.next && id >= place_.next - remembered_numbers; }

  /// True: that it is done is kept.
  bool handle(const BotUpdate& update) {
    const bool in_doubt = place_.begun == update.id && update.id != 0;
    bool told = false;
    for (const auto& call : talk_.answer(update, wall_now(), mono_now())) {
      if (call.once && in_doubt) continue;
      if (!send(call, update.id)) return false;
      told = true;
    }
    place_.next = update.id + 1;
    if (!told && place_.begun == 0) return false;
    place_.begun = 0;
    save();
    return true;
  }

  /// False: the hub ends, and the server has not heard it. `update`: what it answers; 0: nothing.
  bool send(const BotCall& call, std::int64_t update) {
    auto body = call.body;
    for (int attempt = 1;; ++attempt) {
      if (call.once && update != 0) begin(update);
      const auto outcome = line_.call(call.method, body, options_.timeout, false);
      if (!outcome) {
        if (!outcome.error().reached && call.once && update != 0) begin(0);
        if (line_.ended()) return outcome.error().reached;
        trouble(outcome.error().reason, backoff_.next(random_unit()));
        continue;
      }
      const auto reply = read_telegram_reply(outcome->status, outcome->body, outcome->retry_after);
      if (reply.kind == TelegramReply::Kind::delivered) return sent(call);
      if (reply.kind == TelegramReply::Kind::bad_text && body.erase("parse_mode") > 0) {
        body["text"] = plain_text(body.value("text", ""));
        continue;
      }
      if (reply.kind != TelegramReply::Kind::try_again || attempt >= most_attempts) return refused(call, reply.reason);
      if (call.once && update != 0) begin(0);
      trouble(reply.reason, reply.pause ? milliseconds{*reply.pause} : backoff_.next(random_unit()));
    }
  }

  bool sent(const BotCall& call) {
    backoff_.reset();
    if (call.method == "sendMessage") standing_.answered();
    return true;
  }

  /// A press that is too old, a message that looks so already: nobody misses anything.
  bool refused(const BotCall& call, const std::string& reason) {
    const bool harmless = !call.once && (reason.find("not modified") != std::string::npos || reason.find("too old") != std::string::npos);
    if (!harmless) note("bot_answer_refused", fmt::format("{}: {}", call.method, reason), true);
    return true;
  }

  void begin(std::int64_t update) {
    if (std::exchange(place_.begun, update) != update) save();
  }

  void save() {
    place_.at = wall_now();
    const auto saved = hooks_.save(place_);
    if (!saved && !std::exchange(cannot_save_, true)) {
      note("bot_place", saved.error().message + "; after a restart an answer may come once more", true);
    }
    if (saved) cannot_save_ = false;
  }

  void works(std::size_t updates) {
    backoff_.reset();
    if (standing_.works(updates)) note("bot_listens_again", "commands are answered again", false);
  }

  void failed(const BotLine::Outcome& outcome) {
    if (!outcome) {
      limit_ = 1;  // an answer that is too long to be read would come again and again
      if (!line_.ended()) trouble(outcome.error().reason, backoff_.next(random_unit()));
      return;
    }
    const auto reply = read_telegram_reply(outcome->status, outcome->body, outcome->retry_after);
    if (outcome->status == 409) return conflict(reply.reason);
    const bool wrong = reply.kind == TelegramReply::Kind::wrong_setup;
    const auto pause = wrong ? options_.most_retry : backoff_.next(random_unit());
    trouble(reply.reason, reply.pause ? milliseconds{*reply.pause} : pause);
  }

  /// Telegram gives the updates to one who asks, so half of the commands would be answered by somebody else: told once.
  void conflict(const std::string& reason) {
    if (standing_.conflict(line_.clean(reason))) {
      const bool webhook = reason.find("webhook") != std::string::npos;
      note("bot_conflict",
           fmt::format("{}; {}", reason,
                       webhook ? "the bot has a webhook: take it away with deleteWebhook, or use a bot of its own"
                               : "another hub or program asks with the same token: give each a bot of its own, or switch the commands off "
                                 "(VPN_SENTINEL_TELEGRAM_COMMANDS=false) in all but one"),
           true);
    }
    line_.pause(options_.conflict_pause);
  }

  /// One line when it begins, not one for each attempt.
  void trouble(const std::string& reason, milliseconds pause) {
    if (standing_.trouble(line_.clean(reason))) note("bot_does_not_listen", reason + "; trying again, no command is lost", true);
    line_.pause(pause);
  }

  void note(std::string_view event, const std::string& message, bool bad) { hooks_.note(event, line_.clean(message), bad); }

  TelegramBotOptions options_;
  Hooks hooks_;
  BotLine line_;
  BotTalk talk_;
  Backoff backoff_;
  BotPlace place_;
  int limit_ = most_updates;
  bool cannot_save_ = false;
  BotStanding standing_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<TelegramBot> TelegramBot::start(TelegramBotOptions options, Hooks hooks) {
  return std::make_unique<Bot>(std::move(options), std::move(hooks));
}

}  // namespace vpn_sentinel

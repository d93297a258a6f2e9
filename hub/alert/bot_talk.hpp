/// From an update to what is done and answered: who may ask, how often, and which calls of the Bot API come of it. Does no I/O of its own
/// but what the actions do. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/alert/bot_actions.hpp"
#include "hub/alert/bot_answers.hpp"
#include "hub/alert/bot_buttons.hpp"
#include "hub/alert/bot_command.hpp"
#include "hub/alert/bot_update.hpp"

namespace vpn_sentinel {

/// A chat that is answered.
struct BotChatRule {
  std::string id;        ///< "-1001234", or "@name" of a public one
  bool privacy = false;  ///< answers leave addresses out
  friend bool operator==(const BotChatRule&, const BotChatRule&) = default;
};

/// One call of the Bot API.
struct BotCall {
  std::string method;
  nlohmann::json body;
  /// A second one would be a second message. What only edits may be done again.
  bool once = false;
};

/// What chats may cost: answers share Telegram's limit of 20 messages per minute and group with alerts.
class BotPace {
 public:
  enum class Verdict : std::uint8_t {
    answer,
    complain,  ///< the first one that is too many
    silence,
  };
  BotPace(double burst, double per_second) : burst_(burst), per_second_(per_second) {}
  /// Bounded by the number of chats that are answered.
  [[nodiscard]] Verdict take(std::int64_t chat, MonoTime now);

 private:
  struct Bucket {
    double left;
    MonoTime at;
    bool complained = false;
  };
  double burst_;
  double per_second_;
  std::map<std::int64_t, Bucket> buckets_;
};

class BotTalk {
 public:
  /// `event` is a stable word, `message` a sentence; for the log.
  using Note = std::function<void(std::string_view event, const std::string& message)>;

  BotTalk(std::vector<BotChatRule> chats, std::string_view bot_token, BotActions actions, Note note);

  /// Without the '@', as getMe tells it.
  void set_bot_name(std::string name) { bot_name_ = std::move(name); }
  /// Does what the update asks for, and says what is to be sent, in order. The same update again does the same again.
  [[nodiscard]] std::vector<BotCall> answer(const BotUpdate& update, WallTime now, MonoTime mono);
  /// The chat may ask, and this is a command.
  [[nodiscard]] bool wants_answer(const BotUpdate& update) const;
  /// The message that the bot begins to listen.
  [[nodiscard]] static BotCall listening(const BotUpdate& last, std::size_t skipped);

 private:
  [[nodiscard]] const BotChatRule* rule_of(const BotChat& chat) const;
  void refuse(const BotUpdate& update);
  void follow(const BotUpdate& update);
  [[nodiscard]] std::vector<BotCall> answer_message(const BotUpdate& update, const BotChatRule& rule, WallTime now, MonoTime mono);
  [[nodiscard]] std::vector<BotCall> run(const BotCommand& command, const BotUpdate& update, bool privacy, WallTime now);
  [[nodiscard]] std::string client(const std::string& name, bool privacy, WallTime now) const;
  [[nodiscard]] std::string mute(const BotCommand& command, const BotUpdate& update, WallTime now) const;
  [[nodiscard]] std::string unmute(const std::string& name, const BotUpdate& update) const;
  [[nodiscard]] BotPage page(BotPress::What what, std::size_t number, bool privacy, WallTime now) const;
  [[nodiscard]] BotPage incidents(const std::string& client_id, std::size_t number, WallTime now) const;

  [[nodiscard]] std::vector<BotCall> answer_press(const BotUpdate& update, const BotChatRule& rule, WallTime now, MonoTime mono);
  [[nodiscard]] std::vector<BotCall> turn_page(const BotUpdate& update, const BotPress& press, bool privacy, WallTime now) const;
  [[nodiscard]] std::vector<BotCall> act(const BotUpdate& update, const BotPress& press, WallTime now);
  [[nodiscard]] Result<std::string> carry_out(const BotUpdate& update, const BotPress& press, nlohmann::json& incident, WallTime now) const;
  [[nodiscard]] BotCall show_care(const BotUpdate& update, std::int64_t number, const nlohmann::json& incident, WallTime now) const;

  std::vector<BotChatRule> chats_;
  BotSeal seal_;
  BotActions actions_;
  Note note_;
  std::string bot_name_;
  BotPace messages_;
  BotPace presses_;
  std::set<std::int64_t> refused_;  ///< chats that were told of in the log; bounded
};

}  // namespace vpn_sentinel

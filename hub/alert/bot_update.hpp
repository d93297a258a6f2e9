/// What people write to the bot and which of its buttons they press: the answer of the Bot API's getUpdates as values. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct BotChat {
  std::int64_t id = 0;
  std::string kind;      ///< "private", "group", "supergroup", "channel"
  std::string username;  ///< of a public one, without the '@'
  friend bool operator==(const BotChat&, const BotChat&) = default;
};

struct BotUpdate {
  enum class Kind {
    message,  ///< somebody wrote `text`
    press,    ///< somebody pressed a button of the bot's message `text`
    other,    ///< nothing that the bot answers, or nothing that it understands; only its number counts
  };
  std::int64_t id = 0;  ///< ascending
  Kind kind = Kind::other;
  BotChat chat;
  std::optional<std::int64_t> topic;  ///< of a forum: where the answer belongs
  std::int64_t user_id = 0;           ///< 0: written in the name of a channel
  std::string user;                   ///< "@ada", "Ada L. (77)"; for people, at most 80 bytes, without control characters
  WallTime sent{};                    ///< of the message
  std::int64_t message_id = 0;
  std::string text;                        ///< at most 4096 characters; empty: a picture, or a message too old for the server
  nlohmann::json entities;                 ///< how `text` is marked up, an array; of a press only
  std::string press_id;                    ///< of a press: what the answer to it names
  std::string data;                        ///< of a press: what the button carries, at most 64 bytes; anybody can make it up
  std::optional<std::int64_t> moved_from;  ///< the group had this id before
  friend bool operator==(const BotUpdate&, const BotUpdate&) = default;
};

/// Of an answer with status 200. An Error: it is not the Bot API's. An update that has no number is left out, whatever else is odd makes it
/// `other`: one update that cannot be read must not hold up those behind it.
[[nodiscard]] Result<std::vector<BotUpdate>> read_bot_updates(std::string_view body);

/// `result` of an answer of the Bot API; nullopt: it says no, or is none.
[[nodiscard]] std::optional<nlohmann::json> read_bot_result(std::string_view body);

}  // namespace vpn_sentinel

/// What an answer of the Bot API means for the message. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct TelegramReply {
  enum class Kind {
    delivered,
    bad_text,     ///< this text is refused for good (its HTML, its length)
    refused,      ///< for a reason that may lie in this text or in the chat: what becomes of another message tells
    chat_moved,   ///< the group has a new id
    wrong_setup,  ///< token or chat: every message is refused until somebody changes something
    try_again,    ///< busy or in trouble
  };
  Kind kind = Kind::try_again;
  std::string reason;                         ///< for people; never holds the token
  std::optional<std::chrono::seconds> pause;  ///< the server's wish
  std::string new_chat_id;                    ///< chat_moved
  friend bool operator==(const TelegramReply&, const TelegramReply&) = default;
};

/// `retry_after`: the header; the body's parameters.retry_after counts more.
[[nodiscard]] TelegramReply read_telegram_reply(long status, std::string_view body, std::optional<std::chrono::seconds> retry_after);

/// The text without its tags and entities, for a server that refuses the HTML.
[[nodiscard]] std::string plain_text(std::string_view html);

/// Where a message goes.
struct TelegramPlace {
  std::string chat_id;
  std::optional<std::int64_t> thread = {};  ///< topic of a group
  bool quiet = false;                       ///< without a sound
};

/// The JSON of sendMessage; `html`: with parse_mode. `buttons`: a reply_markup; null: none.
[[nodiscard]] std::string telegram_body(const TelegramPlace& place, std::string_view text, bool html, const nlohmann::json& buttons = {});

}  // namespace vpn_sentinel

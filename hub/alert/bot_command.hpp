/// What somebody wrote to the bot as a command with its arguments. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vpn_sentinel {

struct BotCommand {
  enum class Verb : std::uint8_t {
    none,     ///< no command, or one for another bot
    wrong,    ///< one of ours with arguments that it does not take: `problem`
    unknown,  ///< `name` is the word
    start,
    help,
    ping,
    status,
    client,     ///< `name`
    incidents,  ///< `name` may be empty
    mute,       ///< `name`, `minutes`
    unmute,     ///< `name`
  };
  Verb verb = Verb::none;
  bool addressed = false;                       ///< "/status@OurBot"
  std::string name;                             ///< at most 110 bytes: client id, "group:NAME", or a part of one
  std::optional<std::chrono::minutes> minutes;  ///< nullopt: until it is taken back
  std::string problem;                          ///< a sentence for whoever wrote it, no markup
  friend bool operator==(const BotCommand&, const BotCommand&) = default;
};

inline constexpr std::chrono::minutes usual_mute{60};
inline constexpr std::chrono::minutes longest_mute{525'600};

/// `bot_name` without the '@'; letters count the same in capitals. Without minutes "/mute NAME" is for an hour: a mute that somebody forgot
/// would be silence for good. "forever" is until it is taken back.
[[nodiscard]] BotCommand parse_bot_command(std::string_view text, std::string_view bot_name);

/// "90", "90m", "2h", "3d", "1w"; nullopt: something else, or not 1 minute to 365 days.
[[nodiscard]] std::optional<std::chrono::minutes> parse_bot_minutes(std::string_view text);

}  // namespace vpn_sentinel

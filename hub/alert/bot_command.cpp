#include "hub/alert/bot_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "netns/base/letters.hpp"

namespace vpn_sentinel {
namespace {

using Verb = BotCommand::Verb;

constexpr std::size_t most_command_name = 110;
constexpr std::size_t most_word = 32;

/// How a command is called and how many arguments it takes.
struct Shape {
  std::string_view word;
  Verb verb;
  std::size_t least;
  std::size_t most;
  std::string_view usage;
};

constexpr std::array<Shape, 8> shapes{{{"start", Verb::start, 0, 9, ""},
                                       {"help", Verb::help, 0, 9, ""},
                                       {"ping", Verb::ping, 0, 9, ""},
                                       {"status", Verb::status, 0, 1, "/status, or /status NAME"},
                                       {"client", Verb::client, 1, 1, "/client NAME"},
                                       {"incidents", Verb::incidents, 0, 1, "/incidents, or /incidents NAME"},
                                       {"mute", Verb::mute, 1, 2, "/mute NAME, or /mute NAME MINUTES (90, 2h, 3d or forever)"},
                                       {"unmute", Verb::unmute, 1, 1, "/unmute NAME"}}};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string lowered(std::string_view text) {
  std::string copy(text);
  std::transform(copy.begin(), copy.end(), copy.begin(), lower);
  return copy;
}

/// At most ten: no command takes so many.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; begin < text.size() && words.size() < 10;) {
    if (is_space(text[begin])) {
      ++begin;
      continue;
    }
    auto end = begin;
    while (end < text.size() && !is_space(text[end])) ++end;
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

BotCommand wrong(BotCommand command, std::string problem) {
  command.verb = Verb::wrong;
  command.problem = std::move(problem);
  return command;
}

/// Of clients and groups; whoever wrote it is told the text again.
bool is_name(std::string_view text) {
  return text.size() <= most_command_name && std::all_of(text.begin(), text.end(), [](char c) {
           return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' || c == ':';
         });
}

BotCommand with_arguments(BotCommand command, const Shape& shape, const std::vector<std::string_view>& arguments) {
  if (arguments.size() < shape.least || arguments.size() > shape.most)
    return wrong(std::move(command), fmt::format("Write {}", shape.usage));
  if (shape.usage.empty()) return command;
  if (!arguments.empty() && !is_name(arguments[0])) {
    return wrong(std::move(command), "That is no name of a client or a group: letters, digits, '.', '_' and '-', at most 100 of them");
  }
  if (!arguments.empty()) command.name = arguments[0];
  if (shape.verb != Verb::mute) return command;
  if (arguments.size() < 2) {
    command.minutes = usual_mute;
  } else if (lowered(arguments[1]) != "forever") {
    command.minutes = parse_bot_minutes(arguments[1]);
    if (!command.minutes) return wrong(std::move(command), "The time of a mute is 1 minute to 365 days: 90, 2h, 3d, 1w, or forever");
  }
  return command;
}

}  // namespace

std::optional<std::chrono::minutes> parse_bot_minutes(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 1 || number > longest_mute.count()) return std::nullopt;
  const auto unit = lowered(text.substr(static_cast<std::size_t>(end - text.data())));
  const std::int64_t minutes = unit.empty() || unit == "m" || unit == "min" ? 1
                               : unit == "h"                                ? 60
                               : unit == "d"                                ? 24 * 60
                               : unit == "w"                                ? 7 * 24 * 60
                                                                            : 0;
  if (minutes == 0 || number > longest_mute.count() / minutes) return std::nullopt;
  return std::chrono::minutes{number * minutes};
}

BotCommand parse_bot_command(std::string_view text, std::string_view bot_name) {
  const auto words = words_of(text);
  if (words.empty() || !words.front().starts_with('/')) return {};
  BotCommand command;
  auto word = words.front().substr(1);
  if (const auto sign = word.find('@'); sign != std::string_view::npos) {
    if (lowered(word.substr(sign + 1)) != lowered(bot_name)) return {};
    command.addressed = true;
    word = word.substr(0, sign);
  }
  const auto name = lowered(word);
  const auto* const shape = std::find_if(shapes.begin(), shapes.end(), [&](const Shape& each) { return each.word == name; });
  if (shape == shapes.end()) {
    command.verb = Verb::unknown;
    command.name = is_name(word) ? std::string(word.substr(0, most_word)) : std::string();
    return command;
  }
  command.verb = shape->verb;
  return with_arguments(std::move(command), *shape, {words.begin() + 1, words.end()});
}

}  // namespace vpn_sentinel

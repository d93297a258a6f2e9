#include "hub/app/bot_place_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_place_bytes = 512;

std::optional<BotPlace> parse(std::string_view text) {
  const auto object = nlohmann::json::parse(text, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  const auto number = [&](const char* key) -> std::optional<std::int64_t> {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_integer()) return std::nullopt;
    const auto value = found->get<std::int64_t>();
    return value < 0 ? std::nullopt : std::optional(value);
  };
  const auto bot = number("bot");
  const auto next = number("next");
  const auto begun = number("begun");
  const auto at = object.find("at");
  if (!bot || !next || !begun || at == object.end() || !at->is_string()) return std::nullopt;
  const auto time = parse_rfc3339(at->get<std::string>());
  if (!time) return std::nullopt;
  return BotPlace{*bot, *next, *begun, *time};
}

}  // namespace

std::string bot_place_path(const std::string& data_dir, std::string_view bot_token) {
  const auto digits = std::find_if(bot_token.begin(), bot_token.end(), [](char c) { return c < '0' || c > '9'; });
  return fmt::format("{}/telegram-bot-{}.place", data_dir, std::string_view(bot_token.begin(), digits));
}

Result<std::optional<BotPlace>> read_bot_place(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return std::nullopt;
  std::array<char, most_place_bytes> text{};
  const auto size = fd ? read(fd.get(), text.data(), text.size()) : -1;
  if (size < 0) return fail(system_error(errno, fmt::format("{} cannot be read", path)));
  auto place = parse({text.data(), static_cast<std::size_t>(size)});
  if (!place) return fail(Error::Kind::invalid, fmt::format("{} does not tell how far the bot has come", path));
  return place;
}

Result<void> write_bot_place(const std::string& path, const BotPlace& place) {
  const nlohmann::json object{{"bot", place.bot}, {"next", place.next}, {"begun", place.begun}, {"at", to_rfc3339(place.at)}};
  const auto text = object.dump();
  const auto part = path + ".new";
  const auto cannot = [&] { return fail(system_error(errno, fmt::format("{} cannot be written", path))); };
  const Fd fd(open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return cannot();
  const auto written = write(fd.get(), text.data(), text.size());
  if (written >= 0 && static_cast<std::size_t>(written) != text.size()) errno = ENOSPC;
  if (written < 0 || static_cast<std::size_t>(written) != text.size() || fdatasync(fd.get()) != 0) return cannot();
  if (std::rename(part.c_str(), path.c_str()) != 0) return cannot();
  return {};
}

}  // namespace vpn_sentinel

// By whom and how the hub tells: Telegram, the alerts' file, the heartbeat.
#include <fmt/format.h>

#include <algorithm>

#include "hub/alert/channel_config.hpp"
#include "hub/app/alerts_file.hpp"
#include "hub/app/setting_readers.hpp"
#include "netns/clients/http_url.hpp"

namespace vpn_sentinel {
namespace {

/// "auto", "true" or "false".
Result<std::string> read_choice(const Settings& settings, std::string_view key) {
  auto wanted = settings.text(key);
  std::ranges::transform(wanted, wanted.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (wanted != "auto" && wanted != "true" && wanted != "false") return wrong_setting(settings, key, wanted, "true, false or auto");
  return wanted;
}

bool is_chat(std::string_view text) {
  const bool named = text.starts_with('@');
  const auto rest = text.substr(named || text.starts_with('-') ? 1 : 0);
  return !rest.empty() && rest.size() <= 32 && std::ranges::all_of(rest, [&](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return (c >= '0' && c <= '9') || (named && letter);
  });
}

}  // namespace

Result<void> read_telegram_commands(const Settings& settings, HubConfig& config) {
  const auto wanted = read_choice(settings, "telegram_commands");
  if (!wanted) return fail(wanted.error());
  const bool possible =
      std::ranges::any_of(config.channels, [](const auto& channel) { return channel.kind == ChannelConfig::Kind::telegram; });
  if (*wanted == "true" && !possible) {
    return wrong_setting(settings, "telegram_commands", *wanted,
                         "alerts by Telegram to be on as well (TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID)");
  }
  config.telegram_commands = *wanted != "false" && possible;
  config.telegram_command_chats = settings.list("telegram_command_chats");
  for (const auto& chat : config.telegram_command_chats) {
    if (!is_chat(chat))
      return wrong_setting(settings, "telegram_command_chats", chat, "the number of a chat, such as -1001234567890, or @name");
  }
  return {};
}

Result<void> read_telegram(const Settings& settings, HubConfig& config) {
  const auto choice = read_choice(settings, "telegram_enabled");
  if (!choice) return fail(choice.error());
  const auto& wanted = *choice;
  const auto& token = settings.text("telegram_bot_token");
  const auto& chat = settings.text("telegram_chat_id");
  const bool complete = !token.empty() && !chat.empty();
  if (wanted == "true" && !complete) {
    return wrong_setting(settings, "telegram_enabled", wanted, "TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID to be set as well");
  }
  if (wanted != "false" && !complete && (!token.empty() || !chat.empty())) {
    return fail(Error::Kind::invalid, fmt::format("{} is set but {} is not: alerts would silently not be sent; set both or neither",
                                                  settings.name(token.empty() ? "telegram_chat_id" : "telegram_bot_token"),
                                                  settings.name(token.empty() ? "telegram_bot_token" : "telegram_chat_id")));
  }
  const auto& url = settings.text("telegram_api_url");
  if (!url.starts_with("https://") && !url.starts_with("http://"))
    return wrong_setting(settings, "telegram_api_url", url, "a URL such as https://…");
  if (wanted == "false" || !complete) return {};
  config.telegram = TelegramOptions{};
  config.telegram->api_url = url;
  config.telegram->bot_token = token;
  config.telegram->chat_id = chat;
  config.telegram->ca_file = settings.text("ca_file");
  return {};
}

Result<void> read_alerts(const Settings& settings, HubConfig& config) {
  const auto& path = settings.text("alerts_file");
  auto file = read_alerts_file(path, settings.is_set("alerts_file"), read_environment());
  if (!file) {
    return fail(file.error().kind,
                fmt::format("{} (from {}): {}", settings.name("alerts_file"), settings.origin("alerts_file"), file.error().message));
  }
  config.channels = std::move(file->channels);
  config.alerts = std::move(file->desk);
  config.alerts_warning = std::move(file->warning);
  config.alerts.join_wait = Desk::usual_join_wait;
  if (config.telegram) {
    if (std::ranges::find(config.channels, "telegram", &ChannelConfig::name) != config.channels.end()) {
      return fail(Error::Kind::invalid,
                  fmt::format("{}: channel 'telegram': {} makes a channel of that name; give this one another name, or "
                              "set {} to false",
                              path, settings.name("telegram_bot_token"), settings.name("telegram_enabled")));
    }
    config.channels.insert(config.channels.begin(), channel_of(*config.telegram));
  }
  return check_channels(config.alerts, names_of(config.channels));
}

Result<void> read_heartbeat(const Settings& settings, HubConfig& config) {
  config.heartbeat_url = settings.text("heartbeat_url");
  config.heartbeat_interval = settings.duration("heartbeat");
  if (!config.heartbeat_url.empty() && !HttpUrl::parse(config.heartbeat_url)) {
    return fail(Error::Kind::invalid, fmt::format("{} (from {}): expected a URL such as https://example.org/…, without user",
                                                  settings.name("heartbeat_url"), settings.origin("heartbeat_url")));
  }
  return {};
}

}  // namespace vpn_sentinel

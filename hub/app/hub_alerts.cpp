// What a running hub tells by: channels, rules, bots and the heartbeat, started and changed while it runs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include "hub/alert/channel_config.hpp"
#include "hub/app/alerts_file.hpp"
#include "hub/app/hub.hpp"

namespace vpn_sentinel {
namespace {

/// How long a channel that was taken out of the file may go on sending what it has.
constexpr std::chrono::seconds longest_retirement{15};

/// A bot for each token; it answers the chats of its channels, or those that the settings name.
std::vector<TelegramBotOptions> bots_of(const HubConfig& config) {
  if (!config.telegram_commands) return {};
  std::map<std::string, TelegramBotOptions> bots;
  for (const auto& channel : config.channels) {
    if (channel.kind != ChannelConfig::Kind::telegram) continue;
    auto& bot = bots[channel.secret];
    bot.api_url = channel.url;
    bot.bot_token = channel.secret;
    bot.ca_file = channel.ca_file;
    bot.chats.push_back({channel.chat, channel.privacy});
  }
  std::vector<TelegramBotOptions> list;
  for (auto& each : bots) {
    auto& bot = each.second;
    // Whoever is to see no addresses in alerts sees none in answers.
    const auto hides = [&](const std::string& chat) {
      return std::ranges::any_of(bot.chats, [&](const auto& rule) { return rule.id == chat && rule.privacy; });
    };
    std::vector<BotChatRule> named;
    for (const auto& chat : config.telegram_command_chats) named.push_back({chat, hides(chat)});
    if (!named.empty()) bot.chats = std::move(named);
    list.push_back(std::move(bot));
  }
  return list;
}

/// Buttons only where one of `bots` answers.
std::vector<ChannelConfig> with_buttons(std::vector<ChannelConfig> channels, const std::vector<TelegramBotOptions>& bots) {
  for (auto& channel : channels) {
    channel.buttons =
        channel.kind == ChannelConfig::Kind::telegram && std::ranges::any_of(bots, [&](const TelegramBotOptions& bot) {
          return bot.bot_token == channel.secret && std::ranges::find(bot.chats, channel.chat, &BotChatRule::id) != bot.chats.end();
        });
  }
  return channels;
}

/// Of some services the path of the URL is all that keeps strangers out.
bool is_secret_url(const ChannelConfig& channel) {
  using enum ChannelConfig::Kind;
  return channel.kind == webhook || channel.kind == discord || channel.kind == slack || channel.kind == apprise;
}

}  // namespace

/// What the settings hold must not be read in the log that operators see.
void Hub::hide_secrets() {
  std::vector<std::string> secrets{config_.api_key, config_.dashboard_password, config_.admin_password, config_.heartbeat_url};
  for (const auto& channel : config_.channels) {
    secrets.push_back(channel.secret);
    if (is_secret_url(channel)) secrets.push_back(channel.url);
  }
  log_.hide(SecretMask(std::move(secrets)));
}

void Hub::start_alerts(const HubConfig& config) {
  if (!config.alerts_warning.empty()) log(LogLevel::warning, "alerts_file", {{"message", config.alerts_warning}});
  bot_options_ = bots_of(config);
  channels_ = with_buttons(config.channels, bot_options_);
  warn_of_missing_channels();
  alerts_.start(channels_, *engine_);
  start_bots();
}

/// First the new channels are there, then rules that name them; the old ones go when nothing is told by the old rules any more.
void Hub::apply_alerts(const HubConfig& config) {
  auto settings = config.alerts;
  settings.channels = names_of(config.channels);
  {
    const std::lock_guard lock(rules_mutex_);
    config_.channels = config.channels;
    hide_secrets();
  }
  bot_options_ = bots_of(config);
  bots_.apply(bot_options_);
  auto both = with_buttons(config.channels, bot_options_);
  for (auto& old : channels_) {
    if (std::ranges::find(both, old.name, &ChannelConfig::name) == both.end()) both.push_back(std::move(old));
  }
  retire_by_ = both.size() > config.channels.size() ? std::optional(mono_now() + longest_retirement) : std::nullopt;
  alerts_.apply(both);
  channels_ = std::move(both);
  desk_->use(std::move(settings));
  warn_of_missing_channels();
  if (!config.alerts_warning.empty()) log(LogLevel::warning, "alerts_file", {{"message", config.alerts_warning}});
  log(LogLevel::info, "alerts_read",
      {{"rules", config.alerts.rules.size()}, {"channels", fmt::format("{}", fmt::join(names_of(config.channels), ","))}});
}

/// What the old channels still have to send they may; what they cannot within a while is given up.
void Hub::retire_channels() {
  if (!retire_by_ || !desk_->is_in_force()) return;
  const auto standing = alerts_.standing();
  const bool done = std::ranges::all_of(standing, [this](const ChannelStanding& channel) {
    return channel.waiting == 0 || std::ranges::find(config_.channels, channel.name, &ChannelConfig::name) != config_.channels.end();
  });
  if (!done && mono_now() < *retire_by_) return;
  retire_by_.reset();
  channels_ = with_buttons(config_.channels, bot_options_);
  alerts_.apply(channels_);
}

/// Those of the file were checked with it.
void Hub::warn_of_missing_channels() const {
  for (auto& rule : desk_->rules()) {
    if (rule.source != AlertRule::Source::api) continue;
    const auto checked = check_channels({.rules = {std::move(rule)}}, names_of(config_.channels));
    if (checked) continue;
    log(LogLevel::warning, "rule_without_channel",
        {{"message", checked.error().message}, {"next", "where none of its channels is there, it tells on all"}});
  }
}

/// The old one has ended before its address is no secret any more.
void Hub::apply_heartbeat(const HubConfig& config) {
  Heartbeat::Options options{config.heartbeat_url, config.heartbeat_interval, config_.ca_file};
  auto old = heartbeat();
  if (old ? old->options() == options : options.url.empty()) return;
  const auto put = [this](std::shared_ptr<Heartbeat> beats) {
    const std::lock_guard lock(heartbeat_mutex_);
    heartbeat_ = std::move(beats);
  };
  put(nullptr);
  old.reset();
  {
    const std::lock_guard lock(rules_mutex_);
    config_.heartbeat_url = config.heartbeat_url;
    hide_secrets();
  }
  if (!options.url.empty()) put(std::make_shared<Heartbeat>(std::move(options), [this] { return engine_->healthy() && !hangs(); }));
}

std::shared_ptr<Heartbeat> Hub::heartbeat() const {
  const std::lock_guard lock(heartbeat_mutex_);
  return heartbeat_;
}

void Hub::start_bots() {
  const auto audit = [this](const std::string& who, std::string_view action, const std::string& target) {
    // A full queue costs the line, not the change, which is in force already.
    static_cast<void>(accounts_->change([who, action = std::string(action), target](AccountFile& file) -> Accounts::Reply {
      static_cast<void>(file.note({who, ""}, action, target));
      return {};
    }));
  };
  bots_.start(bot_options_, {*engine_, config_.data_dir, [this] { return alerts_waiting(); }, audit});
}

std::size_t Hub::alerts_waiting() const {
  std::size_t waiting = 0;
  for (const auto& channel : alerts_.standing()) waiting += channel.waiting;
  return waiting;
}

}  // namespace vpn_sentinel

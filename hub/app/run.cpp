#include "hub/app/run.hpp"

#include <fmt/ranges.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <utility>

#include "hub/app/hub.hpp"
#include "netns/base/clock.hpp"
#include "netns/daemon/notify.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// How often what was gathered goes to live pages while somebody looks, and else.
constexpr milliseconds busy_pause{100};
constexpr milliseconds quiet_pause{1000};

class Runner {
 public:
  Runner(const Settings& settings, const HubConfig& config, const std::function<Result<Settings>()>& reload)
      : settings_(settings), reload_(reload), hub_(config), watchdog_(watchdog_period()) {}

  int run() {
    await_signal();
    turn();
    log(LogLevel::info, "ready", {{"version", VPN_SENTINEL_VERSION}});
    notify_ready(hub_.summary());
    io_.run();
    return 0;
  }

 private:
  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      if (number != SIGHUP) return stop(number);
      notify_reloading();
      read_again();
      notify_ready(hub_.summary());
      await_signal();
    });
  }

  void stop(int number) {
    notify_stopping();
    log(LogLevel::info, "stopping", {{"signal", number == SIGTERM ? "SIGTERM" : "SIGINT"}});
    // A second signal is not ours any more: who presses Ctrl-C twice means it.
    boost::system::error_code ignored;
    signals_.clear(ignored);
    timer_.cancel();
    io_.stop();
  }

  void read_again() {
    auto fresh = reload_();
    if (!fresh) {
      return log(LogLevel::error, "reload_failed", {{"message", fresh.error().message}, {"next", "the settings stay as they were"}});
    }
    apply(*fresh);
    if (const auto level = parse_log_level(fresh->text("log_level"))) set_log_level(*level);
    adopt("log_level", *fresh);
    hub_.reload_tls();
    log(LogLevel::info, "reloaded", {{"log_level", settings_.text("log_level")}});
    const auto changed = differing_settings(settings_, *fresh);
    if (changed.empty()) return;
    log(LogLevel::warning, "restart_needed",
        {{"settings", fmt::format("{}", fmt::join(changed, ","))}, {"hint", "these settings take effect when the hub is started again"}});
  }

  void adopt(std::string_view key, const Settings& fresh) { static_cast<void>(settings_.set(key, fresh.text(key), fresh.origin(key))); }

  void apply(const Settings& fresh) {
    auto config = make_hub_config(fresh, machine_has_ipv6());
    if (!config) return log(LogLevel::error, "reload_failed", {{"message", config.error().message}});
    for (const auto* const key :
         {"allowed_ips", "trusted_proxies", "rate_limit", "dashboard_allowed_ips", "dashboard_rate_limit", "health_allowed_ips",
          "health_rate_limit", "alerts_file", "telegram_bot_token", "telegram_chat_id", "telegram_enabled", "telegram_commands",
          "telegram_command_chats", "telegram_api_url", "heartbeat_url", "heartbeat"}) {
      adopt(key, fresh);
    }
    // Whether there is a key decides where the hub listens by default: that is for the next start.
    if (settings_.text("api_key").empty() == config->api_key.empty()) adopt("api_key", fresh);
    config->api_key = settings_.text("api_key");
    hub_.apply_access(*config);
    hub_.apply_alerts(*config);
    hub_.apply_heartbeat(*config);
  }

  void turn() {
    const auto pause = hub_.turn() ? busy_pause : quiet_pause;
    if (watchdog_ && mono_now() >= next_watchdog_ && !hub_.hangs()) {
      next_watchdog_ = mono_now() + *watchdog_;
      notify_watchdog();
    }
    timer_.expires_after(watchdog_ ? std::min(pause, std::chrono::duration_cast<milliseconds>(*watchdog_)) : pause);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) turn();
    });
  }

  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_{io_, SIGTERM, SIGINT, SIGHUP};  // before the hub: a signal during the start is not lost
  boost::asio::steady_timer timer_{io_};
  Settings settings_;
  const std::function<Result<Settings>()> reload_;
  Hub hub_;
  std::optional<std::chrono::microseconds> watchdog_;
  MonoTime next_watchdog_{};
};

}  // namespace

int run_hub(const Settings& settings, const HubConfig& config, const std::function<Result<Settings>()>& reload) {
  int code = 0;
  {
    Runner runner(settings, config, reload);
    code = runner.run();
  }
  log(LogLevel::info, "stopped");
  return code;
}

}  // namespace vpn_sentinel

#include "probe/app/daemon.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "netns/base/fatal_error.hpp"
#include "netns/base/random.hpp"
#include "netns/daemon/log.hpp"
#include "netns/daemon/notify.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/daemon_log.hpp"
#include "probe/app/health.hpp"
#include "probe/app/report_builder.hpp"
#include "probe/app/unit_status.hpp"
#include "probe/delivery/original_payload.hpp"
#include "probe/verdict/judge.hpp"
#include "probe/watch/kill_switch_record.hpp"
#include "probe/watch/tracer_keeper.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// What a stop waits for the hub; what is not delivered then stays in the outbox.
constexpr auto drain_time = 3s;

TargetHealth health_of(const TargetWatch& watch) {
  const auto& seen = watch.seen();
  TargetHealth health;
  health.client_id = watch.policy().client_id;
  health.since_look = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - watch.looked_at());
  health.gone = seen.namespace_gone;
  if (seen.blind) {
    health.blind = seen.blind->message;
  } else if (is_blind(seen)) {
    health.blind = "the kernel answers no look-up";
  }
  return health;
}

}  // namespace

int run_command(ProbeConfig config, const std::function<Result<ProbeConfig>()>& reload) {
  init_log(config.log_level);
  Daemon daemon(std::move(config), reload);
  return daemon.run();
}

Daemon::Daemon(ProbeConfig config, std::function<Result<ProbeConfig>()> reload)
    : config_(std::move(config)),
      reload_(std::move(reload)),
      boot_id_(random_hex(16)),
      http_(io_),
      dns_(io_),
      flows_(io_, http_, dns_,
             FlowReporter::Options{boot_id_, config_.flow_interval, [this](const std::string& client_id) { return paths(client_id); }}),
      keepalive_timer_(io_),
      trouble_timer_(io_),
      watchdog_timer_(io_),
      signals_(io_, SIGTERM, SIGINT, SIGHUP) {
  signals_.add(SIGUSR1);
  lock_data_dir();
  add_deliveries();
  for (auto& target : config_.targets) target.kill_switch.tend = target.serving.follow = true;
  boost::asio::use_service<TracerKeeper>(io_).on_news(log_tracer);
  targets_ = std::make_unique<TargetSet>(io_, http_, dns_, config_.targets, target_hooks());
}

TargetSet::Hooks Daemon::target_hooks() {
  return TargetSet::Hooks{
      [this](const TargetWatch& watch, const TargetWatch::Update& update) { on_update(watch, update); },
      [this](const TargetWatch& watch) {
        log(LogLevel::info, "target_watched",
            {{"client_id", watch.policy().client_id},
             {"netns", watch.policy().netns.to_string()},
             {"hub", fmt::format("{}", fmt::join(config_.hub.urls, ","))}});
        flows_.add(watch);
      },
      [this](const TargetWatch& watch) {
        log(LogLevel::info, "target_forgotten", {{"client_id", watch.policy().client_id}, {"netns", watch.policy().netns.to_string()}});
        // As at the end of the daemon: nobody watches any more.
        if (!stopping_) send(watch, "stop", true);
        flows_.forget(watch.policy().client_id);
        for (const auto& delivery : deliveries_) delivery->sender->forget(watch.policy().client_id);
        // The user's word stays: a namespace of this name may come again.
        KillSwitchRecord(watch.policy().kill_switch.folder, make_firewall_id(watch.policy().client_id)).forget_policy();
      },
      [](const std::string& netns, const Error& error) {
        log(LogLevel::error, "target_refused", {{"netns", netns}, {"reason", error.message}, {"hint", refusal_hint(error.kind)}});
      },
      log_kill_switch};
}

void Daemon::lock_data_dir() {
  std::error_code error;
  std::filesystem::create_directories(config_.data_dir, error);
  const auto file = config_.data_dir + "/probe.lock";
  lock_ = Fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) {
    throw FatalError(EX_CANTCREAT, fmt::format("{}. Hint: set VPN_SENTINEL_DATA_DIR to a folder that this user can write",
                                               system_error(errno, fmt::format("VPN_SENTINEL_DATA_DIR = '{}'", config_.data_dir)).message));
  }
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    throw FatalError(EX_CANTCREAT, fmt::format("{} is in use by another vpn-sentinel-probe. Hint: list several namespaces as [[target]] "
                                               "in one probe, or give each probe its own VPN_SENTINEL_DATA_DIR",
                                               file));
  }
}

/// Everything goes on without it.
void Daemon::answer_healthchecks() {
  auto socket = HealthSocket::open(io_, config_.data_dir, [this] {
    std::vector<TargetHealth> targets;
    targets_->for_each([&](const TargetWatch& watch) { targets.push_back(health_of(watch)); });
    return health_line(targets);
  });
  if (socket) {
    health_ = std::move(*socket);
  } else {
    log(LogLevel::warning, "healthcheck_unavailable",
        {{"reason", socket.error().message}, {"hint", "'vpn-sentinel-probe healthcheck' will say unhealthy; all else goes on"}});
  }
}

int Daemon::run() {
  wait_for_signals();
  boost::asio::use_service<NamespaceEvents>(io_).on_trouble([](const Error& error) {
    log(LogLevel::warning, "namespaces_not_followed", {{"reason", error.message}, {"hint", following_hint(error.kind)}});
  });
  targets_->start();
  // Machines that start at the same moment must not stay in step: a hub would hear all of them at once for ever.
  keepalive(config_.interval / 2 + std::chrono::duration_cast<std::chrono::milliseconds>(config_.interval / 2 * random_unit()));
  look_for_trouble();
  answer_healthchecks();
  watchdog();
  notify_ready(status_line());
  ready_ = true;
  io_.run();
  log(LogLevel::info, "stopped", {{"kept_reports", kept_reports()}});
  return 0;
}

void Daemon::on_update(const TargetWatch& watch, const TargetWatch::Update& update) {
  flows_.follow(watch.policy().client_id);
  if (update.trigger == "held") {
    return log(LogLevel::debug, "verdict_held",
               {{"client_id", watch.policy().client_id},
                {"state", to_string(watch.newest().state)},
                {"findings", codes_of(watch.newest())},
                {"shown", to_string(watch.verdict().state)},
                {"cause", update.cause}});
  }
  // A sidecar's connections lead through the very routes that have just changed.
  if (!watch.has_separate_uplink()) {
    for (const auto& delivery : deliveries_) delivery->sender->kick();
  }
  // The hub has been told that nobody watches any more: a later report would make the client live again.
  if (stopping_) return;
  send(watch, update.trigger, true);
  const auto& verdict = watch.verdict();
  log(update.trigger == "check" ? LogLevel::info : level_of(verdict.state), "verdict",
      {{"client_id", watch.policy().client_id},
       {"state", to_string(verdict.state)},
       {"findings", codes_of(verdict)},
       {"cause", update.cause}});
  // Before READY=1 nobody asks for it.
  if (ready_) notify_status(status_line());
}

void Daemon::send(const TargetWatch& watch, const std::string& trigger, bool is_change) {
  auto report = build_report(watch, trigger);
  report.boot_id = boot_id_;
  report.seq = ++sequence_;
  report.lease_s = static_cast<std::uint32_t>(config_.lease.count());
  if (config_.hub.schema == 1) {
    // It knows no end either: a last report would only make the client look alive. Of several that wait the newest is enough.
    if (trigger == "stop" || is_too_early_for_original(report)) return;
    is_change = false;
  }
  for (const auto& delivery : deliveries_) delivery->sender->submit(OutboxItem{report, is_change, false});
}

void Daemon::keepalive(std::chrono::milliseconds after) {
  keepalive_timer_.expires_after(after);
  keepalive_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopping_) return;
    targets_->for_each([this](const TargetWatch& watch) {
      if (watch.has_published()) send(watch, "interval", false);
    });
    tell_of_dropped();
    keepalive(config_.interval);
  });
}

std::string Daemon::status_line() const {
  std::vector<std::pair<std::string, State>> states;
  targets_->for_each([&](const TargetWatch& watch) {
    if (watch.has_published()) states.emplace_back(watch.policy().client_id, watch.verdict().state);
  });
  return unit_status(targets_->size(), states);
}

void Daemon::wait_for_signals() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    if (signal == SIGHUP) {
      notify_reloading();
      reload_settings();
      notify_ready(status_line());
      return wait_for_signals();
    }
    if (signal == SIGUSR1) {
      log(LogLevel::info, "checking", {{"signal", "SIGUSR1"}, {"targets", fmt::to_string(targets_->size())}});
      targets_->check_now();
      return wait_for_signals();
    }
    log(LogLevel::info, "stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
    // A second signal ends the wait for the hub at once.
    signals_.async_wait([this](const boost::system::error_code& later, int) {
      if (!later) io_.stop();
    });
    stop();
  });
}

void Daemon::reload_settings() {
  const auto fresh = reload_();
  if (!fresh) {
    log(LogLevel::error, "reload_failed", {{"reason", fresh.error().message}, {"hint", "the old settings stay in force"}});
    return;
  }
  set_log_level(fresh->log_level);
  log(LogLevel::info, "reloaded", {{"log_level", to_string(fresh->log_level)}});
  auto changed = changed_settings(config_, *fresh);
  std::erase(changed, "VPN_SENTINEL_LOG_LEVEL");
  if (changed.empty()) return;
  log(LogLevel::warning, "restart_needed",
      {{"settings", fmt::format("{}", fmt::join(changed, ","))}, {"hint", "these settings take effect when the probe is started again"}});
}

void Daemon::stop() {
  stopping_ = true;
  notify_stopping();
  flows_.stop();
  targets_->for_each([this](const TargetWatch& watch) { send(watch, "stop", true); });
  draining_ = deliveries_.size();
  for (const auto& delivery : deliveries_) {
    delivery->sender->drain(drain_time, [this] {
      if (--draining_ == 0) io_.stop();
    });
  }
}

void Daemon::watchdog() {
  const auto period = watchdog_period();
  if (!period) return;
  notify_watchdog();
  watchdog_timer_.expires_after(*period);
  watchdog_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) watchdog();
  });
}

}  // namespace vpn_sentinel

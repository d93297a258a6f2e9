#include "probe/app/daemon.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "netns/base/fatal_error.hpp"
#include "netns/base/random.hpp"
#include "netns/daemon/log.hpp"
#include "netns/daemon/notify.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/health.hpp"
#include "probe/app/outbox_files.hpp"
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
constexpr int exit_cannot_create = 73;
/// An outbox tries to write again as often.
constexpr auto trouble_period = 5s;

std::string codes(const Verdict& verdict) {
  std::string text;
  for (const auto& finding : verdict.findings) text += (text.empty() ? "" : ",") + finding.code;
  return text.empty() ? "none" : text;
}

LogLevel level_of(State state) {
  switch (state) {
    case State::secure:
      return LogLevel::info;
    case State::danger:
      return LogLevel::error;
    default:
      return LogLevel::warning;
  }
}

/// As TargetSet refuses: too many files, an id that another target has, a name that no setting could give.
std::string_view refusal_hint(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::overrun:
      return "raise LimitNOFILE= of the unit, or narrow the pattern";
    case Error::Kind::unavailable:
      return "give the pattern, or the other target, another VPN_SENTINEL_CLIENT_ID";
    default:
      return "give the namespace another name (ip netns)";
  }
}

void tell_of_left(const LeftOutbox& left) {
  log(LogLevel::warning, left.removed ? "outbox_given_up" : "outbox_left_behind",
      {{"file", left.file},
       {"reports", left.reports ? fmt::format("{}", *left.reports) : "unknown: the file cannot be read"},
       {"hint", left.removed ? "its hub is not in VPN_SENTINEL_URL any more, and the reports were older than VPN_SENTINEL_OUTBOX_DAYS"
                             : "its hub is not in VPN_SENTINEL_URL any more: add it again to deliver them, or delete the file; it is kept "
                               "for VPN_SENTINEL_OUTBOX_DAYS"}});
}

LogLevel level_of(KillSwitchEvent::What what) {
  using What = KillSwitchEvent::What;
  if (what == What::open) return LogLevel::error;
  return what == What::armed || what == What::adopted || what == What::let_go ? LogLevel::info : LogLevel::warning;
}

void tell_of_kill_switch(const TargetWatch& watch, const KillSwitchEvent& event) {
  log(level_of(event.what), to_string(event.what),
      {{"client_id", watch.policy().client_id}, {"detail", event.detail}, {"took_us", event.took.count()}});
}

void tell_of_tracer(const TracerKeeper::News& news) {
  using What = TracerKeeper::News::What;
  if (news.what != What::refused) {
    return log(news.what == What::started ? LogLevel::info : LogLevel::warning, to_string(news.what), {{"detail", news.detail}});
  }
  log(LogLevel::warning, to_string(news.what),
      {{"reason", news.detail},
       {"hint",
        "programs are named by sock_diag where that is sure: not those of UDP that is sent without connect(2), of ICMP, and of what is "
        "short-lived; 'vpn-sentinel-probe doctor' tells more"}});
}

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

/// Without events the look each second tells of changes.
std::string_view following_hint(Error::Kind kind) {
  if (kind == Error::Kind::not_permitted)
    return "changes are noticed a second later; to be told at once the probe needs CAP_DAC_READ_SEARCH";
  return "changes are noticed a second later; raise fs.inotify.max_user_instances and fs.inotify.max_user_watches";
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
  boost::asio::use_service<TracerKeeper>(io_).on_news(tell_of_tracer);
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
      tell_of_kill_switch};
}

void Daemon::lock_data_dir() {
  std::error_code error;
  std::filesystem::create_directories(config_.data_dir, error);
  const auto file = config_.data_dir + "/probe.lock";
  lock_ = Fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) {
    throw FatalError(exit_cannot_create,
                     fmt::format("{}. Hint: set VPN_SENTINEL_DATA_DIR to a folder that this user can write",
                                 system_error(errno, fmt::format("VPN_SENTINEL_DATA_DIR = '{}'", config_.data_dir)).message));
  }
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    throw FatalError(exit_cannot_create,
                     fmt::format("{} is in use by another vpn-sentinel-probe. Hint: list several namespaces as [[target]] "
                                 "in one probe, or give each probe its own VPN_SENTINEL_DATA_DIR",
                                 file));
  }
}

/// With several that get everything each has an outbox of its own, so that a dead one costs the others nothing.
void Daemon::add_deliveries() {
  std::vector<std::vector<std::string>> hubs{config_.hub.urls};
  if (config_.to_all_hubs) {
    hubs.clear();
    for (const auto& url : config_.hub.urls) hubs.push_back({url});
  }
  // The Python original takes whatever comes as of now: what is old must not reach it.
  std::vector<std::string> files(hubs.size());
  if (config_.hub.schema != 1) {
    auto arranged = arrange_outbox_files(config_.data_dir, config_.hub.urls, config_.to_all_hubs, config_.outbox.age);
    for (const auto& left : arranged.left) tell_of_left(left);
    files = std::move(arranged.files);
  }
  for (std::size_t i = 0; i < hubs.size(); ++i) {
    auto hub = config_.hub;
    hub.urls = hubs[i];
    add_delivery(hub, files[i]);
    flows_.add_hub(hub);
  }
}

void Daemon::add_delivery(const HubAddress& hub, const std::string& outbox_file) {
  auto delivery = std::make_unique<Delivery>();
  for (const auto& url : hub.urls) delivery->hub += (delivery->hub.empty() ? "" : ",") + url;
  auto outbox = Outbox::open(Outbox::Options{outbox_file, config_.outbox});
  if (!outbox) throw FatalError(exit_cannot_create, outbox.error().message);
  delivery->outbox = std::move(*outbox);
  const auto& box = *delivery->outbox;
  if (box.size() > 0) log(LogLevel::info, "outbox_restored", {{"hub", delivery->hub}, {"reports", box.size()}});
  tell_of_trouble(*delivery);
  delivery->sender = Sender::make(io_, http_, dns_, *delivery->outbox, hub, delivery_hooks(*delivery));
  deliveries_.push_back(std::move(delivery));
}

Sender::Hooks Daemon::delivery_hooks(Delivery& delivery) {
  return Sender::Hooks{[this](const std::string& client_id) { return paths(client_id); },
                       [&delivery](const std::string& client_id, const Report& report, const std::string& path) {
                         log(LogLevel::debug, "report_delivered",
                             {{"client_id", client_id}, {"seq", report.seq}, {"trigger", report.trigger}, {"path", path}});
                         if (delivery.failing.erase(client_id) > 0)
                           log(LogLevel::info, "hub_reached_again", {{"client_id", client_id}, {"hub", delivery.hub}, {"path", path}});
                       },
                       [&delivery](const std::string& client_id, const Error& error, std::chrono::milliseconds retry_in) {
                         const bool again = !delivery.failing.insert(client_id).second;
                         log(again ? LogLevel::debug : LogLevel::warning, "hub_not_reached",
                             {{"client_id", client_id},
                              {"hub", delivery.hub},
                              {"reason", error.message},
                              {"retry_in", human_duration(retry_in)},
                              {"kept_reports", delivery.outbox->size()}});
                       },
                       [&delivery](const std::string& client_id, const Report& report, const Error& error) {
                         delivery.failing.erase(client_id);  // the hub was reached
                         log(LogLevel::error, "report_refused",
                             {{"client_id", client_id},
                              {"hub", delivery.hub},
                              {"seq", report.seq},
                              {"reason", error.message},
                              {"hint", "hub and probe disagree about the wire format: check their versions"}});
                       }};
}

void Daemon::tell_of_dropped() {
  for (const auto& delivery : deliveries_) {
    const auto dropped = delivery->outbox->dropped();
    if (dropped == delivery->dropped) continue;
    log(LogLevel::error, "reports_given_up",
        {{"hub", delivery->hub},
         {"reports", dropped - delivery->dropped},
         {"kept_reports", delivery->outbox->size()},
         {"hint", "the hub was away for too long: see VPN_SENTINEL_OUTBOX_DAYS and VPN_SENTINEL_OUTBOX_MB"}});
    delivery->dropped = dropped;
  }
}

void Daemon::tell_of_trouble(Delivery& delivery) {
  const auto news = delivery.trouble.look(delivery.outbox->trouble());
  if (!news) return;
  if (news->reason.empty()) return log(LogLevel::info, "outbox_well_again", {{"hub", delivery.hub}});
  log(LogLevel::warning, "outbox_trouble",
      {{"hub", delivery.hub},
       {"reason", news->reason},
       {"kept_reports", delivery.outbox->size()},
       {"hint",
        "reports go on; what waits for the hub is in memory alone until it can be written: see to the disk of "
        "VPN_SENTINEL_DATA_DIR. A damaged file that was put aside may be deleted"}});
}

void Daemon::look_for_trouble() {
  trouble_timer_.expires_after(trouble_period);
  trouble_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    for (const auto& delivery : deliveries_) tell_of_trouble(*delivery);
    look_for_trouble();
  });
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

std::size_t Daemon::kept_reports() const {
  std::size_t reports = 0;
  for (const auto& delivery : deliveries_) reports += delivery->outbox->size();
  return reports;
}

DeliveryPaths Daemon::paths(const std::string& client_id) {
  DeliveryPaths paths;
  // A sidecar's uplink is whatever its namespace's routes say: it may lead through the tunnel, but proves nothing about it.
  if (config_.hub_path != "tunnel") paths.uplink = own_way_.opener();
  const auto* const found = targets_ ? targets_->find(client_id) : nullptr;
  // Reports of a target that is no longer watched still have to reach the hub, by a way that the settings allow.
  if (!found) return paths;
  const auto& watch = *found;
  paths.resolvers = watch.policy().resolvers;
  if (watch.tunnel_carries() && watch.seen().tunnel && config_.hub_path != "uplink") {
    paths.tunnel = watch.opener();
    paths.tunnel_device = watch.seen().tunnel->name;
  }
  return paths;
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
                {"findings", codes(watch.newest())},
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
       {"findings", codes(verdict)},
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
  log(LogLevel::info, "reloaded", {{"log_level", "applied"}});
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

#include "hub/app/hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "hub/alert/channel_config.hpp"
#include "hub/alert/notice.hpp"
#include "hub/app/first_admin.hpp"
#include "hub/app/forget_request.hpp"
#include "hub/metrics/counted_engine.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

/// The page takes 12 s of silence for a broken connection.
constexpr std::chrono::seconds heartbeat_period{5};

LogLevel level_of(const Change& change) {
  const bool bad = change.to == State::danger || change.to == State::offline || change.to == State::contained;
  return bad ? LogLevel::warning : LogLevel::info;
}

void log_change(const Change& change) {
  std::string codes;
  for (const auto& finding : findings_of(change)) codes += (codes.empty() ? "" : ",") + finding.code;
  log(level_of(change), to_string(change.kind),
      {{"client", change.client_id},
       {"from", change.from ? to_string(*change.from) : "-"},
       {"to", to_string(change.to)},
       {"at", to_rfc3339(change.at)},
       {"findings", codes.empty() ? "-" : codes}});
}

std::vector<StoredAlert> for_each_channel(const std::vector<std::string>& channels, const Notice& notice) {
  std::vector<StoredAlert> alerts;
  alerts.reserve(channels.size());
  for (const auto& channel : channels) alerts.push_back({0, channel, to_text(notice), notice.noticed, 0});
  return alerts;
}

/// Of the database's largest size what flows may have; they are worth less than reports.
std::uint64_t flow_share(const HubConfig& config) { return config.most_database_bytes / 4; }

}  // namespace

Hub::Hub(const HubConfig& config)
    : log_watch_(
          [this](LogLevel level, std::string_view event, std::span<const LogField> fields) { log_.add(wall_now(), level, event, fields); }),
      data_dir_(config.data_dir),
      config_(config),
      key_file_(key_file_path(config.data_dir)),
      hub_watch_(config.data_dir),
      access_(make_access(config)),
      dashboard_access_(make_access(config, config.dashboard_access)),
      health_access_(make_access(config, config.health_access)),
      api_prefix_(config.api_prefix),
      metrics_clients_(config.metrics_clients) {
  hide_secrets();
  load_tls(config);
  load_engine(config);
  server_ = Server::make(config.io_threads);
  start_accounts(config);
  listen(config);
  // Only now: a hub that cannot listen, and is started again and again, must not tell each time that it has started. And before all that
  // silence and reports bring.
  const auto started = start_notice(VPN_SENTINEL_VERSION, wall_now(), engine_->clients().size());
  for (auto& alert : for_each_channel(names_of(config.channels), started)) engine_->add_alert(std::move(alert));
  engine_->run();
  apply_heartbeat(config);
  if (!config.trace_urls.empty()) {
    OwnExit::Options options{config.trace_urls, config.ipinfo_url, usual_geo_databases(), config.ca_file,
                             [] { return resolvers_of("/etc/resolv.conf"); }};
    own_exit_ = std::make_unique<OwnExit>(std::move(options));
  }
  server_->run();
  // Its file is read once as a whole, which may take long: no report waits for it.
  FlowEngineOptions flows;
  flows.retention.most_bytes = flow_share(config);
  flows.on_trouble = [](const std::string& problem) { log(LogLevel::error, "flows", {{"message", problem}}); };
  flow_opener_ = std::jthread([this, flows = std::move(flows)] { open_flows(flows); });
  start_alerts(config);
}

Hub::~Hub() {
  trials_.stop();  // their answers are still sent
  if (engine_) engine_->stop_listening();
  if (server_) server_->stop();  // the engine still runs: reports under way are stored and answered
  bots_.stop();
  heartbeat_.reset();
  own_exit_.reset();
  alerts_.stop();
  if (flow_opener_.joinable()) flow_opener_.join();
  flow_engine_.reset();
  engine_.reset();
  accounts_.reset();  // what the engine carried out at its end is noted there
}

void Hub::load_engine(const HubConfig& config) {
  auto store = open_sqlite_store(data_dir_.file("hub.db"));
  if (!store) throw FatalError(exit_cannot_create, fmt::format("the database cannot be opened: {}", store.error().message));
  EngineHooks hooks;
  auto desk = config.alerts;
  desk.channels = names_of(config.channels);
  desk_ = std::make_shared<DeskKeeper>(std::move(desk));
  hooks.desk = desk_;
  // engine -> live feed and log
  hooks.on_committed = [this](const auto& changes, const auto& touched) { on_committed(changes, touched); };
  hooks.on_removed = [this](const auto& client_ids) { feed_.removed(client_ids, wall_now()); };
  // engine -> channels
  hooks.on_alerts = [this](std::vector<StoredAlert> alerts) { alerts_.take(std::move(alerts)); };
  hooks.on_store_trouble = [](const std::string& problem) { log(LogLevel::error, "store", {{"message", problem}}); };
  EngineOptions options;
  options.keep_reports = config.keep_reports;
  options.most_bytes = config.most_database_bytes - flow_share(config);
  FleetPolicy policy;
  policy.default_lease = config.client_timeout;
  policy.groups = config.groups;
  policy.public_addresses = config.public_addresses;
  originals_compared_ = !config.public_addresses.empty();
  policy.limits = config.client_limits;
  auto engine = Engine::load(std::move(*store), policy, std::move(hooks), std::move(options));
  if (!engine) throw FatalError(exit_cannot_create, fmt::format("the database cannot be read: {}", engine.error().message));
  engine_ = std::move(*engine);
  counted_engine_ = count_reports(*engine_, counters_);
  feed_.restore(engine_->clients());
  feed_.restore(engine_->groups());
  log(LogLevel::info, "store_loaded", {{"file", data_dir_.file("hub.db")}, {"clients", engine_->clients().size()}});
}

/// Reports come first: a hub whose flows cannot be opened does all else, and says so.
void Hub::open_flows(FlowEngineOptions options) {
  auto store = open_sqlite_flow_store(data_dir_.file("flows.db"));
  auto engine = store ? FlowEngine::start(std::move(*store), std::move(options)) : fail(store.error());
  if (!engine) {
    flows_.fail();
    return log(LogLevel::error, "flows",
               {{"message", engine.error().message}, {"next", "connections are not taken; reports and alerts go on without them"}});
  }
  flow_engine_ = std::move(*engine);
  counted_flow_engine_ = count_flows(*flow_engine_, counters_.flows);
  flows_.open(*counted_flow_engine_);
}

/// The Python original's server knows its own address by itself: who comes from there misses its red bypass.
void Hub::warn_of_originals(const std::vector<std::shared_ptr<const ClientState>>& touched) {
  if (originals_compared_) return;
  const auto original = std::ranges::find_if(touched, [](const auto& client) { return client && client->last_report.schema == 1; });
  if (original == touched.end()) return;
  originals_compared_ = true;
  log(LogLevel::warning, "exit_not_compared",
      {{"client", (*original)->client_id},
       {"reason", "a Python client reports, and whether its exit is the hub's own address cannot be told"},
       {"hint", "set VPN_SENTINEL_SERVER_PUBLIC_ADDRESSES"}});
}

void Hub::on_committed(const std::vector<Change>& changes, const std::vector<std::shared_ptr<const ClientState>>& touched) {
  feed_.committed(changes, touched);
  for (const auto& change : changes) log_change(change);
  warn_of_originals(touched);
}

/// The file stays until it is done, so that a crash loses no wish.
void Hub::heed_forget_request() {
  if (forgetting_ || !engine_->healthy()) return;
  const auto& folder = config_.data_dir;
  const auto client_id = read_forget_request(folder);
  if (!client_id) {
    remove_forget_request(folder);
    return log(LogLevel::error, "forget_request_refused", {{"message", client_id.error().message}});
  }
  if (client_id->empty()) return;
  forgetting_ = true;
  const bool queued = engine_->forget(*client_id, [this, folder, id = *client_id](const Result<bool>& known) {
    if (known) remove_forget_request(folder);
    if (!known) log(LogLevel::error, "client_not_forgotten", {{"client", id}, {"message", known.error().message}});
    if (known) log(LogLevel::info, "client_forgotten", {{"client", id}, {"known", *known}});
    forgetting_ = false;
  });
  if (!queued) forgetting_ = false;
}

/// Not by way of the store, which is what fails.
void Hub::tell_store_trouble() {
  const auto trouble = hangs() ? std::string("the disk does not answer") : engine_->store_trouble();
  const auto notice = store_watch_.look(engine_->healthy() && !hangs(), trouble, wall_now(), mono_now());
  if (notice) alerts_.take_unstored(*notice);
}

void Hub::watch_hub() {
  const auto now = wall_now();
  const auto findings =
      hub_watch_.look(now, mono_now(), tls_ ? tls_->warnings(now) : std::vector<std::string>(), counters_.without_room.get());
  if (!findings) return;
  for (const auto& [what, trouble, sentence] : *findings) {
    desk_->on_hub(what, trouble, sentence, now);
    if (what == HubWatch::room_for_clients && std::exchange(without_room_, trouble) != trouble) {
      log(LogLevel::warning, "room_for_clients", {{"message", sentence}});
    }
  }
}

bool Hub::turn() {
  check_tls();
  watch_hub();
  report_clock_.turn(desk_, *engine_, wall_now(), mono_now());
  tell_store_trouble();
  if (key_file_.changed()) static_cast<void>(read_keys_again());
  heed_forget_request();
  retire_channels();
  accounts_->turn();
  if (!setup_token_gone_ && accounts_->has_users()) {
    setup_token_gone_ = true;
    forget_setup_token(config_.data_dir);
  }
  if (broker_->subscribers() == 0) return false;
  feed_.flush(wall_now());
  if (mono_now() >= next_heartbeat_) {
    next_heartbeat_ = mono_now() + heartbeat_period;
    feed_.heartbeat(wall_now());
  }
  return true;
}

}  // namespace vpn_sentinel

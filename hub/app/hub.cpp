#include "hub/app/hub.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <ratio>
#include <span>
#include <utility>

#include "hub/alert/notice.hpp"
#include "hub/alert/rule_config.hpp"
#include "hub/app/alerts_file.hpp"
#include "hub/app/first_admin.hpp"
#include "hub/app/forget_request.hpp"
#include "hub/app/key_commands.hpp"
#include "hub/app/open_files.hpp"
#include "hub/http/alert_routes.hpp"
#include "hub/http/api.hpp"
#include "hub/http/auth.hpp"
#include "hub/http/badge.hpp"
#include "hub/http/care_routes.hpp"
#include "hub/http/channel_routes.hpp"
#include "hub/http/connections.hpp"
#include "hub/http/events.hpp"
#include "hub/http/query.hpp"
#include "hub/http/rule_routes.hpp"
#include "hub/metrics/counted_engine.hpp"
#include "hub/metrics/counted_routes.hpp"
#include "hub/web/pages.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

/// How often certificate and key are looked at.
constexpr std::chrono::seconds tls_check_period{60};
/// How long a channel that was taken out of the file may go on sending what it has.
constexpr std::chrono::seconds longest_retirement{15};
/// The page takes 12 s of silence for a broken connection.
constexpr std::chrono::seconds heartbeat_period{5};
/// Where the dashboard's page finds its data, whatever the API's own path is.
constexpr auto dashboard_api_path = "/api/v1";

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

std::vector<std::string> names_of(const std::vector<ChannelConfig>& channels) {
  std::vector<std::string> names;
  names.reserve(channels.size());
  for (const auto& channel : channels) names.push_back(channel.name);
  return names;
}

std::vector<StoredAlert> for_each_channel(const std::vector<std::string>& channels, const Notice& notice) {
  std::vector<StoredAlert> alerts;
  alerts.reserve(channels.size());
  for (const auto& channel : channels) alerts.push_back({0, channel, to_text(notice), notice.noticed, 0});
  return alerts;
}

std::shared_ptr<Access> make_access(const HubConfig& config) {
  auto rules = access_rules(config);
  Access::Options options;
  options.open_without_keys =
      rules.keys.empty() && std::ranges::all_of(config.api_endpoints, [](const Endpoint& each) { return each.address.is_loopback(); });
  options.on_refused = [](std::string_view what, const IpAddress& address) {
    log(LogLevel::warning, "logins_refused",
        {{"what", what}, {"address", address.to_string()}, {"hint", "too many wrong keys or passwords came from there"}});
  };
  return std::make_shared<Access>(std::move(rules), std::move(options));
}

std::vector<Gate> api_gates(const std::shared_ptr<Access>& access, const std::shared_ptr<const AccountDoor>& door) {
  return {find_address(access), allow_addresses(access), limit_rate(access), require_key_or_account(door), refuse_other_sites()};
}

std::vector<Gate> dashboard_gates(const std::shared_ptr<Access>& access, const std::shared_ptr<const AccountDoor>& door) {
  return {find_address(access), require_log_in(door, dashboard_api_path), refuse_other_sites()};
}

/// The routes of accounts ask for rights themselves.
std::vector<Gate> account_gates(const std::shared_ptr<Access>& access) {
  return {find_address(access), limit_rate(access), refuse_other_sites()};
}

std::vector<Gate> api_account_gates(const std::shared_ptr<Access>& access) {
  return {find_address(access), allow_addresses(access), limit_rate(access), refuse_other_sites()};
}

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

/// Of the database's largest size what flows may have; they are worth less than reports.
std::uint64_t flow_share(const HubConfig& config) { return config.most_database_bytes / 4; }

template <typename Unit, typename Time>
std::uint64_t counted_in(Time time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<Unit>(time).count());
}

/// Only what stays as it is while the hub runs.
std::vector<HubFacts::Limit> limits_of(const HubConfig& config) {
  using Days = std::chrono::duration<std::int64_t, std::ratio<86'400>>;
  return {
      {"VPN_SENTINEL_RETENTION_DAYS", "Reports are kept for", counted_in<Days>(config.keep_reports), "days"},
      {"VPN_SENTINEL_DATABASE_SIZE_MB", "Largest size of the database", config.most_database_bytes / 1024 / 1024, "MiB"},
      {"VPN_SENTINEL_CLIENT_TIMEOUT_MINUTES", "A client without a lease of its own is offline after",
       counted_in<std::chrono::minutes>(config.client_timeout), "minutes"},
      {"VPN_SENTINEL_SESSION_IDLE_MINUTES", "A log-in that nobody uses ends after",
       counted_in<std::chrono::minutes>(config.session_limits.idle), "minutes"},
      {"VPN_SENTINEL_SESSION_DAYS", "Every log-in ends after", counted_in<Days>(config.session_limits.absolute), "days"},
  };
}

/// The first of `sites` and all that stand at the same place.
std::vector<Hub::Site> take_joined(std::vector<Hub::Site>& sites) {
  const auto place = sites.front().endpoints;
  const auto joins = [&](const Hub::Site& site) { return is_one_place(place, site.endpoints); };
  const auto rest = std::stable_partition(std::next(sites.begin()), sites.end(), joins);
  std::vector<Hub::Site> joined(std::make_move_iterator(sites.begin()), std::make_move_iterator(rest));
  sites.erase(sites.begin(), rest);
  return joined;
}

}  // namespace

Hub::Hub(const HubConfig& config)
    : log_watch_(
          [this](LogLevel level, std::string_view event, std::span<const LogField> fields) { log_.add(wall_now(), level, event, fields); }),
      data_dir_(config.data_dir),
      config_(config),
      key_file_(key_file_path(config.data_dir)),
      hub_watch_(config.data_dir),
      access_(make_access(config)),
      api_prefix_(config.api_prefix),
      metrics_clients_(config.metrics_clients) {
  hide_secrets();
  load_tls(config);
  start_engine(config);
  server_ = Server::make(config.io_threads);
  start_accounts(config);
  listen(config);
  if (!config.heartbeat_url.empty()) {
    heartbeat_ = std::make_unique<Heartbeat>(Heartbeat::Options{config.heartbeat_url, config.heartbeat_interval, config.ca_file},
                                             [this] { return engine_->healthy() && !hangs(); });
  }
  if (!config.trace_urls.empty()) {
    OwnExit::Options options{config.trace_urls, config.ipinfo_url, usual_geo_databases(), config.ca_file,
                             [] { return resolvers_of("/etc/resolv.conf"); }};
    own_exit_ = std::make_unique<OwnExit>(std::move(options));
  }
  // Before all that reports bring, and only now: a hub that cannot listen, and is started again and again, must not tell each time that it
  // has started.
  const auto started = start_notice(VPN_SENTINEL_VERSION, wall_now(), engine_->clients().size());
  for (auto& alert : for_each_channel(names_of(config.channels), started)) engine_->add_alert(std::move(alert));
  server_->run();
  // Its file is read once as a whole, which may take long: no report waits for it.
  FlowEngineOptions flows;
  flows.retention.most_bytes = flow_share(config);
  flows.on_trouble = [](const std::string& problem) { log(LogLevel::error, "flows", {{"message", problem}}); };
  flow_opener_ = std::jthread([this, flows = std::move(flows)] { open_flows(flows); });
  if (!config.alerts_warning.empty()) log(LogLevel::warning, "alerts_file", {{"message", config.alerts_warning}});
  bot_options_ = bots_of(config);
  channels_ = with_buttons(config.channels, bot_options_);
  warn_of_missing_channels();
  alerts_.start(channels_, *engine_);
  start_bots();
}

Hub::~Hub() {
  trials_.stop();                // their answers are still sent
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

void Hub::start_engine(const HubConfig& config) {
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
  auto engine = Engine::start(std::move(*store), policy, std::move(hooks), std::move(options));
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

/// After the server is made, which has to be told of changes, and before it runs.
void Hub::start_accounts(const HubConfig& config) {
  const auto cannot = [](const Error& error) {
    return FatalError(exit_cannot_create, fmt::format("the accounts cannot be used: {}", error.message));
  };
  if (auto prepared = prepare_accounts(config); !prepared) throw cannot(prepared.error());
  Accounts::Options options;
  options.limits = config.session_limits;
  options.on_changed = [this] { server_->review_live(); };
  options.on_trouble = [](const Error& error) { log(LogLevel::error, "accounts", {{"message", error.message}}); };
  auto accounts = Accounts::start(account_file_path(config.data_dir), std::move(options));
  if (!accounts) throw cannot(accounts.error());
  accounts_ = std::move(*accounts);
  const bool loopback = std::ranges::all_of(config.dashboard_endpoints, [](const Endpoint& each) { return each.address.is_loopback(); });
  door_ = std::make_shared<const AccountDoor>(AccountDoor{*accounts_, access_, tls_ != nullptr,
                                                          loopback && config.dashboard_password.empty(), config.dashboard_password,
                                                          config.forward_auth_header, config.forward_auth_proxies, &log_});
}

/// A key that the API made is good, and one that it revoked is not, when it answers.
KeyAdmin Hub::key_admin() {
  const auto in_force = [this](Result<std::string> key) -> Result<std::string> {
    if (!key) return key;
    if (auto read = read_keys_again(); !read) return fail(read.error());
    return key;
  };
  const auto wish = [](const KeyGrant& grant) { return NewKey{grant.name, grant.clients, grant.may_read}; };
  const auto data_dir = config_.data_dir;
  KeyAdmin admin;
  admin.list = [data_dir] { return read_keys(key_file_path(data_dir)); };
  admin.add = [=](const KeyGrant& grant) { return in_force(add_key(data_dir, wish(grant), wall_now())); };
  admin.rotate = [=](const std::string& name) { return in_force(rotate_key(data_dir, name, wall_now())); };
  admin.put = [=](const KeyGrant& grant) { return in_force(put_key(data_dir, wish(grant), wall_now())); };
  admin.revoke = [this, data_dir](const std::string& name) {
    return revoke_key(data_dir, name).and_then([this] { return read_keys_again(); });
  };
  return admin;
}

void Hub::load_tls(const HubConfig& config) {
  if (!config.tls) return;
  auto loaded = TlsCredentials::load(*config.tls);
  if (!loaded) throw FatalError(exit_config, fmt::format("HTTPS cannot be served: {}", loaded.error().message));
  tls_ = std::move(*loaded);
  tell_tls(true);
}

void Hub::tell_tls(const Result<bool>& reloaded) {
  next_tls_check_ = mono_now() + tls_check_period;
  if (!reloaded) {
    return log(LogLevel::error, "certificate_refused",
               {{"message", reloaded.error().message}, {"next", "the certificate that was loaded before stays"}});
  }
  if (!*reloaded) return;
  log(LogLevel::info, "certificate_loaded", {{"expires", to_rfc3339(tls_->expires())}});
  for (const auto& warning : tls_->warnings(wall_now())) log(LogLevel::warning, "certificate", {{"message", warning}});
}

void Hub::reload_tls() {
  if (tls_) tell_tls(tls_->reload().map([] { return true; }));
}

void Hub::check_tls() {
  if (tls_ && mono_now() >= next_tls_check_) tell_tls(tls_->reload_when_changed());
}

void Hub::listen(const HubConfig& config) {
  std::vector<Site> sites;
  const auto api = std::make_shared<Router>();
  add_report_routes(*api, config.api_prefix, *counted_engine_);
  add_read_routes(*api, config.api_prefix, *engine_);
  const auto facts_now = [this] { return facts(); };
  add_hub_route(*api, config.api_prefix, facts_now);
  add_alert_routes(*api, config.api_prefix, *engine_, [this] { return alerts_.standing(); });
  add_flow_report_route(*api, config.api_prefix, flows_);
  add_flow_read_routes(*api, config.api_prefix, *engine_, flows_);
  auto service = live_service(api_gates(access_, door_), api, config.api_prefix, feed_);
  service.large_path = events_path(config.api_prefix);
  const auto keys = key_admin();
  const RuleDoor rules{[this] { return desk_->rules(); }, [this] { return desk_->file_settings(); }};
  const ChannelDoor channels{[this](const std::string& name) { return alerts_.channel(name); }, trials_};
  const FileWindows windows = [this] { return file_windows_json(desk_->file_settings()); };
  sites.push_back({"api",
                   config.api_prefix,
                   config.api_endpoints,
                   {account_service(door_, keys, config.api_prefix, api_account_gates(access_)),
                    care_service(door_, *engine_, config.api_prefix, api_account_gates(access_), require_key_or_account(door_), windows),
                    rule_service(door_, *engine_, rules, config.api_prefix, api_account_gates(access_), require_key_or_account(door_)),
                    channel_service(door_, channels, config.api_prefix, api_account_gates(access_), require_key_or_account(door_)),
                    std::move(service)}});

  const auto dashboard = std::make_shared<Router>();
  add_read_routes(*dashboard, dashboard_api_path, *engine_);
  add_hub_route(*dashboard, dashboard_api_path, facts_now);
  add_alert_routes(*dashboard, dashboard_api_path, *engine_, [this] { return alerts_.standing(); });
  add_flow_read_routes(*dashboard, dashboard_api_path, *engine_, flows_);
  const std::uint16_t api_port = config.api_endpoints.empty() ? 0 : config.api_endpoints.front().port;
  add_page_routes(*dashboard, {VPN_SENTINEL_VERSION, api_port, tls_ != nullptr, config.api_prefix});
  service = live_service(dashboard_gates(access_, door_), dashboard, dashboard_api_path, feed_);
  sites.push_back(
      {"dashboard",
       "/dashboard",
       config.dashboard_endpoints,
       {account_service(door_, keys, dashboard_api_path, account_gates(access_)),
        care_service(door_, *engine_, dashboard_api_path, account_gates(access_), require_log_in(door_, dashboard_api_path), windows),
        rule_service(door_, *engine_, rules, dashboard_api_path, account_gates(access_), require_log_in(door_, dashboard_api_path)),
        channel_service(door_, channels, dashboard_api_path, account_gates(access_), require_log_in(door_, dashboard_api_path)),
        std::move(service)}});

  const auto health_pages = std::make_shared<Router>();
  add_health_routes(*health_pages, [this] { return health(); });
  add_metrics_route(
      *health_pages, [this] { return view(); }, counters_);
  sites.push_back({"health", "/health", config.health_endpoints, {{health_pages, {}}}});

  const auto open_files = raise_open_files(sites.size());
  const auto connections = connections_within(open_files, sites.size());
  if (connections < wanted_connections) {
    log(LogLevel::warning, "few_open_files",
        {{"open_files", open_files},
         {"connections", connections},
         {"hint", fmt::format("each listener takes no more than this many connections instead of {}; raise the hard limit of open files "
                              "(LimitNOFILE= of the unit, ulimit -Hn, --ulimit nofile= of a container)",
                              wanted_connections)}});
  }
  offer_public(sites, config);
  while (!sites.empty()) open(take_joined(sites), config, connections);
}

/// At the API and the dashboard, before their other gates: the setting has said whom everybody may see.
void Hub::offer_public(std::vector<Site>& sites, const HubConfig& config) {
  if (config.badges.empty() && config.status_page.empty()) return;
  const auto open_to_all = std::make_shared<Router>();
  if (!config.badges.empty()) add_badge_route(*open_to_all, *engine_, config.badges);
  if (!config.status_page.empty()) add_status_page(*open_to_all, *engine_, config.status_page, config.status_page_title);
  for (auto& site : sites) {
    // The last service answers for paths that nobody serves.
    if (site.what != "health")
      site.services.insert(site.services.begin(), Service{open_to_all, {find_address(access_), limit_rate(access_)}});
  }
}

void Hub::open(std::vector<Site> sites, const HubConfig& config, std::size_t max_connections) {
  const auto endpoints = sites.front().endpoints;
  if (endpoints.empty()) return log(LogLevel::info, "not_listening", {{"what", sites.front().what}});
  std::vector<Service> services;
  // The API comes last: on a joined listener its refusals and its 404 are those of paths that are not the page's.
  std::for_each(sites.rbegin(), sites.rend(), [&](Site& site) { std::ranges::move(site.services, std::back_inserter(services)); });
  ListenOptions options;
  options.endpoints = endpoints;
  options.max_body = max_report_bytes;
  options.large_body = max_batch_bytes;
  options.max_connections = max_connections;
  options.max_per_address = config.connections_per_address;
  // The health pages of a container engine stay plain, unless they share a port.
  if (std::ranges::any_of(sites, [](const Site& site) { return site.what != "health"; })) options.tls = tls_;
  const auto* const scheme = options.tls ? "https" : "http";
  const auto bound = server_->listen(std::move(options), count_requests(join_services(std::move(services)), api_prefix_, counters_));
  if (!bound) throw FatalError(exit_unavailable, fmt::format("{}: {}", sites.front().what, bound.error().message));
  for (const auto& site : sites) {
    for (const auto& endpoint : *bound) {
      listeners_.push_back({site.what, fmt::format("{}://{}{}", scheme, endpoint.to_string(), site.path)});
      log(LogLevel::info, "listening", {{"what", site.what}, {"url", listeners_.back().url}});
    }
    summary_ += fmt::format("{}{} {}://{}{}", summary_.empty() ? "" : ", ", site.what, scheme, bound->front().to_string(), site.path);
  }
}

bool Hub::hangs() const { return vpn_sentinel::hangs(*engine_); }

std::vector<HealthComponent> Hub::health() const {
  using Status = HealthComponent::Status;
  const auto clients = engine_->clients();
  const auto offline = std::ranges::count_if(clients, [](const auto& client) { return client->state == State::offline; });
  std::vector<HealthComponent> components{
      store_health(*engine_),
      {"clients", Status::ok, fmt::format("{} known, {} offline", clients.size(), offline)},
      channels_health(alerts_.standing()),
  };
  std::ranges::move(bots_.health(), std::back_inserter(components));
  if (heartbeat_) {
    const bool failing = heartbeat_->is_failing();
    components.push_back({"heartbeat", failing ? Status::degraded : Status::ok, failing ? "is not taken" : "on"});
  }
  if (tls_) components.push_back(certificate_health(tls_->expires() - wall_now()));
  return components;
}

HubView Hub::view() const {
  HubView view;
  view.version = VPN_SENTINEL_VERSION;
  view.clients = engine_->clients();
  view.name_clients = metrics_clients_;
  view.store_works = store_health(*engine_).status == HealthComponent::Status::ok;
  const auto bytes_of = [this](const char* file) -> std::uint64_t {
    std::error_code error;
    const auto size = std::filesystem::file_size(data_dir_.file(file), error);
    return error ? 0 : size;
  };
  view.store_bytes = bytes_of("hub.db") + bytes_of("hub.db-wal");
  const auto* flows = flows_.engine();
  view.flow_store_works = flows != nullptr && flows->healthy();
  view.flow_store_bytes = bytes_of("flows.db") + bytes_of("flows.db-wal");
  view.channels = alerts_.standing();
  view.live_listeners = broker_->subscribers();
  view.uptime_s = std::chrono::duration<double>(mono_now() - started_).count();
  view.process = read_process_numbers();
  return view;
}

HubFacts Hub::facts() const {
  const auto now = view();
  HubFacts facts;
  facts.version = now.version;
  facts.started = log_.started();
  facts.uptime = std::chrono::duration_cast<std::chrono::seconds>(mono_now() - started_);
  facts.listeners = listeners_;
  facts.store_works = now.store_works;
  facts.store_bytes = now.store_bytes;
  facts.flow_bytes = now.flow_store_bytes;
  facts.clients = now.clients.size() + engine_->groups().size();
  facts.live_pages = now.live_listeners;
  facts.limits = limits_of(config_);
  if (own_exit_) {
    facts.exit = own_exit_->exit();
    facts.dns = own_exit_->dns();
  }
  return facts;
}

void Hub::on_committed(const std::vector<Change>& changes, const std::vector<std::shared_ptr<const ClientState>>& touched) {
  feed_.committed(changes, touched);
  for (const auto& change : changes) log_change(change);
}

void Hub::apply_access(const HubConfig& config) {
  const std::lock_guard lock(rules_mutex_);
  config_.api_key = config.api_key;
  config_.client_keys = config.client_keys;
  config_.allowed = config.allowed;
  config_.trusted_proxies = config.trusted_proxies;
  config_.rate_limit = config.rate_limit;
  hide_secrets();
  replace_access();
}

/// What the settings hold must not be read in the log that operators see.
void Hub::hide_secrets() {
  std::vector<std::string> secrets{config_.api_key, config_.dashboard_password, config_.admin_password, config_.heartbeat_url};
  for (const auto& channel : config_.channels) {
    secrets.push_back(channel.secret);
    if (is_secret_url(channel)) secrets.push_back(channel.url);
  }
  log_.hide(SecretMask(std::move(secrets)));
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

void Hub::replace_access() {
  access_->replace(access_rules(config_));
  server_->review_live();
}

/// A file that is wrong changes nothing: the keys stay as they were until it is put right. Any thread.
Result<void> Hub::read_keys_again() {
  const std::lock_guard lock(rules_mutex_);
  auto keys = read_keys(key_file_.path());
  if (!keys) {
    log(LogLevel::error, "keys_not_read", {{"message", keys.error().message}, {"next", "the keys stay as they were"}});
    return fail(keys.error());
  }
  config_.client_keys = std::move(*keys);
  replace_access();
  log(LogLevel::info, "keys_read", {{"file", key_file_.path()}, {"client_keys", config_.client_keys.size()}});
  return {};
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
  const auto findings = hub_watch_.look(now, mono_now(), tls_ ? tls_->warnings(now) : std::vector<std::string>());
  if (!findings) return;
  for (const auto& [what, trouble, sentence] : *findings) desk_->on_hub(what, trouble, sentence, now);
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

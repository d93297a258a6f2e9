// What the hub serves, where, and who is let in.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "hub/alert/rule_config.hpp"
#include "hub/app/hub.hpp"
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
#include "hub/metrics/counted_routes.hpp"
#include "hub/web/pages.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

/// Where the dashboard's page finds its data, whatever the API's own path is.
constexpr auto dashboard_api_path = "/api/v1";

std::vector<Gate> api_gates(const std::shared_ptr<Access>& access, const std::shared_ptr<const AccountDoor>& door) {
  return {find_address(access), allow_addresses(access), limit_rate(access), require_key_or_account(door), refuse_other_sites()};
}

std::vector<Gate> dashboard_gates(const std::shared_ptr<Access>& access, const std::shared_ptr<const AccountDoor>& door) {
  return {find_address(access), allow_addresses(access), limit_rate(access), require_log_in(door, dashboard_api_path),
          refuse_other_sites()};
}

/// The routes of accounts ask for rights themselves.
std::vector<Gate> account_gates(const std::shared_ptr<Access>& access) {
  return {find_address(access), allow_addresses(access), limit_rate(access), refuse_other_sites()};
}

/// A check of the machine itself comes from loopback, or from the address that the pages are bound to.
std::vector<Gate> health_gates(const std::shared_ptr<Access>& access, const std::vector<Endpoint>& endpoints) {
  std::vector<IpAddress> own;
  for (const auto& endpoint : endpoints) {
    if (!endpoint.address.is_unspecified()) own.push_back(endpoint.address);
  }
  // That the hub has started is no secret, and a node of Kubernetes asks from an address that hardly anybody lists.
  const Gate listed = [allow = allow_addresses(access)](Request& request) -> std::optional<Response> {
    return request.path == "/health/startup" ? std::nullopt : allow(request);
  };
  return {spare_own_machine(access, {find_address(access), listed, limit_rate(access)}, std::move(own))};
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
  sites.push_back(
      {"api",
       config.api_prefix,
       config.api_endpoints,
       {account_service(door_, keys, config.api_prefix, account_gates(access_)),
        care_service(door_, *engine_, config.api_prefix, account_gates(access_), require_key_or_account(door_), windows),
        rule_service(door_, *engine_, rules, config.api_prefix, account_gates(access_), require_key_or_account(door_)),
        channel_service(door_, channels, config.api_prefix, account_gates(access_), require_key_or_account(door_)), std::move(service)}});

  const auto dashboard = std::make_shared<Router>();
  add_read_routes(*dashboard, dashboard_api_path, *engine_);
  add_hub_route(*dashboard, dashboard_api_path, facts_now);
  add_alert_routes(*dashboard, dashboard_api_path, *engine_, [this] { return alerts_.standing(); });
  add_flow_read_routes(*dashboard, dashboard_api_path, *engine_, flows_);
  const std::uint16_t api_port = config.api_endpoints.empty() ? 0 : config.api_endpoints.front().port;
  add_page_routes(*dashboard, {VPN_SENTINEL_VERSION, api_port, tls_ != nullptr, config.api_prefix});
  service = live_service(dashboard_gates(dashboard_access_, door_), dashboard, dashboard_api_path, feed_);
  sites.push_back(
      {"dashboard",
       "/dashboard",
       config.dashboard_endpoints,
       {account_service(door_, keys, dashboard_api_path, account_gates(dashboard_access_)),
        care_service(door_, *engine_, dashboard_api_path, account_gates(dashboard_access_), require_log_in(door_, dashboard_api_path),
                     windows),
        rule_service(door_, *engine_, rules, dashboard_api_path, account_gates(dashboard_access_),
                     require_log_in(door_, dashboard_api_path)),
        channel_service(door_, channels, dashboard_api_path, account_gates(dashboard_access_), require_log_in(door_, dashboard_api_path)),
        std::move(service)}});

  const auto health_pages = std::make_shared<Router>();
  add_health_routes(*health_pages, [this] { return health(); });
  add_metrics_route(
      *health_pages, [this] { return view(); }, counters_);
  sites.push_back({"health", "/health", config.health_endpoints, {{health_pages, health_gates(health_access_, config.health_endpoints)}}});

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
  const auto plain = warning_of_plain_log_in(config.dashboard_endpoints, tls_ != nullptr, config.trusted_proxies);
  if (!plain.empty()) log(LogLevel::warning, "plain_log_in", {{"message", plain}});
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
    if (site.what == "health") continue;
    const auto& access = site.what == "api" ? access_ : dashboard_access_;
    site.services.insert(site.services.begin(), Service{open_to_all, {find_address(access), limit_rate(access)}});
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

}  // namespace vpn_sentinel

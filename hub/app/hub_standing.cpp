// How the hub is: health, metrics, and what its page tells of itself.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <ratio>

#include "hub/app/hub.hpp"

namespace vpn_sentinel {
namespace {

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
      {"VPN_SENTINEL_SERVER_MAX_CLIENTS", "Clients that the hub knows at most", config.client_limits.all, "clients"},
      {"VPN_SENTINEL_SERVER_CLIENTS_PER_KEY", "Of these, told first with one key", config.client_limits.per_key, "clients"},
      {"VPN_SENTINEL_CLIENT_TIMEOUT_MINUTES", "A client without a lease of its own is offline after",
       counted_in<std::chrono::minutes>(config.client_timeout), "minutes"},
      {"VPN_SENTINEL_SESSION_IDLE_MINUTES", "A log-in that nobody uses ends after",
       counted_in<std::chrono::minutes>(config.session_limits.idle), "minutes"},
      {"VPN_SENTINEL_SESSION_DAYS", "Every log-in ends after", counted_in<Days>(config.session_limits.absolute), "days"},
  };
}

}  // namespace

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
  if (const auto beats = heartbeat()) {
    const bool failing = beats->is_failing();
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
  auto warning = warning_of_plain_log_in(config_.dashboard_endpoints, tls_ != nullptr, access_->rules()->trusted_proxies);
  if (warning.empty() && door_->plain_log_in->load(std::memory_order_relaxed)) warning = warning_of_arrived_plain_log_in();
  if (!warning.empty()) facts.warnings.push_back(std::move(warning));
  if (own_exit_) {
    facts.exit = own_exit_->exit();
    facts.dns = own_exit_->dns();
  }
  return facts;
}

}  // namespace vpn_sentinel

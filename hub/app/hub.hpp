/// The hub: wires store, engine, live feed, alerts and listeners together, in an order in which each finds what it needs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hub/app/alert_relay.hpp"
#include "hub/app/data_dir.hpp"
#include "hub/app/hub_settings.hpp"
#include "hub/app/store_watch.hpp"
#include "hub/engine/engine.hpp"
#include "hub/http/health.hpp"
#include "hub/http/joined.hpp"
#include "hub/http/server.hpp"
#include "hub/live/broker.hpp"
#include "hub/live/feed.hpp"
#include "hub/metrics/counters.hpp"
#include "hub/metrics/page.hpp"

namespace vpn_sentinel {

class Hub {
 public:
  /// Throws FatalError: 69 a port is taken, 73 the data folder or the database cannot be used.
  explicit Hub(const HubConfig& config);
  /// Stops taking requests, answers those under way, stores what is queued.
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// What is due; call it about ten times per second. False: there is nobody to see it, once per second is enough.
  bool turn();
  /// Reports are not stored and nobody is judged, because the disk does not answer. Only a restart may help.
  [[nodiscard]] bool hangs() const;
  /// "api http://127.0.0.1:5000/api/v1, dashboard …"
  [[nodiscard]] const std::string& summary() const noexcept { return summary_; }

  /// One of API, dashboard and health pages, and where it listens (nowhere: switched off).
  struct Site {
    std::string what;
    std::string path;
    std::vector<Endpoint> endpoints;
    Service service;
  };

 private:
  void start_engine(const HubConfig& config);
  void listen(const HubConfig& config);
  void open(std::vector<Site> sites);
  [[nodiscard]] std::vector<HealthComponent> health() const;
  [[nodiscard]] HubView view() const;
  void tell_store_trouble();
  void on_committed(const std::vector<Change>& changes, const std::vector<std::shared_ptr<const ClientState>>& touched);

  DataDir data_dir_;
  std::unique_ptr<Broker> broker_ = Broker::make();
  LiveFeed feed_{*broker_};
  AlertRelay alerts_;
  StoreWatch store_watch_;
  bool sends_alerts_ = false;
  HubCounters counters_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> counted_engine_;  ///< the same, for what brings reports
  std::unique_ptr<Server> server_;
  MonoTime next_heartbeat_{};
  const MonoTime started_ = mono_now();
  std::string api_prefix_;
  bool metrics_clients_ = false;
  std::string summary_;
};

}  // namespace vpn_sentinel

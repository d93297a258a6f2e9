/// The hub: wires store, engine, live feed, alerts and listeners together, in an order in which each finds what it needs.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "hub/alert/channel_trials.hpp"
#include "hub/alert/desk_keeper.hpp"
#include "hub/app/alert_relay.hpp"
#include "hub/app/bot_host.hpp"
#include "hub/app/data_dir.hpp"
#include "hub/app/heartbeat.hpp"
#include "hub/app/hub_settings.hpp"
#include "hub/app/hub_watch.hpp"
#include "hub/app/key_file.hpp"
#include "hub/app/own_exit.hpp"
#include "hub/app/report_clock.hpp"
#include "hub/app/store_watch.hpp"
#include "hub/engine/engine.hpp"
#include "hub/engine/flow_door.hpp"
#include "hub/http/account_routes.hpp"
#include "hub/http/health.hpp"
#include "hub/http/hub_route.hpp"
#include "hub/http/joined.hpp"
#include "hub/http/server.hpp"
#include "hub/live/broker.hpp"
#include "hub/live/feed.hpp"
#include "hub/log/log_ring.hpp"
#include "hub/metrics/counters.hpp"
#include "hub/metrics/page.hpp"

namespace vpn_sentinel {

class Hub {
 public:
  /// Throws FatalError: 69 a port is taken, 73 the data folder or the database cannot be used, 78 certificate or key cannot be used.
  explicit Hub(const HubConfig& config);
  /// Stops taking requests, answers those under way, stores what is queued.
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// Takes over keys, allowed addresses, trusted proxies and the rate limit; from the thread that calls turn().
  void apply_access(const HubConfig& config);

  /// Takes over channels, rules and maintenance windows of the alerts' file; from the thread that calls turn(). Channels that are gone stay
  /// until the rules that may still name them are.
  void apply_alerts(const HubConfig& config);

  /// Another address or pause of the heartbeat, or none any more; from the thread that calls turn().
  void apply_heartbeat(const HubConfig& config);

  /// What is due; call it about ten times per second. False: there is nobody to see it, once per second is enough.
  bool turn();
  /// Reads certificate and key again, whether they have changed or not. A bad pair is told in the log and changes nothing.
  void reload_tls();
  /// Reports are not stored and nobody is judged, because the disk does not answer. Only a restart may help.
  [[nodiscard]] bool hangs() const;
  /// "api http://127.0.0.1:5000/api/v1, dashboard …"
  [[nodiscard]] const std::string& summary() const noexcept { return summary_; }

  /// One of API, dashboard and health pages, and where it listens (nowhere: switched off).
  struct Site {
    std::string what;
    std::string path;
    std::vector<Endpoint> endpoints;
    std::vector<Service> services;
  };

 private:
  static std::shared_ptr<Access> make_access(const HubConfig& config);
  static std::shared_ptr<Access> make_access(const HubConfig& config, const PageAccess& pages);
  Result<void> read_keys_again();
  void heed_forget_request();
  void replace_access();
  void retire_channels();
  void start_alerts(const HubConfig& config);
  void start_bots();
  void warn_of_missing_channels() const;
  void hide_secrets();
  void start_accounts(const HubConfig& config);
  [[nodiscard]] KeyAdmin key_admin();
  void load_engine(const HubConfig& config);
  void open_flows(FlowEngineOptions options);
  void load_tls(const HubConfig& config);
  void check_tls();
  void tell_tls(const Result<bool>& reloaded);
  void listen(const HubConfig& config);
  void offer_public(std::vector<Site>& sites, const HubConfig& config);
  void open(std::vector<Site> sites, const HubConfig& config, std::size_t max_connections);
  [[nodiscard]] std::shared_ptr<Heartbeat> heartbeat() const;
  [[nodiscard]] std::vector<HealthComponent> health() const;
  [[nodiscard]] HubView view() const;
  [[nodiscard]] HubFacts facts() const;
  [[nodiscard]] std::size_t alerts_waiting() const;
  void tell_store_trouble();
  void watch_hub();
  void warn_of_originals(const std::vector<std::shared_ptr<const ClientState>>& touched);
  void on_committed(const std::vector<Change>& changes, const std::vector<std::shared_ptr<const ClientState>>& touched);

  LogRing log_;
  LogWatch log_watch_;
  DataDir data_dir_;
  HubConfig config_;  ///< its part that apply_access() takes over is the one in force
  KeyFileWatch key_file_;
  HubWatch hub_watch_;
  bool without_room_ = false;                 ///< as the log has told
  std::shared_ptr<Access> access_;            ///< of the API, and all keys and log-ins
  std::shared_ptr<Access> dashboard_access_;  ///< addresses and rate only, so the next
  std::shared_ptr<Access> health_access_;
  std::mutex rules_mutex_;  ///< keys are made by the API, too: guards that part of config_ and what comes of it
  std::unique_ptr<Broker> broker_ = Broker::make();
  LiveFeed feed_{*broker_};
  AlertRelay alerts_;
  std::vector<ChannelConfig> channels_;  ///< what `alerts_` has: those of config_, and those before until they are retired
  std::optional<MonoTime> retire_by_;    ///< some of `channels_` are to go
  ChannelTrials trials_;
  std::vector<TelegramBotOptions> bot_options_;  ///< of the bots that run
  BotHost bots_;
  std::shared_ptr<DeskKeeper> desk_;
  StoreWatch store_watch_;
  ReportClock report_clock_;
  std::atomic<bool> forgetting_{false};  ///< a wish is under way
  HubCounters counters_;
  bool originals_compared_ = false;  ///< with the hub's own addresses, or the log has told that they are not; the engine's thread's
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> counted_engine_;   ///< the same, for what brings reports
  std::unique_ptr<FlowEngine> flow_engine_;  ///< of the thread that opens it, until that has ended
  std::unique_ptr<FlowEngine> counted_flow_engine_;
  FlowDoor flows_;
  std::shared_ptr<TlsCredentials> tls_;  ///< null: plain HTTP
  std::unique_ptr<Server> server_;
  std::unique_ptr<Accounts> accounts_;
  std::shared_ptr<const AccountDoor> door_;
  mutable std::mutex heartbeat_mutex_;    ///< of the pointer
  std::shared_ptr<Heartbeat> heartbeat_;  ///< null: nobody wants one
  std::unique_ptr<OwnExit> own_exit_;     ///< null: switched off
  bool setup_token_gone_ = false;
  MonoTime next_heartbeat_{};
  MonoTime next_tls_check_{};
  const MonoTime started_ = mono_now();
  std::string api_prefix_;
  bool metrics_clients_ = false;
  std::string summary_;
  std::vector<HubFacts::Listener> listeners_;
  std::jthread flow_opener_;  ///< last: nothing that it uses goes before it has ended
};

}  // namespace vpn_sentinel

/// The probe daemon: watches -> reports -> outbox -> sender, keepalives by timer, signals.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "netns/base/fd.hpp"
#include "probe/app/flow_reporter.hpp"
#include "probe/app/health_socket.hpp"
#include "probe/app/own_way.hpp"
#include "probe/app/probe_settings.hpp"
#include "probe/app/target_set.hpp"
#include "probe/app/trouble_teller.hpp"
#include "probe/delivery/outbox.hpp"
#include "probe/delivery/sender.hpp"

namespace vpn_sentinel {

class Daemon {
 public:
  /// Throws FatalError when the data folder cannot be used, is in use, or the watched namespace may not be entered.
  Daemon(ProbeConfig config, std::function<Result<ProbeConfig>()> reload);
  /// Until SIGTERM or SIGINT; the last reports are delivered or kept in the outbox.
  int run();

 private:
  /// Of each hub that gets everything, or of all together when the first that answers gets it.
  struct Delivery {
    std::string hub;  ///< for people
    std::unique_ptr<Outbox> outbox;
    std::unique_ptr<Sender> sender;
    std::uint64_t dropped = 0;  ///< as it was told
    TroubleTeller trouble;
    std::set<std::string> failing;  ///< by client, to log the first failure and the recovery, not every try
  };

  void lock_data_dir();
  void answer_healthchecks();
  void add_deliveries();
  void add_delivery(const HubAddress& hub, const std::string& outbox_file);
  void tell_of_dropped();
  static void tell_of_trouble(Delivery& delivery);
  void look_for_trouble();
  [[nodiscard]] std::size_t kept_reports() const;
  void on_update(const TargetWatch& watch, const TargetWatch::Update& update);
  void send(const TargetWatch& watch, const std::string& trigger, bool is_change);
  void keepalive(std::chrono::milliseconds after);
  void wait_for_signals();
  void reload_settings();
  void stop();
  void watchdog();
  [[nodiscard]] std::string status_line() const;
  [[nodiscard]] DeliveryPaths paths(const std::string& client_id);
  [[nodiscard]] Sender::Hooks delivery_hooks(Delivery& delivery);
  [[nodiscard]] TargetSet::Hooks target_hooks();

  ProbeConfig config_;
  std::function<Result<ProbeConfig>()> reload_;
  const std::string boot_id_;
  std::uint64_t sequence_ = 0;
  Fd lock_;
  boost::asio::io_context io_{1};
  HttpClient http_;
  DnsClient dns_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  std::size_t draining_ = 0;
  FlowReporter flows_;
  std::unique_ptr<TargetSet> targets_;
  OwnWay own_way_;
  boost::asio::steady_timer keepalive_timer_;
  boost::asio::steady_timer trouble_timer_;
  boost::asio::steady_timer watchdog_timer_;
  boost::asio::signal_set signals_;
  std::unique_ptr<HealthSocket> health_;
  bool ready_ = false;  ///< systemd has been told
  bool stopping_ = false;
};

}  // namespace vpn_sentinel

#include <fmt/format.h>
#include <sysexits.h>

#include "netns/base/fatal_error.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/daemon.hpp"
#include "probe/app/daemon_log.hpp"
#include "probe/app/outbox_files.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// An outbox tries to write again as often.
constexpr auto trouble_period = 5s;

}  // namespace

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
    for (const auto& left : arranged.left) log_left_outbox(left);
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
  if (!outbox) throw FatalError(EX_CANTCREAT, outbox.error().message);
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

}  // namespace vpn_sentinel

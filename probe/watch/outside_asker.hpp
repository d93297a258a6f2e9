/// Asks one question of OutsideFacts: see there.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/checks/exit_check.hpp"
#include "probe/watch/outside_facts.hpp"

namespace vpn_sentinel {

class OutsideAsker : public std::enable_shared_from_this<OutsideAsker> {
 public:
  /// `http` and `dns` outlive it.
  OutsideAsker(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, OutsideQuestion question);

  [[nodiscard]] const OutsideQuestion& question() const noexcept { return question_; }
  void start();
  void stop();
  /// Somebody sits down after nobody did: asks at once when what is known is older than the interval, or of another uplink.
  void wake();
  void add(const OutsideFacts::Subscription& seat);
  [[nodiscard]] bool has_seats() const;

  [[nodiscard]] const UplinkView& uplink() const noexcept { return uplink_; }
  [[nodiscard]] std::vector<IpAddress> hubs() const;
  [[nodiscard]] bool pending() const noexcept { return !answered_once_; }

 private:
  struct HubName;

  void watch_routes();
  /// True when public addresses leave by another way than before.
  bool routes_changed();
  void forget_uplink();
  void ask_in(std::chrono::milliseconds pause);
  void ask();
  void ask_uplink(Family family);
  void on_uplink(Family family, const ExitOfFamily& seen);
  void ask_hub(const std::string& host);
  void ask_hub(const std::shared_ptr<HubName>& name);
  void one_done();
  void tell();

  boost::asio::steady_timer ask_timer_;
  boost::asio::steady_timer route_timer_;
  DnsClient& dns_;
  OutsideQuestion question_;
  ExitCheck check_;
  SocketOpener opener_;
  std::optional<RouteLookup> look_up_;
  std::string ways_;  ///< fingerprint of the routes to public addresses
  bool has_v4_ = true;
  bool has_v6_ = false;
  bool answered_once_ = false;
  bool failed_ = false;  ///< something of the round under way
  int running_ = 0;
  MonoTime asked_{};    ///< when the last round began
  unsigned round_ = 0;  ///< answers of older ones are recognised by it
  std::map<Family, IpAddress> addresses_;
  UplinkView uplink_;
  std::map<std::string, std::vector<IpAddress>> hubs_;  ///< by host, as last learnt
  std::vector<std::weak_ptr<const OutsideFacts::Seat>> seats_;
};

}  // namespace vpn_sentinel

/// Asks one question of OutsideFacts: see there.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "probe/checks/exit_check.hpp"
#include "probe/watch/hub_names.hpp"
#include "probe/watch/outside_facts.hpp"
#include "probe/watch/uplink_ways.hpp"

namespace vpn_sentinel {

/// Until a question is asked again that has just failed, and did so `failed_before` times in a row before: a minute, then twice as long
/// each time, but never longer than the usual interval.
[[nodiscard]] std::chrono::milliseconds pause_after_failures(unsigned failed_before, std::chrono::milliseconds interval);

class OutsideAsker : public std::enable_shared_from_this<OutsideAsker> {
 public:
  /// `http` and `dns` outlive it.
  OutsideAsker(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, OutsideQuestion question);

  [[nodiscard]] const OutsideQuestion& question() const noexcept { return question_; }
  void start();
  void stop();
  /// Somebody sits down after nobody did: asks at once when what is known is older than the interval, or of another uplink.
  void wake();
  /// Something hints that the uplink's address may be another one: it is asked for again, a while after the last time.
  void ask_again();
  void add(const OutsideFacts::Subscription& seat);
  [[nodiscard]] bool has_seats() const;

  [[nodiscard]] const UplinkView& uplink() const noexcept { return uplink_; }
  [[nodiscard]] std::vector<IpAddress> hubs() const { return hubs_.addresses(); }
  [[nodiscard]] bool pending() const noexcept { return !answered_once_; }
  /// Since when the uplink's address of a family is asked for and not known.
  [[nodiscard]] const std::map<Family, MonoTime>& unknown_since() const noexcept { return unknown_since_; }

 private:
  /// When a question is asked again.
  struct Due {
    MonoTime at{};
    unsigned failed = 0;  ///< times in a row
  };

  void watch_routes();
  [[nodiscard]] std::vector<std::string> questions() const;
  void forget_uplink(const std::vector<Family>& families);
  void end_round();
  void ask_in(std::chrono::milliseconds pause);
  void ask_when_due();
  void ask();
  void ask_uplink(Family family);
  void on_uplink(Family family, const ExitOfFamily& seen);
  void ask_hub(const std::string& host);
  void one_done(const std::string& question, bool failed);
  void one_done();
  void compose_uplink();
  [[nodiscard]] bool is_missing(Family family) const;
  void tell();

  boost::asio::steady_timer ask_timer_;
  boost::asio::steady_timer route_timer_;
  OutsideQuestion question_;
  ExitCheck check_;
  HubNames hubs_;
  SocketOpener opener_;
  UplinkWays ways_;
  bool answered_once_ = false;
  bool again_ = false;  ///< asked to ask again during the round under way
  int running_ = 0;
  MonoTime asked_{};                ///< when the last round began
  std::map<std::string, Due> due_;  ///< by question: "v4", "v6" or the hub's host; absent: at once
  std::map<Family, std::string> errors_;
  std::set<Family> awaited_;  ///< the address may be another one by now
  std::map<Family, MonoTime> unknown_since_;
  std::map<Family, IpAddress> addresses_;
  UplinkView uplink_;
  std::vector<std::weak_ptr<const OutsideFacts::Seat>> seats_;
};

}  // namespace vpn_sentinel

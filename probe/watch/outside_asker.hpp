/// Asks one question of OutsideFacts: see there.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
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
  /// Something hints that the uplink's address may be another one: it is asked for again, a while after the last time.
  void ask_again();
  void add(const OutsideFacts::Subscription& seat);
  [[nodiscard]] bool has_seats() const;

  [[nodiscard]] const UplinkView& uplink() const noexcept { return uplink_; }
  [[nodiscard]] std::vector<IpAddress> hubs() const;
  [[nodiscard]] bool pending() const noexcept { return !answered_once_; }
  /// Since when the uplink's address of a family is asked for and not known.
  [[nodiscard]] const std::map<Family, MonoTime>& unknown_since() const noexcept { return unknown_since_; }

 private:
  struct HubName;
  /// When a question is asked again.
  struct Due {
    MonoTime at{};
    unsigned failed = 0;  ///< times in a row
  };
  /// What one type of record (DnsType::a, DnsType::aaaa) told last.
  using HubKey = std::pair<std::string, DnsType>;

  void watch_routes();
  /// The families whose public addresses leave by another way than before.
  std::vector<Family> changed_routes();
  void read_way(Family family, const RouteAnswer& answer, std::string& way);
  [[nodiscard]] std::vector<std::string> questions() const;
  void forget_uplink(const std::vector<Family>& families);
  void end_round();
  void ask_in(std::chrono::milliseconds pause);
  void ask_when_due();
  void ask();
  void ask_uplink(Family family);
  void on_uplink(Family family, const ExitOfFamily& seen);
  void ask_hub(const std::string& host);
  void ask_hub(const std::shared_ptr<HubName>& name);
  void hub_done(const HubName& name);
  void one_done(const std::string& question, bool failed);
  void one_done();
  void compose_uplink();
  [[nodiscard]] bool is_missing(Family family) const;
  void tell();

  boost::asio::steady_timer ask_timer_;
  boost::asio::steady_timer route_timer_;
  DnsClient& dns_;
  OutsideQuestion question_;
  ExitCheck check_;
  SocketOpener opener_;
  std::optional<RouteLookup> look_up_;
  std::map<Family, std::string> ways_;  ///< fingerprints of the routes to public addresses
  bool answered_once_ = false;
  bool again_ = false;  ///< asked to ask again during the round under way
  int running_ = 0;
  MonoTime asked_{};                ///< when the last round began
  std::map<std::string, Due> due_;  ///< by question: "v4", "v6" or the hub's host; absent: at once
  std::map<Family, std::string> errors_;
  std::set<Family> awaited_;  ///< the address may be another one by now
  std::map<Family, MonoTime> unknown_since_;
  unsigned round_ = 0;  ///< answers of older ones are recognised by it
  std::map<Family, IpAddress> addresses_;
  UplinkView uplink_;
  std::map<HubKey, std::vector<IpAddress>> hubs_;  ///< as last learnt
  std::vector<std::weak_ptr<const OutsideFacts::Seat>> seats_;
};

}  // namespace vpn_sentinel

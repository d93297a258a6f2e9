/// The checks of the path itself: by which address arbitrary UDP leaves, whether large packets get through, and whether ordinary packets
/// come back sooner than those that are bound to the tunnel. They run beside exit address and DNS and delay nothing.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"
#include "netns/clients/stun_client.hpp"
#include "probe/checks/latency_baseline.hpp"
#include "probe/checks/liveness.hpp"
#include "probe/checks/mtu_check.hpp"
#include "probe/checks/udp_check.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

class PathChecks {
 public:
  /// `on_news`: an answer came or failed to come; look again. Clients and `policy` outlive it.
  PathChecks(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, const TargetPolicy& policy, std::function<void()> on_news);

  /// There is a working tunnel (again).
  void start(SocketOpener opener, bool has_v6);
  /// There is none: nothing is asked, nothing is known.
  void stop();
  /// Routes changed while the tunnel stayed, or answers begin to come again. What is under way is asked anew; what was found is no longer
  /// current.
  void recheck(bool has_v6);
  /// A look: an exit that has moved, or a tunnel that answers again, makes what was found older than the network is.
  void follow(const Observation& seen);
  void check_now();

  /// A round trip of the liveness question, which is bound to the tunnel.
  void tunnel_answered(std::chrono::microseconds round_trip) { baseline_.tunnel_answered(round_trip); }

  /// Adds udp, large_packets and latency_drop.
  void fill(Observation& seen) const;
  [[nodiscard]] bool pending() const noexcept { return due_ || running_ > 0; }

 private:
  void stop_round();
  void run_in(std::chrono::milliseconds pause);
  void run();
  void run_udp(UdpCheck& check, Family family);
  void run_large_packets(MtuCheck& check, Family family);
  void start_latency();
  void on_udp(Family family, const Result<UdpAnswer>& answer);
  void on_large_packets(const Result<MtuAnswer>& answer);
  void on_part_done();
  [[nodiscard]] bool is_on() const noexcept { return !policy_.path.stun_servers.empty() || policy_.path.large_packets; }

  boost::asio::steady_timer timer_;
  const TargetPolicy& policy_;
  std::function<void()> on_news_;
  StunClient stun_;
  UdpCheck udp_v4_;
  UdpCheck udp_v6_;
  MtuCheck mtu_v4_;
  MtuCheck mtu_v6_;
  Liveness unbound_;
  LatencyBaseline baseline_;

  std::optional<SocketOpener> opener_;  ///< absent while stopped
  bool has_v6_ = false;                 ///< IPv6 goes by the tunnel
  bool due_ = false;                    ///< a round will begin soon
  int running_ = 0;                     ///< checks that have not answered
  UdpView udp_;
  std::optional<LargePacketsView> large_packets_;
  std::optional<LargePacketsView> next_large_packets_;  ///< what the round under way has found so far: the worst of both families
  bool dropped_ = false;                                ///< as told last
  LivenessView liveness_ = LivenessView::off;           ///< at the last look
  std::optional<IpAddress> exit_v4_;                    ///< the last that was known
  std::optional<IpAddress> exit_v6_;
};

}  // namespace vpn_sentinel

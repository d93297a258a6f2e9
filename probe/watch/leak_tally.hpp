/// From the counters of a leak meter to stretches of time in which something left outside. Fed with times; no I/O.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/firewall/firewall_policy.hpp"
#include "netns/firewall/leak_counters.hpp"
#include "probe/verdict/firewall_view.hpp"

namespace vpn_sentinel {

/// A leak is over when nothing has left for so long: programs that bind themselves to the uplink speak again later.
inline constexpr std::chrono::seconds leak_is_over_after{30};
/// The same where the routes let packets out whenever some left: what took the routes' fault away took the leak away.
inline constexpr std::chrono::seconds routed_leak_is_over_after{2};
/// Packets and routes are told by different sockets, and packets may be on their way when the routes are mended.
inline constexpr std::chrono::seconds routes_explain{1};
/// Destinations that are told, those with most bytes.
inline constexpr std::size_t most_told_destinations = 20;

/// DNS and everything else are leaks of their own: one that goes on does not keep the other alive.
class LeakTally {
 public:
  /// What a meter tells now. Numbers that became smaller are those of tables made anew, and add to what was counted before. True when a
  /// leak began, or has something that it had not yet: another kind (IPv6 beside IPv4, say), or one of its first destinations.
  /// `routed`: the routes let ordinary packets out, or did until a moment ago.
  [[nodiscard]] bool take(const LeakCounters& counters, WallTime now, MonoTime clock, bool routed = false);
  /// What a meter tells from now on is another one's, which begins at nothing. What goes on goes on.
  void begin_anew();
  /// The routes are seen to let packets out: what came within the last second came by them.
  void explain(MonoTime clock);
  /// True when a leak ended because of the time that has passed.
  [[nodiscard]] bool pass(MonoTime clock);
  /// True when a leak ended because everything in it went to these, which are the VPN's servers, as is known now. `fresh`: those of them
  /// that were not known until now, or with another port or mark: what was misuse of a server may have been the tunnel's own, where it is
  /// of `user` (absent: of nobody, as what the kernel's tunnels send). What is forgiven counts no more.
  [[nodiscard]] bool forgive(const std::vector<IpAddress>& servers, const std::vector<TunnelEndpoint>& fresh,
                             std::optional<std::uint32_t> user = std::nullopt);

  /// Whether `totals` (destinations do not count) differ from what was taken last.
  [[nodiscard]] bool is_news(const LeakCounters& totals) const;
  [[nodiscard]] bool is_leaking() const noexcept { return dns_.since || rest_.since; }
  /// When the oldest leak that goes on was noticed.
  [[nodiscard]] std::optional<WallTime> leaking_since() const;

  /// The leak may be WireGuard's own packets to a server that is not known yet: UDP of `user` (absent: of nobody), and no DNS.
  /// `all_noted`: where each of its packets went is known.
  [[nodiscard]] bool may_be_wireguards(bool all_noted, std::optional<std::uint32_t> user) const;
  /// The same of a VPN that is any program: UDP or TCP of one user, and no DNS.
  [[nodiscard]] bool may_be_one_programs(bool all_noted) const;
  /// How the leak that goes on is told. What is held back is not counted yet either.
  enum class Telling : std::uint8_t { as_leak, as_unjudged, held_back };
  /// total, local, passed_dns; leak and leak_since, or unjudged and unjudged_since.
  void fill(PacketsView& view, Telling telling = Telling::as_leak) const;

 private:
  struct Stretch {
    std::optional<WallTime> since;
    MonoTime last{};
    std::optional<MonoTime> unrouted;  ///< when the first packet came that the routes do not explain
    LeakCounters before;               ///< all numbers when it began
  };
  [[nodiscard]] LeakCounters sum(const LeakCounters& counters) const;
  [[nodiscard]] static bool end(Stretch& stretch, MonoTime clock);
  [[nodiscard]] std::uint64_t came(Traffic LeakCounters::*part) const;
  [[nodiscard]] OutsideTraffic present_leak() const;
  template <typename Fits>
  [[nodiscard]] bool may_be_vpns(bool all_noted, const Fits& fits) const;
  [[nodiscard]] LeakCounters told(bool all) const;
  void add_destinations(const Stretch& stretch, bool dns, OutsideTraffic& leak) const;

  LeakCounters earlier_;  ///< of meters that are gone
  LeakCounters last_;     ///< as the present meter told it
  LeakCounters all_;      ///< both together
  LeakCounters forgiven_;
  Stretch dns_;
  Stretch rest_;
};

}  // namespace vpn_sentinel

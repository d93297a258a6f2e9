/// Counts what leaves one target's namespace outside the tunnel, and tells it at once: the kernel rings at the first packet (LeakBell), and
/// the counters are looked at beside that. Lives on the loop thread; each call takes tens of microseconds up to some milliseconds.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "netns/firewall/leak_bell.hpp"
#include "netns/firewall/leak_meter.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "probe/verdict/observation.hpp"
#include "probe/watch/leak_doubt.hpp"
#include "probe/watch/leak_tally.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel {

/// The name of a meter's tables: the same for the same target after a restart, so that what a killed probe left is replaced, and another
/// one for another probe. `instance`: what tells this probe from others of the machine, see MeterPolicy.
[[nodiscard]] std::string meter_id(const std::string& instance, const std::string& client_id);

class PacketWatch {
 public:
  /// `on_news` is called when a leak began, changed its kind or ended, and when somebody disturbed the counting; never from inside one
  /// of the functions below. `ask_program`: something leaves that other servers would explain; it returns whether an answer can be
  /// awaited, and is called from follow() only.
  PacketWatch(boost::asio::io_context& io, const TargetPolicy& policy, std::function<void()> on_news, std::function<bool()> ask_program);
  PacketWatch(const PacketWatch&) = delete;
  PacketWatch& operator=(const PacketWatch&) = delete;
  ~PacketWatch();

  /// What was counted goes on where it is the namespace of the last time.
  void attach(SocketOpener inside, const NamespaceIdentity& where);
  /// Takes the rules away, after a last look: what left has left. `gone`: the namespace is no more, and another one may have its identity,
  /// so that what was counted is forgotten.
  void detach(bool gone);

  /// Puts the rules in place, or exchanges them when `seen` has other tunnels, servers, networks or uplinks.
  void follow(const Observation& seen, const VpnProgram& program);
  /// Fills `seen.packets`. What may be the VPN's own (it began while no server is known and the VPN's program is asked, or WireGuard itself
  /// may have sent it to a server that moved) waits for the program's answer: a second in silence, then as `unjudged`, then as a leak.
  void fill(Observation& seen) const;

  /// Reads the counters, for fill().
  void refresh() {
    if (meter_) read();
  }

  /// Nothing has been counted yet, and it is not known yet why not.
  [[nodiscard]] bool pending() const noexcept { return policy_.meter.on && opener_ && !meter_ && why_not_.empty(); }

 private:
  struct Listener;

  [[nodiscard]] FirewallPolicy wanted(const Observation& seen) const;
  void forget();
  void install(const FirewallPolicy& policy);
  void wait_for_bell(const std::shared_ptr<Listener>& listener);
  void look();
  void check_in_place();
  void read();
  void stumble(const Error& error);
  void lose(const Error& error);
  void look_in(std::chrono::milliseconds pause);
  [[nodiscard]] std::chrono::milliseconds pause() const;
  [[nodiscard]] bool must_wait() const;
  void count(const Observation& seen);
  void forgive(const Observation& seen, const FirewallPolicy& policy);

  boost::asio::io_context& io_;
  const TargetPolicy& policy_;
  std::function<void()> on_news_;
  std::function<bool()> ask_program_;
  boost::asio::steady_timer timer_;
  std::string id_;

  NamespaceIdentity where_;
  std::optional<SocketOpener> opener_;
  std::optional<LeakMeter> meter_;
  std::shared_ptr<Listener> listener_;  ///< null: nobody rings
  FirewallPolicy in_place_;
  std::vector<std::string> left_out_;
  std::string unseen_;  ///< devices, see unseen_devices()
  std::string why_not_;
  std::string unread_;  ///< why the meter that is there could not be looked at the last time; empty: it could
  std::optional<MonoTime> failed_at_;
  std::string interrupted_;  ///< why the rules were made anew, while that is news
  MonoTime interrupted_at_{};
  WallTime since_{};           ///< begin of the numbers of tally_
  WallTime unbroken_since_{};  ///< begin of the meter that is there
  MonoTime verified_at_{};
  MonoTime read_at_{};
  VpnProgram program_;
  std::optional<MonoTime> servers_awaited_;  ///< since then; none is known
  std::optional<MonoTime> routed_at_;        ///< when the routes were last seen to let packets out
  bool news_ = false;                        ///< to be told at the end of the look
  bool reads_again_ = false;                 ///< where the newest packets went may not have been noted yet
  bool rang_ = false;                        ///< the kernel rings once, until it is asked to ring again
  LeakTally tally_;
  LeakDoubt doubt_;
};

}  // namespace vpn_sentinel

/// The kill switch of one target: puts it in place, follows what may leave outside, proves that it holds, and repairs what others do to it.
/// Lives on the loop thread; each call blocks for tens of microseconds up to some milliseconds.
///
/// armed: in place from the moment the namespace is attached, also while there is no tunnel yet. on-danger: prepared, and armed with the
/// danger, so that what left until then has left; it lets go when the target is safe again by itself and nothing has tried to leave for a
/// minute. The user's word outranks both: what he disarms stays so until he arms it again.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/firewall/kill_switch.hpp"
#include "probe/verdict/firewall_view.hpp"
#include "probe/watch/kill_switch_record.hpp"
#include "probe/watch/policy.hpp"
#include "probe/watch/stopped_packets.hpp"
#include "probe/watch/wanted_policy.hpp"

namespace vpn_sentinel {

/// For the log.
struct KillSwitchEvent {
  enum class What : std::uint8_t {
    armed,     ///< put in place, or other rules in its place
    adopted,   ///< it was there, of an earlier start
    let_go,    ///< on-danger: safe again
    repaired,  ///< somebody had changed it or taken it away
    disarmed,  ///< taken away because the user disarmed it
    failed,    ///< could not be put in place, or could not be looked at
    open,      ///< a canary left
  };
  What what = What::armed;
  std::string detail;
  std::chrono::microseconds took{0};  ///< from the decision, or from when it was noticed, until it was in place
};
[[nodiscard]] std::string_view to_string(KillSwitchEvent::What what);

class KillSwitchKeeper {
 public:
  static constexpr std::chrono::seconds proof_period{60};
  static constexpr std::chrono::seconds read_period{5};  ///< where the kernel tells of each change; else each sweep
  static constexpr std::chrono::seconds quiet_before_letting_go{60};

  /// `on_news`: it is another one than it was, without having been asked; look again. `offline`: no canary is sent.
  KillSwitchKeeper(boost::asio::io_context& io, KillSwitchPolicy policy, const std::string& client_id, bool offline,
                   std::function<void()> on_news);
  KillSwitchKeeper(const KillSwitchKeeper&) = delete;
  KillSwitchKeeper& operator=(const KillSwitchKeeper&) = delete;
  /// As stop().
  ~KillSwitchKeeper();

  void on_event(std::function<void(const KillSwitchEvent&)> handler) { on_event_ = std::move(handler); }

  /// Another namespace, or the same one after it could not be looked at. `own`: the probe lives in it.
  void attach(SocketOpener opener, bool own);
  /// What is in place stays in place, and what is remembered stays known: when the namespace comes again its VPN must find its server.
  void detach();
  /// Nobody tends it any longer: takes away what was only prepared, and what is armed when the policy says so.
  void stop();

  /// False: nobody asks what may leave, follow() would do nothing.
  [[nodiscard]] bool tends() const noexcept { return policy_.tend && policy_.mode != KillSwitchMode::off; }
  /// What may leave, with each look and before it is judged.
  void follow(const SeenOutside& outside);
  /// What the judge says without regard to the kill switch. `packets_leave`: the danger is, or also is, that packets were counted outside,
  /// which is a try like one that was stopped: it stays closed for a minute from then on. True: it was armed or let go.
  bool decide(TargetSafety safety, bool packets_leave = false);
  /// Once a second: the user's word is looked for, and when it is time everything is read back, counted and proved.
  void sweep();

  /// Absent when nobody asks for one and none is there.
  [[nodiscard]] std::optional<KillSwitchView> view() const;

 private:
  static constexpr std::chrono::seconds changed_is_news{1};
  static constexpr double most_repairs = 20;  ///< at once, see may_repair()

  void take_prepared_away();
  void open();
  void wait_for_bell();
  void check_at(MonoTime when);
  void not_read(const Error& error);
  void put_in_place();
  void remember();
  void note_arming(const Arming& arming);
  void prepare();
  void let_go();
  void obey_user();
  void check(bool heard);
  void check_in_place(bool heard);
  void repair(const std::string& difference);
  [[nodiscard]] bool may_repair(MonoTime now);
  void look_only();
  void look_for_strangers();
  [[nodiscard]] bool proof_is_due(MonoTime now) const;
  void prove();
  void count_stopped();
  void fail_with(std::string why);
  void tell(KillSwitchEvent::What what, std::string detail, MonoTime since) const;

  KillSwitchPolicy policy_;
  std::string id_;
  bool offline_;
  std::function<void()> on_news_;
  std::function<void(const KillSwitchEvent&)> on_event_;
  boost::asio::posix::stream_descriptor bell_;
  std::uint64_t bell_number_ = 0;
  boost::asio::steady_timer check_timer_;
  KillSwitchRecord record_;
  WantedPolicy wanted_policy_;

  std::optional<SocketOpener> opener_;
  bool own_ = false;
  std::size_t hubs_in_place_ = 0;  ///< of the endpoints
  std::optional<KillSwitch> switch_;
  FirewallPolicy wanted_;
  bool has_wanted_ = false;
  FirewallPolicy in_place_;  ///< of what is armed or prepared
  bool armed_ = false;       ///< to be armed; whether it is so is in state_
  bool prepared_ = false;
  bool egress_held_ = false;
  bool is_protected_ = false;
  std::vector<std::string> left_out_;
  std::string not_kept_;  ///< why the rules could not be remembered for the next start
  std::optional<WallTime> disarmed_;
  KillSwitchView::State state_ = KillSwitchView::State::off;
  std::string why_;
  std::string egress_gap_;
  std::string unproved_;  ///< why canaries did not show that it holds; empty: they did
  std::string changed_;   ///< what somebody did to it; told for a second
  MonoTime changed_at_{};
  std::optional<WallTime> since_;
  std::optional<MonoTime> proved_at_;
  std::optional<MonoTime> read_at_;       ///< since it was put in place
  std::optional<MonoTime> disturbed_at_;  ///< since then others changed rules faster than they could be read
  MonoTime rests_until_{};                ///< what is heard until then is looked at then
  std::optional<MonoTime> failed_at_;
  std::optional<MonoTime> looked_at_;  ///< for one that nobody asked for
  StoppedPackets stopped_;             ///< since it was armed
  std::optional<MonoTime> tried_at_;   ///< when something tried to leave last, or did
  double repairs_left_ = most_repairs;
  MonoTime repairs_counted_ = mono_now();
};

}  // namespace vpn_sentinel

/// What others do to a kill switch that is in place, and the proof that it holds.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "netns/firewall/ruleset_bell.hpp"
#include "probe/watch/kill_switch_keeper.hpp"
#include "probe/watch/kill_switch_proof.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
using Standing = KillSwitchView::State;
using What = KillSwitchEvent::What;
using boost::asio::posix::stream_descriptor;

/// Two who repair the same table for ever must not use up the machine: so many a second.
constexpr double repairs_per_second = 5;
constexpr auto repair_pause = 200ms;
/// Of the loop's time at most such a part, however fast others change our tables.
constexpr int checks_rest_factor = 20;
/// Whoever takes it away just after something harmless was heard of it does not gain more.
constexpr auto longest_rest = 50ms;
/// More than the sets of both families ever hold.
constexpr std::size_t all_destinations = 4096;

}  // namespace

void KillSwitchKeeper::wait_for_bell() {
  // A wait for an earlier bell may have ended well just before that one was closed.
  bell_.async_wait(stream_descriptor::wait_read, [this, number = bell_number_](const boost::system::error_code& error) {
    if (error || !bell_.is_open() || number != bell_number_) return;
    const bool rang = drain_ruleset_bell(bell_.native_handle(), firewall_table_name(OutsideAction::drop, id_));
    wait_for_bell();
    if (!rang) return;
    if (mono_now() < rests_until_) return check_at(rests_until_);
    check(true);
  });
}

void KillSwitchKeeper::check_at(MonoTime when) {
  check_timer_.expires_at(when);
  check_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) check(true);
  });
}

void KillSwitchKeeper::sweep() {
  if (!opener_) return;
  if (!tends()) return look_only();
  if (!switch_) open();
  obey_user();
  check(false);
}

void KillSwitchKeeper::check(bool heard) {
  if (!switch_ || disarmed_ || !has_wanted_) return;
  if (heard) {
    // Whoever disarms it leaves word first.
    obey_user();
    if (disarmed_) return on_news_();
  }
  if (!changed_.empty() && mono_now() - changed_at_ >= changed_is_news) changed_.clear();
  if (armed_ && state_ != Standing::off && state_ != Standing::failed) return check_in_place(heard);
  if (!prepared_) return;
  const auto status = switch_->status(in_place_);
  if (!status) return not_read(status.error());
  disturbed_at_.reset();
  if (status->state != KillSwitchStatus::State::prepared) prepare();
}

/// Others that change rules without end say nothing about ours, but not for long.
void KillSwitchKeeper::not_read(const Error& error) {
  const auto now = mono_now();
  if (error.kind == Error::Kind::timed_out) {
    if (!disturbed_at_) disturbed_at_ = now;
    if (now - *disturbed_at_ < read_period) return check_at(now + repair_pause);
  }
  fail_with(fmt::format("it cannot be looked at: {}", error.message));
}

void KillSwitchKeeper::check_in_place(bool heard) {
  const auto now = mono_now();
  const bool due = !bell_.is_open() || !read_at_ || now - *read_at_ >= read_period || state_ == Standing::unproven;
  if (!heard && !due) return;
  const auto status = switch_->status(in_place_);
  if (!status) {
    not_read(status.error());
    if (heard && state_ == Standing::failed) on_news_();
    return;
  }
  disturbed_at_.reset();
  const bool same = status->state == KillSwitchStatus::State::armed && (status->holds_uplinks || !egress_held_);
  if (!same) {
    repair(status->difference.empty() ? "its tables were taken away" : status->difference);
    if (heard) on_news_();
    return;
  }
  if (heard) {
    const auto after = mono_now();
    rests_until_ = after + std::min<MonoTime::duration>(checks_rest_factor * (after - now), longest_rest);
    return;
  }
  read_at_ = now;
  count_stopped();
  if (state_ == Standing::unproven || proof_is_due(now)) prove();
}

bool KillSwitchKeeper::may_repair(MonoTime now) {
  const std::chrono::duration<double> passed = now - std::exchange(repairs_counted_, now);
  repairs_left_ = std::min(most_repairs, repairs_left_ + passed.count() * repairs_per_second);
  if (repairs_left_ < 1) return false;
  repairs_left_ -= 1;
  return true;
}

void KillSwitchKeeper::repair(const std::string& difference) {
  const auto noticed = mono_now();
  // With an interface its chain goes, and nobody did that to us.
  auto there = switch_->existing(in_place_.uplinks);
  const bool went = there.size() < in_place_.uplinks.size();
  in_place_.uplinks = std::move(there);
  if (!went) {
    changed_ = difference;
    changed_at_ = noticed;
  }
  if (!may_repair(noticed)) {
    check_at(noticed + repair_pause);
    return;
  }
  const auto arming = switch_->arm(in_place_);
  if (!arming) return fail_with(fmt::format("{}, and it could not be repaired: {}", difference, arming.error().message));
  note_arming(*arming);
  tell(What::repaired, difference, noticed);
  prove();
  if (went) remember();
}

/// Without the rules that it was armed with nothing can be said but that it is there.
void KillSwitchKeeper::look_for_strangers() {
  const auto now = mono_now();
  const bool asked = policy_.mode != KillSwitchMode::off;
  if (!asked && state_ == Standing::off && looked_at_ && now - *looked_at_ < proof_period) return;
  looked_at_ = now;
  const auto ids = kill_switch_ids(*opener_);
  if (!ids) {
    state_ = Standing::off;
    if (asked) fail_with(ids.error().message);
    return;
  }
  auto found = KillSwitch::open(*opener_, id_);
  // One that is only prepared drops nothing.
  if (std::ranges::find(*ids, id_) == ids->end() || (found && !found->judges().value_or(true))) {
    state_ = Standing::off;
    return;
  }
  constexpr auto unknown = "it is there, and with which rules cannot be read in the data folder";
  if (asked) return fail_with(unknown);
  state_ = Standing::changed;
  why_ = unknown;
}

/// The daemon tends it, or nobody does.
void KillSwitchKeeper::look_only() {
  if (!opener_) return;
  const auto policy = record_.policy();
  if (policy_.mode != KillSwitchMode::off) disarmed_ = record_.disarmed(disarmed_);
  if (!policy) return look_for_strangers();
  if (!switch_) open();
  if (!switch_) return;
  const auto status = switch_->status(*policy);
  if (!status) return fail_with(status.error().message);
  using Found = KillSwitchStatus::State;
  in_place_ = *policy;
  hubs_in_place_ = record_.hubs().size();
  const bool was_broken = state_ == Standing::unproven;
  why_ = status->difference;
  egress_gap_ = status->state == Found::armed && !status->holds_uplinks ? status->difference : std::string();
  state_ = status->state == Found::armed ? Standing::armed : status->state == Found::changed ? Standing::changed : Standing::off;
  if (state_ != Standing::armed) return;
  why_.clear();
  if (switch_->adopt(*policy).value_or(false)) count_stopped();
  if (was_broken || proof_is_due(mono_now())) prove();
}

// Proof

bool KillSwitchKeeper::proof_is_due(MonoTime now) const { return !proved_at_ || now - *proved_at_ >= proof_period; }

void KillSwitchKeeper::prove() {
  unproved_ = "no canary is sent offline";
  if (offline_) return;
  const auto began = mono_now();
  proved_at_ = began;
  auto proof = prove_by_canaries(*switch_, in_place_);
  stopped_.note(proof.canaries);
  unproved_.clear();
  if (proof.verdict == Proof::broken) {
    const auto before = std::exchange(state_, Standing::unproven);
    why_ = std::move(proof.why);
    if (before != Standing::unproven) tell(What::open, why_, began);
    return;
  }
  if (state_ == Standing::unproven) why_.clear();
  state_ = Standing::armed;
  if (proof.verdict == Proof::unproven) unproved_ = std::move(proof.why);
}

void KillSwitchKeeper::count_stopped() {
  const auto counters = switch_->stopped(all_destinations);
  if (counters && stopped_.take(*counters)) tried_at_ = mono_now();
}

}  // namespace vpn_sentinel

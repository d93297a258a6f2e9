#include "probe/watch/kill_switch_keeper.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "netns/firewall/ruleset_bell.hpp"
#include "probe/watch/kill_switch_proof.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
using Standing = KillSwitchView::State;
using What = KillSwitchEvent::What;
using boost::asio::posix::stream_descriptor;

/// Two who repair the same table for ever must not use up the machine: so many at once, and so many a second.
constexpr double most_repairs = 20;
constexpr double repairs_per_second = 5;
constexpr auto repair_pause = 200ms;
/// Whoever takes it away just after something harmless was heard of it.
constexpr auto longest_rest = 50ms;
/// What could not be put in place is tried again as often.
constexpr auto retry_pause = 1s;
constexpr auto changed_is_news = 1s;
constexpr auto unprotected = "others can change it: this kernel does not protect tables that stay (Linux 6.9)";
/// More than the sets of both families ever hold.
constexpr std::size_t all_destinations = 4096;

KillSwitchView::Mode view_of(KillSwitchMode mode) {
  switch (mode) {
    case KillSwitchMode::armed:
      return KillSwitchView::Mode::armed;
    case KillSwitchMode::on_danger:
      return KillSwitchView::Mode::on_danger;
    case KillSwitchMode::off:
      break;
  }
  return KillSwitchView::Mode::off;
}

}  // namespace

std::string_view to_string(KillSwitchEvent::What what) {
  switch (what) {
    case What::armed:
      return "kill_switch_armed";
    case What::adopted:
      return "kill_switch_adopted";
    case What::let_go:
      return "kill_switch_let_go";
    case What::repaired:
      return "kill_switch_repaired";
    case What::disarmed:
      return "kill_switch_disarmed";
    case What::failed:
      return "kill_switch_failed";
    case What::open:
      break;
  }
  return "kill_switch_not_holding";
}

KillSwitchKeeper::KillSwitchKeeper(boost::asio::io_context& io, KillSwitchPolicy policy, const std::string& client_id, bool offline,
                                   std::function<void()> on_news)
    : policy_(std::move(policy)),
      id_(make_firewall_id(client_id)),
      offline_(offline),
      on_news_(std::move(on_news)),
      bell_(io),
      check_timer_(io),
      record_(policy_.folder, id_),
      wanted_policy_(policy_.hubs),
      repairs_left_(most_repairs),
      repairs_counted_(mono_now()) {}

KillSwitchKeeper::~KillSwitchKeeper() { stop(); }

void KillSwitchKeeper::tell(KillSwitchEvent::What what, std::string detail, MonoTime since) const {
  if (on_event_) on_event_({what, std::move(detail), std::chrono::duration_cast<std::chrono::microseconds>(mono_now() - since)});
}

// Coming and going

void KillSwitchKeeper::attach(SocketOpener opener, bool own) {
  detach();
  opener_ = std::move(opener);
  own_ = own;
  if (policy_.tend && policy_.mode == KillSwitchMode::off) take_prepared_away();
  if (!tends()) return look_only();
  if (const auto earlier = record_.policy()) wanted_policy_.restore(*earlier, record_.hubs(), mono_now());
  open();
}

/// Of an earlier start that was killed: nobody will ever arm it.
void KillSwitchKeeper::take_prepared_away() {
  auto left = KillSwitch::open(*opener_, id_);
  if (left) (void)left->remove_prepared();  // what stays drops nothing
}

void KillSwitchKeeper::open() {
  auto opened = KillSwitch::open(*opener_, id_, policy_.protect);
  if (!opened) return fail_with(opened.error().message);
  switch_ = std::move(*opened);
  if (!tends()) return;
  if (auto bell = open_ruleset_bell(*opener_)) {
    boost::system::error_code error;
    bell_.assign(bell->get(), error);
    if (!error) {
      (void)bell->release();  // closed by bell_ from here on
      ++bell_number_;
      wait_for_bell();
    }
  }
  obey_user();
  if (disarmed_ || policy_.mode == KillSwitchMode::armed) {
    armed_ = !disarmed_;
    return;
  }
  // Armed by an earlier start, in a danger that may go on; what a killed one had prepared is not.
  armed_ = switch_->judges().value_or(true);
}

void KillSwitchKeeper::detach() {
  if (bell_.is_open()) bell_.close();
  check_timer_.cancel();
  switch_.reset();
  opener_.reset();
  has_wanted_ = false;
  in_place_ = {};
  armed_ = false;
  prepared_ = false;
  state_ = Standing::off;
  why_.clear();
  changed_.clear();
  unproved_.clear();
  since_.reset();
  failed_at_.reset();
  looked_at_.reset();
  disturbed_at_.reset();
  rests_until_ = {};
  stopped_.restart();
  tried_at_.reset();
}

void KillSwitchKeeper::stop() {
  if (switch_ && tends() && (armed_ ? policy_.disarm_on_stop : prepared_)) {
    const bool done = switch_->disarm().has_value();
    if (done) record_.forget_policy();
  }
  detach();
}

void KillSwitchKeeper::fail_with(std::string why) {
  const bool news = state_ != Standing::failed || why_ != why;
  state_ = Standing::failed;
  why_ = std::move(why);
  failed_at_ = mono_now();
  if (news) tell(What::failed, why_, mono_now());
}

// What may leave

void KillSwitchKeeper::follow(const SeenOutside& outside) {
  if (!opener_ || !tends()) return;
  const auto now = mono_now();
  wanted_ = wanted_policy_.complete(outside, own_, now);
  has_wanted_ = true;
  left_out_ = outside.left_out;
  if (disarmed_ || !switch_ || (failed_at_ && now - *failed_at_ < retry_pause)) return;
  if (armed_) {
    if (state_ == Standing::off || state_ == Standing::failed || wanted_ != in_place_) put_in_place();
  } else if (policy_.mode == KillSwitchMode::on_danger && (!prepared_ || wanted_ != in_place_)) {
    prepare();
  }
}

void KillSwitchKeeper::put_in_place() {
  const auto began = mono_now();
  const auto arming = switch_->arm(wanted_);
  if (!arming) return fail_with(arming.error().message);
  const bool first = state_ == Standing::off || state_ == Standing::failed;
  failed_at_.reset();
  armed_ = true;
  prepared_ = false;
  in_place_ = wanted_;
  hubs_in_place_ = wanted_policy_.added_hubs().size();
  note_arming(*arming);
  if (first || !since_) since_ = wall_now();
  state_ = Standing::armed;
  why_.clear();
  tell(arming->adopted ? What::adopted : What::armed, fmt::format("tunnels {}", fmt::join(in_place_.tunnels, ", ")), began);
  prove();
  remember();
}

void KillSwitchKeeper::remember() {
  const auto written = record_.remember(in_place_, wanted_policy_.added_hubs());
  not_kept_ = written ? std::string() : "what the next start has to know: " + written.error().message;
}

void KillSwitchKeeper::note_arming(const Arming& arming) {
  egress_gap_ = arming.egress_gap ? arming.egress_gap->message : std::string();
  egress_held_ = arming.holds_some_uplinks;
  is_protected_ = arming.is_protected;
  read_at_.reset();
}

void KillSwitchKeeper::prepare() {
  if (auto done = switch_->prepare(wanted_); !done) {
    if (done.error().kind != Error::Kind::failed) return fail_with(done.error().message);
    // It is closed, by the user's hand: it stays so until the target is safe.
    return put_in_place();
  }
  failed_at_.reset();
  prepared_ = true;
  in_place_ = wanted_;
  state_ = Standing::off;
  why_.clear();
}

bool KillSwitchKeeper::decide(TargetSafety safety, bool packets_leave) {
  if (!tends() || !switch_ || disarmed_ || !has_wanted_ || policy_.mode != KillSwitchMode::on_danger) return false;
  const auto now = mono_now();
  // What it stops would leave.
  const bool is_tried = tried_at_ && now - *tried_at_ < quiet_before_letting_go;
  if (safety == TargetSafety::safe && is_tried) safety = TargetSafety::unknown;
  const bool wants = wants_armed(policy_.mode, armed_, safety);
  if (wants == armed_ || (failed_at_ && now - *failed_at_ < retry_pause)) return false;
  if (wants) {
    if (packets_leave) tried_at_ = now;
    put_in_place();
  } else {
    let_go();
  }
  return true;
}

void KillSwitchKeeper::let_go() {
  const auto began = mono_now();
  if (auto done = switch_->disarm(); !done) return fail_with(done.error().message);
  armed_ = false;
  since_.reset();
  stopped_.restart();
  tried_at_.reset();
  record_.forget_policy();
  tell(What::let_go, "the target is safe again", began);
  prepare();
}

// What others do

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

void KillSwitchKeeper::obey_user() {
  if (!switch_) return;
  const auto mark = record_.disarmed(disarmed_);
  if (!mark) {
    // What follow() finds next puts it in place again.
    if (disarmed_.has_value()) armed_ = policy_.mode == KillSwitchMode::armed;
    disarmed_.reset();
    return;
  }
  const bool news = !disarmed_;
  disarmed_ = mark;
  const bool was_there = armed_ || prepared_;
  armed_ = false;
  prepared_ = false;
  if (!news && state_ != Standing::failed) return;
  const auto began = mono_now();
  if (auto done = switch_->disarm(); !done) return fail_with(done.error().message);
  state_ = Standing::off;
  why_ = "the user disarmed it";
  since_.reset();
  stopped_.restart();
  record_.forget_policy();
  if (was_there) tell(What::disarmed, why_, began);
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
    rests_until_ = after + std::min<MonoTime::duration>(rest_factor * (after - now), longest_rest);
    return;
  }
  read_at_ = now;
  count_stopped();
  if (state_ == Standing::unproven || now - proved_at_ >= proof_period) prove();
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
  const auto named = in_place_.uplinks.size();
  in_place_.uplinks = switch_->existing(in_place_.uplinks);
  if (in_place_.uplinks.size() == named) {
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
  remember();
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
  why_ = status->difference;
  egress_gap_ = status->state == Found::armed && !status->holds_uplinks ? status->difference : std::string();
  state_ = status->state == Found::armed ? Standing::armed : status->state == Found::changed ? Standing::changed : Standing::off;
  if (state_ != Standing::armed) return;
  why_.clear();
  if (switch_->adopt(*policy).value_or(false)) count_stopped();
  if (mono_now() - proved_at_ >= proof_period) prove();
}

// Proof

void KillSwitchKeeper::prove() {
  unproved_ = "no canary is sent offline";
  if (offline_) return;
  proved_at_ = mono_now();
  auto proof = prove_by_canaries(*switch_, in_place_);
  stopped_.note(proof.canaries);
  unproved_.clear();
  if (proof.verdict == Proof::broken) {
    const auto before = std::exchange(state_, Standing::unproven);
    why_ = std::move(proof.why);
    if (before != Standing::unproven) tell(What::open, why_, proved_at_);
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

std::optional<KillSwitchView> KillSwitchKeeper::view() const {
  if (!opener_ || (policy_.mode == KillSwitchMode::off && state_ == Standing::off)) return std::nullopt;
  KillSwitchView view;
  view.mode = view_of(policy_.mode);
  view.state = state_;
  view.why = why_;
  view.disarmed = disarmed_;
  if (state_ == Standing::armed && !changed_.empty() && mono_now() - changed_at_ < changed_is_news) {
    view.state = Standing::changed;
    view.why = changed_;
  }
  if (state_ == Standing::off) return view;
  view.since = since_;
  view.stopped = {stopped_.sum().packets, stopped_.sum().bytes};
  view.gaps = left_out_;
  if (!not_kept_.empty()) view.gaps.push_back(not_kept_);
  if (policy_.protect && tends() && !is_protected_) view.gaps.emplace_back(unprotected);
  if (!unproved_.empty()) view.gaps.push_back("that it holds was not shown: " + unproved_);
  if (!egress_gap_.empty()) view.gaps.push_back("what programs send by AF_PACKET: " + egress_gap_);
  view.no_server = in_place_.endpoints.size() <= hubs_in_place_ && !in_place_.uplinks.empty();
  view.passing_devices = in_place_.tunnels;
  view.passing_devices.insert(view.passing_devices.end(), in_place_.inner_devices.begin(), in_place_.inner_devices.end());
  for (const auto& endpoint : in_place_.endpoints) view.passing_addresses.push_back(endpoint.address);
  view.passing_networks = in_place_.local_networks;
  for (const auto& packets : in_place_.allowed) {
    if (packets.destination) view.passing_networks.push_back(*packets.destination);
  }
  return view;
}

}  // namespace vpn_sentinel

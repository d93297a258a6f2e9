#include "probe/watch/kill_switch_keeper.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "netns/firewall/ruleset_bell.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
using Standing = KillSwitchView::State;
using What = KillSwitchEvent::What;

/// What could not be put in place is tried again as often.
constexpr auto arming_pause = 1s;
constexpr auto unprotected = "others can change it: this kernel does not protect tables that stay (Linux 6.9)";

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
      wanted_policy_(policy_.hubs) {}

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
  if (armed_) tried_at_ = mono_now();
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
  proved_at_.reset();
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
  if (disarmed_ || !switch_ || (failed_at_ && now - *failed_at_ < arming_pause)) return;
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
  if (wants == armed_ || (failed_at_ && now - *failed_at_ < arming_pause)) return false;
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

// What is told

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

#include "probe/watch/leak_owners.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <tuple>
#include <utility>

#include "netns/base/capabilities.hpp"
#include "netns/base/helper_thread.hpp"
#include "probe/watch/outside_policy.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_question = 1s;
/// Who was not found sends on: perhaps he is found now.
constexpr auto ask_again_after = 1s;
/// Of one socket that may have sent, a second look makes sure.
constexpr auto look_twice_after = 100ms;
constexpr unsigned most_times_asked = 20;
constexpr auto age_each = 1s;
/// Room or memory that was missing may be there by then.
constexpr auto join_again_after = 60s;
/// A look asks the kernel for much: what the tracer tells has it done no oftener.
constexpr auto look_pause = 100ms;
/// The tracer tells each packet within a second, and the meter may count it later than it was told.
constexpr auto told_before = 1500ms;

auto name_of(const OutsideDestination& destination) {
  return std::tuple(destination.address, destination.protocol, destination.port, destination.uid);
}

/// Who is known already keeps his container, which may be gone by now, and what he has sent never grows less: sockets that are closed are
/// forgotten. What was not known once is not known any more.
void merge(std::vector<OutsideProgram>& known, const std::vector<OutsideProgram>& told) {
  for (const auto& program : told) {
    const auto found = std::ranges::find_if(known, [&program](const OutsideProgram& one) { return is_same_program(one, program); });
    if (found == known.end()) {
      known.push_back(program);
    } else {
      const bool is_known = found->bytes && program.bytes;
      found->bytes = is_known ? std::optional(std::max(*found->bytes, *program.bytes)) : std::nullopt;
    }
  }
}

struct AsksForOwners;

}  // namespace

LeakOwners::LeakOwners(boost::asio::io_context& io, const TargetPolicy& policy, std::function<void()> on_news)
    : io_(io), policy_(policy), on_news_(std::move(on_news)), timer_(io), look_timer_(io) {}

void LeakOwners::attach(SocketOpener inside) {
  detach();
  // Other sources see what is counted here as well, but they know no programs.
  const auto mode = policy_.connections.mode;
  const bool by_tracer = wants_tracer(mode);
  if (!policy_.meter.on || (!by_tracer && mode != ConnectionsMode::sock_diag)) return;
  opener_ = std::make_shared<const SocketOpener>(std::move(inside));
  if (by_tracer) subscription_ = boost::asio::use_service<TracerKeeper>(io_).subscribe([this] { hear_tracer(); });
}

void LeakOwners::detach() {
  timer_.cancel();
  look_timer_.cancel();
  look_waits_ = false;
  subscription_.reset();
  space_.reset();
  not_traced_.clear();
  ground_.reset();
  traced_.clear();
  opener_.reset();
  answers_.clear();
  asking_ = told_ = false;
  began_.reset();
}

LeakOwners::Answer* LeakOwners::find(const OutsideDestination& destination) {
  const auto found = std::ranges::find(answers_, name_of(destination), [](const Answer& answer) { return name_of(answer.destination); });
  return found == answers_.end() ? nullptr : &*found;
}

/// What it told goes too: its ground would be that of the past.
void LeakOwners::go_untraced(std::string why) {
  not_traced_ = std::move(why);
  tried_ = mono_now();
  space_.reset();
  ground_.reset();
  traced_.clear();
}

/// The tracer is begun when there is something to tell it; the look that does so goes on without it.
void LeakOwners::follow_tracer(const Observation& seen, const Snapshot& snapshot) {
  if (!subscription_ || !has_tunnel_name(seen, policy_)) return;
  auto& keeper = boost::asio::use_service<TracerKeeper>(io_);
  keeper.begin();
  if (!keeper.tracer() || (!not_traced_.empty() && mono_now() - tried_ < join_again_after)) return;
  const bool is_new = !space_;
  auto ground = std::make_shared<const FlowGround>(make_flow_ground(snapshot, outside_policy(seen, policy_), true));
  const auto watched_now = watched_space(*ground);
  if (is_new) {
    auto joined = ProgramTracer::join(keeper.tracer(), *opener_, watched_now);
    if (!joined) return go_untraced(joined.error().message);
    space_ = std::move(*joined);
  }
  if (const auto watched = space_->watch(watched_now); !watched) return go_untraced(watched.error().message);
  ground_ = std::move(ground);
  not_traced_.clear();
  if (is_new) keeper.find_holders();
  // The meter may have rung before the loop came to hear the tracer.
  space_->tracer().poll(mono_now());
  (void)take_records();
}

/// Who sends what is nobody's yet.
bool LeakOwners::may_tell(const FlowRecord& record) const {
  if (!record.packet || record.packet->way != PacketWay::outside) return false;
  return std::ranges::any_of(answers_,
                             [&](const Answer& answer) { return answer.is_nobodys() && goes_to(*record.packet, answer.destination); });
}

/// True: one of them may tell who leaks.
bool LeakOwners::take_records() {
  const auto now = mono_now();
  bool telling = false;
  for (const auto& record : space_->take()) {
    const bool allowed = ground_ && is_allowed(record, *ground_);
    traced_.take(record, now, allowed);
    telling = telling || (!allowed && may_tell(record));
  }
  if (now - aged_ >= age_each) {
    traced_.age(now);
    aged_ = now;
  }
  return telling;
}

void LeakOwners::hear_tracer() {
  if (!space_ || !take_records() || !began_ || look_waits_) return;
  const auto now = mono_now();
  if (now - looked_ >= look_pause) {
    looked_ = now;
    return on_news_();
  }
  look_waits_ = true;
  look_timer_.expires_at(looked_ + look_pause);
  look_timer_.async_wait([this, weak = std::weak_ptr(opener_)](const boost::system::error_code& error) {
    if (error || weak.lock() == nullptr) return;
    look_waits_ = false;
    looked_ = mono_now();
    on_news_();
  });
}

/// Of this leak alone: who sent there in an earlier one has not sent now.
std::vector<const TracedLeak*> LeakOwners::traced_to(const OutsideDestination& destination) const {
  return traced_.to(destination, began_ ? *began_ - told_before : MonoTime::min());
}

TracedAnswer LeakOwners::by_tracer(const OutsideDestination& destination) const {
  if (!space_ || !ground_) return {};
  return name_traced(destination, traced_to(destination), *ground_, space_->tracer().abilities().senders, facts_of_owner);
}

std::vector<LeakQuestion> LeakOwners::to_ask(const OutsideTraffic& leak, MonoTime now) {
  std::vector<LeakQuestion> wanted;
  for (const auto& destination : leak.destinations) {
    auto traced = by_tracer(destination);
    auto* known = find(destination);
    if (known == nullptr && !traced.programs.empty()) {
      known = &answers_.emplace_back();
      known->destination = destination;
    }
    if (known != nullptr) {
      merge(known->traced, traced.programs);
      known->traced_doubt = traced.why_not;
    }
    if (asking_) continue;
    if (known != nullptr) {
      const bool grown = destination.traffic.packets > known->destination.traffic.packets;
      const auto pause = known->named.candidate.cookie != 0 ? look_twice_after : ask_again_after;
      const bool again = known->times < most_times_asked && now - known->asked >= pause && grown;
      const bool confirm = !traced.to_confirm.empty() && !known->confirmed;
      if (!known->is_nobodys() || (!again && !confirm)) continue;
    }
    LeakQuestion question{destination, {}, std::move(traced.to_confirm)};
    question.hints.traced = space_ && (space_->tracer().abilities().older_sockets || !traced_to(destination).empty());
    if (known != nullptr) question.hints.before = known->named.candidate;
    wanted.push_back(std::move(question));
  }
  return wanted;
}

void LeakOwners::follow(Observation& seen, const Snapshot& snapshot) {
  if (!opener_ || !seen.packets) return;
  follow_tracer(seen, snapshot);
  if (!seen.packets->leak) {
    answers_.clear();
    told_ = false;
    began_.reset();
    return;
  }
  const auto now = mono_now();
  if (!began_) began_ = now;
  if (auto wanted = to_ask(*seen.packets->leak, now); !wanted.empty()) ask(seen, snapshot, std::move(wanted));
  fill(*seen.packets);
  hold_back(seen, now);
}

void LeakOwners::ask(const Observation& seen, const Snapshot& snapshot, std::vector<LeakQuestion> questions) {
  asking_ = true;
  auto ground =
      ground_
          ? ground_
          : std::make_shared<const FlowGround>(make_flow_ground(snapshot, outside_policy(seen, policy_), has_tunnel_name(seen, policy_)));
  boost::asio::use_service<HelperThread<AsksForOwners>>(io_).run(
      [this, &io = io_, weak = std::weak_ptr(opener_), ground, questions = std::move(questions)] {
        auto opener = weak.lock();
        if (!opener) return;
        const RaisedCapabilities raised(rights_to_look);
        auto named = find_leaking_programs(*opener, *ground, questions, mono_now() + longest_question);
        // On the loop it must be the keeper's own hold that shows whether anybody still wants it.
        opener.reset();
        boost::asio::post(io, [this, weak, questions, named = std::move(named)] {
          if (weak.lock() == nullptr) return;
          take(questions, named);
          on_news_();
        });
      });
}

void LeakOwners::take(const std::vector<LeakQuestion>& questions, const Result<std::vector<NamedPrograms>>& named) {
  asking_ = false;
  timer_.cancel();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    auto* answer = find(questions[i].destination);
    if (answer == nullptr) answer = &answers_.emplace_back();
    answer->destination = questions[i].destination;
    answer->asked = mono_now();
    ++answer->times;
    answer->confirmed = !questions[i].to_confirm.empty();
    answer->named = named ? (*named)[i] : NamedPrograms{{}, "who sends it could not be asked: " + named.error().message, {}};
  }
}

std::string LeakOwners::why_not(const Answer& answer) const {
  const auto& why = answer.traced_doubt.empty() ? answer.named.why_not : answer.traced_doubt;
  if (!subscription_) return why;
  const auto& refused = boost::asio::use_service<TracerKeeper>(io_).refused();
  const auto& untraced = not_traced_.empty() ? refused : not_traced_;
  return untraced.empty() ? why : why + "; eBPF, which sees more, is not used: " + untraced;
}

void LeakOwners::fill(PacketsView& packets) {
  static const bool same_pids = has_first_pids();
  for (const auto& destination : packets.leak->destinations) {
    const auto* const answer = find(destination);
    if (answer == nullptr) continue;
    auto programs = answer->traced;
    for (const auto& program : answer->named.programs) {
      const bool is_there = std::ranges::any_of(programs, [&](const OutsideProgram& one) {
        // Of a process that has ended the tracer may know a thread's name alone, so that only the number compares; where both are of one
        // namespace.
        return same_pids ? one.pid == program.pid : is_same_program(one, program);
      });
      if (!is_there) programs.push_back(program);
    }
    for (auto& program : programs) {
      program.destination = destination;
      packets.programs.push_back(std::move(program));
    }
    if (answer->is_nobodys()) packets.unattributed.push_back({destination, why_not(*answer)});
  }
}

/// Only what nobody has been told of yet, and never what a kill switch waits for: it closes by what is told.
void LeakOwners::hold_back(Observation& seen, MonoTime now) {
  const bool acted_on = policy_.kill_switch.mode == KillSwitchMode::on_danger;
  if (told_ || acted_on || !asking_ || !answers_.empty() || now - *began_ >= patience) {
    told_ = true;
    return;
  }
  seen.packets->leak.reset();
  seen.packets->leak_since.reset();
  timer_.expires_at(*began_ + patience);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_news_();
  });
}

}  // namespace vpn_sentinel

#include "probe/watch/verifier.hpp"

#include <algorithm>
#include <utility>

#include "netns/clients/idle_memory.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// Changes come in bursts (a restart sends a dozen messages): the checks wait until they are over.
constexpr auto exit_after_change = 150ms;
/// One failed round is repeated before it counts; later rounds come sooner than the usual interval.
constexpr auto exit_second_try = 2s;
constexpr auto exit_while_failing = 15s;

}  // namespace

Verifier::Verifier(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, const TargetPolicy& policy, std::function<void()> on_news)
    : timer_(io),
      policy_(policy),
      on_news_(std::move(on_news)),
      liveness_(io, dns),
      io_(io),
      exit_rounds_(io, http, dns, policy, [this] { on_facts(); }),
      whoami_check_(dns) {}

void Verifier::start(SocketOpener opener, const std::string& device, bool has_v6,
                     std::function<std::optional<std::uint64_t>()> read_rx_packets, bool outside) {
  stop();
  if (policy_.offline) return;
  opener_ = std::move(opener);
  exit_rounds_.shorten_rests();
  follow_outside(outside);
  if (policy_.liveness_interval > 0ms) start_liveness(device, std::move(read_rx_packets));
  recheck(has_v6);
}

void Verifier::stop() {
  liveness_.stop();
  timer_.cancel();
  opener_.reset();
  outside_.reset();
  liveness_view_ = LivenessView::off;
  latency_ms_.reset();
  no_exit_since_.reset();
  no_whoami_since_.reset();
  answered_.clear();
  forget();
}

void Verifier::recheck(bool has_v6) {
  if (!opener_) return;
  forget();
  has_v6_ = has_v6;
  // Not from the newest change: routes that change for ever would put the end of the patience off for ever.
  if (exit_rounds_.is_wanted() && !no_exit_since_) no_exit_since_ = mono_now();
  if (!policy_.whoami_servers.empty() && !no_whoami_since_) no_whoami_since_ = mono_now();
  checks_due_ = no_exit_since_ || no_whoami_since_;
  if (checks_due_) check_in(exit_after_change);
}

void Verifier::check_now() {
  if (!opener_ || running_ > 0 || checks_due_) return;  // else the answers are on their way
  checks_due_ = true;
  check_in(0ms);
}

void Verifier::forget() {
  exit_rounds_.stop();
  whoami_check_.stop();
  running_ = 0;
  checks_due_ = false;
  retried_ = false;
  next_whoami_.reset();
  exit_.reset();
  whoami_.reset();
}

void Verifier::start_liveness(const std::string& device, std::function<std::optional<std::uint64_t>()> read_rx_packets) {
  liveness_view_ = LivenessView::waiting;
  LivenessOptions options;
  options.open_socket = *opener_;
  options.device = device;
  options.server = policy_.liveness_server;
  options.interval = policy_.liveness_interval;
  options.failures = policy_.liveness_failures;
  options.received_packets = std::move(read_rx_packets);
  liveness_.start(std::move(options), [this](const LivenessStreak& streak, std::optional<std::chrono::microseconds> round_trip) {
    on_liveness(streak, round_trip);
  });
}

void Verifier::on_liveness(const LivenessStreak& streak, std::optional<std::chrono::microseconds> round_trip) {
  if (round_trip) latency_ms_ = static_cast<double>(round_trip->count()) / 1000.0;
  if (round_trip && on_round_trip_) on_round_trip_(*round_trip);
  last_answer_ = streak.last_answer();
  const auto view = streak.view() == LivenessStreak::View::alive     ? LivenessView::alive
                    : streak.view() == LivenessStreak::View::stalled ? LivenessView::stalled
                                                                     : LivenessView::waiting;
  const bool news = view != liveness_view_;
  // What failed while nothing came through says nothing about a tunnel that works again.
  if (view == LivenessView::alive && liveness_view_ == LivenessView::stalled) {
    no_exit_since_.reset();
    no_whoami_since_.reset();
    recheck(has_v6_);
  }
  liveness_view_ = view;
  if (news) on_news_();
}

bool Verifier::liveness_pending() const noexcept { return liveness_view_ == LivenessView::waiting; }

void Verifier::check_in(std::chrono::milliseconds pause) {
  timer_.expires_after(pause);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && opener_) run_checks();
  });
}

/// The uplink's and the hub's addresses are learnt outside, once for all targets. A namespace that is the probe's own has no outside.
void Verifier::follow_outside(bool outside) {
  OutsideQuestion question;
  if (outside && policy_.exit.learn_uplink) question.trace_urls = policy_.trace_urls;
  if (exit_rounds_.is_wanted()) question.hub_hosts = policy_.exit.hub_hosts;
  if (question.trace_urls.empty() && question.hub_hosts.empty()) return;
  question.resolvers = policy_.resolvers;
  question.ca_file = policy_.ca_file;
  question.timeout = policy_.check_timeout;
  question.interval = policy_.check_interval;
  question.database = policy_.exit.database;
  outside_ = boost::asio::use_service<OutsideFacts>(io_).subscribe(std::move(question), [this] { on_outside(); });
}

/// The uplink has another address: an exit that was asked for before must not be compared with it.
void Verifier::on_outside() {
  bool moved = false;
  for (const auto& address : outside_->uplink().addresses) {
    const auto known = uplinks_.find(address.family());
    moved = moved || (known != uplinks_.end() && !is_same_line(known->second, address));
    uplinks_.insert_or_assign(address.family(), address);
  }
  if (moved) recheck(has_v6_);
  on_news_();
}

void Verifier::run_checks() {
  checks_due_ = false;
  next_whoami_.reset();
  // Counted before the first begins: one that fails at once must not end the round.
  const bool ask_whoami = !policy_.whoami_servers.empty();
  running_ = exit_rounds_.families(has_v6_) + (ask_whoami ? 1 : 0);
  exit_rounds_.run(*opener_, has_v6_, [this](bool done) { on_exit(done); });
  if (ask_whoami) run_whoami_check();
}

void Verifier::run_whoami_check() {
  whoami_check_.run(*opener_, policy_.whoami_servers, [this](const Result<WhoamiAnswer>& answer) { on_whoami(answer); });
}

void Verifier::on_exit(bool done) {
  // Nothing waits for the other family or the other checks.
  auto fresh = exit_;
  const bool counts = take_exit(fresh);
  note_exits();
  if (counts) keep_answers(exit_, whoami_);
  if (done && running_ == 1) return on_check_done();
  if (done) --running_;
  if (counts) on_news_();  // may begin another round
}

/// The host's line may have been connected anew, and then the uplink's address is another one, too.
void Verifier::note_exits() {
  const auto& found = exit_rounds_.view();
  for (const auto family : {Family::v4, Family::v6}) {
    const auto& address = found.address(family);
    if (!address) continue;
    answered_.insert(family);
    if (!found.of(family).settled) continue;
    const auto known = exits_.find(family);
    if (outside_ && known != exits_.end() && !is_same_line(known->second, *address)) outside_->ask_again();
    exits_.insert_or_assign(family, *address);
  }
}

/// Where the exit is came after its round; the verdict has not waited for it.
void Verifier::on_facts() {
  if (exit_) exit_rounds_.update_facts(*exit_);
  if (opener_) on_news_();
}

void Verifier::on_whoami(const Result<WhoamiAnswer>& answer) {
  next_whoami_ = answer ? WhoamiView{answer->egress, answer->server.to_string(), {}} : WhoamiView{std::nullopt, {}, answer.error().message};
  on_check_done();
}

void Verifier::on_check_done() {
  if (--running_ > 0) return;
  release_idle_memory();
  const auto& found = exit_rounds_.view();
  const bool no_exit = exit_rounds_.is_wanted() && !found.v4 && !found.v6;
  const bool exit_failed = no_exit || fell_silent(Family::v4) || fell_silent(Family::v6);
  // A tunnel may have no IPv4 at all, but once more is worth it; that one has no IPv6 is usual.
  const bool no_v4 = found.in_v4.asked && !found.v4;
  const bool whoami_failed = next_whoami_ && !next_whoami_->egress;
  const bool failed = exit_failed || whoami_failed;
  const auto in_time = [this](std::optional<MonoTime> since) { return !since || !pending(since)->overdue; };
  if ((failed || no_v4) && !retried_ && (!exit_failed || in_time(no_exit_since_)) && (!whoami_failed || in_time(no_whoami_since_))) {
    retried_ = true;
    keep_answers(exit_, whoami_);
    checks_due_ = true;
    check_in(exit_second_try);
    return on_news_();
  }
  if (!failed && !no_v4) retried_ = false;
  // A failure is no answer: when the routes change after it, it counts until there is one.
  no_exit_since_ = exit_failed ? std::optional(no_exit_since_.value_or(mono_now())) : std::nullopt;
  no_whoami_since_ = whoami_failed ? std::optional(no_whoami_since_.value_or(mono_now())) : std::nullopt;
  if (exit_rounds_.is_wanted()) exit_ = found;
  whoami_ = next_whoami_;
  check_in(failed ? std::min<std::chrono::milliseconds>(exit_while_failing, policy_.check_interval) : policy_.check_interval);
  on_news_();
}

void Verifier::fill(Observation& seen) const {
  seen.liveness = liveness_view_;
  if (liveness_view_ == LivenessView::stalled || liveness_view_ == LivenessView::alive) {
    seen.silent_for = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - last_answer_);
  }
  seen.exit = exit_;
  if (seen.exit) {
    seen.exit->in_v4.answered_before = answered_.contains(Family::v4);
    seen.exit->in_v6.answered_before = answered_.contains(Family::v6);
  }
  seen.exit_rules = policy_.exit.rules;
  if (outside_) {
    seen.uplink = outside_->uplink();
    seen.hub_addresses = outside_->hubs();
  }
  seen.whoami = whoami_;
  const auto no_exit = pending(no_exit_since_);
  const auto no_whoami = pending(no_whoami_since_);
  // One check that hangs must not make a failure of the other.
  if ((no_exit && no_exit->overdue) || (no_whoami && no_whoami->overdue)) keep_answers(seen.exit, seen.whoami);
  if (!seen.exit) seen.exit_pending = no_exit;
  if (!seen.whoami) seen.whoami_pending = no_whoami;
}

void Verifier::keep_answers(std::optional<ExitView>& exit, std::optional<WhoamiView>& whoami) const {
  const auto before = exit;
  take_exit(exit);
  const bool has_exit = exit_rounds_.view().v4 || exit_rounds_.view().v6;
  const bool has_whoami = next_whoami_ && next_whoami_->egress;
  // A new address beside the other check's old one is no contradiction: they are of different rounds.
  if (has_exit && !has_whoami && before && (exit->v4 != before->v4 || exit->v6 != before->v6)) whoami.reset();
  if (has_whoami && !has_exit && whoami && whoami->egress != next_whoami_->egress) exit.reset();
  if (has_whoami) whoami = next_whoami_;
}

bool Verifier::take_exit(std::optional<ExitView>& exit) const {
  const auto& next = exit_rounds_.view();
  if (!next.v4 && !next.v6) return false;
  if (!exit) {
    exit = next;
    return true;
  }
  bool taken = false;
  for (const auto family : {Family::v4, Family::v6}) {
    const bool counts = next.of(family).settled || !exit->address(family) || !exit->of(family).settled;
    if (!next.address(family) || !counts) continue;
    take_family(*exit, next, family);
    taken = true;
  }
  return taken;
}

/// It was told since the tunnel came up, and the last round got no answer.
bool Verifier::fell_silent(Family family) const {
  const auto& found = exit_rounds_.view();
  return found.of(family).asked && !found.address(family) && answered_.contains(family);
}

std::optional<PendingView> Verifier::pending(std::optional<MonoTime> since) const {
  if (!since) return std::nullopt;
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - *since);
  return PendingView{waited, given_up_ || waited >= policy_.check_timeout};
}

}  // namespace vpn_sentinel

#include "probe/watch/verifier.hpp"

#include <algorithm>
#include <utility>

#include "netns/clients/idle_memory.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// Changes come in bursts (a restart sends a dozen messages): the checks wait until they are over.
constexpr auto after_change = 150ms;
/// One failed round is repeated before it counts; later rounds come sooner than the usual interval.
constexpr auto second_try = 2s;
constexpr auto while_failing = 15s;

}  // namespace

Verifier::Verifier(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, const TargetPolicy& policy, std::function<void()> on_news)
    : timer_(io), policy_(policy), on_news_(std::move(on_news)), liveness_(io, dns), exit_check_(http, dns), whoami_check_(dns) {}

void Verifier::start(SocketOpener opener, const std::string& device, bool has_v6,
                     std::function<std::optional<std::uint64_t>()> read_rx_packets) {
  stop();
  if (policy_.offline) return;
  opener_ = std::move(opener);
  if (policy_.liveness_interval > 0ms) start_liveness(device, std::move(read_rx_packets));
  recheck(has_v6);
}

void Verifier::stop() {
  liveness_.stop();
  timer_.cancel();
  opener_.reset();
  liveness_view_ = LivenessView::off;
  latency_ms_.reset();
  no_exit_since_.reset();
  no_whoami_since_.reset();
  forget();
}

void Verifier::recheck(bool has_v6) {
  if (!opener_) return;
  forget();
  has_v6_ = has_v6;
  // Not from the newest change: routes that change for ever would put the end of the patience off for ever.
  if (!policy_.trace_urls.empty() && !no_exit_since_) no_exit_since_ = mono_now();
  if (!policy_.whoami_servers.empty() && !no_whoami_since_) no_whoami_since_ = mono_now();
  checks_due_ = no_exit_since_ || no_whoami_since_;
  if (checks_due_) check_in(after_change);
}

void Verifier::check_now() {
  if (!opener_ || running_ > 0 || checks_due_) return;  // else the answers are on their way
  checks_due_ = true;
  check_in(0ms);
}

void Verifier::forget() {
  exit_check_.stop();
  whoami_check_.stop();
  running_ = 0;
  checks_due_ = false;
  failed_rounds_ = 0;
  next_exit_ = {};
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

void Verifier::run_checks() {
  checks_due_ = false;
  next_exit_ = {};
  next_whoami_.reset();
  // Counted before the first begins: one that fails at once must not end the round.
  const bool ask_exit = !policy_.trace_urls.empty();
  const bool ask_whoami = !policy_.whoami_servers.empty();
  running_ = (ask_exit ? (has_v6_ ? 2 : 1) : 0) + (ask_whoami ? 1 : 0);
  if (ask_exit) run_exit_check(Family::v4);
  if (ask_exit && has_v6_) run_exit_check(Family::v6);
  if (ask_whoami) run_whoami_check();
}

void Verifier::run_exit_check(Family family) {
  ExitRequest request;
  request.open_socket = *opener_;
  request.family = family;
  request.urls = policy_.trace_urls;
  request.resolvers = policy_.resolvers;
  request.ca_file = policy_.ca_file;
  request.timeout = policy_.check_timeout;
  exit_check_.run(std::move(request), [this, family](const Result<ExitAnswer>& answer) { on_exit(family, answer); });
}

void Verifier::run_whoami_check() {
  whoami_check_.run(*opener_, policy_.whoami_servers, [this](const Result<WhoamiAnswer>& answer) { on_whoami(answer); });
}

void Verifier::on_exit(Family family, const Result<ExitAnswer>& answer) {
  if (answer) {
    (family == Family::v4 ? next_exit_.v4 : next_exit_.v6) = answer->trace.ip;
    // IPv4 comes first where both answer: it is what people compare.
    if (family == Family::v4 || next_exit_.source.empty()) {
      next_exit_.country = answer->trace.country;
      next_exit_.colo = answer->trace.colo;
      next_exit_.source = answer->source;
    }
  } else if (family == Family::v4 || next_exit_.error.empty()) {
    next_exit_.error = answer.error().message;
  }
  on_check_done();
}

void Verifier::on_whoami(const Result<WhoamiAnswer>& answer) {
  next_whoami_ = answer ? WhoamiView{answer->egress, answer->server.to_string(), {}} : WhoamiView{std::nullopt, {}, answer.error().message};
  on_check_done();
}

void Verifier::on_check_done() {
  if (--running_ > 0) return;
  release_idle_memory();
  const bool exit_failed = !policy_.trace_urls.empty() && !next_exit_.v4 && !next_exit_.v6;
  const bool whoami_failed = next_whoami_ && !next_whoami_->egress;
  const bool failed = exit_failed || whoami_failed;
  failed_rounds_ = failed ? failed_rounds_ + 1 : 0;
  const auto in_time = [this](std::optional<MonoTime> since) { return !since || !pending(since)->overdue; };
  if (failed_rounds_ == 1 && (!exit_failed || in_time(no_exit_since_)) && (!whoami_failed || in_time(no_whoami_since_))) {
    keep_answers(exit_, whoami_);
    checks_due_ = true;
    return check_in(second_try);
  }
  // A failure is no answer: when the routes change after it, it counts until there is one.
  no_exit_since_ = exit_failed ? std::optional(no_exit_since_.value_or(mono_now())) : std::nullopt;
  no_whoami_since_ = whoami_failed ? std::optional(no_whoami_since_.value_or(mono_now())) : std::nullopt;
  if (!policy_.trace_urls.empty()) exit_ = next_exit_;
  whoami_ = next_whoami_;
  check_in(failed ? std::min<std::chrono::milliseconds>(while_failing, policy_.check_interval) : policy_.check_interval);
  on_news_();
}

void Verifier::fill(Observation& seen) const {
  seen.liveness = liveness_view_;
  if (liveness_view_ == LivenessView::stalled || liveness_view_ == LivenessView::alive) {
    seen.silent_for = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - last_answer_);
  }
  seen.exit = exit_;
  seen.whoami = whoami_;
  const auto no_exit = pending(no_exit_since_);
  const auto no_whoami = pending(no_whoami_since_);
  // One check that hangs must not make a failure of the other.
  if ((no_exit && no_exit->overdue) || (no_whoami && no_whoami->overdue)) keep_answers(seen.exit, seen.whoami);
  if (!seen.exit) seen.exit_pending = no_exit;
  if (!seen.whoami) seen.whoami_pending = no_whoami;
}

void Verifier::keep_answers(std::optional<ExitView>& exit, std::optional<WhoamiView>& whoami) const {
  const bool has_exit = next_exit_.v4 || next_exit_.v6;
  const bool has_whoami = next_whoami_ && next_whoami_->egress;
  // A new address beside the other check's old one is no contradiction: they are of different rounds.
  if (has_exit && !has_whoami && exit && (exit->v4 != next_exit_.v4 || exit->v6 != next_exit_.v6)) whoami.reset();
  if (has_whoami && !has_exit && whoami && whoami->egress != next_whoami_->egress) exit.reset();
  if (has_exit) exit = next_exit_;
  if (has_whoami) whoami = next_whoami_;
}

std::optional<PendingView> Verifier::pending(std::optional<MonoTime> since) const {
  if (!since) return std::nullopt;
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - *since);
  return PendingView{waited, given_up_ || waited >= policy_.check_timeout};
}

}  // namespace vpn_sentinel

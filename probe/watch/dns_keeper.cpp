#include "probe/watch/dns_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "netns/clients/idle_memory.hpp"
#include "probe/watch/dns_facts.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// As the Verifier: changes come in bursts; one failed round is repeated before it counts; later ones come sooner than usual.
constexpr auto dns_after_change = 150ms;
constexpr auto dns_second_try = 2s;
constexpr auto dns_while_failing = 15s;
/// What is not proved is looked at again sooner than usual.
constexpr auto while_unproved = 60s;
/// Between two names: 4 a second are polite.
constexpr auto pause_between_names = 250ms;
constexpr auto longest_timeout = 2000ms;
constexpr auto shortest_timeout = 300ms;

/// Where the resolvers are reached, and what else leaves outside: a program on loopback may ask anybody. Without what changes from look to
/// look while the routes stay: the numbers of the flows, their order, and which share of a large table was asked.
std::string fingerprint(const std::vector<ResolverView>& resolvers, const Observation& seen) {
  std::string text;
  for (const auto& item : resolvers) text += fmt::format("{} {} {};", item.address.to_string(), to_string(item.way), item.device);
  std::set<std::string> outside;
  for (const auto& look_up : seen.look_ups) {
    if (!look_up.representative || !look_up.way || look_up.way->kind != Way::Kind::outside) continue;
    const auto& selector = look_up.flow < seen.flows.size() ? seen.flows[look_up.flow].selector : std::string();
    outside.insert(fmt::format("{} {} {};", look_up.destination.to_string(), selector, look_up.way->device));
  }
  for (const auto& item : outside) text += item;
  return text;
}

/// True when the exit is another one than the answers were given under.
bool is_other_exit(const KnownExits& then, const KnownExits& now) {
  const auto differ = [](const auto& a, const auto& b) { return a && b && *a != *b; };
  return differ(then.v4, now.v4) || differ(then.v6, now.v6);
}

/// A server outside that has answered in this network stays a leak when it falls silent.
void remember_answered(const EgressAnswer& before, EgressAnswer& next) {
  for (auto& item : next.servers) {
    const auto old = std::ranges::find(before.servers, item.server, &AskedServer::server);
    if (old != before.servers.end()) item.answered_before = old->answered > 0 || old->answered_before;
  }
}

}  // namespace

std::optional<DnsKeeper::CountedPackets> DnsKeeper::counted_packets(const PacketsView& packets) {
  if (!packets.is_complete()) return std::nullopt;
  return CountedPackets{packets.unbroken_since, packets.total.dns.packets, packets.passed_dns.packets};
}

DnsKeeper::DnsKeeper(boost::asio::io_context& io, DnsClient& dns, const TargetPolicy& policy, std::function<void()> on_news)
    : policy_(policy),
      on_news_(std::move(on_news)),
      timer_(io),
      resolvers_(io, [this] { on_resolvers(); }),
      egress_check_(io, dns),
      compare_(dns) {}

void DnsKeeper::attach(ResolverSource source, const SocketOpener& inside) {
  leaked_ = false;
  if (is_on()) resolvers_.start(std::move(source), inside);
}

void DnsKeeper::detach() {
  stop();
  resolvers_.stop();
}

void DnsKeeper::on_resolvers() {
  if (opener_) recheck();
  on_news_();
}

void DnsKeeper::start(SocketOpener opener) {
  stop();
  if (!is_on()) return;
  opener_ = std::move(opener);
  recheck();
}

void DnsKeeper::stop() {
  timer_.cancel();
  opener_.reset();
  waiting_since_.reset();
  liveness_ = LivenessView::off;
  ways_.clear();
  exits_ = {};
  forget();
}

void DnsKeeper::recheck() {
  if (!opener_) return;
  forget();
  // Not from the newest change: what changes for ever would put the end of the patience off for ever.
  if (!waiting_since_) waiting_since_ = mono_now();
  run_in(dns_after_change);
}

void DnsKeeper::check_now() {
  if (opener_ && running_ == 0 && !waiting_since_) run_in(0ms);  // else the answers are on their way
}

void DnsKeeper::forget() {
  egress_check_.stop();
  compare_.stop();
  running_ = 0;
  failed_rounds_ = 0;
  judged_ = false;
  answer_.reset();
  differences_.clear();
}

void DnsKeeper::run_in(std::chrono::milliseconds pause) {
  timer_.expires_after(pause);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && opener_) run();
  });
}

/// So that a round ends within check_timeout, whatever does not answer.
std::chrono::milliseconds DnsKeeper::timeout_of_one() const {
  const auto& path = resolvers_.path();
  const auto servers = path && *path ? (*path)->servers.size() : 1;
  const auto names = policy_.check_timeout - pause_between_names * (policy_.egress_names - 1) - 200ms;
  return std::clamp<std::chrono::milliseconds>(names / static_cast<int>(servers + 1), shortest_timeout, longest_timeout);
}

void DnsKeeper::run() {
  const auto& path = resolvers_.path();
  // The first look at the files is under way: on_resolvers() begins the round.
  if (!path) return;
  next_answer_ = {};
  next_differences_.clear();
  next_exits_ = exits_;
  packets_at_start_ = count_packets_ ? count_packets_() : packets_;
  if (!*path) {
    running_ = 1;
    return on_part_done();
  }
  const bool compares = !policy_.dns_compare_names.empty() && !policy_.resolvers.empty();
  running_ = compares ? 2 : 1;
  EgressRequest request;
  request.open_socket = *opener_;
  request.servers = (*path)->servers;
  request.zone = policy_.egress_zone;
  request.names = policy_.egress_names;
  request.second_name = policy_.akahelp_name;
  request.pause = pause_between_names;
  request.timeout = timeout_of_one();
  egress_check_.run(std::move(request), [this](const EgressAnswer& answer) {
    next_answer_ = answer;
    on_part_done();
  });
  if (!compares) return;
  CompareRequest compare{*opener_, (*path)->servers.front(), policy_.resolvers.front(), policy_.dns_compare_names, timeout_of_one()};
  compare_.run(std::move(compare), [this](std::vector<AnswerDifference> differences) {
    next_differences_ = std::move(differences);
    on_part_done();
  });
}

void DnsKeeper::on_part_done() {
  if (--running_ > 0) return;
  release_idle_memory();
  const bool failed = next_answer_.egress.empty();
  failed_rounds_ = failed ? failed_rounds_ + 1 : 0;
  if (failed_rounds_ == 1 && !is_overdue()) return run_in(dns_second_try);
  if (answer_) remember_answered(*answer_, next_answer_);
  answer_ = next_answer_;
  answer_exits_ = next_exits_;
  packets_meanwhile_.reset();
  // The last look may be older than the last question.
  if (count_packets_) packets_ = count_packets_();
  compare_counts();
  judged_ = false;
  differences_ = next_differences_;
  waiting_since_.reset();
  run_in(failed ? std::min<std::chrono::milliseconds>(dns_while_failing, policy_.check_interval) : policy_.check_interval);
  on_news_();
}

bool DnsKeeper::is_overdue() const { return given_up_ || (waiting_since_ && mono_now() - *waiting_since_ >= policy_.check_timeout); }

void DnsKeeper::tell_pending(Observation& seen) const {
  const auto since = waiting_since_.value_or(mono_now());
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - since);
  seen.dns_pending = PendingView{waited, is_overdue() || (seen.exit_pending && seen.exit_pending->overdue)};
  seen.dns_leaked_before = leaked_;
}

/// The tunnel's own routes may stay while one to a resolver changes: names of one round must not go by both.
void DnsKeeper::follow_ways(const Observation& seen, const Snapshot& snapshot, RouteLookup& look_up) {
  const auto& path = resolvers_.path();
  if (!path || !*path) return;
  auto servers = (*path)->servers;
  servers.insert(servers.end(), (*path)->upstreams.begin(), (*path)->upstreams.end());
  auto ways = fingerprint(resolver_ways(servers, snapshot, seen.tunnel ? seen.tunnel->index : 0, policy_, look_up), seen);
  if (ways == ways_) return;
  const bool is_first = std::exchange(ways_, std::move(ways)).empty();
  if (!is_first) recheck();
}

void DnsKeeper::follow_packets(const Observation& seen) {
  packets_.reset();
  if (seen.packets) packets_ = counted_packets(*seen.packets);
}

/// What leaves after a round is told by the packets themselves. Where counting began anew meanwhile nothing is known.
void DnsKeeper::compare_counts() {
  if (!packets_ || !packets_at_start_ || packets_->since != packets_at_start_->since) return;
  const auto meanwhile = packets_->packets - packets_at_start_->packets;
  // Who asks by a way that is allowed may have asked for all programs.
  if (meanwhile > 0 || packets_->passed == packets_at_start_->passed) packets_meanwhile_ = meanwhile;
}

/// The resolver's address under one exit looks like a stranger's under the next one.
void DnsKeeper::follow_exits(const Observation& seen) {
  exits_ = seen.exit ? KnownExits{seen.exit->v4, seen.exit->v6} : KnownExits{};
  if (!answer_) return;
  if (is_other_exit(answer_exits_, exits_)) return recheck();
  // The first exit that is told while the answers count is theirs.
  if (!answer_exits_.v4) answer_exits_.v4 = exits_.v4;
  if (!answer_exits_.v6) answer_exits_.v6 = exits_.v6;
}

void DnsKeeper::fill(Observation& seen, const Snapshot& snapshot, RouteLookup& look_up) {
  // What failed while nothing came through says nothing about a tunnel that works again.
  const bool revived = liveness_ == LivenessView::stalled && seen.liveness == LivenessView::alive;
  liveness_ = seen.liveness;
  if (revived) {
    waiting_since_.reset();
    recheck();
  }
  if (!opener_) return;
  follow_packets(seen);
  follow_ways(seen, snapshot, look_up);
  follow_exits(seen);
  const auto& path = resolvers_.path();
  if (!answer_ || !path) return tell_pending(seen);
  auto facts = gather_dns_facts(*path, *answer_, seen, snapshot, policy_, look_up);
  facts.packets_outside = packets_meanwhile_;
  const auto decision = decide_dns(facts);
  // Without the exit only a leak is certain; whether there is none is told when the exit is known, or its check has failed.
  const bool must_wait = seen.exit_pending && !seen.exit_pending->overdue;
  if (must_wait && decision.verdict != DnsVerdict::leak) return tell_pending(seen);
  if (!std::exchange(judged_, true) && decision.verdict != DnsVerdict::no_leak && !answer_->egress.empty())
    run_in(std::min<std::chrono::milliseconds>(while_unproved, policy_.check_interval));
  leaked_ = decision.verdict == DnsVerdict::leak;
  seen.dns = make_dns_view(facts, decision, *path, *answer_);
  seen.dns->differences = differences_;
}

}  // namespace vpn_sentinel

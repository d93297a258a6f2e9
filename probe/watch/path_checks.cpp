#include "probe/watch/path_checks.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// Changes come in bursts, as for the other checks.
constexpr auto path_after_change = 150ms;
constexpr auto path_while_failing = 60s;
/// Less than this is no difference between two ways: it is within what one server's load makes.
constexpr auto least_drop = 5ms;

double milliseconds_of(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000.0; }

/// As many as come while the newest of the path are gathered, so that both tell of the same time.
std::size_t tunnel_samples(const TargetPolicy& policy) {
  if (policy.liveness_interval <= 0ms) return 0;
  const auto during = 3 * policy.path.latency_interval / policy.liveness_interval;
  return static_cast<std::size_t>(std::clamp<std::int64_t>(during, 16, 1'000));
}

/// A second host of another operator: one operator may be filtered by name.
std::vector<std::string> large_packet_urls(const TargetPolicy& policy, Family family) {
  std::vector<std::string> urls;
  if (!policy.trace_urls.empty()) urls.push_back(policy.trace_urls.front());
  const auto& witnesses = family == Family::v4 ? policy.exit.witnesses_v4 : policy.exit.witnesses_v6;
  if (!witnesses.empty()) urls.push_back(witnesses.front().url);
  if (policy.trace_urls.size() > 1) urls.push_back(policy.trace_urls[1]);
  return urls;
}

int badness(const LargePacketsView& view) {
  using Lost = LargePacketsView::Lost;
  return view.lost == Lost::requests || view.lost == Lost::answers ? 2 : view.lost == Lost::none ? 1 : 0;
}

}  // namespace

PathChecks::PathChecks(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, const TargetPolicy& policy,
                       std::function<void()> on_news)
    : timer_(io),
      policy_(policy),
      on_news_(std::move(on_news)),
      stun_(io),
      udp_v4_(io, stun_, dns),
      udp_v6_(io, stun_, dns),
      mtu_v4_(io, http, dns),
      mtu_v6_(io, http, dns),
      unbound_(io, dns),
      baseline_(policy.path.latency_drop, least_drop, tunnel_samples(policy)) {}

void PathChecks::start(SocketOpener opener, bool has_v6) {
  stop();
  if (policy_.offline) return;
  opener_ = std::move(opener);
  start_latency();
  recheck(has_v6);
}

void PathChecks::stop_round() {
  timer_.cancel();
  udp_v4_.stop();
  udp_v6_.stop();
  mtu_v4_.stop();
  mtu_v6_.stop();
  due_ = false;
  running_ = 0;
}

void PathChecks::stop() {
  stop_round();
  unbound_.stop();
  baseline_.network_changed();
  opener_.reset();
  udp_ = {};
  large_packets_.reset();
  dropped_ = false;
  liveness_ = LivenessView::off;
  exit_v4_.reset();
  exit_v6_.reset();
}

void PathChecks::recheck(bool has_v6) {
  if (!opener_) return;
  has_v6_ = has_v6;
  stop_round();
  baseline_.network_changed();
  const bool ask_udp = !policy_.path.stun_servers.empty();
  for (const auto family : {Family::v4, Family::v6}) {
    udp_.of(family).asked = ask_udp && (family == Family::v4 || has_v6_);
    udp_.of(family).current = false;
  }
  due_ = is_on();
  if (due_) run_in(path_after_change);
}

void PathChecks::follow(const Observation& seen) {
  const bool revived = liveness_ == LivenessView::stalled && seen.liveness == LivenessView::alive;
  liveness_ = seen.liveness;
  bool moved = false;
  const auto note = [&moved](std::optional<IpAddress>& known, const std::optional<IpAddress>& now) {
    if (!now) return;
    moved = moved || (known && !is_same_exit(*known, *now));
    known = now;
  };
  if (seen.exit) {
    note(exit_v4_, seen.exit->v4);
    note(exit_v6_, seen.exit->v6);
  }
  if (revived || moved) recheck(has_v6_);
}

void PathChecks::check_now() {
  if (!opener_ || pending()) return;
  due_ = is_on();
  if (due_) run_in(0ms);
}

void PathChecks::run_in(std::chrono::milliseconds pause) {
  timer_.expires_after(pause);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && opener_) run();
  });
}

void PathChecks::run() {
  due_ = false;
  next_large_packets_.reset();
  const bool ask_udp = !policy_.path.stun_servers.empty();
  const int families = has_v6_ ? 2 : 1;
  running_ = (ask_udp ? families : 0) + (policy_.path.large_packets ? families : 0);
  if (ask_udp) run_udp(udp_v4_, Family::v4);
  if (ask_udp && has_v6_) run_udp(udp_v6_, Family::v6);
  if (policy_.path.large_packets) run_large_packets(mtu_v4_, Family::v4);
  if (policy_.path.large_packets && has_v6_) run_large_packets(mtu_v6_, Family::v6);
}

void PathChecks::run_udp(UdpCheck& check, Family family) {
  UdpRequest request;
  request.open_socket = *opener_;
  request.family = family;
  request.servers = policy_.path.stun_servers;
  request.resolvers = policy_.resolvers;
  request.timeout = policy_.check_timeout;
  check.run(std::move(request), [this, family](const Result<UdpAnswer>& answer) { on_udp(family, answer); });
}

void PathChecks::run_large_packets(MtuCheck& check, Family family) {
  MtuRequest request;
  request.open_socket = *opener_;
  request.family = family;
  request.urls = large_packet_urls(policy_, family);
  request.resolvers = policy_.resolvers;
  request.ca_file = policy_.ca_file;
  request.patience = std::clamp<std::chrono::milliseconds>(policy_.check_timeout / 3, 1s, 3s);
  check.run(std::move(request), [this](const Result<MtuAnswer>& answer) { on_large_packets(answer); });
}

/// A question like the liveness check's, bound to nothing: it goes where an ordinary program's packets go.
void PathChecks::start_latency() {
  if (policy_.path.latency_drop == 0) return;
  LivenessOptions options;
  options.open_socket = *opener_;
  options.server = policy_.liveness_server;
  options.interval = policy_.path.latency_interval;
  unbound_.start(std::move(options), [this](const LivenessStreak&, std::optional<std::chrono::microseconds> round_trip) {
    if (!round_trip) return;
    baseline_.path_answered(*round_trip);
    const bool dropped = baseline_.drop().has_value();
    if (std::exchange(dropped_, dropped) != dropped) on_news_();
  });
}

void PathChecks::on_udp(Family family, const Result<UdpAnswer>& answer) {
  auto& udp = udp_.of(family);
  udp = {true, true, {}, {}, {}};
  if (answer) {
    udp.address = answer->address;
    udp.server = answer->server;
  } else {
    udp.error = answer.error().message;
  }
  on_part_done();
}

void PathChecks::on_large_packets(const Result<MtuAnswer>& answer) {
  using Lost = LargePacketsView::Lost;
  LargePacketsView view{Lost::unknown, {}, {}};
  if (!answer) {
    view.error = answer.error().message;
  } else {
    view.host = answer->host;
    view.lost = answer->result == MtuAnswer::Result::fine                  ? Lost::none
                : answer->result == MtuAnswer::Result::large_requests_lost ? Lost::requests
                                                                           : Lost::answers;
  }
  if (!next_large_packets_ || badness(view) > badness(*next_large_packets_)) next_large_packets_ = std::move(view);
  on_part_done();
}

/// Each answer is told at once: that of UDP must not wait for a web service that hangs.
void PathChecks::on_part_done() {
  if (--running_ == 0) {
    large_packets_ = next_large_packets_;
    const bool failed = udp_.in_v4.asked && !udp_.in_v4.address;
    run_in(failed ? std::min<std::chrono::milliseconds>(path_while_failing, policy_.check_interval) : policy_.check_interval);
  }
  on_news_();
}

void PathChecks::fill(Observation& seen) const {
  if (opener_ && udp_.in_v4.asked) seen.udp = udp_;
  seen.large_packets = large_packets_;
  const auto drop = baseline_.drop();
  if (drop) seen.latency_drop = LatencyDropView{milliseconds_of(drop->path), milliseconds_of(drop->reference), drop->beside_tunnel};
}

}  // namespace vpn_sentinel

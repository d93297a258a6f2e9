#include "probe/watch/path_checks.hpp"

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// Changes come in bursts, as for the other checks.
constexpr auto after_change = 150ms;
constexpr auto while_failing = 60s;
/// Less than this is no difference between two ways: it is within what one server's load makes.
constexpr auto least_drop = 5ms;

double milliseconds_of(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000.0; }

}  // namespace

PathChecks::PathChecks(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, const TargetPolicy& policy,
                       std::function<void()> on_news)
    : timer_(io),
      policy_(policy),
      on_news_(std::move(on_news)),
      stun_(io),
      udp_v4_(io, stun_, dns),
      udp_v6_(io, stun_, dns),
      mtu_(io, http, dns),
      unbound_(io, dns),
      baseline_(policy.path.latency_drop, least_drop) {}

void PathChecks::start(SocketOpener opener, bool has_v6) {
  stop();
  if (policy_.offline) return;
  opener_ = std::move(opener);
  start_latency();
  recheck(has_v6);
}

void PathChecks::stop() {
  timer_.cancel();
  udp_v4_.stop();
  udp_v6_.stop();
  mtu_.stop();
  unbound_.stop();
  baseline_.network_changed();
  opener_.reset();
  due_ = false;
  running_ = 0;
  udp_.reset();
  large_packets_.reset();
  dropped_ = false;
}

void PathChecks::recheck(bool has_v6) {
  if (!opener_) return;
  has_v6_ = has_v6;
  udp_v4_.stop();
  udp_v6_.stop();
  mtu_.stop();
  running_ = 0;
  baseline_.network_changed();
  due_ = !policy_.path.stun_servers.empty() || policy_.path.large_packets;
  if (due_) run_in(after_change);
}

void PathChecks::check_now() {
  if (!opener_ || pending()) return;
  due_ = !policy_.path.stun_servers.empty() || policy_.path.large_packets;
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
  next_udp_ = {};
  const bool ask_udp = !policy_.path.stun_servers.empty();
  const bool ask_large = policy_.path.large_packets && !policy_.trace_urls.empty();
  running_ = (ask_udp ? (has_v6_ ? 2 : 1) : 0) + (ask_large ? 1 : 0);
  if (ask_udp) run_udp(udp_v4_, Family::v4);
  if (ask_udp && has_v6_) run_udp(udp_v6_, Family::v6);
  if (ask_large) run_large_packets();
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

void PathChecks::run_large_packets() {
  MtuRequest request;
  request.open_socket = *opener_;
  request.urls = policy_.trace_urls;
  request.resolvers = policy_.resolvers;
  request.ca_file = policy_.ca_file;
  request.patience = std::clamp<std::chrono::milliseconds>(policy_.check_timeout / 3, 1s, 3s);
  mtu_.run(std::move(request), [this](const Result<MtuAnswer>& answer) { on_large_packets(answer); });
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
  if (answer) {
    (family == Family::v4 ? next_udp_.v4 : next_udp_.v6) = answer->address;
    if (family == Family::v4 || next_udp_.server.empty()) next_udp_.server = answer->server;
  } else if (family == Family::v4 || next_udp_.error.empty()) {
    next_udp_.error = answer.error().message;
  }
  on_done();
}

void PathChecks::on_large_packets(const Result<MtuAnswer>& answer) {
  using Lost = LargePacketsView::Lost;
  if (!answer) {
    large_packets_ = LargePacketsView{Lost::unknown, {}, answer.error().message};
  } else {
    const auto lost = answer->result == MtuAnswer::Result::fine                  ? Lost::none
                      : answer->result == MtuAnswer::Result::large_requests_lost ? Lost::requests
                                                                                 : Lost::answers;
    large_packets_ = LargePacketsView{lost, answer->host, {}};
  }
  on_done();
}

void PathChecks::on_done() {
  if (--running_ > 0) return;
  if (!policy_.path.stun_servers.empty()) udp_ = next_udp_;
  const bool failed = udp_ && !udp_->v4 && !udp_->v6;
  run_in(failed ? std::min<std::chrono::milliseconds>(while_failing, policy_.check_interval) : policy_.check_interval);
  on_news_();
}

void PathChecks::fill(Observation& seen) const {
  seen.udp = udp_;
  seen.large_packets = large_packets_;
  const auto drop = baseline_.drop();
  if (drop) seen.latency_drop = LatencyDropView{milliseconds_of(drop->path), milliseconds_of(drop->reference), drop->beside_tunnel};
}

}  // namespace vpn_sentinel

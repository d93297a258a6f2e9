#include "probe/watch/target_watch.hpp"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "netns/firewall/own_packets.hpp"
#include "netns/namespace/process_times.hpp"
#include "probe/watch/outside_policy.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// Finds what sends no message: a namespace made anew, a missed race.
constexpr auto sweep_period = 1s;

/// Only WireGuard has handshakes. To ask whose tun it is takes milliseconds, a walk through the files of all programs.
bool may_tell_handshakes(const std::optional<TunnelFacts>& facts) { return !facts || facts->wireguard || !facts->gaps.empty(); }

}  // namespace

TargetWatch::TargetWatch(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, TargetPolicy policy, OnUpdate on_update)
    : io_(io),
      policy_(std::move(policy)),
      on_update_(std::move(on_update)),
      sweep_timer_(io),
      relook_timer_(io),
      gate_timer_(io),
      follower_(io, policy_.netns, policy_.container_sockets),
      blind_(Error{Error::Kind::timed_out, fmt::format("{} has not been found yet", policy_.netns.to_string())}),
      baseline_(baseline_file(policy_.baseline_folder, policy_.client_id)),
      verifier_(io, http, dns, policy_, [this] { look("check", mono_now()); }),
      dns_keeper_(io, dns, policy_, [this] { look("check", mono_now()); }),
      path_checks_(io, http, dns, policy_, [this] { look("check", mono_now()); }),
      ruleset_watch_(io, policy_, [this] { look("firewall rules changed", mono_now()); }),
      socket_closer_(policy_),
      facts_keeper_(io,
                    [this] {
                      take_tunnel_facts();
                      look("tunnel's program asked", mono_now());
                    }),
      kill_switch_(io, policy_.kill_switch, policy_.client_id, policy_.offline, [this] { look("kill switch", mono_now()); }),
      packet_watch_(
          io, policy_, [this] { look("packets counted", mono_now()); },
          [this] {
            // A WireGuard interface is there before its peer is; and servers move.
            facts_keeper_.ask_again();
            return facts_keeper_.pending();
          }),
      leak_owners_(io, policy_, [this] { look("leaking program looked for", mono_now()); }),
      serving_(io, policy_.serving.follow ? policy_.serving : ServingPolicy{}),
      gate_(policy_.debounce) {
  dns_keeper_.count_by([this]() -> std::optional<DnsKeeper::CountedPackets> {
    packet_watch_.refresh();
    Observation now;
    packet_watch_.fill(now);
    return now.packets ? DnsKeeper::counted_packets(*now.packets) : std::nullopt;
  });
  verifier_.on_round_trip([this](std::chrono::microseconds round_trip) { path_checks_.tunnel_answered(round_trip); });
}

void TargetWatch::start() {
  follower_.start([this] { follow_namespace(); });
  if (!follower_.is_searching()) {
    attach();
    look("start", mono_now());
  }
  // Those of 1,000 targets are spread over the second.
  sweep_in(sweep_period * (std::hash<std::string>{}(policy_.client_id) % 1000) / 1000);
}

void TargetWatch::stop() {
  stopped_ = true;
  follower_.stop();
  sweep_timer_.cancel();
  relook_timer_.cancel();
  gate_timer_.cancel();
  kill_switch_.stop();
  detach(Error{Error::Kind::unavailable, "nobody watches any more"}, false);
}

void TargetWatch::attach() {
  auto opened = follower_.open();
  if (!opened) return detach(opened.error(), opened.error().kind == Error::Kind::not_found);
  const auto ready = opened->opener_with_ready(2, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!ready) return detach(ready.error(), false);
  const auto& opener = *ready;
  auto look_up = RouteLookup::open(opener);
  if (!look_up) return detach(look_up.error(), false);
  auto monitor = Monitor::start(io_, opener,
                                Monitor::Listener{[this](const Monitor::Change& change) {
                                                    look(change.cause, change.received);
                                                    look_again_soon();
                                                  },
                                                  [this](const Error& error) {
                                                    detach(error, false);
                                                    look("monitor lost", mono_now());
                                                  }});
  if (!monitor) return detach(monitor.error(), false);
  namespace_ = std::move(*opened);
  look_up_ = std::move(*look_up);
  monitor_ = std::move(*monitor);
  blind_.reset();
  gone_ = false;
  ++attachments_;
  pinned_is_read_ = false;
  kill_switch_.attach(namespace_->opener(), namespace_->is_own());
  packet_watch_.attach(namespace_->opener(), namespace_->identity());
  leak_owners_.attach(namespace_->opener());
  serving_.attach(*namespace_);
  follow_resolvers();
  ruleset_watch_.attach(*namespace_);
}

void TargetWatch::follow_resolvers() {
  ResolverSource source{policy_.netns, follower_.process(), std::nullopt};
  if (source.process) {
    if (const auto times = read_process_times(*source.process)) source.start = times->start;
  }
  dns_keeper_.attach(std::move(source), namespace_->opener());
}

std::uint64_t TargetWatch::generation() const { return monitor_->generation() + (attachments_ << 32U); }

std::chrono::milliseconds TargetWatch::out_of_step_for() const {
  const auto since = monitor_->out_of_step_since();
  return since ? std::chrono::ceil<std::chrono::milliseconds>(mono_now() - *since) : 0ms;
}

void TargetWatch::detach(Error reason, bool gone) {
  verifier_.stop();
  path_checks_.stop();
  ruleset_watch_.detach();
  dns_keeper_.detach();
  facts_keeper_.stop();
  kill_switch_.detach();
  packet_watch_.detach(gone);
  leak_owners_.detach();
  serving_.detach();
  // Destroying the monitor from inside its own callback must wait until the callback has returned.
  if (monitor_) boost::asio::post(io_, [old = std::shared_ptr<Monitor>(std::move(monitor_))] {});
  look_up_.reset();
  namespace_.reset();
  tunnel_index_ = 0;
  facts_index_ = 0;
  // The same namespace, seen again after a failure, must not make servers of the host routes that came meanwhile.
  if (gone) {
    learnt_.forget_network();
  } else {
    learnt_.forget_told();
  }
  blind_ = std::move(reason);
  gone_ = gone;
}

std::optional<SocketOpener> TargetWatch::opener() const {
  if (!namespace_) return std::nullopt;
  return with_own_priority(namespace_->opener());
}

std::optional<FlowGround> TargetWatch::flow_ground() const {
  if (!monitor_ || seen_.blind) return std::nullopt;
  return make_flow_ground(monitor_->snapshot(), outside_policy(seen_, policy_), has_tunnel_name(seen_, policy_));
}

std::optional<Link> TargetWatch::tunnel_link() const {
  if (!look_up_ || !seen_.tunnel) return std::nullopt;
  const auto link = look_up_->read_link(seen_.tunnel->index);
  if (!link) return std::nullopt;
  return *link;
}

std::optional<NamespaceIdentity> TargetWatch::identity() const {
  if (!namespace_) return std::nullopt;
  return namespace_->identity();
}

std::optional<Baseline> TargetWatch::present_state() const {
  if (!monitor_) return std::nullopt;
  return make_baseline(monitor_->snapshot(), seen_);
}

/// Held sockets keep a deleted namespace alive, so they are closed as soon as the reference names another one or none.
void TargetWatch::check_identity() {
  if (!namespace_) return attach();
  const auto lost = follower_.lost(*namespace_);
  if (!lost) return;
  detach(*lost, lost->kind == Error::Kind::not_found);
  attach();
}

void TargetWatch::follow_namespace() {
  const bool was_there = namespace_.has_value();
  check_identity();
  const bool is_there = namespace_.has_value();
  look(is_there && !was_there ? "namespace found" : was_there && !is_there ? "namespace gone" : "namespace looked for", mono_now());
}

void TargetWatch::sweep_in(std::chrono::milliseconds pause) {
  sweep_timer_.expires_after(pause);
  sweep_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopped_) sweep();
  });
}

void TargetWatch::sweep() {
  sweep_in(sweep_period);
  follower_.search();
  if (follower_.is_searching()) return;
  check_identity();
  compare_with_baseline();
  dns_keeper_.refresh(mono_now());
  kill_switch_.sweep();
  if (monitor_) serving_.refresh(monitor_->snapshot());
  facts_keeper_.refresh(seen_.liveness != LivenessView::alive && may_tell_handshakes(facts_keeper_.facts()), boot_now());
  look("periodic look", mono_now());
}

}  // namespace vpn_sentinel

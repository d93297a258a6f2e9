#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "probe/verdict/containment.hpp"
#include "probe/watch/local_destinations.hpp"
#include "probe/watch/target_safety.hpp"
#include "probe/watch/target_watch.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// A message is a hint, and one of them comes too early: RTM_NEWLINK precedes the flush of the routes (kernel.md, rule 4).
constexpr auto first_relook = 1ms;
constexpr auto second_relook = 20ms;
/// To ask whose tun it is takes milliseconds.
constexpr auto pause_between_questions = 1s;

std::string fingerprint(const Observation& seen) {
  std::string text;
  for (const auto& look_up : seen.look_ups) {
    const bool ordinary = look_up.flow >= seen.flows.size() || seen.flows[look_up.flow].whom.empty();
    if (!look_up.representative || !ordinary) continue;
    text += look_up.way ? fmt::format("{}/{};", static_cast<int>(look_up.way->kind), look_up.way->device) : "?;";
  }
  return text;
}

std::string facts_of(const Observation& seen) {
  std::string text;
  if (seen.exit) {
    text += fmt::format("{}|{}|", seen.exit->v4 ? seen.exit->v4->to_string() : "-", seen.exit->v6 ? seen.exit->v6->to_string() : "-");
  }
  if (seen.whoami && seen.whoami->egress) text += seen.whoami->egress->to_string();
  if (!seen.dns) return text;
  text += fmt::format("|{}|{}", to_string(seen.dns->verdict), seen.dns->reason);
  for (const auto& egress : seen.dns->egress) text += "|" + egress.to_string();
  return text;
}

bool carries(const Observation& seen, Family family) {
  return std::ranges::any_of(seen.look_ups, [family](const LookUp& item) {
    return item.destination.family() == family && item.way && item.way->kind == Way::Kind::tunnel;
  });
}

bool carries(const Observation& seen) {
  const bool works = seen.tunnel && seen.tunnel->up && seen.tunnel->has_address;
  return works && (carries(seen, Family::v4) || carries(seen, Family::v6));
}

/// Packets of ordinary programs get out, by the tunnel or beside it: who sees IPv6 leave beside a tunnel for IPv4 shows its address, too.
bool gets_out(const Observation& seen, Family family) {
  return std::ranges::any_of(seen.look_ups, [&](const LookUp& item) {
    if (item.destination.family() != family || !item.way) return false;
    const bool ordinary = item.flow >= seen.flows.size() || seen.flows[item.flow].whom.empty();
    return item.way->kind == Way::Kind::tunnel || (item.way->kind == Way::Kind::outside && ordinary);
  });
}

/// Whether one of the gateways is this namespace itself. Link-local addresses are nobody's own: fe80::1 is on many bridges.
bool has_address_of(const Snapshot& snapshot, const std::vector<IpAddress>& gateways) {
  static const auto link_local = IpPrefix::parse("fe80::/10").value();
  return std::ranges::any_of(snapshot.addresses, [&](const InterfaceAddress& own) {
    return !link_local.contains(own.address) && std::ranges::find(gateways, own.address) != gateways.end();
  });
}

}  // namespace

/// WireGuard's endpoints are certain. The far ends of a program's sockets may be its maker's servers as well, so that only those count to
/// which somebody made a way of their own.
void TargetWatch::take_tunnel_facts() {
  const auto& facts = facts_keeper_.facts();
  if (!facts || !monitor_) return;
  learnt_.told_endpoints.clear();
  learnt_.told_marks.clear();
  if (facts->wireguard) {
    if (facts->wireguard->fwmark != 0) learnt_.told_marks.push_back({facts->wireguard->fwmark});
    for (const auto& peer : facts->wireguard->peers) {
      if (!peer.endpoint) continue;
      learnt_.told_endpoints.push_back({peer.endpoint->address, "wireguard", IPPROTO_UDP, peer.endpoint->port, facts->wireguard->fwmark});
    }
  }
  if (!facts->owner || !seen_.tunnel) return;
  const auto host_routes = host_route_addresses(monitor_->snapshot(), seen_.tunnel->index);
  for (const auto& peer : facts->owner->peers) {
    if (std::ranges::find(host_routes, peer.address) == host_routes.end()) continue;
    learnt_.told_endpoints.push_back({peer.address, "socket of " + facts->owner->comm, 0, peer.port});
  }
}

VpnProgram TargetWatch::vpn_program() const {
  const auto& facts = facts_keeper_.facts();
  VpnProgram program{facts_keeper_.pending(), seen_.tunnel && seen_.tunnel->kind == "wireguard", std::nullopt};
  if (program.is_wireguard || !facts || !facts->owner || !facts->wireguard) return program;
  program.is_wireguard = true;
  program.user = facts->owner->uid;
  return program;
}

void TargetWatch::compare_with_baseline() {
  if (!monitor_) return;
  const bool comparable = verdict_.state <= State::warning && tunnel_carries_;
  // The first look finds the host routes to the VPN servers; only the next one has them among its endpoints.
  if (seen_.endpoints.empty()) {
    for (const auto& address : learnt_.host_routes) seen_.endpoints.push_back({address, "host route"});
  }
  baseline_.sweep(monitor_->snapshot(), generation(), seen_, {comparable, verdict_.state == State::secure}, mono_now());
}

void TargetWatch::look_again_soon() {
  relook_timer_.expires_after(first_relook);
  relook_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    look("second look", mono_now());
    relook_timer_.expires_after(second_relook);
    relook_timer_.async_wait([this](const boost::system::error_code& later) {
      if (!later) look("third look", mono_now());
    });
  });
}

void TargetWatch::look(const std::string& cause, MonoTime noticed) {
  if (stopped_) return;
  looked_at_ = mono_now();
  if (namespace_) {
    seen_ = observe(monitor_->snapshot(), generation(), *look_up_, policy_, learnt_);
    seen_.out_of_step_for = out_of_step_for();
    seen_.drift = baseline_.drift();
    follow_tunnel(seen_);
    follow_kill_switch();
    packet_watch_.follow(seen_, vpn_program());
    packet_watch_.fill(seen_);
    leak_owners_.follow(seen_, monitor_->snapshot());
    verifier_.fill(seen_);
    seen_.uplink_by_target = has_address_of(monitor_->snapshot(), seen_.uplink.gateways);
    path_checks_.follow(seen_);
    path_checks_.fill(seen_);
    dns_keeper_.fill(seen_, monitor_->snapshot(), *look_up_);
    ruleset_watch_.follow(seen_, monitor_->snapshot());
    ruleset_watch_.fill(seen_);
    const auto now = boot_now();
    const auto& handshakes = facts_keeper_.handshakes();
    seen_.never_shook_hands = handshakes.never_shook_hands();
    seen_.handshake_age = handshakes.age(now);
    seen_.handshake_untold = handshakes.untold(now);
  } else {
    seen_ = Observation{};
    seen_.time = wall_now();
    seen_.blind = blind_;
    seen_.namespace_gone = gone_;
    seen_.expected_tunnel = learnt_.tunnel.name;
    tunnel_carries_ = false;
  }
  judge_look();
  // What was pinned counts from the first verdict on.
  if (namespace_ && !std::exchange(pinned_is_read_, true)) {
    compare_with_baseline();
    if (!baseline_.drift().rules.empty() || !baseline_.drift().routes.empty()) return look(cause, noticed);
  }
  publish(cause, noticed);
}

/// What leaves is decided first, and then what may be said of it.
void TargetWatch::follow_kill_switch() {
  if (kill_switch_.tends()) {
    kill_switch_.follow(seen_outside(seen_, policy_, tunnel_carries_));
  }
  seen_.kill_switch = kill_switch_.view();
  ask_about_stopped();
}

/// A server that moved is behind what the kill switch stops, where the meter sees nothing of it.
void TargetWatch::ask_about_stopped() {
  const auto stopped = seen_.kill_switch ? seen_.kill_switch->stopped.packets : 0;
  const bool more = stopped > std::exchange(stopped_packets_, stopped);
  if (!more || mono_now() - asked_about_stopped_ < pause_between_questions) return;
  asked_about_stopped_ = mono_now();
  facts_keeper_.ask_again();
}

void TargetWatch::judge_look() {
  auto bare = judge(seen_);
  if (is_blind(seen_)) {
    keep_severe(bare, bare_);
  } else {
    keep_unanswered(bare, bare_, seen_);
    keep_exit_dangers(bare, exit_dangers_, seen_);
  }
  carry_since(bare.findings, bare_.findings);
  bare_ = std::move(bare);
  const bool packets_leave = seen_.packets && seen_.packets->leak;
  if (namespace_ && kill_switch_.decide(safety_of(bare_, seen_), packets_leave)) seen_.kill_switch = kill_switch_.view();
  auto verdict = contain(bare_, seen_);
  if (namespace_) socket_closer_.follow(verdict.state, seen_, monitor_->snapshot(), namespace_->opener(), *look_up_);
  if (auto closed = socket_closer_.finding(seen_.time)) verdict.findings.push_back(std::move(*closed));
  carry_since(verdict.findings, verdict_.findings);
  if (verdict.state != verdict_.state || state_since_ == WallTime{}) state_since_ = seen_.time;
  verdict_ = std::move(verdict);
}

void TargetWatch::follow_tunnel(const Observation& seen) {
  tunnel_carries_ = carries(seen);
  if (!seen.tunnel || !seen.tunnel->up) {
    tunnel_since_.reset();
  } else if (!tunnel_since_ || seen.tunnel->index != tunnel_since_index_) {
    tunnel_since_ = seen.time;
    tunnel_since_index_ = seen.tunnel->index;
  }
  const auto asked_index = seen.tunnel ? seen.tunnel->index : 0;
  if (asked_index != facts_index_) {
    facts_index_ = asked_index;
    learnt_.forget_told();
    if (seen.tunnel) {
      facts_keeper_.start(*namespace_, seen.tunnel->name, seen.tunnel->kind);
    } else {
      facts_keeper_.stop();
    }
  }
  const auto ways = fingerprint(seen);
  const auto index = tunnel_carries_ ? seen.tunnel->index : 0;
  if (index == 0) {
    if (tunnel_index_ != 0) {
      verifier_.stop();
      dns_keeper_.stop();
      path_checks_.stop();
    }
  } else if (index != tunnel_index_) {
    const auto read_rx_packets = [this]() -> std::optional<std::uint64_t> {
      const auto link = tunnel_link();
      if (!link) return std::nullopt;
      return link->rx_packets;
    };
    verifier_.start(*opener(), seen.tunnel->name, gets_out(seen, Family::v6), read_rx_packets, has_separate_uplink());
    dns_keeper_.start(*opener());
    path_checks_.start(*opener(), gets_out(seen, Family::v6));
  } else if (ways != ways_) {
    verifier_.recheck(gets_out(seen, Family::v6));
    dns_keeper_.recheck();
    path_checks_.recheck(gets_out(seen, Family::v6));
  }
  tunnel_index_ = index;
  ways_ = ways;
}

void TargetWatch::publish(const std::string& cause, MonoTime noticed) {
  const bool first = !gate_.published();
  const auto state_before = verdict().state;
  const bool pending = verifier_.liveness_pending() || (first && (verifier_.checks_pending() || dns_keeper_.pending()));
  const auto decision = gate_.decide(verdict_, pending, mono_now());
  if (decision.again_at) {
    wait_for_gate(*decision.again_at, cause);
  } else {
    gate_timer_.cancel();
  }
  const bool is_news = !same_judgement(recorded_, verdict_);
  recorded_ = verdict_;
  if (!first && !decision.publish && is_news) on_update_(*this, Update{"held", cause, noticed});
  if (!decision.publish && decision.again_at) return;
  const auto facts = facts_of(seen_);
  // Losing the facts is part of the change that made them stale; only new ones are worth a report of their own.
  const bool new_facts = !first && !facts.empty() && facts != facts_;
  if (!decision.publish && !new_facts) return;
  if (decision.publish && (first || verdict().state != state_before)) published_since_ = state_since_;
  facts_ = facts;
  on_update_(*this, Update{first ? "start" : decision.publish ? "change" : "check", cause, noticed});
}

/// What waited is told after a fresh look only.
void TargetWatch::wait_for_gate(MonoTime when, const std::string& cause) {
  gate_timer_.expires_at(when);
  gate_timer_.async_wait([this, cause](const boost::system::error_code& error) {
    if (!error) look(cause, mono_now());
  });
}

}  // namespace vpn_sentinel

#include "probe/verdict/judge.hpp"

#include <algorithm>

#include "probe/verdict/dns_findings.hpp"
#include "probe/verdict/exit_findings.hpp"
#include "probe/verdict/packet_findings.hpp"
#include "probe/verdict/path_findings.hpp"
#include "probe/verdict/route_findings.hpp"
#include "probe/verdict/ruleset_findings.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// WireGuard makes new keys after 120 s of traffic and uses none for longer than 180 s (REJECT_AFTER_TIME).
constexpr std::chrono::seconds longest_handshake_age{180};

/// After a flood everything is read again within a fraction of a second. Beyond this, routes and rules may have come that nobody asked
/// about.
constexpr std::chrono::milliseconds longest_out_of_step{1500};

bool is_overdue(const std::optional<PendingView>& check) { return check && check->overdue; }

json waiting_evidence(const PendingView& check) { return json{{"error", "no answer yet"}, {"waited_ms", check.waited.count()}}; }

class Judge {
 public:
  explicit Judge(const Observation& seen) : seen_(seen), v4_(tally(seen, Family::v4)), v6_(tally(seen, Family::v6)) {}

  Verdict run() {
    if (seen_.namespace_gone) {
      add("namespace_gone", json::object());
    } else if (seen_.blind) {
      add("routes_unverifiable", json{{"error", seen_.blind->message}});
    } else {
      judge_tunnel();
      judge_routes();
      judge_changes();
      judge_local_networks();
      judge_uplink();
      if (seen_.abandoned) add("namespace_abandoned", json::object());
      for (auto& finding : judge_ruleset(seen_)) findings_.push_back(std::move(finding));
      // What is asked through the tunnel says something only while there is a tunnel that packets take.
      if (tunnel_works_ && v4_.by_tunnel + v6_.by_tunnel > 0) judge_answers();
      judge_counted();
    }
    std::ranges::stable_sort(findings_, std::ranges::greater{}, &Finding::severity);
    Verdict verdict{state_of(findings_), std::move(findings_)};
    return verdict;
  }

 private:
  void add(std::string_view code, json evidence, std::optional<Severity> severity = std::nullopt) {
    const auto* const text = find_text(code);
    findings_.push_back(Finding{std::string(code), severity.value_or(text->severity), seen_.time, std::move(evidence)});
  }

  void judge_tunnel() {
    if (!seen_.tunnel) {
      add("tunnel_missing", json{{"tunnel", seen_.expected_tunnel}});
    } else if (!seen_.tunnel->up) {
      json evidence{{"tunnel", seen_.tunnel->name}};
      if (seen_.tunnel->carrier) evidence["carrier"] = *seen_.tunnel->carrier;
      add("tunnel_down", std::move(evidence));
    } else if (!seen_.tunnel->has_address) {
      add("tunnel_no_address", json{{"tunnel", seen_.tunnel->name}});
    } else {
      tunnel_works_ = true;
    }
    // Traffic goes by the one that works, so the loss of another protects less and lets nothing out.
    if (tunnel_works_ && !seen_.other_tunnels_down.empty()) {
      add("tunnel_down", json{{"tunnels", seen_.other_tunnels_down}}, Severity::warning);
    }
  }

  void judge_routes() {
    for (auto& finding : judge_ways_out(seen_)) findings_.push_back(std::move(finding));
    if (seen_.look_ups.empty() || v4_.failed + v6_.failed > 0) {
      // Without a tunnel only the routes could prove that nothing leaves: not proved means danger.
      add("routes_unverifiable", look_up_errors(), tunnel_works_ ? Severity::warning : Severity::danger);
    } else if (!(seen_.tunnel && seen_.tunnel->up) && v4_.by_tunnel + v6_.by_tunnel > 0) {
      // RTM_NEWLINK is sent before the kernel flushes the routes of a dying link, so this answer is stale; the next look tells.
      add("routes_unverifiable", json{{"error", "the kernel still names a tunnel that is down; looking again"}}, Severity::danger);
    } else if (tunnel_works_ && v4_.by_tunnel + v6_.by_tunnel + v4_.outside + v6_.outside == 0) {
      add("tunnel_not_routed", json{{"tunnel", seen_.tunnel->name}});
    }
    // Without a tunnel that works, nothing but complete answers shows that nothing leaves.
    const auto severity = tunnel_works_ ? Severity::warning : Severity::danger;
    if (seen_.not_asked > 0) add("routes_sampled", json{{"asked", seen_.look_ups.size()}, {"not_asked", seen_.not_asked}}, severity);
    if (!seen_.unasked_rules.empty())
      unverifiable("the kernel cannot be asked about what these rules select", severity)["rules"] = seen_.unasked_rules;
    if (seen_.out_of_step_for > longest_out_of_step)
      unverifiable("messages of the kernel were lost, and not everything could be read again since", severity)["out_of_step_ms"] =
          seen_.out_of_step_for.count();
  }

  /// The evidence of the one routes_unverifiable, which is made when there is none yet.
  json& unverifiable(std::string_view error, Severity severity) {
    auto told = std::ranges::find(findings_, "routes_unverifiable", &Finding::code);
    if (told == findings_.end()) {
      add("routes_unverifiable", json{{"error", error}}, severity);
      told = std::prev(findings_.end());
    }
    return told->evidence;
  }

  void judge_changes() {
    if (!seen_.replaced.empty()) {
      // Whether anything leaves by the stranger is what the look-ups tell.
      const auto severity = seen_.replaced_by_stranger ? std::optional(Severity::warning) : std::nullopt;
      add("tunnel_replaced", json{{"change", seen_.replaced}}, severity);
    }
    const auto severity = seen_.drift.pinned ? Severity::warning : Severity::information;
    const auto told = std::ranges::find(findings_, "rule_changed", &Finding::code);
    if (!seen_.drift.rules.empty() && told == findings_.end()) {
      add("rule_changed", json{{"changes", seen_.drift.rules}}, severity);
    } else if (!seen_.drift.rules.empty()) {
      // What sockets bound to the uplink's address may do is by design or an attack: that it was not so before decides.
      told->severity = std::max(told->severity, Severity::warning);
      told->evidence["changes"] = seen_.drift.rules;
    }
    if (seen_.drift.routes.empty() && !(seen_.drift.pinned && !seen_.drift.not_compared.empty())) return;
    // Whoever pinned a state relies on being told; for a learnt one the line in `check` is enough.
    json evidence = json::object();
    if (!seen_.drift.routes.empty()) evidence["changes"] = seen_.drift.routes;
    if (!seen_.drift.not_compared.empty()) evidence["not_compared"] = seen_.drift.not_compared;
    add("baseline_drift", std::move(evidence), seen_.drift.routes.empty() ? Severity::information : severity);
  }

  void judge_local_networks() {
    if (seen_.public_subnets.empty()) return;
    json::array_t networks;
    for (const auto& subnet : seen_.public_subnets) networks.push_back(subnet.prefix.to_string() + " dev " + subnet.device);
    add("local_network_public", json{{"networks", std::move(networks)}});
  }

  [[nodiscard]] json look_up_errors() const {
    for (const auto& look_up : seen_.look_ups) {
      if (!look_up.way) return json{{"destination", look_up.destination.to_string()}, {"error", look_up.way.error().message}};
    }
    return json{{"error", "no route was looked up"}};
  }

  /// Whatever routes and answers say: packets that have left have left.
  void judge_counted() {
    for (auto& finding : judge_packets(seen_)) {
      const auto told = std::ranges::find(findings_, finding.code, &Finding::code);
      if (told == findings_.end()) {
        findings_.push_back(std::move(finding));
      } else {
        told->evidence.update(finding.evidence);
      }
    }
  }

  void judge_uplink() {
    if (!seen_.uplink_lost) return;
    // An answer that came since then shows that the tunnel has another way: a modem that has no address of its own, for example.
    if (seen_.liveness == LivenessView::alive && seen_.silent_for < seen_.uplink_lost_for) return;
    uplink_lost_ = true;
    add("uplink_lost", json{{"interfaces", seen_.uplinks}});
  }

  void judge_answers() {
    if (seen_.liveness == LivenessView::stalled) {
      add("tunnel_stalled", json{{"tunnel", seen_.tunnel->name}, {"silent_ms", seen_.silent_for.count()}});
    } else if (seen_.liveness == LivenessView::waiting || (seen_.liveness == LivenessView::off && seen_.never_shook_hands)) {
      json evidence{{"tunnel", seen_.tunnel->name}};
      if (seen_.never_shook_hands) evidence["handshake"] = "none yet";
      add("tunnel_unverified", std::move(evidence));
    }
    // A handshake vouches for as long as its keys live; after that somebody would have to tell a newer one.
    if (seen_.liveness == LivenessView::off && !seen_.never_shook_hands && seen_.handshake_untold > longest_handshake_age) {
      add("tunnel_unverified", json{{"tunnel", seen_.tunnel->name},
                                    {"error", "the VPN's program does not tell its handshakes any more"},
                                    {"last_handshake_s", seen_.handshake_untold->count()}});
    }
    // An answer shows more than an age, and a tunnel that nobody uses needs no handshake.
    if (seen_.handshake_age && *seen_.handshake_age > longest_handshake_age && seen_.liveness != LivenessView::alive) {
      add("handshake_stale", json{{"tunnel", seen_.tunnel->name}, {"age_s", seen_.handshake_age->count()}});
    }
    for (auto& finding : judge_exit(seen_)) findings_.push_back(std::move(finding));
    for (auto& finding : judge_path(seen_)) findings_.push_back(std::move(finding));
    // While nothing answers at all, failed checks are the same news twice.
    if (seen_.liveness == LivenessView::stalled || uplink_lost_) return;
    if (seen_.exit && !seen_.exit->v4 && !seen_.exit->v6) add("exit_unverifiable", json{{"error", seen_.exit->error}});
    if (is_overdue(seen_.exit_pending)) add("exit_unverifiable", waiting_evidence(*seen_.exit_pending));
    for (auto& finding : judge_dns(seen_)) findings_.push_back(std::move(finding));
  }

  const Observation& seen_;
  Tally v4_;
  Tally v6_;
  bool tunnel_works_ = false;
  bool uplink_lost_ = false;
  std::vector<Finding> findings_;
};

}  // namespace

Verdict judge(const Observation& seen) { return Judge(seen).run(); }

bool is_blind(const Observation& seen) {
  if (seen.namespace_gone) return false;
  return seen.blind || std::ranges::none_of(seen.look_ups, [](const LookUp& look_up) { return look_up.way.has_value(); });
}

namespace {

/// One of the addresses that showed the leak could not be asked about this time. Every address stands for its family in ipv6_outside.
bool went_unanswered(const Finding& finding, const Observation& seen) {
  if (exit_went_unanswered(finding, seen) || udp_went_unanswered(finding, seen)) return true;
  const auto routes = finding.evidence.find("routes");
  return std::ranges::any_of(seen.look_ups, [&](const LookUp& look_up) {
    if (look_up.way) return false;
    if (finding.code == "ipv6_outside" && !look_up.destination.is_v4()) return true;
    if (routes == finding.evidence.end() || !routes->is_array()) return false;
    const auto destination = look_up.destination.to_string();
    return std::ranges::any_of(*routes,
                               [&](const json& route) { return route.is_object() && route.value("destination", "") == destination; });
  });
}

/// The VPN's program was asked for its last handshake and said nothing: that is none newer.
bool is_still_stale(const Finding& finding, const Observation& seen) {
  const bool asked = seen.tunnel && seen.tunnel->up && seen.liveness != LivenessView::alive;
  return finding.code == "handshake_stale" && asked && !seen.handshake_age && !seen.never_shook_hands;
}

}  // namespace

namespace {

void sort_and_judge(Verdict& verdict) {
  std::ranges::stable_sort(verdict.findings, std::ranges::greater{}, &Finding::severity);
  verdict.state = state_of(verdict.findings);
}

bool carries_packets(const Observation& seen) {
  const bool works = seen.tunnel && seen.tunnel->up && seen.tunnel->has_address;
  return works && tally(seen, Family::v4).by_tunnel + tally(seen, Family::v6).by_tunnel > 0;
}

}  // namespace

void keep_exit_dangers(Verdict& verdict, std::vector<Finding>& remembered, const Observation& seen) {
  if (is_blind(seen) || !carries_packets(seen)) return;
  for (const auto& finding : remembered) {
    // One family may have ended while the other has no answer.
    for (const auto& [family, shown] : finding.evidence.items()) {
      const Finding one{finding.code, finding.severity, finding.since, json{{family, shown}}};
      if (!exit_went_unanswered(one, seen)) continue;
      const auto told = std::ranges::find(verdict.findings, one.code, &Finding::code);
      if (told == verdict.findings.end()) {
        verdict.findings.push_back(one);
        continue;
      }
      // The same code may be a warning for another reason.
      if (told->severity < one.severity || !told->evidence.contains(family)) told->evidence[family] = shown;
      told->severity = std::max(told->severity, one.severity);
    }
  }
  remembered.clear();
  for (const auto& finding : verdict.findings) {
    if (finding.severity >= Severity::danger && is_of_exit(finding)) remembered.push_back(finding);
  }
  sort_and_judge(verdict);
}

void keep_unanswered(Verdict& verdict, const Verdict& previous, const Observation& seen) {
  for (const auto& finding : previous.findings) {
    const bool told = std::ranges::find(verdict.findings, finding.code, &Finding::code) != verdict.findings.end();
    if (told) continue;
    const bool leaks = finding.severity >= Severity::danger && finding.code != "routes_unverifiable";
    if (!leaks && udp_went_unanswered(finding, seen)) {
      verdict.findings.push_back(finding);
      continue;
    }
    if (!(leaks ? went_unanswered(finding, seen) : is_still_stale(finding, seen))) continue;
    // That nobody tells a newer one is the same news.
    if (!leaks && seen.handshake_untold)
      std::erase_if(verdict.findings, [](const Finding& other) { return other.code == "tunnel_unverified"; });
    verdict.findings.push_back(finding);
  }
  sort_and_judge(verdict);
}

void keep_severe(Verdict& verdict, const Verdict& previous) {
  for (const auto& finding : previous.findings) {
    if (finding.severity < Severity::contained) continue;
    const auto told = std::ranges::find(verdict.findings, finding.code, &Finding::code);
    if (told == verdict.findings.end()) {
      verdict.findings.push_back(finding);
    } else {
      told->severity = std::max(told->severity, finding.severity);
    }
  }
  const auto unseen = std::ranges::find(verdict.findings, "routes_unverifiable", &Finding::code);
  if (state_of(verdict.findings) == State::contained && unseen != verdict.findings.end()) unseen->severity = Severity::danger;
  sort_and_judge(verdict);
}

void carry_since(std::vector<Finding>& findings, const std::vector<Finding>& previous) {
  for (auto& finding : findings) {
    const auto before = std::ranges::find(previous, finding.code, &Finding::code);
    if (before != previous.end()) finding.since = before->since;
  }
}

bool same_judgement(const Verdict& a, const Verdict& b) {
  return a.state == b.state && std::ranges::equal(a.findings, b.findings, [](const Finding& left, const Finding& right) {
           return left.code == right.code && left.severity == right.severity;
         });
}

}  // namespace vpn_sentinel

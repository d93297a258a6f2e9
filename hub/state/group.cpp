#include "hub/state/group.hpp"

#include <algorithm>
#include <functional>

#include "hub/state/view.hpp"

namespace vpn_sentinel {
namespace {

using Members = std::vector<const ClientState*>;

bool says_blind(const Finding& finding) {
  return finding.code == "routes_unverifiable" || finding.code == "namespace_gone" || finding.code == "routes_not_seen";
}

/// It saw traffic leave, and nobody has seen that end.
bool took_danger_along(const ClientState& member) { return member.state == State::offline && member.state_before_offline == State::danger; }

/// How many of `count` members that see must agree.
std::size_t needed(const GroupRule& rule, std::size_t count) {
  if (rule.kind == GroupRule::Kind::any) return 1;
  if (rule.kind == GroupRule::Kind::all) return count;
  return rule.quorum == 0 ? count / 2 + 1 : std::min(rule.quorum, count);
}

/// The worst state that as many as needed see, or worse.
State agreed_state(const GroupRule& rule, const Members& seeing) {
  std::vector<State> states;
  states.reserve(seeing.size());
  for (const auto* member : seeing) states.push_back(member->state);
  std::sort(states.begin(), states.end(), std::greater<>());
  return states.at(needed(rule, states.size()) - 1);
}

void add_finding(std::vector<Finding>& findings, const Finding& finding, const std::string& client_id) {
  const auto found = std::ranges::find(findings, finding.code, &Finding::code);
  if (found == findings.end()) {
    findings.push_back(finding);
    if (!findings.back().evidence.is_object()) findings.back().evidence = nlohmann::json::object();
    findings.back().evidence["seen_by"] = nlohmann::json::array({client_id});
    return;
  }
  found->severity = std::max(found->severity, finding.severity);
  found->since = std::min(found->since, finding.since);
  found->evidence["seen_by"].push_back(client_id);
}

/// Of the members that are in this state.
std::vector<Finding> findings_at(State state, const Members& members) {
  std::vector<Finding> findings;
  for (const auto* member : members) {
    if (member->state != state) continue;
    for (const auto& finding : member->findings) add_finding(findings, finding, member->client_id);
  }
  return findings;
}

/// When one member began to see a broken tunnel while another sees it work; nullopt: they agree.
std::optional<WallTime> disagree_since(const Members& seeing) {
  std::optional<WallTime> broken;
  std::optional<WallTime> working;
  for (const auto* member : seeing) {
    auto& first = member->state >= State::contained ? broken : working;
    first = first ? std::min(*first, member->since) : member->since;
  }
  if (!broken || !working) return std::nullopt;
  return std::max(*broken, *working);
}

void judge_disagreement(const Members& seeing, WallTime now, const std::optional<WallTime>& known_since, GroupVerdict& verdict) {
  auto since = disagree_since(seeing);
  if (!since) return;
  // A member that goes from one bad state to another begins no new disagreement.
  if (known_since) since = std::min(*since, *known_since);
  verdict.disagrees_since = since;
  if (now - *since < disagreement_patience) {
    verdict.again = *since + disagreement_patience;
    return;
  }
  auto states = nlohmann::json::object();
  for (const auto* member : seeing) states[member->client_id] = to_string(member->state);
  verdict.findings.push_back(hub_finding("group_disagrees", *since, {{"members", std::move(states)}}));
  verdict.state = std::max(verdict.state, state_of(verdict.findings));
}

void judge_lost_witnesses(const Members& members, GroupVerdict& verdict) {
  auto lost = nlohmann::json::array();
  auto since = WallTime::max();
  for (const auto* member : members) {
    if (!took_danger_along(*member)) continue;
    lost.push_back(member->client_id);
    since = std::min(since, member->since);
  }
  if (lost.empty()) return;
  verdict.findings.push_back(hub_finding("group_witness_lost", since, {{"members", std::move(lost)}}));
  verdict.state = std::max(verdict.state, state_of(verdict.findings));
}

/// The Python original's client has no vote, whatever happens: nobody waits for it.
bool could_see(const ClientState& member) {
  return member.last_report.schema != 1 && std::ranges::find(member.findings, "routes_not_seen", &Finding::code) == member.findings.end();
}

/// How many of all members must see before the rule has its say about the group as a whole.
std::size_t wanted(const GroupRule& rule, std::size_t members) {
  if (rule.kind == GroupRule::Kind::quorum && rule.quorum != 0) return rule.quorum;
  return needed(rule, members);
}

/// A vote in which too few took part is not secure; that one is missing where the others are enough is only told.
void judge_missing(const GroupRule& rule, const Members& members, std::size_t seeing, GroupVerdict& verdict) {
  auto missing = nlohmann::json::array();
  auto since = WallTime::max();
  for (const auto* member : members) {
    if (!could_see(*member) || sees(*member)) continue;
    missing.push_back(member->client_id);
    since = std::min(since, member->since);
  }
  const auto needs = wanted(rule, seeing + missing.size());
  if (missing.empty() && seeing >= needs) return;
  if (missing.empty()) since = (*std::ranges::min_element(members, {}, &ClientState::first_seen))->first_seen;
  auto finding = hub_finding("group_incomplete", since, {{"missing", std::move(missing)}, {"seeing", seeing}, {"needed", needs}});
  if (seeing >= needs) finding.severity = Severity::information;
  verdict.findings.push_back(std::move(finding));
  verdict.state = std::max(verdict.state, state_of(verdict.findings));
}

/// Nobody sees: what was not seen is not fine.
void judge_blind(const Members& members, GroupVerdict& verdict) {
  auto worst = State::warning;
  bool all_silent = true;
  for (const auto* member : members) {
    if (member->state == State::offline) continue;
    all_silent = false;
    worst = std::max(worst, member->state);
  }
  verdict.state = all_silent ? State::offline : worst;
  verdict.findings = findings_at(verdict.state, members);
}

}  // namespace

std::optional<PastStretch> group_stretch(std::string_view group, const GroupRule& rule, const PastStretch& member, std::size_t members,
                                         std::size_t agreeing) {
  ClientState then;
  then.state = member.state;
  then.findings = member.findings;
  if (member.state == State::secure || !sees(then)) return std::nullopt;
  PastStretch stretch;
  stretch.client_id = group_client_id(group);
  stretch.from = member.from;
  stretch.to = member.to;
  stretch.exposure = member.exposure;
  if (agreeing >= needed(rule, std::max(members, agreeing))) {
    stretch.state = member.state;
    for (const auto& finding : member.findings) add_finding(stretch.findings, finding, member.client_id);
    return stretch;
  }
  if (member.state < State::contained) return std::nullopt;
  stretch.state = State::warning;
  stretch.findings = {hub_finding("group_disagrees", member.from, {{"members", {{member.client_id, to_string(member.state)}}}})};
  return stretch;
}

std::string group_client_id(std::string_view group) { return "group:" + std::string(group); }

bool sees(const ClientState& member) {
  if (member.state == State::offline) return false;
  if (std::ranges::none_of(member.findings, says_blind)) return true;
  return std::ranges::any_of(member.findings,
                             [](const Finding& finding) { return !says_blind(finding) && finding.severity >= Severity::contained; });
}

GroupVerdict judge_group(const GroupRule& rule, const std::vector<const ClientState*>& members, WallTime now,
                         const std::optional<WallTime>& disagrees_since) {
  GroupVerdict verdict;
  Members seeing;
  for (const auto* member : members) {
    const bool can_see = sees(*member);
    verdict.members.push_back({member->client_id, member->state, member->since, can_see});
    if (can_see) seeing.push_back(member);
  }
  if (seeing.empty()) {
    judge_blind(members, verdict);
    return verdict;
  }
  verdict.state = agreed_state(rule, seeing);
  verdict.findings = findings_at(verdict.state, seeing);
  judge_disagreement(seeing, now, disagrees_since, verdict);
  judge_lost_witnesses(members, verdict);
  judge_missing(rule, members, seeing.size(), verdict);
  return verdict;
}

GroupVerdict judge_heard(const GroupRule& rule, const std::vector<const ClientState*>& members, WallTime now,
                         const std::optional<WallTime>& disagrees_since) {
  std::vector<ClientState> silent;
  silent.reserve(members.size());  // pointers into it stay
  Members heard;
  heard.reserve(members.size());
  for (const auto* member : members) heard.push_back(is_overdue(*member, now) ? &silent.emplace_back(gone_silent(*member)) : member);
  return judge_group(rule, heard, now, disagrees_since);
}

std::optional<ClientState> group_seen_at(const ClientState& group, const GroupRule& rule, const std::vector<const ClientState*>& members,
                                         WallTime now) {
  auto since = group.since;
  bool any_overdue = false;
  for (const auto* member : members) {
    if (!is_overdue(*member, now)) continue;
    any_overdue = true;
    since = std::max(since, member->lease_deadline);
  }
  if (!any_overdue) return std::nullopt;
  const auto told = std::ranges::find(group.findings, "group_disagrees", &Finding::code);
  auto verdict = judge_heard(rule, members, now, told == group.findings.end() ? std::nullopt : std::optional(told->since));
  if (verdict.state == State::offline || verdict.state <= group.state) return std::nullopt;
  auto seen = group;
  seen.state = verdict.state;
  seen.since = since;
  seen.findings = std::move(verdict.findings);
  seen.members = std::move(verdict.members);
  seen.last_report.state = seen.state;
  return seen;
}

}  // namespace vpn_sentinel

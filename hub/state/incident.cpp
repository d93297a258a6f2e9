#include "hub/state/incident.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

constexpr std::size_t most_incident_findings = 100;
constexpr std::size_t most_incident_programs = 20;
constexpr std::size_t most_program_text = 300;

State worse(State left, State right) { return badness(left) >= badness(right) ? left : right; }

/// "curl (pid 7, uid 0) to 192.0.2.1": whom evidence of process_outside names. Of several it lists all, else it tells about the one.
std::vector<std::string> programs_in(const nlohmann::json& evidence) {
  std::vector<std::string> programs;
  const auto part = [&evidence](const char* key) {
    const auto place = evidence.find(key);
    if (place == evidence.end()) return std::string();
    return place->is_string() ? place->get<std::string>() : place->dump();
  };
  const auto list = evidence.find("programs");
  if (list != evidence.end() && list->is_array()) {
    for (const auto& program : *list) {
      if (program.is_string()) programs.push_back(program.get<std::string>().substr(0, most_program_text));
    }
  } else if (evidence.contains("process")) {
    auto text = fmt::format("{} (pid {}, uid {}) to {}", part("process"), part("pid"), part("uid"), part("destination"));
    programs.push_back(text.substr(0, most_program_text));
  }
  return programs;
}

/// The newest evidence, with the programs that were named before. True: one is new.
bool take_programs(nlohmann::json& known, const nlohmann::json& newest) {
  auto all = programs_in(known);
  const auto before = all.size();
  const bool knew_of_more = known.contains("more_programs");
  bool more = knew_of_more;
  for (auto& program : programs_in(newest)) {
    if (std::ranges::find(all, program) != all.end()) continue;
    if (all.size() < most_incident_programs) {
      all.push_back(std::move(program));
    } else {
      more = true;
    }
  }
  const bool learnt = all.size() > before || more != knew_of_more;
  known = newest;
  if (all.size() > 1) known["programs"] = std::move(all);
  if (more) known["more_programs"] = true;
  return learnt;
}

/// True: something new was learnt, newer evidence alone is not.
bool add_findings(Incident& incident, const std::vector<Finding>& findings) {
  bool learnt = false;
  for (const auto& finding : findings) {
    auto known = std::ranges::find(incident.findings, finding.code, &Finding::code);
    if (known == incident.findings.end()) {
      if (incident.findings.size() >= most_incident_findings) continue;
      incident.findings.push_back(finding);
      learnt = true;
      continue;
    }
    learnt = learnt || finding.severity > known->severity;
    known->severity = std::max(known->severity, finding.severity);
    if (finding.since != WallTime{}) known->since = std::min(known->since, finding.since);
    if (finding.code == "process_outside") {
      learnt = take_programs(known->evidence, finding.evidence) || learnt;
    } else {
      known->evidence = finding.evidence;
    }
  }
  return learnt;
}

/// The state goes over to `state` at `when`.
void go_over(Incident& incident, State state, WallTime when) {
  // Of silence nothing was known: a report may tell that something else began before the lease ended.
  if (incident.state == State::offline) {
    incident.start = std::min(incident.start, when);
  } else {
    when = std::max(when, incident.since);
  }
  incident.exposed = exposed_until(incident, when);
  incident.state = state;
  incident.since = when;
}

Incident opened(const Change& change, State state, WallTime when) {
  Incident incident;
  incident.client_id = change.client_id;
  incident.start = when;
  incident.since = when;
  incident.worst = state;
  incident.state = state;
  add_findings(incident, findings_of(change));
  return incident;
}

/// When the state of the change began. A past one tells what was true at the report's own time.
WallTime beginning_of(const Change& change) { return change.past ? change.at : change.client.since; }

/// What is over counts its exposure in one number.
void close(Incident& incident, WallTime end) {
  incident.end = end;
  incident.exposed = exposed_until(incident, end);
  incident.since = end;
}

bool ends_later(const Incident& left, const Incident& right) { return !left.end || (right.end && *left.end > *right.end); }

/// Both in one; at most one of them is open.
Incident joined(Incident left, Incident right) {
  if (ends_later(left, right)) std::swap(left, right);
  right.start = std::min(left.start, right.start);
  right.worst = worse(left.worst, right.worst);
  right.exposed += left.exposed;
  add_findings(left, right.findings);
  right.findings = std::move(left.findings);
  join(right.exposure, left.exposure);
  if (!right.acknowledged) right.acknowledged = std::move(left.acknowledged);
  if (left.id != 0 && (right.id == 0 || left.id < right.id)) right.id = left.id;
  return right;
}

Incident incident_of(const PastStretch& stretch, microseconds exposed) {
  Incident incident;
  incident.client_id = stretch.client_id;
  incident.start = stretch.from;
  incident.end = stretch.to;
  incident.since = stretch.to;
  incident.worst = stretch.state;
  incident.state = stretch.state;
  incident.exposed = exposed;
  incident.exposure = stretch.exposure;
  add_findings(incident, stretch.findings);
  return incident;
}

/// How much of the stretch the open danger of an incident counts already.
microseconds counted_already(const Incident& incident, const PastStretch& stretch) {
  if (incident.end || incident.state != State::danger || incident.since >= stretch.to) return microseconds{0};
  return stretch.to - std::max(incident.since, stretch.from);
}

/// The client was secure then: what left before belongs to no incident that began later, and the other way round.
void cut_exposure(std::vector<Incident>& touching, const PastStretch& secure) {
  for (auto& incident : touching) {
    if (incident.start >= secure.from) cut_before(incident.exposure, secure.counters);
    if (incident.end && *incident.end <= secure.from) cut_after(incident.exposure, secure.counters);
  }
}

}  // namespace

int badness(State state) noexcept {
  switch (state) {
    case State::secure:
      return 0;
    case State::warning:
      return 1;
    case State::contained:
      return 2;
    case State::offline:
      return 3;
    case State::danger:
      return 4;
  }
  return 3;
}

microseconds exposed_until(const Incident& incident, WallTime now) {
  const auto until = incident.end.value_or(now);
  const bool in_danger = incident.state == State::danger && until > incident.since;
  return incident.exposed + (in_danger ? until - incident.since : microseconds{0});
}

std::vector<Incident> fill_in(std::vector<Incident> touching, const PastStretch& stretch) {
  const auto length = std::max(stretch.to - stretch.from, microseconds{0});
  for (auto& incident : touching) {
    if (stretch.before == State::danger && stretch.state != State::danger) {
      incident.exposed = std::max(incident.exposed - length, microseconds{0});
    }
    if (stretch.state == State::secure && incident.end == stretch.to && incident.start <= stretch.from) incident.end = stretch.from;
  }
  if (stretch.state == State::secure) {
    cut_exposure(touching, stretch);
    return touching;
  }
  if (length == microseconds{0}) {
    if (!touching.empty()) join(touching.back().exposure, stretch.exposure);
    return touching;
  }
  auto exposed = stretch.state == State::danger && stretch.before != State::danger ? length : microseconds{0};
  for (const auto& incident : touching) exposed = std::max(exposed - counted_already(incident, stretch), microseconds{0});
  auto whole = incident_of(stretch, exposed);
  for (const auto& incident : touching) whole = joined(std::move(whole), incident);
  std::vector<Incident> list{whole};
  for (auto& incident : touching) {
    if (incident.id == whole.id) continue;
    incident.client_id.clear();
    list.push_back(std::move(incident));
  }
  return list;
}

PastStretch without_known_danger(PastStretch stretch, const std::vector<Incident>& touching) {
  if (stretch.state != State::danger) return stretch;
  for (const auto& incident : touching) {
    if (incident.worst != State::danger) continue;
    const auto end = incident.end.value_or(incident.state == State::danger ? WallTime::max() : incident.since);
    if (incident.start <= stretch.from) {
      stretch.from = std::max(stretch.from, std::min(end, stretch.to));
    } else if (end >= stretch.to) {
      stretch.to = std::clamp(incident.start, stretch.from, stretch.to);
    }
  }
  return stretch;
}

void IncidentBook::restore(std::vector<Incident> open) {
  open_.clear();
  for (auto& incident : open) open_[incident.client_id] = std::move(incident);
}

std::optional<Incident> IncidentBook::apply(const Change& change, const LeakStep* step) {
  const auto* known = find(change.client_id);
  const auto when = beginning_of(change);
  // Good news of the past ends nothing: the client is still silent.
  const auto state = change.past && change.to == State::secure ? State::offline : change.to;
  if (known == nullptr) {
    if (state == State::secure) return std::nullopt;
    auto incident = opened(change, state, when);
    if (step != nullptr) static_cast<void>(add(incident.exposure, *step));
    return store_or_close(std::move(incident));
  }
  auto incident = *known;
  // What left until the report that tells the end left before the end.
  if (step != nullptr) static_cast<void>(add(incident.exposure, *step));
  if (state == State::secure) {
    // Silence lasts until the hub hears again, whatever time the report is about.
    close(incident, incident.state == State::offline ? std::max(change.noticed, incident.start) : std::max(when, incident.since));
    return store_or_close(std::move(incident));
  }
  if (state != incident.state) go_over(incident, state, when);
  incident.worst = worse(incident.worst, state);
  add_findings(incident, findings_of(change));
  return store_or_close(std::move(incident));
}

std::optional<Incident> IncidentBook::grow(const std::string& client_id, const LeakStep& step) {
  const auto* known = find(client_id);
  if (known == nullptr) return std::nullopt;
  auto incident = *known;
  if (!add(incident.exposure, step)) return std::nullopt;
  return store_or_close(std::move(incident));
}

std::optional<Incident> IncidentBook::see(const ClientState& client) {
  const auto* known = find(client.client_id);
  if (known == nullptr) {
    if (client.state == State::secure) return std::nullopt;
    Change change;  // an earlier version kept no incidents
    change.client_id = client.client_id;
    change.client = client;
    return store_or_close(opened(change, client.state, client.since));
  }
  auto incident = *known;
  if (!add_findings(incident, client.findings)) return std::nullopt;
  return store_or_close(std::move(incident));
}

std::optional<Incident> IncidentBook::forget(const std::string& client_id, WallTime now) {
  const auto* known = find(client_id);
  if (known == nullptr) return std::nullopt;
  auto incident = *known;
  close(incident, std::max(now, incident.since));
  return store_or_close(std::move(incident));
}

std::vector<std::string> IncidentBook::unknown(const ClientState& client, const std::vector<std::string>& codes) const {
  const auto* incident = find(client.client_id);
  if (incident == nullptr) return codes;
  std::vector<std::string> list;
  for (const auto& code : codes) {
    const auto known = std::ranges::find(incident->findings, code, &Finding::code);
    const auto now = std::ranges::find(client.findings, code, &Finding::code);
    // Of a full list nobody can tell what it has not seen yet.
    const bool is_new = known == incident->findings.end() ? incident->findings.size() < most_incident_findings
                                                          : now != client.findings.end() && now->severity > known->severity;
    if (is_new) list.push_back(code);
  }
  return list;
}

const Incident* IncidentBook::find(const std::string& client_id) const {
  const auto found = open_.find(client_id);
  return found == open_.end() ? nullptr : &found->second;
}

void IncidentBook::set(const std::string& client_id, std::optional<Incident> incident) {
  if (!incident || incident->end) {
    open_.erase(client_id);
  } else {
    open_[client_id] = std::move(*incident);
  }
}

std::optional<Incident> IncidentBook::store_or_close(Incident incident) {
  set(incident.client_id, incident);
  return incident;
}

}  // namespace vpn_sentinel

#include "hub/engine/writer.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "hub/state/group.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::chrono::seconds flush_interval{20};
/// Clients that are saved with one transaction only because their time has come: a millisecond, so that no report waits for thousands.
constexpr std::size_t most_flushed = 64;
/// Of one boot_id: machines that were set back, or copied, while their probe ran.
constexpr std::size_t most_starts = 9;
/// Clients that one forget() removes: a few milliseconds.
constexpr std::size_t most_forgotten = 1'000;

}  // namespace

Writer::Writer(std::unique_ptr<Store> store, const FleetPolicy& policy, std::shared_ptr<AlertDesk> desk)
    : store_(std::move(store)), fleet_(policy), policy_(policy), groups_(policy.groups), desk_(std::move(desk)) {}

Result<std::vector<ClientSnapshot>> Writer::load(WallTime now) {
  auto clients = store_->load_clients();
  if (!clients) return fail(clients.error());
  auto incidents = store_->load_open_incidents();
  if (!incidents) return fail(incidents.error());
  if (auto done = load_care(); !done) return fail(done.error());
  incidents_.restore(std::move(*incidents));
  if (auto done = load_listening(); !done) return fail(done.error());
  place_in_listening(*clients);
  fleet_.restore(std::move(*clients), now);
  groups_.rebuild(fleet_);
  if (auto done = load_desk(now); !done) return fail(done.error());
  return publish_all();
}

Result<Written> Writer::write(const Work& work, WallTime now, bool expire) {
  touched_.clear();
  late_.clear();
  renamed_.clear();
  leaks_.clear();
  incidents_before_.clear();
  fleet_.begin();
  if (desk_) desk_->begin();
  if (auto begun = store_->begin(); !begun) return fail(begun.error());
  take_stock(now);
  Written written;
  auto done = fill(work, now, expire, written);
  if (done) done = store_->commit();
  if (!done) {
    store_->rollback();
    take_back();
    return fail(done.error());
  }
  note_saved(now);
  for (const auto& client_id : written.removed) unsaved_.erase(client_id);
  written.touched = publish(touched_);
  return written;
}

Result<void> Writer::flush(WallTime now) {
  flushing_.insert(flushing_.end(), unsaved_.begin(), unsaved_.end());
  unsaved_.clear();
  while (!flushing_.empty() || has_unsaved_listening()) {
    if (const auto written = write(Work{}, now, false); !written) return fail(written.error());
  }
  return {};
}

std::optional<Result<void>> Writer::try_write() {
  if (fleet_.clients().empty()) return std::nullopt;
  auto done = store_->begin();
  if (done) done = store_->save_client(*fleet_.clients().begin()->second);
  if (done) done = store_->commit();
  if (!done) store_->rollback();
  return done;
}

Result<std::vector<std::string>> Writer::forget(WallTime before, WallTime now) {
  return forget(fleet_.offline_since(before, most_forgotten), now);
}

Result<std::vector<std::string>> Writer::forget(std::vector<std::string> client_ids, WallTime now) {
  std::erase_if(client_ids, [this](const std::string& client_id) { return fleet_.find(client_id) == nullptr; });
  if (client_ids.empty()) return client_ids;
  incidents_before_.clear();
  if (desk_) desk_->begin();
  take_stock(now);
  std::vector<StoredAlert> alerts;
  auto done = store_->begin();
  for (const auto& client_id : client_ids) {
    if (done) done = store_->remove_client(client_id);
    remember_incident(client_id);
    if (done) done = save_incident(incidents_.forget(client_id, now));
    if (desk_) desk_->forget(client_id);
  }
  if (done) done = finish_desk(now, alerts);
  if (done) done = store_->commit();
  if (!done) {
    store_->rollback();
    take_back_incidents();
    if (desk_) desk_->take_back();
    return fail(done.error());
  }
  std::move(alerts.begin(), alerts.end(), std::back_inserter(alerts_));
  for (const auto& client_id : client_ids) {
    fleet_.forget(client_id);
    unsaved_.erase(client_id);
  }
  groups_.forget(client_ids);
  return client_ids;
}

std::vector<ClientSnapshot> Writer::shift_leases(std::chrono::microseconds by, WallTime now) {
  fleet_.shift_leases(by, now);
  groups_.rebuild(fleet_);
  if (desk_) desk_->shift(by);
  return publish_all();
}

std::optional<WallTime> Writer::next_alarm() const {
  std::optional<WallTime> first;
  for (const auto& each : {fleet_.next_deadline(), groups_.next_alarm(), desk_ ? desk_->next_alarm() : std::nullopt}) {
    if (each) first = std::min(first.value_or(*each), *each);
  }
  return first;
}

Result<void> Writer::fill(const Work& work, WallTime now, bool expire, Written& written) {
  if (auto done = add_reports(work.reports, written, now); !done) return done;
  if (expire) {
    auto changes = fleet_.expire(now);
    for (const auto& change : changes) touched_.insert(change.client_id);
    std::move(changes.begin(), changes.end(), std::back_inserter(written.changes));
  }
  judge_groups(touched_, now, written);
  if (auto done = add_changes(written, now); !done) return done;
  if (auto done = add_histories(now); !done) return done;
  if (auto done = remove_emptied_groups(now, written); !done) return done;
  for (const auto& alert : work.alerts) {
    if (auto done = add_alert(alert, written); !done) return done;
  }
  for (const auto& result : work.results) {
    if (auto done = add_result(result, now); !done) return done;
  }
  if (auto done = finish_desk(now, written.alerts); !done) return done;
  if (auto done = save_listening(); !done) return done;
  return save_touched(now);
}

Result<void> Writer::add_reports(const std::vector<WaitingReport>& reports, Written& written, WallTime now) {
  for (const auto& waiting : reports) {
    if (const auto room = fleet_.room_for(*waiting.admitted); room != ClientRoom::Verdict::free) {
      written.results.push_back(room == ClientRoom::Verdict::full ? SubmitResult::too_many_clients : SubmitResult::too_many_of_key);
      continue;
    }
    const auto stored = store_report(*waiting.admitted);
    if (!stored) return fail(stored.error());
    written.results.push_back(*stored != nullptr ? SubmitResult::stored : SubmitResult::duplicate);
    if (*stored == nullptr) continue;
    const auto& admitted = **stored;
    const auto& report = admitted.report;
    touched_.insert(report.client_id);
    auto before = fleet_.snapshot(report.client_id);
    auto changes = fleet_.apply(admitted);
    const auto& after = *fleet_.find(report.client_id);
    const auto& newest = after.last_report;
    const bool changed = !changes.empty();
    if (newest.boot_id != report.boot_id || newest.seq != report.seq) {
      late_.push_back(&admitted);
    } else {
      leaks_.note(admitted, std::move(before), after, written.changes.size(), changed);
      if (desk_) desk_->on_report(after, now);
    }
    std::move(changes.begin(), changes.end(), std::back_inserter(written.changes));
    // At once: what begins and ends within this transaction must not pass unseen.
    if (!changed) continue;
    std::set<std::string> about{report.client_id};
    judge_groups(about, admitted.received, written);
  }
  return {};
}

Result<const Admitted*> Writer::store_report(const Admitted& admitted) {
  const auto stored = store_->add_report(admitted);
  if (!stored) return fail(stored.error());
  if (*stored) return &admitted;
  const auto* held = &admitted;
  for (std::size_t start = 2; start <= most_starts; ++start) {
    const auto another = store_->is_another(*held);
    if (!another) return fail(another.error());
    if (!*another) return nullptr;
    auto& renamed = renamed_.emplace_back(admitted);
    renamed.report.boot_id = admitted.report.boot_id + "~" + std::to_string(start);
    const auto stored_so = store_->add_report(renamed);
    if (!stored_so) return fail(stored_so.error());
    if (*stored_so) return &renamed;
    held = &renamed;
  }
  return nullptr;
}

Result<void> Writer::remove_emptied_groups(WallTime now, Written& written) {
  for (auto& client_id : groups_.take_emptied()) {
    if (fleet_.find(client_id) != nullptr) continue;  // somebody has joined it since
    if (auto done = store_->remove_client(client_id); !done) return done;
    remember_incident(client_id);
    if (auto done = save_incident(incidents_.forget(client_id, now)); !done) return done;
    if (desk_) desk_->forget(client_id);
    written.removed.push_back(std::move(client_id));
  }
  return {};
}

void Writer::judge_groups(std::set<std::string>& about, WallTime now, Written& written) {
  auto changes = groups_.judge(fleet_, about, now);
  if (&about != &touched_) touched_.merge(about);
  std::move(changes.begin(), changes.end(), std::back_inserter(written.changes));
}

Result<void> Writer::save_incident(std::optional<Incident> incident) {
  if (!incident) return {};
  auto done = store_->save_incident(*incident);
  if (done && !incident->client_id.empty()) incidents_.set(incident->client_id, incident);
  return done;
}

void Writer::remember_incident(const std::string& client_id) {
  const auto* known = incidents_.find(client_id);
  incidents_before_.try_emplace(client_id, known != nullptr ? std::optional(*known) : std::nullopt);
}

Result<void> Writer::add_histories(WallTime now) {
  std::vector<LateReport> late;
  for (const auto* admitted : late_) {
    auto neighbours = store_->load_neighbours(admitted->report);
    if (!neighbours) return fail(neighbours.error());
    late.push_back({admitted, *neighbours});
  }
  place_among_each_other(late);
  for (const auto& one : late) {
    for (const auto& change : past_changes(one, *fleet_.find(one.admitted->report.client_id))) {
      if (auto done = add_change(change, now); !done) return done;
    }
  }
  // The last one first: good news shortens an incident from its end.
  for (auto one = late.rbegin(); one != late.rend(); ++one) {
    if (auto done = add_history(*one); !done) return done;
  }
  return {};
}

Result<void> Writer::add_history(const LateReport& late) {
  const auto& report = late.admitted->report;
  const auto stretch = past_stretch(late, policy_.default_lease);
  auto touching = store_->load_incidents(stretch.client_id, stretch.from, stretch.to);
  if (!touching) return fail(touching.error());
  if (auto done = fill_in_incidents(std::move(*touching), stretch); !done) return done;
  if (report.group.empty() || fleet_.find(group_client_id(report.group)) == nullptr) return {};
  return add_group_history(report.group, stretch);
}

/// After the member's own: its alert is sent for itself, so that the group needs no more than the incident.
Result<void> Writer::add_group_history(const std::string& group, const PastStretch& member) {
  auto members = groups_.members_of(group);
  members.insert(member.client_id);
  std::size_t agreeing = 1;
  for (const auto& other : members) {
    if (other == member.client_id) continue;
    const auto incidents = store_->load_incidents(other, member.from, member.to);
    if (!incidents) return fail(incidents.error());
    const auto agrees = [&](const Incident& incident) { return incident.worst != State::offline && incident.worst >= member.state; };
    if (std::ranges::any_of(*incidents, agrees)) ++agreeing;
  }
  const auto stretch = group_stretch(group, groups_.rule_of(group), member, members.size(), agreeing);
  if (!stretch) return {};
  auto touching = store_->load_incidents(stretch->client_id, stretch->from, stretch->to);
  if (!touching) return fail(touching.error());
  const auto rest = without_known_danger(*stretch, *touching);
  return fill_in_incidents(std::move(*touching), rest);
}

Result<void> Writer::fill_in_incidents(std::vector<Incident> touching, const PastStretch& stretch) {
  remember_incident(stretch.client_id);
  std::int64_t whole = 0;
  for (auto& incident : fill_in(std::move(touching), stretch)) {
    // One that became part of another has no name any more, and comes after that.
    if (auto done = incident.client_id.empty() ? store_->move_comments(incident.id, whole) : Result<void>{}; !done) return done;
    if (auto done = store_->save_incident(incident); !done) return done;
    if (whole == 0) whole = incident.id;
    if (!incident.end && !incident.client_id.empty()) incidents_.set(incident.client_id, incident);
  }
  return {};
}

Result<void> Writer::add_change(const Change& change, WallTime now) {
  auto done = store_->add_change(change);
  if (done && desk_) desk_->on_change(change, groups_.covers(change.client_id), incident_number(change.client_id), now);
  return done;
}

Result<void> Writer::add_alert(StoredAlert alert, Written& written) {
  auto done = store_->add_alert(alert);
  if (done) written.alerts.push_back(std::move(alert));
  return done;
}

Result<void> Writer::add_result(const AlertResult& result, WallTime now) {
  if (result.delivered) return store_->mark_alert_delivered(result.id, now);
  return store_->mark_alert_failed(result.id, result.reason, result.give_up);
}

bool Writer::must_save(const ClientState& client) const {
  const auto before = fleet_.before(client.client_id);
  if (before == nullptr) return true;
  const auto& saved = *before;
  return client.state != saved.state || client.since != saved.since || client.known_address != saved.known_address ||
         client.last_report.boot_id != saved.last_report.boot_id || client.findings != saved.findings ||
         (saved.heard_after <= run_began_ && client.heard_after > run_began_);
}

Result<void> Writer::save_touched(WallTime now) {
  if (flushing_.empty() && flush_due(now)) {
    flushing_.assign(unsaved_.begin(), unsaved_.end());
    unsaved_.clear();
  }
  saving_.assign(flushing_.begin(), flushing_.begin() + static_cast<std::ptrdiff_t>(std::min(flushing_.size(), most_flushed)));
  flushed_ = saving_.size();
  for (const auto& client_id : touched_) {
    const auto* client = fleet_.find(client_id);
    if (client != nullptr && must_save(*client)) saving_.push_back(client_id);
  }
  for (const auto& client_id : saving_) {
    const auto* client = fleet_.find(client_id);
    if (client == nullptr) continue;
    if (auto done = store_->save_client(*client); !done) return done;
  }
  return {};
}

void Writer::note_saved(WallTime now) {
  listening_saved_ = listening_saving_;
  flushing_.erase(flushing_.begin(), flushing_.begin() + static_cast<std::ptrdiff_t>(flushed_));
  if (unsaved_.empty()) unsaved_since_ = now;
  unsaved_.insert(touched_.begin(), touched_.end());
  for (const auto& client_id : saving_) unsaved_.erase(client_id);
}

bool Writer::flush_due(WallTime now) const {
  return !flushing_.empty() || (!unsaved_.empty() && std::chrono::abs(now - unsaved_since_) >= flush_interval);
}

std::vector<ClientSnapshot> Writer::publish(const std::set<std::string>& client_ids) {
  std::vector<ClientSnapshot> snapshots;
  snapshots.reserve(client_ids.size());
  for (const auto& client_id : client_ids) {
    auto client = fleet_.snapshot(client_id);
    if (client == nullptr) continue;
    snapshots.push_back(std::move(client));
  }
  return snapshots;
}

std::vector<ClientSnapshot> Writer::publish_all() {
  std::set<std::string> client_ids;
  for (const auto& [client_id, client] : fleet_.clients()) client_ids.insert(client_id);
  return publish(client_ids);
}

void Writer::take_back_incidents() {
  for (auto& [client_id, incident] : incidents_before_) incidents_.set(client_id, std::move(incident));
  incidents_before_.clear();
}

void Writer::take_back() {
  if (desk_) desk_->take_back();
  take_back_incidents();
  fleet_.take_back();
  groups_.rebuild(fleet_);
}

}  // namespace vpn_sentinel

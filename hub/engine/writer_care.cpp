// What people do about clients and incidents: each order one transaction.
#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "hub/engine/writer.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

tl::unexpected<Error> no_incident(std::int64_t id) { return fail(Error::Kind::not_found, fmt::format("There is no incident {}", id)); }

/// By what people asked, not by the store.
bool is_refusal(const Error& error) { return error.kind == Error::Kind::not_found || error.kind == Error::Kind::invalid; }

tl::unexpected<Error> too_many(std::string_view what, std::size_t most) {
  return fail(Error::Kind::invalid, fmt::format("There are {} {}; more are refused, remove one first", most, what));
}

}  // namespace

Result<void> Writer::load_desk(WallTime now) {
  if (!desk_) return {};
  const auto memory = store_->load_kept(KeptKind::desk);
  if (!memory) return fail(memory.error());
  const auto rules = store_->load_kept(KeptKind::rule);
  if (!rules) return fail(rules.error());
  desk_->restore(*memory, *rules, care_, now);
  take_stock(now);
  return {};
}

void Writer::take_stock(WallTime now) {
  if (!desk_ || !desk_->is_stock_due()) return;
  for (const auto& [client_id, client] : fleet_.clients()) {
    const auto* open = incidents_.find(client_id);
    desk_->adopt(*client, groups_.covers(client_id), open != nullptr ? std::optional(*open) : std::nullopt, now);
  }
  desk_->stock_taken();
}

Result<void> Writer::finish_desk(WallTime now, std::vector<StoredAlert>& alerts) {
  if (!desk_) return {};
  auto outcome = desk_->finish(now);
  Result<void> done;
  for (const auto& row : outcome.kept) {
    if (done) done = store_->keep(KeptKind::desk, row);
  }
  for (const auto& name : outcome.dropped) {
    if (done) done = store_->drop(KeptKind::desk, name).map([](bool) {});
  }
  for (auto& alert : outcome.alerts) {
    if (done) done = store_->add_alert(alert);
    if (done) alerts.push_back(std::move(alert));
  }
  return done;
}

std::optional<std::int64_t> Writer::incident_number(const std::string& client_id) const {
  if (const auto* open = incidents_.find(client_id)) return open->id;
  const auto before = incidents_before_.find(client_id);
  const bool was_open = before != incidents_before_.end() && before->second;
  return was_open ? std::optional(before->second->id) : std::nullopt;
}

Result<void> Writer::load_care() {
  const auto mutes = store_->load_kept(KeptKind::mute);
  if (!mutes) return fail(mutes.error());
  const auto windows = store_->load_kept(KeptKind::maintenance);
  if (!windows) return fail(windows.error());
  // What another version wrote is left out: somebody hears more than he wants, not less.
  for (const auto& row : *mutes) {
    if (auto mute = parse_mute(row.json)) care_.mutes.insert_or_assign(row.name, std::move(*mute));
  }
  for (const auto& row : *windows) {
    if (auto window = parse_maintenance(row.json)) care_.windows.insert_or_assign(window->id, std::move(*window));
  }
  return {};
}

Result<json> Writer::care(const CareOrder& order, WallTime now) {
  const auto care_before = care_;
  incidents_before_.clear();
  if (auto begun = store_->begin(); !begun) return fail(begun.error());
  if (desk_) desk_->begin();
  take_stock(now);
  std::vector<StoredAlert> alerts;
  auto answer = drop_past_care(now).and_then([&] { return std::visit([&](const auto& each) { return carry_out(each, now); }, order); });
  take_stock(now);  // rules may be others by this order
  // An order that is refused has written nothing; to roll back would cost the next report what the store remembers.
  auto done = answer || is_refusal(answer.error()) ? finish_desk(now, alerts) : Result<void>(fail(answer.error()));
  if (done) done = store_->commit();
  if (done) {
    std::move(alerts.begin(), alerts.end(), std::back_inserter(alerts_));
    return answer;
  }
  store_->rollback();
  if (desk_) desk_->take_back();
  take_back_incidents();
  care_ = care_before;
  if (desk_) desk_->on_care(care_, now);
  if (std::holds_alternative<RuleOrder>(order) || std::holds_alternative<RemoveRuleOrder>(order)) static_cast<void>(tell_rules(now));
  return fail(done.error());
}

Result<void> Writer::drop_past_care(WallTime now) {
  Result<void> done;
  const auto drop = [&](KeptKind kind, const std::string& name) {
    if (done) done = store_->drop(kind, name).map([](bool) {});
    return done.has_value();
  };
  std::erase_if(care_.mutes,
                [&](const auto& each) { return each.second.until && *each.second.until <= now && drop(KeptKind::mute, each.first); });
  std::erase_if(care_.windows,
                [&](const auto& each) { return each.second.to <= now && drop(KeptKind::maintenance, std::to_string(each.first)); });
  return done;
}

/// The open one as it is in memory, which is newer than what the store has read.
Result<Incident> Writer::find_incident(std::int64_t id) {
  auto stored = store_->load_incident(id);
  if (!stored) return fail(stored.error());
  if (!*stored) return no_incident(id);
  const auto* open = incidents_.find((*stored)->client_id);
  if (open != nullptr && open->id == id) return *open;
  return std::move(**stored);
}

Result<json> Writer::carry_out(const AcknowledgeOrder& order, WallTime now) {
  auto incident = find_incident(order.incident);
  if (!incident) return fail(incident.error());
  incident->acknowledged = order.acknowledgement;
  if (auto done = store_->save_incident(*incident); !done) return fail(done.error());
  if (!incident->end) {
    remember_incident(incident->client_id);
    incidents_.set(incident->client_id, *incident);
    if (desk_) desk_->on_acknowledged(incident->client_id, incident->acknowledged.has_value(), now);
  }
  return json{{"acknowledged", to_json(incident->acknowledged)}};
}

Result<json> Writer::carry_out(const RuleOrder& order, WallTime now) {
  const auto rules = store_->load_kept(KeptKind::rule);
  if (!rules) return fail(rules.error());
  if (rules->size() >= Care::most_rules) return too_many("rules", Care::most_rules);
  if (auto done = store_->keep(KeptKind::rule, {order.name, order.json}); !done) return fail(done.error());
  return tell_rules(now).map([&] { return json::parse(order.json); });
}

Result<json> Writer::carry_out(const RemoveRuleOrder& order, WallTime now) {
  const auto known = store_->drop(KeptKind::rule, order.name);
  if (!known) return fail(known.error());
  if (!*known) return fail(Error::Kind::not_found, fmt::format("There is no rule '{}' that the API made", order.name));
  return tell_rules(now).map([] { return json{{"status", "ok"}}; });
}

Result<void> Writer::tell_rules(WallTime now) {
  const auto rules = store_->load_kept(KeptKind::rule);
  if (!rules) return fail(rules.error());
  if (desk_) desk_->on_rules(*rules, now);
  return {};
}

Result<json> Writer::carry_out(const CommentOrder& order, WallTime /*now*/) {
  const auto incident = store_->load_incident(order.incident);
  if (!incident) return fail(incident.error());
  if (!*incident) return no_incident(order.incident);
  auto comment = order.comment;
  return store_->add_comment(order.incident, comment).map([&] { return to_json(comment); });
}

Result<json> Writer::carry_out(const MuteOrder& order, WallTime now) {
  const auto& mute = order.mute;
  if (!care_.mutes.contains(mute.subject) && care_.mutes.size() >= Care::most_mutes) return too_many("mutes", Care::most_mutes);
  auto text = to_json(mute);
  if (auto done = store_->keep(KeptKind::mute, {mute.subject, text.dump()}); !done) return fail(done.error());
  care_.mutes.insert_or_assign(mute.subject, mute);
  if (desk_) desk_->on_care(care_, now);
  return text;
}

Result<json> Writer::carry_out(const UnmuteOrder& order, WallTime now) {
  const auto known = store_->drop(KeptKind::mute, order.subject);
  if (!known) return fail(known.error());
  care_.mutes.erase(order.subject);
  if (desk_) desk_->on_care(care_, now);
  if (!*known) return fail(Error::Kind::not_found, fmt::format("'{}' is not muted", order.subject));
  return json{{"status", "ok"}};
}

Result<json> Writer::carry_out(const MaintenanceOrder& order, WallTime now) {
  if (care_.windows.size() >= Care::most_windows) return too_many("maintenance windows", Care::most_windows);
  auto window = order.window;
  // By the clock: a number that was removed does not become another window's.
  window.id = now.time_since_epoch() / std::chrono::milliseconds{1};
  while (care_.windows.contains(window.id)) ++window.id;
  auto text = to_json(window);
  if (auto done = store_->keep(KeptKind::maintenance, {std::to_string(window.id), text.dump()}); !done) return fail(done.error());
  care_.windows.emplace(window.id, std::move(window));
  if (desk_) desk_->on_care(care_, now);
  return text;
}

Result<json> Writer::carry_out(const EndMaintenanceOrder& order, WallTime now) {
  const auto known = store_->drop(KeptKind::maintenance, std::to_string(order.id));
  if (!known) return fail(known.error());
  care_.windows.erase(order.id);
  if (desk_) desk_->on_care(care_, now);
  if (!*known) return fail(Error::Kind::not_found, fmt::format("There is no maintenance window {}", order.id));
  return json{{"status", "ok"}};
}

}  // namespace vpn_sentinel

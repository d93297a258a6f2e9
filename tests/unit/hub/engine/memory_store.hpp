/// A store in memory that fails on command: what the engine does then cannot be seen with a healthy one.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "hub/store/store.hpp"

namespace vpn_sentinel::test {

/// What outlives the store, and what goes wrong with it. The engine's thread writes, the test reads when the engine is gone or idle.
struct Shelf {
  std::atomic<bool> begin_fails{false};
  std::atomic<bool> report_fails{false};
  std::atomic<bool> change_fails{false};
  std::atomic<bool> client_fails{false};
  std::atomic<bool> commit_fails{false};
  std::atomic<Error::Kind> failure{Error::Kind::failed};  ///< of a commit
  std::atomic<int> commits{0};
  std::atomic<int> maintained{0};
  std::atomic<bool> removes_by_age{true};  ///< as the last maintain() was told
  std::atomic<int> slices_left{0};         ///< that maintain() has to remove
  std::atomic<bool> asks_for_maintenance{false};

  struct Content {
    std::set<std::tuple<std::string, std::string, std::uint64_t>> reports;
    std::vector<Change> changes;
    std::map<std::string, ClientState> clients;
    std::map<std::int64_t, StoredAlert> alerts;
    std::map<std::int64_t, std::string> finished;
    std::int64_t last_alert = 0;
    std::map<std::int64_t, Incident> incidents;
    std::int64_t last_incident = 0;
    std::map<std::int64_t, std::vector<IncidentComment>> comments;
    std::map<std::pair<KeptKind, std::string>, std::string> kept;
  };
  Content content;
};

class NothingToRead final : public StoreReader {
 public:
  Result<Page> history(const HistoryQuery&) override { return Page{}; }
  Result<Page> incidents(const IncidentQuery&) override { return Page{}; }
  Result<nlohmann::json> incident(std::int64_t, WallTime) override { return nlohmann::json(); }
  Result<std::vector<Kept>> kept(KeptKind) override { return std::vector<Kept>(); }
  Result<Page> samples(const SampleQuery&) override { return Page{}; }
  Result<Page> reports(const ReportQuery&) override { return Page{}; }
  Result<std::vector<SubjectReliability>> reliability(const ReliabilityQuery&) override { return std::vector<SubjectReliability>{}; }
  Result<Page> alerts(const AlertQuery&) override { return Page{}; }
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::shared_ptr<Shelf> shelf) : shelf_(std::move(shelf)) {}

  Result<void> begin() override {
    if (shelf_->begin_fails) return fail(Error::Kind::failed, "the disk is full");
    draft_ = shelf_->content;
    return {};
  }
  Result<void> commit() override {
    if (shelf_->commit_fails) return fail(shelf_->failure, "the disk is full");
    shelf_->content = std::move(draft_);
    ++shelf_->commits;
    return {};
  }
  void rollback() noexcept override { draft_ = {}; }

  Result<bool> is_another(const Admitted&) override { return false; }
  Result<bool> add_report(const Admitted& admitted) override {
    if (shelf_->report_fails) return fail(Error::Kind::failed, "the disk is full");
    const auto& report = admitted.report;
    return report.boot_id.empty() || draft_.reports.emplace(report.client_id, report.boot_id, report.seq).second;
  }
  Result<void> add_change(const Change& change) override {
    if (shelf_->change_fails) return fail(Error::Kind::failed, "the disk is full");
    draft_.changes.push_back(change);
    return {};
  }
  Result<void> save_incident(Incident& incident) override {
    if (incident.id == 0) incident.id = ++draft_.last_incident;
    draft_.incidents[incident.id] = incident;
    if (incident.client_id.empty()) draft_.incidents.erase(incident.id);
    return {};
  }
  Result<std::vector<Incident>> load_open_incidents() override {
    std::vector<Incident> open;
    for (const auto& [id, incident] : shelf_->content.incidents) {
      if (!incident.end) open.push_back(incident);
    }
    return open;
  }
  Result<std::vector<Incident>> load_incidents(const std::string&, WallTime, WallTime) override { return std::vector<Incident>(); }
  Result<std::optional<Incident>> load_incident(std::int64_t id) override {
    const auto found = draft_.incidents.find(id);
    return found == draft_.incidents.end() ? std::nullopt : std::optional(found->second);
  }
  Result<void> add_comment(std::int64_t incident, IncidentComment& comment) override {
    auto& all = draft_.comments[incident];
    comment.id = static_cast<std::int64_t>(all.size()) + 1;
    all.push_back(comment);
    return {};
  }
  Result<void> move_comments(std::int64_t, std::int64_t) override { return {}; }
  Result<void> keep(KeptKind kind, const Kept& kept) override {
    draft_.kept[{kind, kept.name}] = kept.json;
    return {};
  }
  Result<bool> drop(KeptKind kind, const std::string& name) override { return draft_.kept.erase({kind, name}) > 0; }
  Result<std::vector<Kept>> load_kept(KeptKind kind) override {
    std::vector<Kept> all;
    for (const auto& [key, json] : shelf_->content.kept) {
      if (key.first == kind) all.push_back({key.second, json});
    }
    return all;
  }
  Result<Neighbours> load_neighbours(const Report&) override { return Neighbours{}; }
  Result<void> save_client(const ClientState& client) override {
    if (shelf_->client_fails) return fail(Error::Kind::failed, "the disk is full");
    draft_.clients[client.client_id] = client;
    return {};
  }
  Result<void> remove_client(const std::string& client_id) override {
    draft_.clients.erase(client_id);
    return {};
  }
  Result<void> add_alert(StoredAlert& alert) override {
    alert.id = ++draft_.last_alert;
    draft_.alerts[alert.id] = alert;
    return {};
  }
  Result<void> mark_alert_delivered(std::int64_t id, WallTime) override { return finish(id, "delivered"); }
  Result<void> mark_alert_failed(std::int64_t id, const std::string& reason, bool give_up) override {
    if (give_up) return finish(id, reason);
    ++draft_.alerts[id].attempts;
    return {};
  }

  Result<std::vector<ClientState>> load_clients() override {
    std::vector<ClientState> clients;
    for (const auto& [client_id, client] : shelf_->content.clients) clients.push_back(client);
    return clients;
  }
  Result<std::vector<std::string>> load_pending_channels() override {
    std::set<std::string> channels;
    for (const auto& [id, alert] : shelf_->content.alerts) channels.insert(alert.channel);
    return std::vector<std::string>(channels.begin(), channels.end());
  }
  Result<std::vector<StoredAlert>> load_pending_alerts(const std::string& channel, std::int64_t after, std::size_t most) override {
    std::vector<StoredAlert> alerts;
    for (auto next = shelf_->content.alerts.upper_bound(after); next != shelf_->content.alerts.end() && alerts.size() < most; ++next) {
      if (next->second.channel == channel) alerts.push_back(next->second);
    }
    return alerts;
  }
  Result<std::unique_ptr<StoreReader>> open_reader() override { return std::make_unique<NothingToRead>(); }
  Result<bool> roll_up() override { return false; }
  Result<bool> maintain(const Retention& retention) override {
    shelf_->removes_by_age = retention.by_age;
    ++shelf_->maintained;
    shelf_->asks_for_maintenance = false;
    return shelf_->slices_left > 0 && --shelf_->slices_left > 0;
  }
  bool needs_maintenance() const override { return shelf_->asks_for_maintenance; }

 private:
  Result<void> finish(std::int64_t id, const std::string& how) {
    draft_.alerts.erase(id);
    draft_.finished[id] = how;
    return {};
  }

  std::shared_ptr<Shelf> shelf_;
  Shelf::Content draft_;
};

}  // namespace vpn_sentinel::test

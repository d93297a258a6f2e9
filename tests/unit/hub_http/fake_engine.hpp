/// An engine that does what a test says.
#pragma once

#include <deque>
#include <map>

#include "hub/engine/engine.hpp"

namespace vpn_sentinel {

/// The same page for all, or an error; remembers the last question of each kind.
class FakeReader final : public StoreReader {
 public:
  bool works = true;
  Page page;
  HistoryQuery asked;
  IncidentQuery asked_incidents;
  SampleQuery asked_samples;
  ReportQuery asked_reports;
  nlohmann::json one_incident;
  std::vector<Kept> keeps;
  ReliabilityQuery asked_reliability;
  AlertQuery asked_alerts;

  Result<Page> history(const HistoryQuery& query) override {
    asked = query;
    return answer();
  }
  Result<Page> incidents(const IncidentQuery& query) override {
    asked_incidents = query;
    return answer();
  }
  Result<nlohmann::json> incident(std::int64_t /*id*/, WallTime /*now*/) override { return one_incident; }
  Result<std::vector<Kept>> kept(KeptKind /*kind*/) override { return keeps; }
  Result<Page> samples(const SampleQuery& query) override {
    asked_samples = query;
    return answer();
  }
  Result<Page> reports(const ReportQuery& query) override {
    asked_reports = query;
    return answer();
  }
  Result<Page> alerts(const AlertQuery& query) override {
    asked_alerts = query;
    return answer();
  }

  /// As if everybody had been secure all the time.
  Result<std::vector<SubjectReliability>> reliability(const ReliabilityQuery& query) override {
    asked_reliability = query;
    if (!works) return fail(Error::Kind::failed, "disk I/O error");
    std::vector<SubjectReliability> subjects;
    for (const auto& client_id : query.client_ids) {
      SubjectReliability subject{client_id, {}, {}};
      for (const auto& period : query.periods) {
        Reliability each;
        each.period = period;
        each.parts.judged[0] = period.length();
        subject.periods.push_back(each);
        add(subject.total.parts, each.parts);
      }
      if (!query.periods.empty()) subject.total.period = {query.periods.front().from, query.periods.back().to};
      subjects.push_back(std::move(subject));
    }
    return subjects;
  }

 private:
  [[nodiscard]] Result<Page> answer() const {
    if (!works) return fail(Error::Kind::failed, "disk I/O error");
    return page;
  }
};

class FakeEngine final : public Engine {
 public:
  bool full = false;
  std::deque<std::pair<Admitted, std::function<void(SubmitResult)>>> submitted;
  std::map<std::string, std::shared_ptr<const ClientState>> known;
  FakeReader reader;
  bool too_many_questions = false;
  bool stores = true;
  std::vector<CareOrder> cared;
  Result<nlohmann::json> care_answer = nlohmann::json{{"status", "ok"}};
  std::chrono::milliseconds silent_for{0};

  void add(ClientState client) { known[client.client_id] = std::make_shared<const ClientState>(client); }

  bool submit(Admitted&& admitted, std::function<void(SubmitResult)> done) override {
    if (full) return false;
    submitted.emplace_back(std::move(admitted), std::move(done));
    return true;
  }
  void run() override {}
  void stop_listening() override {}
  void add_alert(StoredAlert /*alert*/) override {}
  void alert_delivered(std::int64_t /*id*/) override {}
  void alert_failed(std::int64_t /*id*/, std::string /*reason*/, bool /*give_up*/) override {}
  bool forget(std::string client_id, std::function<void(const Result<bool>&)> done) override {
    done(known.erase(client_id) > 0);
    return true;
  }
  bool care(CareOrder order, CareDone done) override {
    cared.push_back(std::move(order));
    done(care_answer);
    return true;
  }
  std::vector<std::shared_ptr<const ClientState>> clients() const override {
    std::vector<std::shared_ptr<const ClientState>> all;
    for (const auto& [id, client] : known) {
      if (!client->is_group()) all.push_back(client);
    }
    return all;
  }
  std::vector<std::shared_ptr<const ClientState>> groups() const override {
    std::vector<std::shared_ptr<const ClientState>> all;
    for (const auto& [id, client] : known) {
      if (client->is_group()) all.push_back(client);
    }
    return all;
  }
  std::shared_ptr<const ClientState> client(const std::string& id) const override {
    const auto found = known.find(id);
    return found == known.end() ? nullptr : found->second;
  }
  bool query(std::function<void(StoreReader&)> question) override {
    if (too_many_questions) return false;
    question(reader);
    return true;
  }
  std::vector<StoredAlert> pending_alerts() override { return {}; }
  bool healthy() const override { return stores; }
  std::string store_trouble() const override { return stores ? "" : "the disk is full"; }
  std::uint64_t stored_reports() const override { return 0; }
  std::chrono::milliseconds since_last_turn() const override { return silent_for; }
};

/// A client of one state.
inline ClientState client_of(const std::string& id, State state) {
  ClientState client;
  client.client_id = id;
  client.state = state;
  client.last_report.client_id = id;
  return client;
}

}  // namespace vpn_sentinel

/// An engine that does what a test says.
#pragma once

#include <deque>
#include <map>

#include "hub/engine/engine.hpp"

namespace vpn_sentinel {

class FakeEngine final : public Engine {
 public:
  bool full = false;
  std::deque<std::pair<Admitted, std::function<void(SubmitResult)>>> submitted;
  std::map<std::string, std::shared_ptr<const ClientState>> known;
  std::size_t asked_limit = 0;
  bool history_works = true;
  bool stores = true;
  std::chrono::milliseconds silent_for{0};

  void add(ClientState client) { known[client.client_id] = std::make_shared<const ClientState>(client); }

  bool submit(Admitted admitted, std::function<void(SubmitResult)> done) override {
    if (full) return false;
    submitted.emplace_back(std::move(admitted), std::move(done));
    return true;
  }
  void add_alert(StoredAlert /*alert*/) override {}
  void alert_delivered(std::int64_t /*id*/) override {}
  void alert_failed(std::int64_t /*id*/, std::string /*reason*/, bool /*give_up*/) override {}
  std::vector<std::shared_ptr<const ClientState>> clients() const override {
    std::vector<std::shared_ptr<const ClientState>> all;
    for (const auto& [id, client] : known) all.push_back(client);
    return all;
  }
  std::shared_ptr<const ClientState> client(const std::string& id) const override {
    const auto found = known.find(id);
    return found == known.end() ? nullptr : found->second;
  }
  void history(std::string /*id*/, std::size_t most, std::function<void(Result<nlohmann::json>)> done) override {
    asked_limit = most;
    if (!history_works) return done(fail(Error::Kind::failed, "disk I/O error"));
    done(nlohmann::json{{"changes", nlohmann::json::array()}});
  }
  std::vector<StoredAlert> pending_alerts() override { return {}; }
  bool healthy() const override { return stores; }
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

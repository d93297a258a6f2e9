#include "hub/metrics/counted_engine.hpp"

#include <utility>

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

void count(HubCounters& counters, SubmitResult result, microseconds took) {
  counters.waiting.take_back();
  if (is_without_room(result)) return counters.without_room.add();
  if (!is_kept(result)) return counters.not_stored.add();
  (result == SubmitResult::stored ? counters.stored : counters.duplicate).add();
  counters.acknowledged.add(took);
}

class CountedEngine final : public Engine {
 public:
  CountedEngine(Engine& engine, HubCounters& counters) : engine_(engine), counters_(counters) {}

  bool submit(Admitted&& admitted, std::function<void(SubmitResult)> done) override {
    counters_.waiting.add();
    auto counted = [&counters = counters_, done = std::move(done), began = mono_now()](SubmitResult result) {
      count(counters, result, std::chrono::duration_cast<microseconds>(mono_now() - began));
      if (done) done(result);
    };
    if (engine_.submit(std::move(admitted), std::move(counted))) return true;
    counters_.waiting.take_back();
    counters_.turned_away.add();
    return false;
  }

  void run() override { engine_.run(); }
  void stop_listening() override { engine_.stop_listening(); }
  void add_alert(StoredAlert alert) override { engine_.add_alert(std::move(alert)); }
  void alert_delivered(std::int64_t id) override { engine_.alert_delivered(id); }
  void alert_failed(std::int64_t id, std::string reason, bool give_up) override { engine_.alert_failed(id, std::move(reason), give_up); }
  bool forget(std::string client_id, std::function<void(const Result<bool>&)> done) override {
    return engine_.forget(std::move(client_id), std::move(done));
  }
  bool care(CareOrder order, CareDone done) override { return engine_.care(std::move(order), std::move(done)); }
  std::vector<std::shared_ptr<const ClientState>> clients() const override { return engine_.clients(); }
  std::vector<std::shared_ptr<const ClientState>> groups() const override { return engine_.groups(); }
  std::shared_ptr<const ClientState> client(const std::string& client_id) const override { return engine_.client(client_id); }
  bool query(std::function<void(StoreReader&)> question) override { return engine_.query(std::move(question)); }
  std::vector<StoredAlert> pending_alerts() override { return engine_.pending_alerts(); }
  bool healthy() const override { return engine_.healthy(); }
  std::string store_trouble() const override { return engine_.store_trouble(); }
  std::uint64_t stored_reports() const override { return engine_.stored_reports(); }
  std::chrono::milliseconds since_last_turn() const override { return engine_.since_last_turn(); }

 private:
  Engine& engine_;
  HubCounters& counters_;
};

void count(FlowCounters& counters, FlowResult result, std::uint64_t rows) {
  if (result == FlowResult::duplicate) return counters.duplicate.add();
  if (result != FlowResult::taken) return counters.not_taken.add();
  counters.taken.add();
  counters.rows.add(rows);
}

class CountedFlowEngine final : public FlowEngine {
 public:
  CountedFlowEngine(FlowEngine& engine, FlowCounters& counters) : engine_(engine), counters_(counters) {}

  bool submit(AdmittedFlows admitted, std::function<void(FlowResult)> done) override {
    const std::uint64_t rows = admitted.batch.flows.size();
    auto counted = [&counters = counters_, done = std::move(done), rows](FlowResult result) {
      count(counters, result, rows);
      if (done) done(result);
    };
    if (engine_.submit(std::move(admitted), std::move(counted))) return true;
    counters_.not_taken.add();
    return false;
  }

  bool query(std::function<void(FlowReader&)> question) override { return engine_.query(std::move(question)); }
  const ActiveFlows& active() const override { return engine_.active(); }
  std::uint64_t taken_rows() const override { return engine_.taken_rows(); }
  bool healthy() const override { return engine_.healthy(); }

 private:
  FlowEngine& engine_;
  FlowCounters& counters_;
};

}  // namespace

std::unique_ptr<Engine> count_reports(Engine& engine, HubCounters& counters) { return std::make_unique<CountedEngine>(engine, counters); }

std::unique_ptr<FlowEngine> count_flows(FlowEngine& engine, FlowCounters& counters) {
  return std::make_unique<CountedFlowEngine>(engine, counters);
}

}  // namespace vpn_sentinel

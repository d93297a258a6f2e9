#include "hub/engine/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "hub/engine/alert_flow.hpp"
#include "hub/engine/board.hpp"
#include "hub/engine/clock_steps.hpp"
#include "hub/engine/display.hpp"
#include "hub/engine/read_thread.hpp"
#include "hub/engine/shared_text.hpp"
#include "hub/engine/upkeep.hpp"
#include "hub/engine/work_queue.hpp"
#include "hub/engine/writer.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

constexpr microseconds longest_pause{1'000'000};
/// Between two portions of clients to be saved, when no report comes to take them along.
constexpr microseconds flush_pause{10'000};
/// A turn that took longer than this, sleep of the machine included: the hub could hear nobody, so silence proves nothing.
constexpr microseconds blind_after{5'000'000};
/// A transaction of refused or known reports only succeeds on a full disk, too.
bool wrote_nothing(const Work& work, const Written& written) {
  return work.alerts.empty() && work.results.empty() && written.changes.empty() &&
         std::ranges::find(written.results, SubmitResult::stored) == written.results.end();
}

/// What waits for a store that fails, at most.
constexpr std::size_t most_kept = 10'000;
template <typename T>
void keep_newest(std::vector<T>& list) {
  if (list.size() > most_kept) list.erase(list.begin(), list.end() - most_kept);
}

class EngineThread final : public Engine {
 public:
  EngineThread(std::unique_ptr<Store> store, const FleetPolicy& policy, EngineHooks hooks, EngineOptions options)
      : hooks_(std::move(hooks)),
        options_(std::move(options)),
        queue_(options_.queue_bound),
        writer_(std::move(store), policy, hooks_.desk),
        upkeep_(options_) {}

  ~EngineThread() override {
    readers_.reset();
    queue_.close();
    if (thread_.joinable()) thread_.join();
  }
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  Result<void> open() {
    const auto now = options_.now();
    clock_.begin(now, options_.uptime());
    last_turn_ = mono_now();
    auto clients = writer_.load(now);
    if (!clients) return fail(clients.error());
    board_.show(display_.show(writer_.fleet(), *clients, now));
    auto pending = flow_.load(writer_.store());
    if (!pending) return fail(pending.error());
    pending_ = std::move(*pending);
    auto reader = writer_.store().open_reader();
    if (!reader) return fail(reader.error());
    readers_ = std::make_unique<ReadThread>(std::move(*reader));
    return {};
  }

  void run() override {
    // What passed since open() was no listening.
    clock_.skip_to(options_.uptime());
    writer_.grant_grace(options_.now());
    last_turn_ = mono_now();
    thread_ = std::thread([this] { turn_until_closed(); });
  }

  void stop_listening() override { listens_ = false; }

  bool submit(Admitted&& admitted, std::function<void(SubmitResult)> done) override {
    return queue_.push(WaitingReport(std::move(admitted), std::move(done)));
  }
  void add_alert(StoredAlert alert) override { queue_.push(std::move(alert)); }
  void alert_delivered(std::int64_t id) override { queue_.push(AlertResult{id, true, {}, false}); }
  void alert_failed(std::int64_t id, std::string reason, bool give_up) override {
    queue_.push(AlertResult{id, false, std::move(reason), give_up});
  }

  bool forget(std::string client_id, std::function<void(const Result<bool>&)> done) override {
    return queue_.push(ForgetOrder{std::move(client_id), std::move(done)});
  }

  bool care(CareOrder order, CareDone done) override { return queue_.push(WaitingCare{std::move(order), std::move(done)}); }

  std::vector<std::shared_ptr<const ClientState>> clients() const override { return board_.all(options_.now(), false); }
  std::vector<std::shared_ptr<const ClientState>> groups() const override { return board_.all(options_.now(), true); }
  std::shared_ptr<const ClientState> client(const std::string& client_id) const override { return board_.find(client_id, options_.now()); }

  bool query(std::function<void(StoreReader&)> question) override { return readers_->ask(std::move(question)); }

  std::vector<StoredAlert> pending_alerts() override { return std::exchange(pending_, {}); }
  bool healthy() const override { return healthy_; }
  std::string store_trouble() const override { return trouble_.get(); }
  std::uint64_t stored_reports() const override { return stored_reports_; }
  std::chrono::milliseconds since_last_turn() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - last_turn_.load());
  }

 private:
  void turn_until_closed() {
    bool last_turn = false;
    while (!last_turn) {
      auto work = queue_.take(pause());
      last_turn = work.empty() && queue_.closed();
      const auto now = options_.now();
      follow_clock(now);
      const auto orders = std::exchange(work.orders, {});
      const auto care = std::exchange(work.care, {});
      write(std::move(work), now);
      carry_out(orders, now);
      carry_out(care, now);
      turn_display(now);
      keep_up(now);
      last_turn_ = mono_now();
    }
    // What fails here costs the newest last_seen of some clients, nothing that was acknowledged.
    static_cast<void>(writer_.flush(options_.now()));
  }

  microseconds pause() const {
    auto longest = writer_.is_flushing() && healthy_ ? flush_pause : longest_pause;
    longest = std::min(upkeep_.pause(healthy_).value_or(longest), longest);
    const auto deadline = writer_.next_alarm();
    if (!deadline || !may_expire()) return longest;
    return std::clamp(*deadline - options_.now(), microseconds{0}, longest);
  }

  /// Leases are stretches of time: when the clock is set they move with it, else everyone would seem silent, or nobody.
  void follow_clock(WallTime now) {
    const auto [elapsed, step] = clock_.turn(now, options_.uptime());
    if (step != microseconds{0}) show({}, writer_.shift_leases(step, now), now);
    if (elapsed > blind_after) return writer_.grant_grace(now);
    if (may_expire()) writer_.listen(elapsed);
  }

  /// Silence counts.
  bool may_expire() const { return healthy_ && listens_; }

  void write(Work work, WallTime now) {
    clock_.set_right(work.reports, now);
    work.alerts.insert(work.alerts.begin(), kept_.alerts.begin(), kept_.alerts.end());
    work.results.insert(work.results.begin(), kept_.results.begin(), kept_.results.end());
    kept_ = {};
    if (!healthy_ && work.empty()) return try_again(now);
    const auto deadline = writer_.next_alarm();
    const bool overdue = deadline && *deadline <= now;
    if (work.empty() && !overdue && !writer_.flush_due(now) && !writer_.listening_due()) return;
    // After trouble nobody is silent before there was a chance to be heard.
    auto written = writer_.write(work, now, may_expire());
    if (!written) return failed(std::move(work), written.error(), now);
    if (!healthy_ && wrote_nothing(work, *written)) {
      try_again(now);
    } else if (!now_healthy()) {
      writer_.grant_grace(now);
    }
    committed(std::move(work), std::move(*written), now);
  }

  void try_again(WallTime now) {
    const auto done = writer_.try_write();
    if (!done || !*done) return;
    static_cast<void>(now_healthy());
    writer_.grant_grace(now);
  }

  void committed(Work work, Written written, WallTime now) {
    stored_reports_ += static_cast<std::uint64_t>(std::count(written.results.begin(), written.results.end(), SubmitResult::stored));
    for (const auto& result : work.results) {
      if (result.delivered || result.give_up) flow_.finished(result.id);
    }
    hand_on(flow_.admit(std::move(written.alerts)));
    refill_alerts();
    forgotten(written.removed);
    display_.stored(work.reports, written.results);
    show(written.changes, written.touched, now);
    for (std::size_t i = 0; i < work.reports.size(); ++i) finish(work.reports[i], written.results[i]);
    queue_.give_back(std::move(work.reports));
  }

  void failed(Work work, const Error& error, WallTime now) {
    trouble_.set(error.message);
    if (healthy_.exchange(false)) tell(fmt::format("reports cannot be stored, their senders are told to try again: {}", error.message));
    publish({}, display_.refuse(writer_.fleet(), work.reports, now));
    for (const auto& report : work.reports) writer_.tried(report.admitted->report.client_id);
    for (auto& report : work.reports) finish(report, refusal_for(error.kind));
    work.reports.clear();
    keep_newest(work.alerts);
    keep_newest(work.results);
    kept_ = std::move(work);
  }

  /// A transaction succeeded. True: so did the one before.
  bool now_healthy() {
    const bool was_healthy = healthy_.exchange(true);
    if (!was_healthy) trouble_.set({});
    if (!was_healthy) tell("reports are stored again");
    return was_healthy;
  }

  /// As long as nothing can be stored, or silence proves nothing, nobody goes offline by the book; but an old colour must not pass for
  /// the present one.
  void turn_display(WallTime now) {
    const auto turned = display_.turn(writer_.fleet(), now);
    publish({}, turned.clients);
    remove(turned.removed);
  }

  void show(const std::vector<Change>& changes, const std::vector<ClientSnapshot>& stored, WallTime now) {
    publish(changes, display_.show(writer_.fleet(), stored, now));
  }

  void remove(const std::vector<std::string>& client_ids) {
    if (client_ids.empty()) return;
    board_.remove(client_ids);
    if (hooks_.on_removed) hooks_.on_removed(client_ids);
  }

  void publish(const std::vector<Change>& changes, const std::vector<ClientSnapshot>& clients) {
    if (changes.empty() && clients.empty()) return;
    board_.show(clients);
    if (hooks_.on_committed) hooks_.on_committed(changes, clients);
  }

  void hand_on(std::vector<StoredAlert> alerts) {
    if (!alerts.empty() && hooks_.on_alerts) hooks_.on_alerts(std::move(alerts));
  }

  void refill_alerts() {
    auto alerts = flow_.refill(writer_.store());
    if (alerts) hand_on(std::move(*alerts));  // A failing read is tried again at the next result.
  }

  static void finish(const WaitingReport& report, SubmitResult result) {
    if (report.done) report.done(result);
  }

  void tell(const std::string& sentence) {
    if (hooks_.on_store_trouble) hooks_.on_store_trouble(sentence);
  }

  void keep_up(WallTime now) {
    upkeep_.roll_up(writer_.store(), healthy_);
    const auto outcome = upkeep_.maintain(writer_, {now, healthy_, clock_.is_trusted(), stored_reports_});
    if (!outcome.forgotten.empty()) {
      forgotten(outcome.forgotten);
      hand_on(flow_.admit(writer_.take_alerts()));
    }
    if (!outcome.sentence.empty()) tell(outcome.sentence);
  }

  /// After the reports that came before.
  void carry_out(const std::vector<ForgetOrder>& orders, WallTime now) {
    for (const auto& order : orders) {
      const auto client_ids = writer_.forget({order.client_id}, now);
      if (client_ids) forgotten(*client_ids);
      hand_on(flow_.admit(writer_.take_alerts()));
      if (order.done) order.done(client_ids ? Result<bool>(!client_ids->empty()) : Result<bool>(fail(client_ids.error())));
    }
  }

  void carry_out(const std::vector<WaitingCare>& care, WallTime now) {
    for (const auto& each : care) {
      const auto answer = writer_.care(each.order, now);
      hand_on(flow_.admit(writer_.take_alerts()));
      if (each.done) each.done(answer);
    }
  }

  void forgotten(const std::vector<std::string>& client_ids) {
    display_.forget(client_ids);
    remove(client_ids);
  }

  EngineHooks hooks_;
  EngineOptions options_;
  WorkQueue queue_;
  Board board_;
  std::atomic<bool> healthy_{true};
  std::atomic<bool> listens_{true};
  SharedText trouble_;
  std::atomic<std::uint64_t> stored_reports_{0};
  std::atomic<MonoTime> last_turn_{};
  std::vector<StoredAlert> pending_;
  std::unique_ptr<ReadThread> readers_;

  // Only the engine's thread from here on, once it runs.
  Writer writer_;
  Display display_;
  AlertFlow flow_;
  ClockSteps clock_;
  Upkeep upkeep_;
  Work kept_;  ///< alerts and results that a failed transaction left over
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::load(std::unique_ptr<Store> store, const FleetPolicy& policy, EngineHooks hooks,
                                             EngineOptions options) {
  auto engine = std::make_unique<EngineThread>(std::move(store), policy, std::move(hooks), std::move(options));
  if (auto opened = engine->open(); !opened) return fail(opened.error());
  return std::unique_ptr<Engine>(std::move(engine));
}

Result<std::unique_ptr<Engine>> Engine::start(std::unique_ptr<Store> store, const FleetPolicy& policy, EngineHooks hooks,
                                              EngineOptions options) {
  auto engine = load(std::move(store), policy, std::move(hooks), std::move(options));
  if (engine) (*engine)->run();
  return engine;
}

}  // namespace vpn_sentinel

/// The one writer of the hub: waiting reports go together through the state machine into one transaction; after the commit the senders
/// are answered and the changes are handed on. The commit in progress is the batching window, there is no timer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hub/engine/alert_desk.hpp"
#include "hub/engine/submit_result.hpp"
#include "hub/engine/uptime.hpp"
#include "hub/ingest/admission.hpp"
#include "hub/state/care.hpp"
#include "hub/state/client_state.hpp"
#include "hub/state/fleet.hpp"
#include "hub/store/store.hpp"

namespace vpn_sentinel {

struct EngineHooks {
  /// Decides which messages there are; null: none.
  std::shared_ptr<AlertDesk> desk;
  /// After the commit, on the engine's thread; must not block. Also without changes: when clients look different because time
  /// went by (whoever is overdue looks offline) or because the store fails.
  std::function<void(const std::vector<Change>&, const std::vector<std::shared_ptr<const ClientState>>& touched)> on_committed;
  /// Of each channel in the order of their ids. At most 1,000 of a channel are under way; the next ones follow as results come in.
  std::function<void(std::vector<StoredAlert>)> on_alerts;
  /// Clients that are known no longer, on the engine's thread.
  std::function<void(const std::vector<std::string>& client_ids)> on_removed;
  /// A sentence for the log: the store cannot write, or can again.
  std::function<void(const std::string& problem)> on_store_trouble;
};

struct EngineOptions {
  std::size_t queue_bound = 20'000;                     ///< reports that may wait
  std::chrono::hours keep_reports{24 * 30};             ///< older ones are removed, and clients that were offline for so long
  std::uint64_t most_bytes = 0;                         ///< of the store, see Retention; 0: no limit
  std::chrono::milliseconds maintenance_pause{30'000};  ///< housekeeping costs a flush of the disk each time
  std::chrono::milliseconds roll_up_pause{30'000};      ///< minutes, hours and days lag behind by this
  std::function<WallTime()> now = wall_now;
  std::function<std::chrono::microseconds()> uptime = vpn_sentinel::uptime;
};

class Engine {
 public:
  /// Loads the store on the caller's thread. Nothing is judged, stored or told before run().
  [[nodiscard]] static Result<std::unique_ptr<Engine>> load(std::unique_ptr<Store> store, const FleetPolicy& policy, EngineHooks hooks,
                                                            EngineOptions options = {});
  /// load() and run().
  [[nodiscard]] static Result<std::unique_ptr<Engine>> start(std::unique_ptr<Store> store, const FleetPolicy& policy, EngineHooks hooks,
                                                             EngineOptions options = {});
  virtual ~Engine() = default;  ///< drains what is queued, then stops

  /// Starts the engine's thread, once. A message that was added before comes before all others of this run.
  virtual void run() = 0;
  /// Nobody can be heard any more, so that nobody's silence means anything: before a server that stops. From any thread.
  virtual void stop_listening() = 0;

  /// False: the queue is full (answer 503). `done` is called on the engine's thread after the commit.
  [[nodiscard]] virtual bool submit(Admitted&& admitted, std::function<void(SubmitResult)> done) = 0;
  /// A message that belongs to no client (the hub started); stored, then handed to on_alerts.
  virtual void add_alert(StoredAlert alert) = 0;
  virtual void alert_delivered(std::int64_t id) = 0;
  virtual void alert_failed(std::int64_t id, std::string reason, bool give_up) = 0;

  /// Somebody wants the client forgotten, whatever its state; its history stays as long as other history. Whoever reports again is new.
  /// `done` is called on the engine's thread after the commit: false, it was not known. False: too many are waiting.
  [[nodiscard]] virtual bool forget(std::string client_id, std::function<void(const Result<bool>&)> done) = 0;

  /// Somebody acknowledges, comments, mutes or announces maintenance. `done` is called on the engine's thread after the commit with what
  /// there is to answer, or an Error: not_found, invalid (too many), else the store's. False: too many are waiting.
  using CareDone = std::function<void(const Result<nlohmann::json>&)>;
  [[nodiscard]] virtual bool care(CareOrder order, CareDone done) = 0;

  /// The current states, sorted by client_id; from any thread. Whoever is overdue looks offline, even while the engine hangs.
  [[nodiscard]] virtual std::vector<std::shared_ptr<const ClientState>> clients() const = 0;
  /// The groups of clients, in the same way.
  [[nodiscard]] virtual std::vector<std::shared_ptr<const ClientState>> groups() const = 0;
  [[nodiscard]] virtual std::shared_ptr<const ClientState> client(const std::string& client_id) const = 0;
  /// Asks the store's read side beside the writer: `question` is called on the reader's thread, after those that came before, and sees
  /// all that was acknowledged; it may answer from there. False: too many are waiting (answer 503), it is not called then.
  [[nodiscard]] virtual bool query(std::function<void(StoreReader&)> question) = 0;
  /// Messages not yet delivered, for load at start; called once before the sender starts.
  [[nodiscard]] virtual std::vector<StoredAlert> pending_alerts() = 0;
  /// True while the last transaction succeeded.
  [[nodiscard]] virtual bool healthy() const = 0;
  /// Why it did not: a sentence with the file and what to do; empty while healthy(). From any thread.
  [[nodiscard]] virtual std::string store_trouble() const = 0;
  [[nodiscard]] virtual std::uint64_t stored_reports() const = 0;
  /// More than a few seconds: the engine hangs (a disk that does not answer). Nobody is judged then.
  [[nodiscard]] virtual std::chrono::milliseconds since_last_turn() const = 0;
};

}  // namespace vpn_sentinel

/// Who decides which messages are sent (hub/alert/desk_keeper.hpp). The writer asks inside its transactions, so that what is decided, the
/// messages, and what the desk has to remember are durable together or not at all. On the engine's thread, but for what is said.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hub/state/care.hpp"
#include "hub/state/client_state.hpp"
#include "hub/state/incident.hpp"
#include "hub/store/store.hpp"

namespace vpn_sentinel {

class AlertDesk {
 public:
  virtual ~AlertDesk() = default;

  /// At the start, outside of transactions: what was kept (KeptKind::desk and rule).
  virtual void restore(const std::vector<Kept>& memory, const std::vector<Kept>& rules, const Care& care, WallTime now) = 0;
  /// What a client or group is; `incident`: its open one. At the start, and in a transaction when is_stock_due().
  virtual void adopt(const ClientState& client, bool by_group, const std::optional<Incident>& incident, WallTime now) = 0;
  /// Rules are others since stock_taken(): within the next transaction all clients and groups are to be adopted, or what stands is never
  /// told to be over.
  [[nodiscard]] virtual bool is_stock_due() const = 0;
  virtual void stock_taken() = 0;
  /// The clock was set by so much.
  virtual void shift(std::chrono::microseconds by) = 0;

  /// A transaction begins; what was said since the last one counts.
  virtual void begin() = 0;
  /// It failed: nothing of it was said.
  virtual void take_back() = 0;
  /// `by_group`: the group of the client tells its state.
  virtual void on_change(const Change& change, bool by_group, std::optional<std::int64_t> incident, WallTime now) = 0;
  /// A report that is the newest of its client now.
  virtual void on_report(const ClientState& client, WallTime now) = 0;
  virtual void on_acknowledged(const std::string& client_id, bool acknowledged, WallTime now) = 0;
  virtual void on_care(const Care& care, WallTime now) = 0;
  /// All of KeptKind::rule.
  virtual void on_rules(const std::vector<Kept>& rules, WallTime now) = 0;
  virtual void forget(const std::string& client_id) = 0;

  struct Outcome {
    std::vector<StoredAlert> alerts;
    std::vector<Kept> kept;  ///< KeptKind::desk
    std::vector<std::string> dropped;
  };
  /// What is due by now; the last thing before the commit.
  [[nodiscard]] virtual Outcome finish(WallTime now) = 0;
  /// When finish() has something to do although nothing happens.
  [[nodiscard]] virtual std::optional<WallTime> next_alarm() const = 0;
};

}  // namespace vpn_sentinel

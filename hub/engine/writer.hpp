/// One transaction at a time: reports through the state machine into the store, with their changes and alerts. No threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hub/engine/alert_desk.hpp"
#include "hub/engine/leak_steps.hpp"
#include "hub/engine/work_queue.hpp"
#include "hub/state/fleet.hpp"
#include "hub/state/groups.hpp"
#include "hub/state/incident.hpp"
#include "hub/state/late_report.hpp"
#include "hub/store/store.hpp"

namespace vpn_sentinel {

using ClientSnapshot = Fleet::Snapshot;

/// What one transaction did.
struct Written {
  std::vector<SubmitResult> results;  ///< one per report, in order
  std::vector<Change> changes;        ///< without those that late reports add to the history: they are no news for who looks at the present
  std::vector<ClientSnapshot> touched;
  std::vector<StoredAlert> alerts;   ///< with their ids
  std::vector<std::string> removed;  ///< groups that nobody is in any more
};

class Writer {
 public:
  /// `desk`: null: there are no messages.
  Writer(std::unique_ptr<Store> store, const FleetPolicy& policy, std::shared_ptr<AlertDesk> desk);

  /// What the store knew.
  [[nodiscard]] Result<std::vector<ClientSnapshot>> load(WallTime now);

  /// All of it, or nothing: after a failure the fleet is what the store still has. `expire`: whose lease passed is offline now.
  [[nodiscard]] Result<Written> write(const Work& work, WallTime now, bool expire);
  /// Clients that only renewed their lease are saved together every few seconds: one row less per report. A crash loses nothing but the
  /// newest last_seen; states, findings and addresses are saved with the report that changed them. Many are spread over the transactions
  /// that follow, so that no report waits for all of them; flush() saves all at once.
  [[nodiscard]] bool flush_due(WallTime now) const;
  /// It goes on with the next transactions.
  [[nodiscard]] bool is_flushing() const noexcept { return !flushing_.empty(); }
  [[nodiscard]] Result<void> flush(WallTime now);
  /// A real write that changes nothing: does the store work again? Nullopt: there is nothing to write.
  [[nodiscard]] std::optional<Result<void>> try_write();

  /// Removes clients that have been offline since before `before`, some at a time. Returns them.
  [[nodiscard]] Result<std::vector<std::string>> forget(WallTime before, WallTime now);
  /// Removes these, whatever their states. Returns those that were known.
  [[nodiscard]] Result<std::vector<std::string>> forget(std::vector<std::string> client_ids, WallTime now);

  /// What somebody does about clients and incidents, in a transaction of its own: the answer for him. Errors: not_found, invalid, else the
  /// store's. writer_care.cpp
  [[nodiscard]] Result<nlohmann::json> care(const CareOrder& order, WallTime now);

  /// Messages that came of care() and forget(), once.
  [[nodiscard]] std::vector<StoredAlert> take_alerts() { return std::exchange(alerts_, {}); }

  /// See Fleet. writer_listening.cpp
  void grant_grace(WallTime now) { fleet_.grant_grace(now); }
  void listen(std::chrono::microseconds time) { fleet_.listen(time); }
  void tried(const std::string& client_id) { fleet_.tried(client_id); }
  /// It is time that a write() notes for how long the hub has listened: the next start counts on from there.
  [[nodiscard]] bool listening_due() const;
  /// Every client's new snapshot.
  [[nodiscard]] std::vector<ClientSnapshot> shift_leases(std::chrono::microseconds by, WallTime now);

  /// When write() has something to do although nothing waits: a lease passes, a group is to be judged again.
  [[nodiscard]] std::optional<WallTime> next_alarm() const;

  [[nodiscard]] const Fleet& fleet() const noexcept { return fleet_; }
  [[nodiscard]] Store& store() noexcept { return *store_; }

 private:
  Result<void> fill(const Work& work, WallTime now, bool expire, Written& written);
  [[nodiscard]] Result<void> remove_emptied_groups(WallTime now, Written& written);
  /// The groups of the clients in `about`, which may be touched_. What is touched with them joins it.
  void judge_groups(std::set<std::string>& about, WallTime now, Written& written);
  Result<void> add_reports(const std::vector<WaitingReport>& reports, Written& written, WallTime now);
  /// The report as it was stored; null: it was stored before. A machine that is set back to a snapshot, or copied, sends other reports
  /// under numbers that were used: they are stored as those of another start, so that none is taken for a duplicate and lost.
  Result<const Admitted*> store_report(const Admitted& admitted);
  /// Changes and the incidents that they belong to, in the order in which they came. writer_incidents.cpp
  Result<void> add_changes(Written& written, WallTime now);
  /// What came while the state stayed is told once for each incident, however often it comes and goes.
  [[nodiscard]] bool is_old_news(Change& change) const;
  Result<void> add_incident(Change& change, const LeakStep* step);
  void add_exposure_of_members(const ClientState& group, Incident& incident) const;
  Result<void> grow_incidents(const LeakSteps::Entry& entry);
  Result<void> see_incidents();
  Result<void> save_incident(std::optional<Incident> incident);
  void remember_incident(const std::string& client_id);
  /// Reports that are older than what is known belong to the history.
  Result<void> add_histories(WallTime now);
  Result<void> add_history(const LateReport& late);
  Result<void> add_group_history(const std::string& group, const PastStretch& member);
  Result<void> fill_in_incidents(std::vector<Incident> touching, const PastStretch& stretch);
  Result<void> add_change(const Change& change, WallTime now);
  Result<void> load_listening();
  /// Who has no place in that time yet gets one that the next start finds.
  void place_in_listening(const std::vector<ClientState>& clients);
  Result<void> save_listening();
  [[nodiscard]] bool has_unsaved_listening() const;
  Result<void> load_desk(WallTime now);
  /// When rules are others, the desk learns what stands.
  void take_stock(WallTime now);
  /// What the desk has to say, and to remember. The last thing of each transaction.
  Result<void> finish_desk(WallTime now, std::vector<StoredAlert>& alerts);
  /// Of the incident that is open, or was before this transaction.
  [[nodiscard]] std::optional<std::int64_t> incident_number(const std::string& client_id) const;
  Result<void> add_alert(StoredAlert alert, Written& written);
  Result<void> load_care();
  Result<void> drop_past_care(WallTime now);
  Result<Incident> find_incident(std::int64_t id);
  Result<nlohmann::json> carry_out(const AcknowledgeOrder& order, WallTime now);
  Result<nlohmann::json> carry_out(const RuleOrder& order, WallTime now);
  Result<nlohmann::json> carry_out(const RemoveRuleOrder& order, WallTime now);
  Result<void> tell_rules(WallTime now);
  Result<nlohmann::json> carry_out(const CommentOrder& order, WallTime now);
  Result<nlohmann::json> carry_out(const MuteOrder& order, WallTime now);
  Result<nlohmann::json> carry_out(const UnmuteOrder& order, WallTime now);
  Result<nlohmann::json> carry_out(const MaintenanceOrder& order, WallTime now);
  Result<nlohmann::json> carry_out(const EndMaintenanceOrder& order, WallTime now);
  Result<void> add_result(const AlertResult& result, WallTime now);
  Result<void> save_touched(WallTime now);
  [[nodiscard]] bool must_save(const ClientState& client) const;
  void note_saved(WallTime now);
  std::vector<ClientSnapshot> publish(const std::set<std::string>& client_ids);
  std::vector<ClientSnapshot> publish_all();
  void take_back();
  void take_back_incidents();

  std::unique_ptr<Store> store_;
  Fleet fleet_;
  FleetPolicy policy_;
  Groups groups_;
  IncidentBook incidents_;
  Care care_;
  std::shared_ptr<AlertDesk> desk_;
  std::vector<StoredAlert> alerts_;                                  ///< of transactions that are not write(), with their ids
  std::set<std::string> touched_;                                    ///< by the transaction under way
  std::map<std::string, std::optional<Incident>> incidents_before_;  ///< the transaction under way
  LeakSteps leaks_;                                                  ///< the transaction under way
  std::deque<Admitted> renamed_;                                     ///< the transaction under way; pointers into it stay
  std::vector<const Admitted*> late_;                                ///< in the transaction under way
  std::vector<std::string> saving_;                                  ///< by the transaction under way
  std::size_t flushed_ = 0;                                          ///< of these, how many are the first of flushing_
  std::deque<std::string> flushing_;                                 ///< their time to be saved has come
  std::unordered_set<std::string> unsaved_;                          ///< renewed their lease since they were saved
  WallTime unsaved_since_{};
  std::chrono::microseconds run_began_{0};         ///< as Fleet::listened(), so the next two
  std::chrono::microseconds listening_saved_{0};   ///< as the store has it
  std::chrono::microseconds listening_saving_{0};  ///< by the transaction under way
};

}  // namespace vpn_sentinel

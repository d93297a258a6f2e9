/// Decides which messages go where and when: rules, delays, reminders, escalation, mutes, maintenance and quiet hours, and one message for
/// many clients. Knows no thread, no clock and no store: whoever calls says what time it is, and saves what has to be saved in the
/// transaction in which the messages are stored.
///
/// What is told follows one principle: the desk keeps what is so (Watch::holds) apart from what people believe (Watch::told). Delays,
/// mutes, windows and quiet hours only put off the moment at which both are made equal. So what came and went meanwhile is not told, and
/// what is still so when silence ends is.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hub/alert/desk_event.hpp"
#include "hub/alert/ledger.hpp"
#include "hub/alert/report_plan.hpp"
#include "hub/alert/rule.hpp"
#include "hub/alert/watch.hpp"
#include "hub/engine/alert_desk.hpp"
#include "hub/state/care.hpp"
#include "hub/store/store.hpp"

namespace vpn_sentinel {

/// Work that is announced in the file, each week.
struct WeeklyMaintenance {
  std::string name;
  std::vector<std::string> clients;
  DailyTime time;
  std::string reason = {};
};

struct DeskSettings {
  std::vector<AlertRule> rules = {built_in_rule()};  ///< each name once
  std::vector<std::string> channels = {};            ///< all that there are: those of a rule that names none
  std::vector<WeeklyMaintenance> weekly = {};
  std::vector<MaintenanceWindow> windows = {};  ///< of the file
  /// How long a message of a rule without group_wait waits for others that happen at the same moment; 0: not at all.
  std::chrono::milliseconds join_wait{0};
  std::optional<ReportPlan> report = {};  ///< nullopt: nobody wants one
};

class Desk {
 public:
  /// So many of one rule, kind and group at the same moment are one message, also without a group_wait.
  static constexpr std::size_t most_alone = 5;
  /// What hubs use as DeskSettings::join_wait: one danger is told well within a second.
  static constexpr std::chrono::milliseconds usual_join_wait{200};
  /// As long as more keep falling, the first message about them waits for the next ones, up to this.
  static constexpr std::chrono::milliseconds longest_join{5'000};
  /// After messages about most_alone others within storm_span the next ones wait for each other.
  static constexpr std::chrono::seconds storm_span{60};
  static constexpr std::chrono::seconds storm_wait{10};

  explicit Desk(DeskSettings settings) : settings_(std::move(settings)) {}

  // Outside of transactions.
  /// What was saved. Deadlines beyond what the rules allow (the clock was set back meanwhile) are brought back to it; what belongs to rules
  /// that are gone is dropped with the next finish().
  void restore(const std::vector<Kept>& kept, WallTime now);
  /// New rules, channels and windows of the file.
  void use(DeskSettings settings, WallTime now);
  /// The clock was set: what waits goes on waiting as long as it would have.
  void shift(std::chrono::microseconds by);

  void begin();
  void take_back();

  /// Mutes and windows of people are others now.
  void set_care(const Care& care, WallTime now);
  void on_event(const DeskEvent& event, WallTime now);
  /// What is so of clients when the desk begins to watch them, or a rule is new: nothing is told of it, but reminders are.
  void adopt(const DeskEvent& event, WallTime now);
  /// Somebody has acknowledged the subject's incident, or takes it back.
  void on_acknowledged(const std::string& subject, bool acknowledged, WallTime now);
  /// Nobody watches the subject any more.
  void forget(const std::string& subject);

  using Outcome = AlertDesk::Outcome;
  /// What is due by now, and what has to be saved with it. Call it before each commit.
  [[nodiscard]] Outcome finish(WallTime now);
  /// When finish() has something to do although nothing happens.
  [[nodiscard]] std::optional<WallTime> next_alarm() const;

  /// What the rule asks for is so of the subject.
  [[nodiscard]] bool holds(const std::string& rule, const std::string& subject) const;
  [[nodiscard]] const DeskSettings& settings() const noexcept { return settings_; }

 private:
  struct Telling {
    std::string rule;  ///< its name: rules may be others before it is written; empty: it is gone
    std::vector<std::string> channels;
    Notice notice;
  };

  void restore_batches(const std::vector<Kept>& kept, WallTime now);
  [[nodiscard]] const AlertRule* find_rule(const std::string& name) const;
  void on_event(const AlertRule& rule, const DeskEvent& event, WallTime now);
  void on_trouble(const AlertRule& rule, const DeskEvent& event, bool holds, std::chrono::microseconds delay, WallTime now);
  void on_news(const AlertRule& rule, const DeskEvent& event, WallTime now);
  void on_move(const AlertRule& rule, const DeskEvent& event, WallTime now);
  /// Tells what is due of the watch, as far as nothing silences it, and stores it.
  void settle(const std::string& key, Watch watch, WallTime now);
  void tell_pending(const AlertRule& rule, Watch& watch, WallTime now);
  void tell_again(const AlertRule& rule, Watch& watch, WallTime now);
  void tell(const AlertRule& rule, std::vector<std::string> channels, Notice notice, WallTime now);
  void tell_what_is_older(const AlertRule& rule, const std::string& key, const std::string& client_id);
  [[nodiscard]] WallTime next_beginning(WallTime now) const;
  void add_to_batch(const AlertRule& rule, const std::vector<std::string>& channels, Notice notice, WallTime now);
  /// When what comes now is to be told; `batch`: with it.
  [[nodiscard]] WallTime due_of(const AlertRule& rule, const NoticeBatch& batch, bool storm, WallTime now) const;
  /// Counts a message; true: there were many about others of late.
  [[nodiscard]] bool is_storm(const std::string& batch, const std::string& client_id, WallTime now);
  void flush(const std::string& key);
  void put(const std::string& key, std::optional<Watch> watch, std::optional<WallTime> alarm);
  void put_batch(const std::string& key, std::optional<NoticeBatch> batch);
  void settle_all(WallTime now);
  [[nodiscard]] std::vector<std::string> reachable(const std::vector<std::string>& named) const;
  void write(const Telling& telling, WallTime now, Outcome& outcome) const;
  void join_tellings(WallTime now, Outcome& outcome);
  void join_tellings(const std::vector<Telling>& tellings, WallTime now, Outcome& outcome) const;

  struct Silence {
    std::optional<WallTime> until;  ///< nullopt: nobody knows
    bool for_good = false;          ///< who made it wants nothing of the time told that is over by its end
  };
  /// Nullopt: the message may go.
  [[nodiscard]] std::optional<Silence> silence_of(const AlertRule& rule, const Watch& watch, const Notice& notice, WallTime now) const;
  [[nodiscard]] std::optional<WallTime> alarm_of(const AlertRule& rule, const Watch& watch, WallTime now) const;
  void set_alarm(const std::string& key, std::optional<WallTime> alarm);

  DeskSettings settings_;
  Care care_;
  Ledger<Watch> watches_;
  Ledger<NoticeBatch> batches_;
  std::set<std::pair<WallTime, std::string>> alarms_;
  std::map<std::string, WallTime> alarm_of_;
  std::vector<Telling> tellings_;  ///< of the transaction under way
  /// By key of a batch: about whom the newest messages were, and when. Only of this run: a start begins calmly.
  std::map<std::string, std::map<std::string, WallTime>> recent_;
};

}  // namespace vpn_sentinel

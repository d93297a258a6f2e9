/// The desk as the engine uses it: what the writer says becomes events, and what other threads want (new settings, the hub's own trouble)
/// comes in with the next transaction.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/alert/desk.hpp"
#include "hub/alert/detector.hpp"
#include "hub/engine/alert_desk.hpp"

namespace vpn_sentinel {

/// The rules of the file and those of the API (KeptKind::rule), which take the place of those of the same name; none: the built-in one.
[[nodiscard]] DeskSettings with_api_rules(DeskSettings file, const std::vector<Kept>& rows);

class DeskKeeper final : public AlertDesk {
 public:
  /// Clients whose reports are followed by rules on latency and DNS; more are not.
  static constexpr std::size_t most_series = 20'000;

  explicit DeskKeeper(DeskSettings settings);

  // From any thread; in force within about a second.
  /// What the file says now. Without a rule it is the built-in one, unless the API has some.
  void use(DeskSettings settings);
  /// What use() gave last is in force, and whatever was told by what was before has been handed on.
  [[nodiscard]] bool is_in_force() const;
  /// The hub's own trouble: "disk", "clock", "certificate" … begins or ends. Saying the same again is nothing.
  void on_hub(const std::string& what, bool trouble, const std::string& sentence, WallTime now);
  /// The month whose report is to be made and offered now; nullopt: none.
  [[nodiscard]] std::optional<ReportMonth> due_report(WallTime now) const;
  /// `text`: of the stored messages. The report of each month is told once, also over a kill, and none of months before.
  void offer_report(const std::string& month, std::string text);
  /// The rules in force, in order.
  [[nodiscard]] std::vector<AlertRule> rules() const;
  /// The file's weekly windows and others.
  [[nodiscard]] DeskSettings file_settings() const;

  void restore(const std::vector<Kept>& memory, const std::vector<Kept>& rules, const Care& care, WallTime now) override;
  void adopt(const ClientState& client, bool by_group, const std::optional<Incident>& incident, WallTime now) override;
  [[nodiscard]] bool is_stock_due() const override { return stock_is_due_; }
  void stock_taken() override { stock_is_due_ = false; }
  void shift(std::chrono::microseconds by) override { desk_.shift(by); }
  void begin() override;
  void take_back() override;
  void on_change(const Change& change, bool by_group, std::optional<std::int64_t> incident, WallTime now) override;
  void on_report(const ClientState& client, WallTime now) override;
  void on_acknowledged(const std::string& client_id, bool acknowledged, WallTime now) override {
    desk_.on_acknowledged(client_id, acknowledged, now);
  }
  void on_care(const Care& care, WallTime now) override { desk_.set_care(care, now); }
  void on_rules(const std::vector<Kept>& rules, WallTime now) override;
  void forget(const std::string& client_id) override;
  [[nodiscard]] Outcome finish(WallTime now) override;
  [[nodiscard]] std::optional<WallTime> next_alarm() const override;

 private:
  struct Series {
    LatencySeries latency;
    RecentCount mismatches;
  };
  void apply(WallTime now);
  void tell_report(Outcome& outcome, WallTime now);
  void follow(const AlertRule& rule, const ClientState& client, WallTime now);

  // Engine's thread.
  Desk desk_;
  std::vector<AlertRule> api_rules_;
  std::optional<std::vector<AlertRule>> rules_before_;            ///< those of the API, when the transaction under way changes them
  bool stock_is_due_ = false;                                     ///< rules are others since stock_taken(), or what it gave was taken back
  bool follows_ = false;                                          ///< a rule asks for each report
  std::map<std::pair<std::string, std::string>, Series> series_;  ///< by rule and client
  std::vector<DeskEvent> hub_events_;                             ///< of the transaction under way

  std::optional<std::string> told_before_;  ///< told_month_, when the transaction under way changes it
  std::optional<std::pair<std::string, std::string>> report_under_way_;

  mutable std::mutex mutex_;
  DeskSettings file_;                     ///< as use() gave it
  bool is_new_ = false;                   ///< not applied yet
  std::vector<DeskEvent> waiting_;        ///< of the hub
  std::map<std::string, bool> troubles_;  ///< as they were said last
  std::vector<AlertRule> rules_;          ///< in force
  std::string told_month_;                ///< whose report was told last; empty: the plan is new, and what was before it is not told
  std::optional<std::pair<std::string, std::string>> offered_;  ///< month and text
};

}  // namespace vpn_sentinel

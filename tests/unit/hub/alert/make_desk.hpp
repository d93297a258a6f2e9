/// A desk with a store of rows and a clock, and what it told.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hub/alert/desk.hpp"
#include "tests/unit/hub/make.hpp"

namespace vpn_sentinel::test {

using std::chrono::microseconds;

inline AlertRule rule_of(const std::string& text) {
  auto rule = parse_rule(nlohmann::json::parse(text), AlertRule::Source::file);
  BOOST_REQUIRE_MESSAGE(rule.has_value(), (rule ? "" : rule.error().message));
  return std::move(*rule);
}

inline DeskSettings only(const std::string& rule) { return {{rule_of(rule)}, {"phone"}}; }

/// Each event is a transaction of its own, and each alarm.
class DeskBench {
 public:
  bool fails = false;
  std::map<std::string, std::string> rows;              ///< as the store has them
  std::vector<std::pair<std::string, Notice>> notices;  ///< channel and message

  explicit DeskBench(DeskSettings settings) : settings_(std::move(settings)), desk_(settings_) {}

  void transaction(double seconds, const std::function<void()>& work) { transaction(at(seconds), work); }
  void transaction(WallTime now, const std::function<void()>& work) {
    desk_.begin();
    work();
    const auto outcome = desk_.finish(now);
    if (fails) return desk_.take_back();
    for (const auto& row : outcome.kept) rows[row.name] = row.json;
    for (const auto& name : outcome.dropped) rows.erase(name);
    for (const auto& alert : outcome.alerts) {
      const auto notice = parse_notice(alert.text);
      BOOST_REQUIRE(notice.has_value());
      notices.emplace_back(alert.channel, *notice);
    }
  }
  void event(const std::string& client_id, std::optional<State> from, State to, double seconds, const std::string& group = {},
             std::vector<std::string> codes = {}, microseconds exposed = {}) {
    DeskEvent event{client_id, group};
    event.is_group = client_id.starts_with("group:");
    event.from = from;
    event.to = to;
    event.at = at(seconds);
    event.codes = std::move(codes);
    event.exposed = exposed;
    event.notice = notice_of(event);
    desk_.on_event(event, at(seconds));
  }
  void change(const std::string& client_id, std::optional<State> from, State to, double seconds, const std::string& group = {},
              std::vector<std::string> codes = {}, microseconds exposed = {}) {
    run_alarms(seconds);
    transaction(seconds, [&] { event(client_id, from, to, seconds, group, codes, exposed); });
    now_ = seconds;
  }
  void move(const std::string& client_id, double seconds) {
    run_alarms(seconds);
    transaction(seconds, [&] {
      DeskEvent event{client_id};
      event.moved = true;
      event.from = State::secure;
      event.at = at(seconds);
      event.notice = notice_of(event);
      desk_.on_event(event, at(seconds));
    });
    now_ = seconds;
  }
  /// All of it in one transaction.
  void together(const std::function<void()>& events) { transaction(now_, events); }
  void acknowledge(const std::string& client_id, bool acknowledged, double seconds) {
    run_alarms(seconds);
    transaction(seconds, [&] { desk_.on_acknowledged(client_id, acknowledged, at(seconds)); });
  }
  void mute(const std::string& subject, std::optional<double> until, double seconds) {
    care_.mutes[subject] = {subject, until ? std::optional(at(*until)) : std::nullopt, "anna", at(seconds)};
    transaction(seconds, [&] { desk_.set_care(care_, at(seconds)); });
  }
  void unmute(const std::string& subject, double seconds) {
    care_.mutes.erase(subject);
    transaction(seconds, [&] { desk_.set_care(care_, at(seconds)); });
  }
  void forget(const std::string& client_id, double seconds) {
    transaction(seconds, [&] { desk_.forget(client_id); });
  }
  void use(DeskSettings settings, double seconds) {
    settings_ = std::move(settings);
    desk_.use(settings_, at(seconds));
  }
  void shift(microseconds by) { desk_.shift(by); }

  /// As the engine does: whenever the desk wants it.
  void until(double seconds) {
    run_alarms(seconds);
    now_ = seconds;
  }
  /// The hub was killed after its last transaction.
  void restart(double seconds) {
    desk_ = Desk(settings_);
    std::vector<Kept> kept;
    for (const auto& [name, json] : rows) kept.push_back({name, json});
    desk_.restore(kept, at(seconds));
    desk_.set_care(care_, at(seconds));
  }

  [[nodiscard]] std::vector<std::string> told(const std::string& channel = "phone") const {
    std::vector<std::string> list;
    for (const auto& [to, notice] : notices) {
      if (to == channel) list.push_back(notice.client_id + " " + std::string(to_string(notice.kind)));
    }
    return list;
  }

 private:
  static Notice notice_of(const DeskEvent& event) {
    using Kind = Notice::Kind;
    Notice notice;
    constexpr Kind kinds[] = {Kind::protected_again, Kind::warning, Kind::contained, Kind::danger, Kind::offline};
    notice.kind = kinds[static_cast<std::size_t>(event.to)];
    if (event.from == event.to) notice.kind = Kind::news;
    if (event.from == State::offline) notice.kind = Kind::back;
    if (!event.from) notice.kind = Kind::connected;
    if (event.moved) notice.kind = Kind::address_changed;
    notice.title = "x";
    notice.client_id = event.subject;
    notice.group = event.group;
    notice.from = event.from;
    notice.to = event.to;
    notice.at = notice.noticed = event.at;
    return notice;
  }

  void run_alarms(double seconds) {
    for (int i = 0; i < 100'000; ++i) {
      const auto alarm = desk_.next_alarm();
      if (!alarm || *alarm > at(seconds)) return;
      transaction(std::max(*alarm, at(now_)), [] {});
    }
    BOOST_FAIL("the desk never comes to rest");
  }

  DeskSettings settings_;
  Care care_;
  Desk desk_;
  double now_ = 0;
};

}  // namespace vpn_sentinel::test

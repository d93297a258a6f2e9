#include "hub/app/rule_commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "hub/alert/channel_config.hpp"
#include "hub/alert/desk_keeper.hpp"
#include "hub/alert/past_changes.hpp"
#include "hub/alert/rule_config.hpp"
#include "hub/app/wish.hpp"
#include "hub/state/group.hpp"
#include "hub/store/sqlite_reader.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

constexpr std::chrono::days usual_range{7};

TimeRange range_of(const RulesWish& wish) {
  const auto to = wished_time(wish.to, "--to", wall_now());
  const auto from = wished_time(wish.from, "--from", to - usual_range);
  if (from >= to) throw FatalError(exit_usage, fmt::format("--from = '{}': expected a time before --to", wish.from));
  return {from, to};
}

std::vector<AlertRule> rules_in_force(const HubConfig& config, StoreReader* reader, const RulesWish& wish) {
  const auto rows = reader != nullptr ? require(reader->kept(KeptKind::rule), exit_no_input) : std::vector<Kept>();
  auto rules = with_api_rules(config.alerts, rows).rules;
  if (wish.rule.empty()) return rules;
  std::erase_if(rules, [&](const AlertRule& rule) { return rule.name != wish.rule; });
  if (rules.empty()) throw FatalError(exit_usage, fmt::format("'{}': there is no rule of that name", wish.rule));
  return rules;
}

/// Who is known, with the group that the newest report names.
std::vector<PastSubject> read_subjects(StoreReader& reader) {
  std::vector<PastSubject> subjects;
  for (const auto& known : require(reader.reliability({{}, {}}), exit_no_input)) {
    PastSubject subject{known.client_id, {}};
    if (known.client_id.starts_with(group_prefix)) {
      subject.group = known.client_id.substr(group_prefix.size());
    } else {
      const auto newest = require(reader.reports({.client_id = known.client_id, .most = 1}), exit_no_input).items;
      if (!newest.empty()) subject.group = newest.front().value("group", "");
    }
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

std::vector<std::string> channels_of(const HubConfig& config) {
  auto names = names_of(config.channels);
  if (names.empty()) names.emplace_back("none");  // what would be told is shown all the same
  return names;
}

void print_rule(const AlertRule& rule) {
  auto object = to_json(rule);
  for (const auto* const shown : {"name", "on", "source"}) object.erase(shown);
  std::string keys;
  for (const auto& [key, value] : object.items()) keys += fmt::format("{}{} = {}", keys.empty() ? "" : ", ", key, value.dump());
  fmt::print("{:<32} {:<15} {:<8} {}\n", rule.name, to_string(rule.on), to_string(rule.source), keys.empty() ? "all clients" : keys);
}

int list_rules(const HubConfig& config, const std::vector<AlertRule>& rules, bool as_json) {
  if (as_json) {
    auto list = json::array();
    for (const auto& rule : rules) list.push_back(to_json(rule));
    fmt::print("{}\n", json{{"rules", std::move(list)}, {"maintenance", file_windows_json(config.alerts)}}.dump(1));
    return 0;
  }
  fmt::print("{:<32} {:<15} {:<8} {}\n", "rule", "on", "source", "what it asks for");
  for (const auto& rule : rules) print_rule(rule);
  for (const auto& window : file_windows_json(config.alerts)) {
    const auto when = window.contains("weekly")
                          ? fmt::format("{} ({})", window["weekly"].get<std::string>(), window["time_zone"].get<std::string>())
                          : fmt::format("{} to {}", window["from"].get<std::string>(), window["to"].get<std::string>());
    fmt::print("maintenance {}: {}\n", window["name"].get<std::string>(), when);
  }
  return 0;
}

void print_run(const AlertRule& rule, const DryRun& run) {
  fmt::print("{}: {} messages{}\n", rule.name, run.messages,
             needs_reports(rule) ? " (it looks at reports or at the hub itself, of which the history of changes knows nothing)" : "");
  for (const auto& message : run.would_have) {
    fmt::print("  {}  {:<24} {:<16} {}\n", utc_text(message.at), message.client_id.empty() ? "several" : message.client_id,
               to_string(message.kind), message.title);
  }
  if (run.messages > run.would_have.size() && run.would_have.size() == DryRun::most_shown) fmt::print("  and more\n");
}

int try_rules(const HubConfig& config, const std::vector<AlertRule>& rules, StoreReader& reader, const RulesWish& wish) {
  const auto range = range_of(wish);
  auto changes = read_past_changes(reader, read_subjects(reader), range);
  if (!changes) throw FatalError(changes.error().kind == Error::Kind::invalid ? exit_usage : exit_no_input, changes.error().message);
  auto list = json::array();
  if (!wish.json) fmt::print("{} to {}: {} changes\n", utc_text(range.from), utc_text(range.to), changes->size());
  for (const auto& rule : rules) {
    const auto run = dry_run(rule, channels_of(config), *changes, range.to);
    if (!wish.json) print_run(rule, run);
    auto object = to_json(run);
    object["rule"] = rule.name;
    object["needs_reports"] = needs_reports(rule);
    list.push_back(std::move(object));
  }
  const json all{{"from", to_rfc3339(range.from)}, {"to", to_rfc3339(range.to)}, {"changes", changes->size()}, {"rules", std::move(list)}};
  if (wish.json) fmt::print("{}\n", all.dump(1));
  return 0;
}

}  // namespace

int rules_command(const HubConfig& config, const RulesWish& wish) {
  const auto database = config.data_dir + "/hub.db";
  std::unique_ptr<StoreReader> reader;
  if (wish.dry_run || ::access(database.c_str(), F_OK) == 0) reader = require(open_reader_of_file(database), exit_no_input);
  const auto rules = rules_in_force(config, reader.get(), wish);
  if (!wish.dry_run && (!wish.from.empty() || !wish.to.empty())) throw FatalError(exit_usage, "--from and --to: expected --dry-run, too");
  return wish.dry_run ? try_rules(config, rules, *reader, wish) : list_rules(config, rules, wish.json);
}

}  // namespace vpn_sentinel

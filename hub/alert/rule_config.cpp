#include "hub/alert/rule_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_reason = 500;
/// Deeper tables than any of this file has.
constexpr int deepest = 8;

tl::unexpected<Error> wrong(const std::string& file, const toml::node& node, std::string_view what, const std::string& problem) {
  return fail(Error::Kind::invalid, fmt::format("{}:{}: {}: {}", file, node.source().begin.line, what, problem));
}

template <typename T>
json text_of(const T& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

json json_of(const toml::node& node, int depth) {
  if (depth > deepest) return nullptr;
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* real = node.as_floating_point()) return real->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* time = node.as_date_time()) return text_of(time->get());
  if (const auto* date = node.as_date()) return text_of(date->get());
  if (const auto* clock = node.as_time()) return text_of(clock->get());
  json list;
  if (const auto* array = node.as_array()) {
    list = json::array();
    for (const auto& each : *array) list.push_back(json_of(each, depth + 1));
  } else if (const auto* table = node.as_table()) {
    list = json::object();
    for (const auto& [key, value] : *table) list[std::string(key.str())] = json_of(value, depth + 1);
  }
  return list;
}

/// Calls `read(table, node)` for each table of the list; nothing when there is no such key.
template <typename Read>
Result<void> each_table(const toml::table& document, const std::string& file, const char* name, Read read) {
  const auto* node = document.get(name);
  if (node == nullptr) return {};
  const auto* list = node->as_array();
  if (list == nullptr || !list->is_homogeneous(toml::node_type::table)) {
    return wrong(file, *node, name, fmt::format("expected tables, each headed [[{}]]", name));
  }
  if (list->size() > most_file_rules)
    return wrong(file, *node, name, fmt::format("{} of them: expected at most {}", list->size(), most_file_rules));
  for (const auto& each : *list) {
    if (auto done = read(each); !done) return done;
  }
  return {};
}

Result<void> add_maintenance(const toml::node& node, const std::string& file, DeskSettings& settings) {
  const auto object = to_json(node);
  RuleFields fields(object);
  const auto name = fields.text("name", longest_name, true);
  const auto clients = fields.texts("clients");
  const auto reason = fields.text("reason", longest_reason);
  const auto weekly = fields.text("weekly", longest_name);
  const auto zone = fields.text("time_zone", longest_name);
  const auto from = fields.text("from", longest_name, weekly.empty());
  const auto to = fields.text("to", longest_name, weekly.empty());
  if (clients.empty()) fields.refuse("clients", "patterns of client ids, or [\"*\"] for all");
  if (!weekly.empty()) {
    const auto clock = parse_clock_zone(zone.empty() ? "local" : zone);
    if (!clock) fields.refuse("time_zone", clock_zone_words);
    const auto time = parse_daily_time(weekly, true, clock.value_or(ClockZone{}));
    if (!time) fields.refuse("weekly", "a weekday and two times as \"Sun 02:00-04:00\"");
    if (!from.empty()) fields.refuse("from", "nothing beside `weekly`");
    if (time) settings.weekly.push_back({name, clients, *time, reason});
  } else {
    const auto begin = parse_rfc3339(from);
    const auto end = parse_rfc3339(to);
    if (!begin) fields.refuse("from", "a time as 2026-11-21T10:15:30Z");
    if (!end || *end <= begin.value_or(WallTime::min())) fields.refuse("to", "a time after `from`");
    if (begin && end) settings.windows.push_back({0, name, clients, *begin, *end, reason, "file"});
  }
  if (auto done = fields.finish(); !done) return wrong(file, node, "[[maintenance]]", done.error().message);
  return {};
}

Result<void> read_report(const toml::table& document, const std::string& file, DeskSettings& settings) {
  const auto* node = document.get("report");
  if (node == nullptr) return {};
  if (!node->is_table()) return wrong(file, *node, "report", "expected one table, headed [report]");
  auto plan = parse_report_plan(to_json(*node));
  if (!plan) return wrong(file, *node, "[report]", plan.error().message);
  settings.report = std::move(*plan);
  return {};
}

}  // namespace

json to_json(const toml::node& node) { return json_of(node, 0); }

json file_windows_json(const DeskSettings& settings) {
  auto list = json::array();
  for (const auto& window : settings.windows) {
    auto object = to_json(window);
    object["id"] = nullptr;
    object["from_file"] = true;
    list.push_back(std::move(object));
  }
  for (const auto& weekly : settings.weekly) {
    list.push_back({{"id", nullptr},
                    {"name", weekly.name},
                    {"clients", weekly.clients},
                    {"from", nullptr},
                    {"to", nullptr},
                    {"weekly", to_string(weekly.time)},
                    {"time_zone", to_string(weekly.time.zone)},
                    {"reason", weekly.reason},
                    {"by", "file"},
                    {"from_file", true}});
  }
  return list;
}

Result<DeskSettings> parse_rules(const toml::table& document, const std::string& file) {
  DeskSettings settings;
  settings.rules.clear();
  auto done = each_table(document, file, "rule", [&](const toml::node& node) -> Result<void> {
    auto rule = parse_rule(to_json(node), AlertRule::Source::file);
    if (!rule) return wrong(file, node, "[[rule]]", rule.error().message);
    const bool twice = std::ranges::find(settings.rules, rule->name, &AlertRule::name) != settings.rules.end();
    if (twice) return wrong(file, node, "[[rule]]", fmt::format("name = \"{}\": expected a name that no other rule has", rule->name));
    settings.rules.push_back(std::move(*rule));
    return {};
  });
  if (done) done = each_table(document, file, "maintenance", [&](const toml::node& node) { return add_maintenance(node, file, settings); });
  if (done) done = read_report(document, file, settings);
  if (!done) return fail(done.error());
  return settings;
}

}  // namespace vpn_sentinel

#include "hub/alert/rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::pair<std::string_view, AlertRule::On>, 9> rule_kinds{{{"state", AlertRule::On::state},
                                                                                {"finding", AlertRule::On::finding},
                                                                                {"group", AlertRule::On::group},
                                                                                {"latency", AlertRule::On::latency},
                                                                                {"dns_mismatch", AlertRule::On::dns_mismatch},
                                                                                {"address_changes", AlertRule::On::address_changes},
                                                                                {"silence", AlertRule::On::silence},
                                                                                {"exposure", AlertRule::On::exposure},
                                                                                {"hub", AlertRule::On::hub}}};
constexpr std::int64_t longest_delay_s = 86'400;
constexpr std::int64_t longest_remind_minutes = 7 * 24 * 60;
constexpr std::int64_t longest_group_wait_s = 3'600;
constexpr std::size_t longest_text = 128;

std::string shown(const json& value) {
  auto text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > longest_text) text = text.substr(0, longest_text) + "…";
  return text;
}

std::string list_of_kinds() {
  std::string list;
  for (const auto& [word, on] : rule_kinds) list += (list.empty() ? "" : ", ") + std::string(word);
  return list;
}

AlertRule::On read_kind(RuleFields& fields) {
  const auto text = fields.text("on", longest_text, true);
  const auto* const found = std::ranges::find(rule_kinds, text, &std::pair<std::string_view, AlertRule::On>::first);
  if (found != rule_kinds.end()) return found->second;
  fields.refuse("on", "one of " + list_of_kinds());
  return AlertRule::On::state;
}

std::vector<State> read_states(RuleFields& fields) {
  std::vector<State> states;
  for (const auto& text : fields.texts("states")) {
    const auto state = parse_state(text);
    if (!state) fields.refuse("states", "a list of secure, warning, contained, danger, offline");
    states.push_back(state.value_or(State::danger));
  }
  return states;
}

std::vector<std::string> read_channels(RuleFields& fields, const char* name) {
  auto channels = fields.texts(name);
  if (!std::ranges::all_of(channels, is_rule_name)) fields.refuse(name, "names of channels: 1-32 of a-z 0-9 -");
  return channels;
}

std::optional<DailyTime> read_quiet(RuleFields& fields) {
  const auto zone = fields.text("time_zone", longest_text);
  const auto text = fields.text("quiet_hours", longest_text);
  const auto parsed_zone = parse_clock_zone(zone.empty() ? "local" : zone);
  if (!parsed_zone) fields.refuse("time_zone", clock_zone_words);
  if (text.empty()) return std::nullopt;
  auto quiet = parse_daily_time(text, false, parsed_zone.value_or(ClockZone{}));
  if (!quiet) fields.refuse("quiet_hours", "two times of the day as 22:00-07:00");
  return quiet;
}

void read_numbers(RuleFields& fields, AlertRule& rule) {
  rule.delay = seconds{fields.number("delay_s", 0, longest_delay_s, 0)};
  rule.clear_delay = seconds{fields.number("clear_delay_s", 0, longest_delay_s, 0)};
  rule.remind = minutes{fields.number("remind_minutes", 0, longest_remind_minutes, 0)};
  rule.escalate_after = minutes{fields.number("escalate_after_minutes", 0, longest_remind_minutes, 0)};
  rule.group_wait = seconds{fields.number("group_wait_s", 0, longest_group_wait_s, 0)};
  rule.count = static_cast<int>(fields.number("count", 1, 1'000, rule.count));
  rule.of = static_cast<int>(fields.number("of", 1, 1'000, rule.of));
  rule.window = minutes{fields.number("window_minutes", 1, longest_remind_minutes, rule.window.count())};
  rule.exposed = seconds{fields.number("exposed_s", 1, 30 * longest_delay_s, rule.exposed.count())};
  rule.deviations = fields.real("deviations", 1, 1'000, rule.deviations);
  if (rule.on == AlertRule::On::dns_mismatch && rule.count > rule.of) fields.refuse("count", "no more than `of`");
}

}  // namespace

RuleFields::RuleFields(const json& object) : object_(object) {
  if (!object.is_object()) problem_ = fmt::format("{}: expected an object", shown(object));
}

const json* RuleFields::find(const char* name) {
  known_.emplace_back(name);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

void RuleFields::refuse(std::string_view name, std::string_view expected) {
  if (!problem_.empty()) return;
  const auto found = object_.is_object() ? object_.find(std::string(name)) : object_.end();
  const bool is_there = object_.is_object() && found != object_.end();
  problem_ = fmt::format("{} = {}: expected {}", name, is_there ? shown(*found) : "nothing", expected);
}

std::string RuleFields::text(const char* name, std::size_t most, bool must) {
  const auto* value = find(name);
  if (value == nullptr && !must) return {};
  const auto* found = value != nullptr ? value->get_ptr<const std::string*>() : nullptr;
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (found != nullptr && !found->empty() && found->size() <= most && std::ranges::none_of(*found, is_control)) return *found;
  refuse(name, fmt::format("a text of 1 to {} bytes", most));
  return {};
}

std::vector<std::string> RuleFields::texts(const char* name) {
  const auto* value = find(name);
  std::vector<std::string> list;
  if (value == nullptr) return list;
  const auto is_short = [](const json& each) {
    return each.is_string() && !each.get_ref<const std::string&>().empty() && each.get_ref<const std::string&>().size() <= longest_text;
  };
  if (!value->is_array() || value->size() > AlertRule::most_names || !std::ranges::all_of(*value, is_short)) {
    refuse(name, fmt::format("a list of at most {} texts of 1 to {} bytes", AlertRule::most_names, longest_text));
    return list;
  }
  for (const auto& each : *value) list.push_back(each.get<std::string>());
  return list;
}

std::int64_t RuleFields::number(const char* name, std::int64_t least, std::int64_t most, std::int64_t usual) {
  const auto* value = find(name);
  if (value == nullptr) return usual;
  const bool fits = value->is_number_integer() && (!value->is_number_unsigned() || value->get<std::uint64_t>() <= INT64_MAX);
  if (fits && value->get<std::int64_t>() >= least && value->get<std::int64_t>() <= most) return value->get<std::int64_t>();
  refuse(name, fmt::format("a whole number from {} to {}", least, most));
  return usual;
}

double RuleFields::real(const char* name, double least, double most, double usual) {
  const auto* value = find(name);
  if (value == nullptr) return usual;
  if (value->is_number() && value->get<double>() >= least && value->get<double>() <= most) return value->get<double>();
  refuse(name, fmt::format("a number from {} to {}", least, most));
  return usual;
}

Result<void> RuleFields::finish() {
  if (problem_.empty()) {
    for (const auto& [name, value] : object_.items()) {
      if (std::ranges::find(known_, name) == known_.end()) {
        problem_ = fmt::format("{} = {}: expected no such field", name.substr(0, longest_text), shown(value));
        break;
      }
    }
  }
  if (problem_.empty()) return {};
  return fail(Error::Kind::invalid, problem_);
}

std::string_view to_string(AlertRule::On on) {
  return std::ranges::find(rule_kinds, on, &std::pair<std::string_view, AlertRule::On>::second)->first;
}

std::string_view to_string(AlertRule::Source source) {
  constexpr std::array<std::string_view, 3> words{"built-in", "file", "api"};
  return words.at(static_cast<std::size_t>(source));
}

json to_json(const AlertRule& rule) {
  static const AlertRule usual;
  json object{{"name", rule.name}, {"on", to_string(rule.on)}, {"source", to_string(rule.source)}};
  for (const auto state : rule.states) object["states"].push_back(to_string(state));
  const auto put = [&object](const char* name, const auto& value, const auto& usual_value) {
    if (value != usual_value) object[name] = value;
  };
  put("findings", rule.findings, usual.findings);
  put("clients", rule.clients, usual.clients);
  put("groups", rule.groups, usual.groups);
  put("channels", rule.channels, usual.channels);
  put("escalate_to", rule.escalate_to, usual.escalate_to);
  put("delay_s", rule.delay.count(), usual.delay.count());
  put("clear_delay_s", rule.clear_delay.count(), usual.clear_delay.count());
  put("remind_minutes", rule.remind.count(), usual.remind.count());
  put("escalate_after_minutes", rule.escalate_after.count(), usual.escalate_after.count());
  put("group_wait_s", rule.group_wait.count(), usual.group_wait.count());
  put("count", rule.count, usual.count);
  put("of", rule.of, usual.of);
  put("window_minutes", rule.window.count(), usual.window.count());
  put("deviations", rule.deviations, usual.deviations);
  put("exposed_s", rule.exposed.count(), usual.exposed.count());
  if (rule.quiet) {
    object["quiet_hours"] = to_string(*rule.quiet);
    object["time_zone"] = to_string(rule.quiet->zone);
  }
  return object;
}

Result<AlertRule> parse_rule(const json& object, AlertRule::Source source) {
  RuleFields fields(object);
  AlertRule rule;
  rule.source = source;
  rule.name = fields.text("name", longest_text, true);
  if (!is_rule_name(rule.name)) fields.refuse("name", "1-32 of a-z 0-9 -");
  rule.on = read_kind(fields);
  rule.states = read_states(fields);
  rule.findings = fields.texts("findings");
  if (rule.on == AlertRule::On::finding && rule.findings.empty())
    fields.refuse("findings", "at least one code, as on = \"finding\" asks for it");
  rule.clients = fields.texts("clients");
  rule.groups = fields.texts("groups");
  rule.channels = read_channels(fields, "channels");
  rule.escalate_to = read_channels(fields, "escalate_to");
  rule.quiet = read_quiet(fields);
  read_numbers(fields, rule);
  if (rule.escalate_to.empty() != (rule.escalate_after.count() == 0))
    fields.refuse("escalate_to", "channels, together with escalate_after_minutes");
  static_cast<void>(fields.text("source", longest_text));  // as to_json() tells it
  return fields.finish().map([&] { return std::move(rule); });
}

const AlertRule& built_in_rule() {
  static const AlertRule rule = [] {
    AlertRule made;
    made.name = "built-in";
    made.source = AlertRule::Source::built_in;
    return made;
  }();
  return rule;
}

bool is_rule_name(std::string_view text) noexcept {
  const auto is_right = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= AlertRule::longest_name && std::ranges::all_of(text, is_right);
}

}  // namespace vpn_sentinel

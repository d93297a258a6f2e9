#include "hub/http/rule_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "hub/alert/past_changes.hpp"
#include "hub/http/account_body.hpp"
#include "hub/http/care_call.hpp"
#include "hub/http/negotiation.hpp"
#include "hub/http/reply.hpp"
#include "hub/http/target.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

constexpr std::size_t most_body = 16 * 1024;

Response invalid(const std::string& problem) { return error_response(400, "Invalid request", problem); }

/// The body as an object; nullopt after it was refused.
std::optional<json> object_of(const Request& request, const Respond& respond) {
  const auto type = request.header("Content-Type");
  if (!equal_ignoring_case(type.substr(0, type.find(';')), "application/json")) {
    respond(error_response(415, "Unsupported media type", "Content-Type: expected application/json"));
    return std::nullopt;
  }
  if (request.body.size() > most_body) {
    respond(error_response(413, "Payload too large", fmt::format("The body may have {} bytes", most_body)));
    return std::nullopt;
  }
  auto object = json::parse(request.body, nullptr, false);
  if (object.is_object()) return object;
  respond(invalid("body: expected a JSON object"));
  return std::nullopt;
}

/// All channels that the rule names.
std::optional<std::string> unknown_channel(const AlertRule& rule, const std::vector<std::string>& channels) {
  for (const auto* list : {&rule.channels, &rule.escalate_to}) {
    for (const auto& name : *list) {
      if (std::ranges::find(channels, name) == channels.end()) return name;
    }
  }
  return std::nullopt;
}

Result<AlertRule> checked_rule(const json& object, const std::vector<std::string>& channels) {
  auto rule = parse_rule(object, AlertRule::Source::api);
  if (!rule) return rule;
  if (const auto unknown = unknown_channel(*rule, channels)) {
    return fail(Error::Kind::invalid, fmt::format("channels = \"{}\": expected the name of a channel", *unknown));
  }
  return rule;
}

class RuleApi {
 public:
  RuleApi(std::shared_ptr<const AccountDoor> door, Engine& engine, RuleDoor rules)
      : door_(std::move(door)), engine_(engine), rules_(std::move(rules)) {}

  void list(const Request& request, Respond respond) const {
    auto rules = json::array();
    for (const auto& rule : rules_.rules()) rules.push_back(vpn_sentinel::to_json(rule));
    negotiated(request, std::move(respond))(json_response(200, {{"rules", std::move(rules)}}));
  }

  void put(const Request& request, std::string_view name, const Respond& respond) const {
    auto object = object_of(request, respond);
    if (!object) return;
    if (!object->contains("name")) (*object)["name"] = name;
    const auto rule = checked_rule(*object, rules_.file().channels);
    if (!rule) return respond(invalid(rule.error().message));
    if (rule->name != name) return respond(invalid(fmt::format("name = \"{}\": expected that of the path", rule->name)));
    auto text = vpn_sentinel::to_json(*rule).dump();
    carry_out(*door_, engine_, request, {RuleOrder{rule->name, std::move(text)}, "rule_changed", rule->name}, respond);
  }

  void remove(const Request& request, std::string_view name, const Respond& respond) const {
    carry_out(*door_, engine_, request,
              {RemoveRuleOrder{std::string(name)}, "rule_removed", std::string(name.substr(0, AlertRule::longest_name))}, respond);
  }

  void try_rule(const Request& request, const Respond& respond) const {
    const auto object = object_of(request, respond);
    if (!object) return;
    for (const auto& [name, value] : object->items()) {
      if (name != "rule" && name != "from" && name != "to") return respond(invalid(name.substr(0, 64) + ": expected no such field"));
    }
    auto channels = rules_.file().channels;
    if (channels.empty()) channels = {"channel"};
    const auto rule = checked_rule(object->value("rule", json()), channels);
    if (!rule) return respond(invalid("rule: " + rule.error().message));
    const auto range = range_of(*object);
    if (!range) return respond(invalid("from, to: expected two times as 2026-11-21T10:15:30Z, the first before the second"));
    ask(*rule, channels, *range, respond);
  }

 private:
  static std::optional<TimeRange> range_of(const json& object) {
    const auto time = [&](const char* name) -> std::optional<WallTime> {
      const auto found = object.find(name);
      if (found == object.end() || !found->is_string()) return std::nullopt;
      const auto parsed = parse_rfc3339(found->get_ref<const std::string&>());
      return parsed ? std::optional(*parsed) : std::nullopt;
    };
    const auto from = time("from");
    const auto to = time("to");
    if (!from || !to || *from >= *to) return std::nullopt;
    return TimeRange{*from, *to};
  }

  void ask(const AlertRule& rule, const std::vector<std::string>& channels, const TimeRange& range, const Respond& respond) const {
    std::vector<PastSubject> clients;
    for (const auto& client : engine_.clients()) clients.push_back({client->client_id, client->last_report.group});
    for (const auto& group : engine_.groups())
      clients.push_back({group->client_id, group->client_id.substr(group->client_id.find(':') + 1)});
    const bool asked = engine_.query([=, clients = std::move(clients)](StoreReader& reader) {
      const auto changes = read_past_changes(reader, clients, range);
      respond(changes ? json_response(200, to_json(dry_run(rule, channels, *changes, range.to))) : care_refusal(changes.error()));
    });
    if (!asked) respond(unavailable_response("Too many questions are waiting", "1"));
  }

  const std::shared_ptr<const AccountDoor> door_;
  Engine& engine_;
  const RuleDoor rules_;
};

}  // namespace

Service rule_service(const std::shared_ptr<const AccountDoor>& door, Engine& engine, const RuleDoor& rules, const std::string& prefix,
                     std::vector<Gate> gates, const Gate& to_read) {
  const auto router = std::make_shared<Router>();
  const auto api = std::make_shared<RuleApi>(door, engine, rules);
  router->add("GET", prefix + "/rules",
              [api](const Request& request, std::string_view, Respond respond) { api->list(request, std::move(respond)); });
  router->add("POST", prefix + "/rules/dry-run",
              [api](const Request& request, std::string_view, const Respond& respond) { api->try_rule(request, respond); });
  router->add("PUT", prefix + "/rules/{name}",
              [api](const Request& request, std::string_view name, const Respond& respond) { api->put(request, name, respond); });
  router->add("DELETE", prefix + "/rules/{name}",
              [api](const Request& request, std::string_view name, const Respond& respond) { api->remove(request, name, respond); });
  gates.push_back(require_role_to_change(door, Role::operator_, to_read));
  return {router, std::move(gates)};
}

}  // namespace vpn_sentinel

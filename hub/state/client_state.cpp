#include "hub/state/client_state.hpp"

#include <algorithm>
#include <array>

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// What a client's record takes over from its last report, as the report spells it.
constexpr std::array copied_keys{"schema", "client_version", "path",       "trigger", "public_ip",   "location", "dns_test",
                                 "tunnel", "exit",           "dns",        "leak",    "kill_switch", "ruleset",  "udp_exit",
                                 "mtu",    "peers",          "latency_ms", "group",   "tags"};

json encode_members(const std::vector<GroupMember>& members) {
  auto list = json::array();
  for (const auto& member : members) {
    list.push_back(
        {{"client_id", member.client_id}, {"state", to_string(member.state)}, {"since", to_rfc3339(member.since)}, {"sees", member.sees}});
  }
  return list;
}

std::string or_word(const std::string& text, std::string_view word) { return text.empty() ? std::string(word) : text; }

bool was_not_looked_at(const Finding& finding) { return finding.code.ends_with("_unverifiable") || finding.code.ends_with("_unverified"); }

/// Python's isoformat(): six digits and "+00:00".
std::string python_time(WallTime time) {
  auto text = to_rfc3339(time);
  text.pop_back();
  return text + "+00:00";
}

}  // namespace

std::string_view to_string(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::connected:
      return "connected";
    case Change::Kind::state_changed:
      return "state_changed";
    case Change::Kind::address_changed:
      return "address_changed";
    case Change::Kind::went_offline:
      return "went_offline";
    case Change::Kind::came_back:
      return "came_back";
  }
  return "state_changed";
}

const std::vector<Finding>& findings_of(const Change& change) {
  return change.past ? change.client.last_report.findings : change.client.findings;
}

std::vector<std::string> codes_that_came(const ClientState& before, const ClientState& after) {
  std::vector<std::string> codes;
  for (const auto& finding : after.findings) {
    if (finding.severity == Severity::information) continue;
    if (after.state > State::warning && finding.severity == Severity::warning && was_not_looked_at(finding)) continue;
    const auto known = std::ranges::find(before.findings, finding.code, &Finding::code);
    if (known == before.findings.end() || known->severity < finding.severity) codes.push_back(finding.code);
  }
  return codes;
}

State believed_state(const Report& report) { return std::max(report.state.value_or(State::warning), state_of(report.findings)); }

std::string_view advice_of(std::string_view code, const json& evidence) {
  const bool by_hub = evidence.is_object() && evidence.contains("seen_by") && evidence["seen_by"] == "hub";
  if (by_hub && code == "exit_is_hub") {
    return "Traffic leaves by the hub's own line: reconnect the VPN. If the hub runs on the VPN server itself, take this address out of "
           "VPN_SENTINEL_SERVER_PUBLIC_ADDRESSES.";
  }
  if (by_hub && code == "exit_is_uplink") {
    return "Reports by the tunnel and beside it reach the hub from one address: reconnect the VPN. If a proxy stands before the hub, name "
           "it "
           "in VPN_SENTINEL_SERVER_TRUSTED_PROXIES; if hub and VPN server are one machine, its addresses do not belong into "
           "VPN_SENTINEL_SERVER_PUBLIC_ADDRESSES.";
  }
  const auto* text = find_text(code);
  return text != nullptr ? text->advice : std::string_view();
}

json to_json(const Finding& finding) {
  json object{{"code", finding.code},
              {"severity", to_string(finding.severity)},
              {"since", to_rfc3339(finding.since)},
              {"evidence", finding.evidence}};
  if (const auto* text = find_text(finding.code)) {
    object["meaning"] = text->meaning;
    object["advice"] = advice_of(finding);
  }
  return object;
}

json to_json(const ClientState& client) {
  json object{{"client_id", client.client_id},
              {"state", to_string(client.state)},
              {"since", to_rfc3339(client.since)},
              {"first_seen", to_rfc3339(client.first_seen)},
              {"last_seen", to_rfc3339(client.last_seen)},
              {"lease_deadline", to_rfc3339(client.lease_deadline)},
              {"source_address", client.source_address},
              {"findings", json::array()}};
  for (const auto& finding : client.findings) object["findings"].push_back(to_json(finding));
  if (client.state_before_offline) object["state_before_offline"] = to_string(*client.state_before_offline);
  const auto report = encode(client.last_report);
  for (const auto* key : copied_keys) {
    if (const auto found = report.find(key); found != report.end()) object[key] = *found;
  }
  if (client.clock_skew) object["clock_skew_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(*client.clock_skew).count();
  if (client.is_group()) {
    object["rule"] = client.rule;
    object["members"] = encode_members(client.members);
  }
  if (client.last_report.timestamp) object["reported_at"] = to_rfc3339(*client.last_report.timestamp);
  return object;
}

json to_status_json(const ClientState& client) {
  const auto& report = client.last_report;
  const auto place = report.location.value_or(LocationReport{});
  const auto country = or_word(place.country, "unknown");
  const auto city = or_word(place.city, "unknown");
  const auto region = or_word(place.region, "unknown");
  return json{{"ip", report.public_ip.value_or("unknown")},
              {"country", country},
              {"city", city},
              {"region", region},
              {"location", city + ", " + region + ", " + country},
              {"provider", or_word(place.org, "unknown")},
              {"timezone", or_word(place.timezone, "unknown")},
              {"dns_loc", or_word(report.dns_location, "Unknown")},
              {"dns_colo", or_word(report.dns_colo, "Unknown")},
              {"client_version", or_word(report.client_version, "Unknown")},
              {"last_seen", python_time(client.last_seen)}};
}

void add_damage(json& object, const Change& change) {
  constexpr std::size_t most_destinations = 5;
  if (change.exposed > std::chrono::microseconds{0}) object["exposed_s"] = static_cast<double>(change.exposed.count()) / 1e6;
  if (!change.leaked || change.leaked->is_unknown()) return;
  auto few = *change.leaked;
  if (few.destinations.size() > most_destinations) few.destinations.resize(most_destinations);
  object["leaked"] = to_json(few);
}

json to_json(const Change& change) {
  json object{{"type", "change"},
              {"kind", to_string(change.kind)},
              {"client_id", change.client_id},
              {"to", to_string(change.to)},
              {"at", to_rfc3339(change.at)},
              {"noticed", to_rfc3339(change.noticed)},
              {"previous_lasted_ms", change.previous_lasted.count()},
              {"client", to_json(change.client)}};
  object["from"] = change.from ? json(to_string(*change.from)) : json(nullptr);
  if (change.past) object["past"] = true;
  if (!change.news.empty()) object["news"] = change.news;
  if (!change.previous_address.empty()) object["previous_address"] = change.previous_address;
  add_damage(object, change);
  return object;
}

}  // namespace vpn_sentinel

#include "hub/state/client_state.hpp"

#include <algorithm>
#include <array>

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// What a client's record takes over from its last report, as the report spells it.
constexpr std::array copied_keys{"schema",   "client_version", "path", "trigger", "public_ip", "location",
                                 "dns_test", "tunnel",         "exit", "dns",     "latency_ms"};

std::string or_word(const std::string& text, std::string_view word) { return text.empty() ? std::string(word) : text; }

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

State believed_state(const Report& report) { return std::max(report.state.value_or(State::warning), state_of(report.findings)); }

json to_json(const Finding& finding) {
  json object{{"code", finding.code},
              {"severity", to_string(finding.severity)},
              {"since", to_rfc3339(finding.since)},
              {"evidence", finding.evidence}};
  if (const auto* text = find_text(finding.code)) {
    object["meaning"] = text->meaning;
    object["advice"] = text->advice;
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
  if (!change.previous_address.empty()) object["previous_address"] = change.previous_address;
  return object;
}

}  // namespace vpn_sentinel

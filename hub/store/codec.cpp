#include "hub/store/codec.hpp"

#include <utility>

#include "hub/store/exposure_codec.hpp"
#include "hub/store/json_writer.hpp"
#include "hub/store/report_text.hpp"
#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// Text that is not UTF-8 must not stop the writer: it is shown with replacement characters.
std::string to_text(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

json encode_finding(const Finding& finding) {
  return {{"code", finding.code},
          {"severity", to_string(finding.severity)},
          {"since", to_rfc3339(finding.since)},
          {"evidence", finding.evidence}};
}

json encode_findings(const std::vector<Finding>& findings) {
  auto list = json::array();
  for (const auto& finding : findings) list.push_back(encode_finding(finding));
  return list;
}

Finding decode_finding(const json& object) {
  Finding finding;
  finding.code = object.at("code").get<std::string>();
  finding.severity = parse_severity(object.at("severity").get<std::string>()).value_or(Severity::warning);
  finding.since = parse_rfc3339(object.at("since").get<std::string>()).value_or(WallTime{});
  finding.evidence = object.at("evidence");
  return finding;
}

std::vector<Finding> decode_findings(const json& list) {
  std::vector<Finding> findings;
  findings.reserve(list.size());
  for (const auto& finding : list) findings.push_back(decode_finding(finding));
  return findings;
}

WallTime decode_time(const json& object, const char* key) { return time_of(object.at(key).get<std::int64_t>()); }

void append_findings(JsonText& out, const std::vector<Finding>& findings) {
  append_list(out, findings, [&out](const Finding& finding) { append(out, finding); });
}

Twin decode_twin(const json& object) {
  Twin twin;
  twin.boot_id = object.at("boot_id").get<std::string>();
  twin.source_address = object.at("source_address").get<std::string>();
  twin.state = parse_state(object.at("state").get<std::string>()).value_or(State::warning);
  twin.findings = decode_findings(object.at("findings"));
  twin.lease_deadline = decode_time(object, "lease_deadline");
  twin.first_noticed = decode_time(object, "first_noticed");
  twin.shown_until = decode_time(object, "shown_until");
  twin.exit = object.at("exit").get<std::string>();
  twin.turns = object.at("turns").get<int>();
  return twin;
}

void append_twin(JsonText& out, const Twin& twin) {
  ObjectWriter object(out);
  object.put("boot_id", twin.boot_id);
  object.put("source_address", twin.source_address);
  object.put("state", to_string(twin.state));
  append_findings(object.key("findings"), twin.findings);
  object.put("lease_deadline", number_of(twin.lease_deadline));
  object.put("first_noticed", number_of(twin.first_noticed));
  object.put("shown_until", number_of(twin.shown_until));
  object.put("exit", twin.exit);
  object.put("turns", twin.turns);
}

Report decode_last_report(const json& object, const std::string& client_id) {
  if (auto report = decode_report(object)) return std::move(*report);
  Report report;
  report.client_id = client_id;
  return report;
}

/// Absent in files of older versions, too.
std::optional<IpAddress> address_of(const json& object, const char* key) {
  const auto address = IpAddress::parse(object.value(key, std::string()));
  return address ? std::optional(*address) : std::nullopt;
}

/// Throws json::exception when a member is missing or has another type.
ClientState decode_client(const json& object) {
  ClientState client;
  client.client_id = object.at("client_id").get<std::string>();
  client.state = parse_state(object.at("state").get<std::string>()).value_or(State::offline);
  client.findings = decode_findings(object.at("findings"));
  client.since = decode_time(object, "since");
  client.first_seen = decode_time(object, "first_seen");
  client.last_seen = decode_time(object, "last_seen");
  client.lease_deadline = decode_time(object, "lease_deadline");
  if (object.contains("state_before_offline")) {
    client.state_before_offline = parse_state(object.at("state_before_offline").get<std::string>());
  }
  client.source_address = object.at("source_address").get<std::string>();
  client.key = object.value("key", std::string());
  if (const auto heard = object.find("heard_after"); heard != object.end()) {
    client.heard_after = std::chrono::microseconds{heard->get<std::int64_t>()};
  }
  client.known_address = object.at("known_address").get<std::string>();
  client.retired_boots = object.at("retired_boots").get<std::vector<std::string>>();
  // Absent where there are none, and in files of older versions.
  if (const auto twins = object.find("twins"); twins != object.end()) {
    for (const auto& twin : *twins) client.twins.push_back(decode_twin(twin));
  }
  client.paths = {address_of(object, "tunnel_path"), address_of(object, "uplink_path"), address_of(object, "shared_path"),
                  address_of(object, "hub_exit")};
  client.rule = object.value("rule", std::string());
  client.last_report = decode_last_report(object.at("last_report"), client.client_id);
  return client;
}

/// Throws json::exception when a member is missing or has another type.
Incident decode_incident(const json& object) {
  Incident incident;
  incident.client_id = object.at("client_id").get<std::string>();
  incident.start = decode_time(object, "start");
  if (!object.at("end").is_null()) incident.end = decode_time(object, "end");
  incident.worst = parse_state(object.at("worst").get<std::string>()).value_or(State::offline);
  incident.state = parse_state(object.at("state").get<std::string>()).value_or(State::offline);
  incident.since = decode_time(object, "since");
  incident.exposed = std::chrono::microseconds{object.at("exposed").get<std::int64_t>()};
  incident.findings = decode_findings(object.at("findings"));
  if (const auto exposure = object.find("exposure"); exposure != object.end()) incident.exposure = decode_exposure(*exposure);
  incident.exposure.gaps = object.value("exposure_gaps", false);
  if (const auto found = object.find("acknowledged"); found != object.end()) incident.acknowledged = parse_acknowledgement(*found);
  return incident;
}

}  // namespace

std::string encode_incident_text(const Incident& incident) {
  return to_text({{"client_id", incident.client_id},
                  {"start", number_of(incident.start)},
                  {"end", incident.end ? json(number_of(*incident.end)) : json(nullptr)},
                  {"worst", to_string(incident.worst)},
                  {"state", to_string(incident.state)},
                  {"since", number_of(incident.since)},
                  {"exposed", incident.exposed.count()},
                  {"findings", encode_findings(incident.findings)},
                  {"exposure", encode_exposure(incident.exposure)},
                  {"exposure_gaps", incident.exposure.gaps},
                  {"acknowledged", to_json(incident.acknowledged)}});
}

Result<Incident> decode_incident_text(std::string_view text) {
  try {
    return decode_incident(json::parse(text));
  } catch (const json::exception& error) {
    return fail(Error::Kind::invalid, error.what());
  }
}

json incident_json(const Incident& incident, WallTime now, std::int64_t comments) {
  auto findings = json::array();
  for (const auto& finding : incident.findings) findings.push_back(to_json(finding));
  const auto exposed = exposed_until(incident, now);
  const auto leaked = total_of(incident.exposure);
  return {{"id", incident.id},
          {"client_id", incident.client_id},
          {"start", to_rfc3339(incident.start)},
          {"end", incident.end ? json(to_rfc3339(*incident.end)) : json(nullptr)},
          {"open", !incident.end.has_value()},
          {"worst", to_string(incident.worst)},
          {"state", to_string(incident.state)},
          {"exposed_s", static_cast<double>(exposed.count()) / 1e6},
          {"leaked", leaked ? to_json(*leaked) : json(nullptr)},
          {"findings", std::move(findings)},
          {"acknowledged", to_json(incident.acknowledged)},
          {"comment_count", comments}};
}

std::string encode_client_text(const ClientState& client) {
  JsonText out;
  {
    ObjectWriter object(out);
    object.put("client_id", client.client_id);
    object.put("state", to_string(client.state));
    append_findings(object.key("findings"), client.findings);
    object.put("since", number_of(client.since));
    object.put("first_seen", number_of(client.first_seen));
    object.put("last_seen", number_of(client.last_seen));
    object.put("lease_deadline", number_of(client.lease_deadline));
    if (client.state_before_offline) object.put("state_before_offline", to_string(*client.state_before_offline));
    object.put("source_address", client.source_address);
    if (!client.key.empty()) object.put("key", client.key);
    if (client.heard_after) object.put("heard_after", client.heard_after->count());
    object.put("known_address", client.known_address);
    append_list(object.key("retired_boots"), client.retired_boots, [&out](const std::string& boot) { append(out, boot); });
    if (!client.twins.empty()) {
      append_list(object.key("twins"), client.twins, [&out](const Twin& twin) { append_twin(out, twin); });
    }
    if (client.paths.tunnel) object.put("tunnel_path", client.paths.tunnel->to_string());
    if (client.paths.uplink) object.put("uplink_path", client.paths.uplink->to_string());
    if (client.paths.shared) object.put("shared_path", client.paths.shared->to_string());
    if (client.paths.hub_exit) object.put("hub_exit", client.paths.hub_exit->to_string());
    if (client.is_group()) object.put("rule", client.rule);
    object.put("last_report", client.last_report);
  }
  return std::move(out).take();
}

Result<ClientState> decode_client_text(std::string_view text) {
  try {
    return decode_client(json::parse(text));
  } catch (const json::exception& error) {
    return fail(Error::Kind::invalid, error.what());
  }
}

std::string encode_change_text(const Change& change) {
  json object{{"at", to_rfc3339(change.at)},
              {"noticed", to_rfc3339(change.noticed)},
              {"kind", to_string(change.kind)},
              {"to", to_string(change.to)},
              {"previous_lasted_ms", change.previous_lasted.count()},
              {"findings", encode_findings(findings_of(change))}};
  object["from"] = change.from ? json(to_string(*change.from)) : json(nullptr);
  if (change.past) object["past"] = true;
  if (!change.news.empty()) object["news"] = change.news;
  if (!change.previous_address.empty()) object["previous_address"] = change.previous_address;
  if (!change.client.known_address.empty()) object["public_ip"] = change.client.known_address;
  add_damage(object, change);
  return to_text(object);
}

json decode_change_text(std::string_view text) {
  auto object = json::parse(text, nullptr, false);
  if (!object.is_object()) return json::object();
  for (auto& finding : object["findings"]) {
    const auto* known = find_text(finding.value("code", ""));
    if (known == nullptr) continue;
    finding["meaning"] = known->meaning;
    finding["advice"] = advice_of(known->code, finding["evidence"]);
  }
  return object;
}

}  // namespace vpn_sentinel

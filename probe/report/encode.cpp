#include "probe/report/report.hpp"

#include <algorithm>

namespace vpn_sentinel {
namespace {

using nlohmann::json;

template <typename T>
void put(json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}

void put(json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

json encode_finding(const Finding& finding) {
  return json{{"code", finding.code},
              {"severity", to_string(finding.severity)},
              {"since", to_rfc3339(finding.since)},
              {"evidence", finding.evidence}};
}

json encode_location(const LocationReport& location) {
  json object = json::object();
  put(object, "country", location.country);
  put(object, "city", location.city);
  put(object, "region", location.region);
  put(object, "org", location.org);
  put(object, "timezone", location.timezone);
  return object;
}

json encode_tunnel(const TunnelReport& tunnel) {
  json object{{"name", tunnel.name}, {"kind", tunnel.kind}, {"up", tunnel.up}};
  if (tunnel.since) object["since"] = to_rfc3339(*tunnel.since);
  put(object, "rx_bytes", tunnel.rx_bytes);
  put(object, "tx_bytes", tunnel.tx_bytes);
  put(object, "handshake_age_s", tunnel.handshake_age_s);
  return object;
}

json encode_exit(const ExitReport& exit) {
  json object{{"v4", nullptr}, {"v6", nullptr}, {"source", exit.source}};
  put(object, "v4", exit.v4);
  put(object, "v6", exit.v6);
  put(object, "asn", exit.asn);
  put(object, "country", exit.country);
  put(object, "sources", exit.sources);
  return object;
}

}  // namespace

std::chrono::microseconds age_when_sent(const Report& report) {
  if (!report.timestamp || !report.sent_at) return {};
  return std::max(std::chrono::microseconds{0}, *report.sent_at - *report.timestamp);
}

json encode(const Report& report) {
  json object{{"schema", report.schema}, {"client_id", report.client_id}, {"status", "alive"}, {"client_version", report.client_version}};
  put(object, "boot_id", report.boot_id);
  put(object, "group", report.group);
  if (report.seq > 0) object["seq"] = report.seq;
  if (report.timestamp) object["timestamp"] = to_rfc3339(*report.timestamp);
  if (report.sent_at) object["sent_at"] = to_rfc3339(*report.sent_at);
  put(object, "dropped", report.dropped);
  put(object, "lease_s", report.lease_s);
  put(object, "path", report.path);
  put(object, "trigger", report.trigger);
  put(object, "public_ip", report.public_ip);
  if (report.location) object["location"] = encode_location(*report.location);
  if (!report.dns_location.empty() || !report.dns_colo.empty()) {
    object["dns_test"] = json{{"location", report.dns_location}, {"colo", report.dns_colo}};
  }
  if (report.state) {
    object["state"] = to_string(*report.state);
    object["findings"] = json::array();
    for (const auto& finding : report.findings) object["findings"].push_back(encode_finding(finding));
  }
  if (report.tunnel) object["tunnel"] = encode_tunnel(*report.tunnel);
  if (report.exit) object["exit"] = encode_exit(*report.exit);
  if (report.dns) {
    object["dns"] = json{{"verdict", report.dns->verdict}, {"reason", report.dns->reason}, {"egress", report.dns->egress}};
    for (const auto& resolver : report.dns->resolvers) {
      object["dns"]["resolvers"].push_back(json{{"address", resolver.address}, {"route", resolver.route}});
    }
  }
  put(object, "latency_ms", report.latency_ms);
  return object;
}

}  // namespace vpn_sentinel

#include "probe/report/put.hpp"
#include "probe/report/report.hpp"

#include <algorithm>

namespace vpn_sentinel {
namespace {

using nlohmann::json;

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

json encode_dns(const DnsReport& dns) {
  json object{{"verdict", dns.verdict}, {"reason", dns.reason}, {"egress", dns.egress}};
  for (const auto& resolver : dns.resolvers) {
    object["resolvers"].push_back(json{{"address", resolver.address}, {"route", resolver.route}});
  }
  return object;
}

json encode_leak(const LeakReport& leak) {
  json object{{"counting", leak.counting}, {"packets", leak.packets}, {"bytes", leak.bytes}};
  put(object, "why", leak.why);
  if (leak.since) object["since"] = to_rfc3339(*leak.since);
  object["dns_packets"] = leak.dns_packets;
  object["v4_packets"] = leak.v4_packets;
  object["v6_packets"] = leak.v6_packets;
  object["endpoint_packets"] = leak.endpoint_packets;
  object["local_packets"] = leak.local_packets;
  if (!leak.destinations.empty()) object["destinations"] = encode(leak.destinations);
  return object;
}

json encode_kill_switch(const KillSwitchReport& kill_switch) {
  json object{{"mode", kill_switch.mode}, {"state", kill_switch.state}, {"stopped_packets", kill_switch.stopped_packets}};
  put(object, "why", kill_switch.why);
  if (kill_switch.since) object["since"] = to_rfc3339(*kill_switch.since);
  return object;
}

json encode_ruleset(const RulesetReport& ruleset) {
  json object{{"verdict", ruleset.verdict}};
  put(object, "changed_by", ruleset.changed_by);
  if (ruleset.changed_at) object["changed_at"] = to_rfc3339(*ruleset.changed_at);
  return object;
}

json encode_udp_exit(const UdpExitReport& udp_exit) {
  json object = json::object();
  put(object, "v4", udp_exit.v4);
  put(object, "v6", udp_exit.v6);
  return object;
}

json encode_listen_port(const ListenPortReport& port) {
  json object{{"port", port.port}, {"told_by", port.told_by}};
  put(object, "connected", port.connected);
  put(object, "unanswered", port.unanswered);
  put(object, "why", port.why);
  return object;
}

json encode_peer(const PeerReport& peer) {
  json object{{"port", peer.port}, {"since_before", peer.since_before}};
  put(object, "from", peer.from);
  put(object, "key", peer.key);
  if (peer.since) object["since"] = to_rfc3339(*peer.since);
  put(object, "rx_bytes", peer.rx_bytes);
  put(object, "tx_bytes", peer.tx_bytes);
  return object;
}

json encode_peers(const PeersReport& peers) {
  json object{{"ports", json::array()}, {"list", json::array()}, {"not_listed", peers.not_listed}};
  put(object, "connected", peers.connected);
  for (const auto& port : peers.ports) object["ports"].push_back(encode_listen_port(port));
  for (const auto& peer : peers.list) object["list"].push_back(encode_peer(peer));
  if (peers.blocked_since) object["blocked_since"] = to_rfc3339(*peers.blocked_since);
  object["blocked_packets"] = peers.blocked_packets;
  object["blocked_lost"] = peers.blocked_lost;
  return object;
}

void encode_network(const Report& report, json& object) {
  if (report.tunnel) object["tunnel"] = encode_tunnel(*report.tunnel);
  if (report.exit) object["exit"] = encode_exit(*report.exit);
  if (report.dns) object["dns"] = encode_dns(*report.dns);
  if (report.leak) object["leak"] = encode_leak(*report.leak);
  if (report.kill_switch) object["kill_switch"] = encode_kill_switch(*report.kill_switch);
  if (report.ruleset) object["ruleset"] = encode_ruleset(*report.ruleset);
  if (report.udp_exit) object["udp_exit"] = encode_udp_exit(*report.udp_exit);
  if (report.peers) object["peers"] = encode_peers(*report.peers);
  if (report.mtu) object["mtu"] = json{{"large_packets", report.mtu->large_packets}};
}

}  // namespace

json encode(const std::vector<LeakDestinationReport>& destinations) {
  auto list = json::array();
  for (const auto& destination : destinations) {
    json object{{"address", destination.address},
                {"protocol", destination.protocol},
                {"packets", destination.packets},
                {"bytes", destination.bytes}};
    put(object, "port", destination.port);
    put(object, "uid", destination.uid);
    list.push_back(std::move(object));
  }
  return list;
}

std::chrono::microseconds age_when_sent(const Report& report) {
  if (!report.timestamp || !report.sent_at) return {};
  return std::max(std::chrono::microseconds{0}, *report.sent_at - *report.timestamp);
}

json encode(const Report& report) {
  json object{{"schema", report.schema}, {"client_id", report.client_id}, {"status", "alive"}, {"client_version", report.client_version}};
  put(object, "boot_id", report.boot_id);
  put(object, "group", report.group);
  if (!report.tags.empty()) object["tags"] = report.tags;
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
  encode_network(report, object);
  put(object, "latency_ms", report.latency_ms);
  return object;
}

}  // namespace vpn_sentinel

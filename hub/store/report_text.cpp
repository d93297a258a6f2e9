#include "hub/store/report_text.hpp"

#include <utility>

#include "hub/store/json_writer.hpp"

namespace vpn_sentinel {

// Static, not in a nameless namespace: ObjectWriter finds them by their types.
// The structured bindings below name every member: a new member does not compile until it is written here, too.

void append(JsonText& out, const Finding& finding) {
  const auto& [code, severity, since, evidence] = finding;
  ObjectWriter object(out);
  object.put("code", code);
  object.put("severity", to_string(severity));
  object.put("since", since);
  append_json(object.key("evidence"), evidence);
}

static void append(JsonText& out, const LocationReport& location) {
  const auto& [country, city, region, org, timezone] = location;
  ObjectWriter object(out);
  object.put_unless_empty("country", country);
  object.put_unless_empty("city", city);
  object.put_unless_empty("region", region);
  object.put_unless_empty("org", org);
  object.put_unless_empty("timezone", timezone);
}

static void append(JsonText& out, const TunnelReport& tunnel) {
  const auto& [name, kind, up, since, rx_bytes, tx_bytes, handshake_age_s] = tunnel;
  ObjectWriter object(out);
  object.put("name", name);
  object.put("kind", kind);
  object.put("up", up);
  object.put("since", since);
  object.put("rx_bytes", rx_bytes);
  object.put("tx_bytes", tx_bytes);
  object.put("handshake_age_s", handshake_age_s);
}

static void append(JsonText& out, const ExitReport& exit) {
  const auto& [v4, v6, asn, country, source, sources] = exit;
  ObjectWriter object(out);
  if (v4) object.put("v4", *v4);
  if (!v4) object.key("v4") += "null";
  if (v6) object.put("v6", *v6);
  if (!v6) object.key("v6") += "null";
  object.put("asn", asn);
  object.put("country", country);
  object.put("source", source);
  object.put("sources", sources);
}

static void append(JsonText& out, const DnsReport& dns) {
  const auto& [verdict, reason, egress, resolvers] = dns;
  ObjectWriter object(out);
  object.put("verdict", verdict);
  object.put("reason", reason);
  append_list(object.key("egress"), egress, [&out](const std::string& address) { append(out, address); });
  if (resolvers.empty()) return;
  append_list(object.key("resolvers"), resolvers, [&out](const ResolverReport& resolver) {
    const auto& [address, route] = resolver;
    ObjectWriter item(out);
    item.put("address", address);
    item.put("route", route);
  });
}

static void append(JsonText& out, const LeakDestinationReport& destination) {
  const auto& [address, protocol, port, uid, packets, bytes] = destination;
  ObjectWriter object(out);
  object.put("address", address);
  object.put("protocol", protocol);
  object.put("port", port);
  object.put("uid", uid);
  object.put("packets", packets);
  object.put("bytes", bytes);
}

static void append(JsonText& out, const LeakReport& leak) {
  const auto& [counting, why, since, packets, bytes, dns_packets, v4_packets, v6_packets, endpoint_packets, local_packets, destinations] =
      leak;
  ObjectWriter object(out);
  object.put("counting", counting);
  object.put_unless_empty("why", why);
  object.put("since", since);
  object.put("packets", packets);
  object.put("bytes", bytes);
  object.put("dns_packets", dns_packets);
  object.put("v4_packets", v4_packets);
  object.put("v6_packets", v6_packets);
  object.put("endpoint_packets", endpoint_packets);
  object.put("local_packets", local_packets);
  if (destinations.empty()) return;
  append_list(object.key("destinations"), destinations, [&out](const LeakDestinationReport& destination) { append(out, destination); });
}

static void append(JsonText& out, const KillSwitchReport& kill_switch) {
  const auto& [mode, state, why, since, stopped_packets] = kill_switch;
  ObjectWriter object(out);
  object.put("mode", mode);
  object.put("state", state);
  object.put_unless_empty("why", why);
  object.put("since", since);
  object.put("stopped_packets", stopped_packets);
}

static void append(JsonText& out, const RulesetReport& ruleset) {
  const auto& [verdict, changed_by, changed_at] = ruleset;
  ObjectWriter object(out);
  object.put("verdict", verdict);
  object.put_unless_empty("changed_by", changed_by);
  object.put("changed_at", changed_at);
}

static void append(JsonText& out, const UdpExitReport& udp_exit) {
  const auto& [v4, v6] = udp_exit;
  ObjectWriter object(out);
  object.put("v4", v4);
  object.put("v6", v6);
}

static void append(JsonText& out, const MtuReport& mtu) {
  const auto& [large_packets] = mtu;
  ObjectWriter object(out);
  object.put("large_packets", large_packets);
}

static void append(JsonText& out, const PeersReport& peers) {
  const auto& [connected, ports, list, not_listed, blocked_since, blocked_packets, blocked_lost] = peers;
  ObjectWriter object(out);
  object.put("connected", connected);
  append_list(object.key("ports"), ports, [&out](const ListenPortReport& entry) {
    const auto& [port, told_by, connected_to_it, unanswered, why] = entry;
    ObjectWriter item(out);
    item.put("port", port);
    item.put("told_by", told_by);
    item.put("connected", connected_to_it);
    item.put("unanswered", unanswered);
    item.put_unless_empty("why", why);
  });
  append_list(object.key("list"), list, [&out](const PeerReport& peer) {
    const auto& [port, from, key, since, since_before, rx_bytes, tx_bytes] = peer;
    ObjectWriter item(out);
    item.put("port", port);
    item.put_unless_empty("from", from);
    item.put_unless_empty("key", key);
    item.put("since", since);
    item.put("since_before", since_before);
    item.put("rx_bytes", rx_bytes);
    item.put("tx_bytes", tx_bytes);
  });
  object.put("not_listed", not_listed);
  object.put("blocked_since", blocked_since);
  object.put("blocked_packets", blocked_packets);
  object.put("blocked_lost", blocked_lost);
}

static void append_dns_test(JsonText& out, const std::string& location, const std::string& colo) {
  ObjectWriter object(out);
  object.put("location", location);
  object.put("colo", colo);
}

void append(JsonText& out, const Report& report) {
  const auto& [schema, client_id, boot_id, seq, timestamp, sent_at, group, tags, client_version, dropped, lease_s, path, trigger, public_ip,
               location, dns_location, dns_colo, state, findings, tunnel, exit, dns, leak, kill_switch, ruleset, udp_exit, mtu, peers,
               latency_ms] = report;
  ObjectWriter object(out);
  object.put("schema", schema);
  object.put("client_id", client_id);
  object.put("status", std::string_view("alive"));
  object.put("client_version", client_version);
  object.put_unless_empty("boot_id", boot_id);
  if (seq > 0) object.put("seq", seq);
  object.put("timestamp", timestamp);
  object.put("sent_at", sent_at);
  object.put_unless_empty("group", group);
  if (!tags.empty()) append_list(object.key("tags"), tags, [&out](const std::string& tag) { append(out, tag); });
  object.put("dropped", dropped);
  object.put("lease_s", lease_s);
  object.put_unless_empty("path", path);
  object.put_unless_empty("trigger", trigger);
  object.put("public_ip", public_ip);
  object.put("location", location);
  if (!dns_location.empty() || !dns_colo.empty()) append_dns_test(object.key("dns_test"), dns_location, dns_colo);
  if (state) {
    object.put("state", to_string(*state));
    append_list(object.key("findings"), findings, [&out](const Finding& finding) { append(out, finding); });
  }
  object.put("tunnel", tunnel);
  object.put("exit", exit);
  object.put("dns", dns);
  object.put("leak", leak);
  object.put("kill_switch", kill_switch);
  object.put("ruleset", ruleset);
  object.put("udp_exit", udp_exit);
  object.put("mtu", mtu);
  object.put("peers", peers);
  object.put("latency_ms", latency_ms);
}

std::string report_text(const Report& report) {
  JsonText out;
  append(out, report);
  return std::move(out).take();
}

}  // namespace vpn_sentinel

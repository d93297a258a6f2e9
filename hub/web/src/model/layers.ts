// The layers of protection, one by one: what was found in each, and whether anybody could look. Pure. "Good" needs evidence: a layer of
// which nothing is known is never good.

import { tellers } from "./layer_facts";
import type { Client, Finding } from "./types";
import { byGravity } from "./words";

export type Status = "good" | "danger" | "contained" | "warning" | "unknown" | "note" | "none";

export interface Told {
  status: Status;
  fact: string;
  details: string[];
}

export interface Layer extends Told {
  name: string;
  findings: Finding[];
}

/** Which layer a finding belongs to. What is not listed (a later probe's word) goes to "Other". */
export const layerCodes: Record<string, string[]> = {
  Tunnel: [
    "tunnel_missing",
    "tunnel_down",
    "tunnel_no_address",
    "tunnel_not_routed",
    "tunnel_replaced",
    "uplink_lost",
    "namespace_gone",
    "namespace_abandoned",
    "flapping",
  ],
  Routes: [
    "default_route_outside",
    "ipv6_outside",
    "route_injected",
    "route_captures_local",
    "local_network_public",
    "endpoint_route_misused",
    "rule_changed",
    "baseline_drift",
    "routes_sampled",
    "routes_unverifiable",
    "routes_not_seen",
  ],
  "Exit IPv4": [
    "exit_is_uplink",
    "exit_is_hub",
    "hub_at_exit",
    "exit_unexpected",
    "uplink_unknown",
    "exit_changed",
    "exit_disagrees",
    "exit_unverifiable",
    "exit_family_silent",
    "exit_not_compared",
    "exit_near_uplink",
    "exit_few_sources",
    "exit_not_located",
  ],
  "Exit IPv6": [],
  DNS: ["dns_unverifiable", "dns_resolver_outside", "dns_egress_is_uplink", "dns_path_differs", "dns_answers_differ"],
  "UDP and packet sizes": ["udp_exit_outside", "udp_unverifiable", "mtu_blackhole", "latency_dropped", "latency_changed"],
  Counters: ["packets_outside", "dns_packets_outside", "packets_unjudged", "packets_uncounted"],
  "Kill switch": [
    "kill_switch_not_holding",
    "kill_switch_failed",
    "kill_switch_disarmed",
    "kill_switch_unasked",
    "kill_switch_no_server",
    "kill_switch_incomplete",
    "kill_switch_absent",
    "kill_switch_changed",
  ],
  Liveness: ["tunnel_stalled", "tunnel_unverified", "handshake_stale", "lease_expired", "probe_stopped"],
  Programs: ["process_outside", "connections_closed"],
  "Hub and group": ["hub_cannot_store", "group_disagrees", "group_witness_lost", "group_incomplete", "duplicate_client_id", "clock_skewed"],
  Other: [],
};

/** Findings that say that somebody could not look, or not everywhere. */
export const blindCodes = new Set([
  "namespace_gone",
  "routes_sampled",
  "routes_unverifiable",
  "routes_not_seen",
  "uplink_unknown",
  "exit_unverifiable",
  "exit_family_silent",
  "exit_not_compared",
  "exit_few_sources",
  "exit_not_located",
  "dns_unverifiable",
  "udp_unverifiable",
  "packets_unjudged",
  "packets_uncounted",
  "kill_switch_failed",
  "tunnel_unverified",
  "lease_expired",
  "probe_stopped",
  "group_witness_lost",
  "group_incomplete",
]);

const layerOfCode = new Map(Object.entries(layerCodes).flatMap(([layer, codes]) => codes.map((code) => [code, layer])));

/** Of the exit the evidence names the families; without one it is about both. */
function layersOf(finding: Finding): string[] {
  const layer = layerOfCode.get(finding.code) ?? "Other";
  if (layer !== "Exit IPv4") return [layer];
  const v4 = "v4" in finding.evidence || finding.evidence.family === "v4";
  const v6 = "v6" in finding.evidence || finding.evidence.family === "v6";
  if (v4 === v6) return ["Exit IPv4", "Exit IPv6"];
  return [v4 ? "Exit IPv4" : "Exit IPv6"];
}

const statusOfSeverity: Record<string, Status> = { danger: "danger", contained: "contained", warning: "warning", information: "note" };
const gravity: Status[] = ["none", "good", "note", "unknown", "warning", "contained", "danger"];
const worse = (a: Status, b: Status): Status => (gravity.indexOf(a) >= gravity.indexOf(b) ? a : b);

function statusOf(finding: Finding): Status {
  if (blindCodes.has(finding.code) && finding.severity !== "danger") return "unknown";
  return statusOfSeverity[finding.severity] ?? "unknown";
}

/** Blue promises that nothing can leave: a tunnel that is down while something can is red, and one of several that are down is yellow. */
function promised(status: Status, client: Client): Status {
  if (status !== "contained" || client.state === "contained") return status;
  return client.state === "danger" ? "danger" : "warning";
}

// What these say was seen through the tunnel.
const throughTunnel = new Set(["Exit IPv4", "Exit IPv6", "DNS", "UDP and packet sizes", "Liveness"]);

/** What was seen through a tunnel that is down now proves nothing any more. */
function toldBy(name: string, client: Client): Told {
  const told = tellers[name]?.(client) ?? { status: "none", fact: "", details: [] };
  const proof = told.status !== "good" || client.tunnel?.up !== false || !throughTunnel.has(name);
  return proof ? told : { ...told, status: "unknown", fact: `Before the tunnel went down: ${told.fact}` };
}

function layer(name: string, client: Client): Layer {
  const findings = byGravity(client.findings.filter((finding) => layersOf(finding).includes(name)));
  const told = toldBy(name, client);
  return { ...told, name, findings, status: promised(findings.map(statusOf).reduce(worse, told.status), client) };
}

/** `current`: the client's report is in time and the page is live. Otherwise everything is what was known once, and no layer is good. */
export function layersOfClient(client: Client, current: boolean): Layer[] {
  const layers = Object.keys(layerCodes).map((name) => layer(name, client));
  const shown = layers.filter((each) => (each.name !== "Other" && each.name !== "Hub and group") || each.findings.length > 0);
  return current
    ? shown
    : shown.map((each) => ({ ...each, status: each.status === "good" || each.status === "none" ? "unknown" : each.status }));
}

export const statusWords: Record<Status, string> = {
  good: "Good",
  danger: "Danger",
  contained: "Contained",
  warning: "Warning",
  unknown: "Could not look",
  note: "For information",
  none: "Nothing told",
};

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { blindCodes, layerCodes, layersOfClient } from "../../../hub/web/src/model/layers";
import { client } from "./client.mjs";

const now = Date.parse("2026-11-21T10:00:00Z");
const finding = (code, severity, evidence = {}) => ({ code, severity, since: new Date(now).toISOString(), evidence });
const well = {
  schema: 2,
  path: "tunnel",
  tunnel: { name: "wg0", kind: "wireguard", up: true, handshake_age_s: 20 },
  exit: { v4: "198.51.100.2", v6: null },
  dns: { verdict: "no_leak", reason: "EGRESS_IS_EXIT" },
  leak: { counting: true, packets: 0, bytes: 0 },
  kill_switch: { mode: "armed", state: "armed" },
  udp_exit: { v4: "198.51.100.2" },
  mtu: { large_packets: "ok" },
  latency_ms: 12,
};
const layers = (more = {}, current = true) =>
  Object.fromEntries(layersOfClient(client("a", now, more), current).map((layer) => [layer.name, layer]));

test("every code of the finding table has a layer, and no layer has a code that is not there", () => {
  const source = readFileSync(process.env.FINDING_TABLE, "utf8");
  const codes = [...source.matchAll(/FindingText\{\s*"([a-z0-9_]+)"/g)].map((found) => found[1]).sort();
  assert.ok(codes.length > 60);
  assert.deepEqual(Object.values(layerCodes).flat().sort(), codes);
  for (const code of blindCodes) assert.ok(codes.includes(code), code);
});

test("a layer is good only with evidence", () => {
  const good = Object.values(layers(well))
    .filter((layer) => layer.status === "good")
    .map((layer) => layer.name);
  assert.deepEqual(good, [
    "Tunnel",
    "Routes",
    "Exit IPv4",
    "DNS",
    "UDP and packet sizes",
    "Counters",
    "Kill switch",
    "Liveness",
    "Programs",
  ]);
  for (const layer of Object.values(layers({}))) assert.notEqual(layer.status, "good", layer.name);
});

test("nothing is good while nobody knows what is true now", () => {
  for (const layer of Object.values(layers(well, false)))
    assert.ok(["unknown", "note"].includes(layer.status), `${layer.name}: ${layer.status}`);
});

test("what could not be looked at is told as such, also where it is information only", () => {
  const blind = layers({
    ...well,
    findings: [finding("dns_unverifiable", "warning"), finding("packets_uncounted", "information")],
    leak: { counting: false, why: "no right" },
  });
  assert.equal(blind.DNS.status, "unknown");
  assert.equal(blind.Counters.status, "unknown");
  assert.deepEqual(blind.Counters.details, ["no right"]);
  const unjudged = layers({ ...well, findings: [finding("packets_unjudged", "warning")] });
  assert.equal(unjudged.Counters.status, "unknown");
});

test("a finding beats what the report says besides", () => {
  const leaking = layers({
    ...well,
    state: "danger",
    findings: [finding("packets_outside", "danger"), finding("dns_resolver_outside", "warning")],
  });
  assert.equal(leaking.Counters.status, "danger");
  assert.equal(leaking.DNS.status, "warning");
});

test("blue is shown only where nothing can leave", () => {
  const down = { ...well, tunnel: { ...well.tunnel, up: false }, findings: [finding("tunnel_down", "contained")] };
  assert.equal(layers({ ...down, state: "contained" }).Tunnel.status, "contained");
  assert.equal(layers({ ...down, state: "danger" }).Tunnel.status, "danger");
  assert.equal(layers({ ...down, state: "warning" }).Tunnel.status, "warning");
});

test("what was seen through a tunnel that is down now proves nothing", () => {
  const down = layers({ ...well, state: "danger", tunnel: { ...well.tunnel, up: false } });
  for (const name of ["Exit IPv4", "DNS", "UDP and packet sizes", "Liveness"]) assert.equal(down[name].status, "unknown", name);
});

test("an exit's finding stands at the family that its evidence names, or at both", () => {
  const v6 = layers({ ...well, findings: [finding("exit_unexpected", "warning", { v6: { address: "2001:db8::1" } })] });
  assert.deepEqual([v6["Exit IPv4"].status, v6["Exit IPv6"].status], ["good", "warning"]);
  const both = layers({ ...well, findings: [finding("exit_unverifiable", "warning")] });
  assert.deepEqual([both["Exit IPv4"].status, both["Exit IPv6"].status], ["unknown", "unknown"]);
});

test("a code of a later probe is shown among the others, and is not good", () => {
  const later = layers({ ...well, findings: [finding("quantum_outside", "danger")] });
  assert.equal(later.Other.status, "danger");
  assert.equal(layers(well).Other, undefined);
});

test("a client of the Python original proves no routes", () => {
  const python = layers({ schema: 1, public_ip: "198.51.100.2" });
  assert.equal(python.Routes.status, "unknown");
  assert.equal(python.Tunnel.status, "unknown");
});

test("a kill switch that is off though it was asked for is a warning, one that nobody asked for is none", () => {
  assert.equal(layers({ ...well, kill_switch: { mode: "armed", state: "off" } })["Kill switch"].status, "warning");
  assert.equal(layers({ ...well, kill_switch: { mode: "off", state: "off" } })["Kill switch"].status, "none");
  assert.equal(layers({ ...well, kill_switch: { mode: "armed", state: "unproven" } })["Kill switch"].status, "unknown");
});

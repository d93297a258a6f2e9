import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { client, openBrowser, page } from "./fake_page.mjs";

const { Row } = await import(page("rows.js"));

let now;
let row;

beforeEach(() => {
  now = openBrowser().clock.now;
  row = new Row();
});

const cell = (name) => row.node.all.find((node) => node.dataset.label === name);
const evil = `<img src=x onerror="alert(1)"><script>alert(2)</script>&lt;b&gt;`;

test("whatever a client says is shown as text and becomes no element", () => {
  row.show(client(evil, now, {
    client_version: evil, public_ip: evil, state: evil,
    location: { city: evil, region: evil, country: evil, org: evil },
    exit: { v4: evil, v6: evil, country: evil },
    dns: { verdict: evil, reason: evil }, dns_test: { location: evil, colo: evil },
    tunnel: { name: evil, kind: evil, up: true },
    leak: { counting: true, since: evil, packets: 1, destinations: [{ address: evil, protocol: evil, port: evil, uid: evil, packets: evil, bytes: evil }] },
    ruleset: { verdict: evil, changed_by: evil, changed_at: evil },
    udp_exit: { v4: evil, v6: evil }, mtu: { large_packets: evil },
    kill_switch: { mode: evil, state: evil, why: evil, stopped_packets: 1 },
    findings: [{ code: evil, severity: evil, meaning: evil, advice: evil, evidence: { [evil]: evil, list: [evil], deep: { [evil]: evil } } }],
  }));
  row.tick(now, false);
  const tags = new Set(row.node.all.map((node) => node.tag));
  for (const tag of tags) assert.ok(["th", "td", "span", "details", "summary", "p", "dl", "dt", "dd"].includes(tag), tag);
  assert.equal(cell("Client").textContent, evil);
  assert.equal(cell("Findings").querySelector("summary").textContent, evil);
  assert.equal(cell("Findings").querySelector("dd").textContent, evil);
  for (const name of ["State", "Exit", "DNS", "Left outside", "Tunnel", "Version"]) assert.ok(cell(name).textContent.includes(evil), name);
});

test("an unknown finding without a sentence shows its code as words", () => {
  row.show(client("a", now, { findings: [{ code: "dns_egress_outside", severity: "danger" }] }));
  assert.equal(cell("Findings").querySelector("summary").textContent, "DNS egress outside");
});

test("a row whose report is overdue loses its colour until the next report", () => {
  row.show(client("a", now));
  row.tick(now, false);
  assert.equal(row.node.dataset.state, "secure");
  assert.equal(cell("State").textContent, "✓Secure");
  row.tick(now + 40_000, true);
  assert.equal(row.node.dataset.state, "overdue");
  assert.equal(cell("State").textContent, "?Overdue");
  assert.equal(cell("State").querySelector("span").dataset.state, "overdue");
  row.show(client("a", now + 41_000));
  row.tick(now + 41_000, false);
  assert.equal(row.node.dataset.state, "secure");
});

test("a state of a newer hub is shown as it is and never as green", () => {
  row.show(client("a", now, { state: "excellent" }));
  row.tick(now, false);
  assert.equal(cell("State").textContent, "?excellent");
  assert.equal(row.node.dataset.state, "excellent");
});

test("a group is shown by its own name, as a group, with what its probes see", () => {
  const members = [{ client_id: "a", state: "secure", sees: true }, { client_id: "b", state: "offline", sees: false }];
  row.show(client("group:office", now, { rule: "quorum:2", members }));
  const shown = cell("Client");
  assert.equal(shown.querySelector("span").textContent, "office");
  assert.ok(shown.textContent.startsWith("office group"), shown.textContent);
  assert.ok(shown.textContent.includes("Rule: quorum:2"));
  assert.ok(shown.textContent.includes("a: Secure"));
  assert.ok(shown.textContent.includes("b: Offline (cannot see)"));
  row.show(client("office", now));
  assert.equal(shown.textContent, "office");
});

test("times go on without a report", () => {
  row.show(client("a", now));
  row.tick(now + 65_000, false);
  assert.equal(cell("For").textContent, "1 min 5 s");
  assert.equal(cell("Last seen").textContent, "1 min 5 s ago");
  row.tick(now - 5_000, false);
  assert.equal(cell("Last seen").textContent, "now");
});

test("a finding that somebody reads stays open while reports come in", () => {
  const finding = { code: "tunnel_stalled", severity: "warning", meaning: "m", advice: "a", evidence: {} };
  row.show(client("a", now, { findings: [finding] }));
  const details = cell("Findings").querySelector("details");
  details.open = true;
  row.show(client("a", now + 1000, { findings: [finding] }));
  assert.equal(cell("Findings").querySelector("details"), details);
  row.show(client("a", now + 2000, { findings: [finding, { ...finding, code: "dns_unverifiable" }] }));
  assert.deepEqual(cell("Findings").querySelectorAll("details").map((node) => node.open), [true, false]);
  row.show(client("a", now + 3000));
  assert.equal(cell("Findings").textContent, "None");
});

const leak = {
  counting: true, since: "2026-11-21T10:00:00Z", packets: 8, bytes: 1540, dns_packets: 7, v4_packets: 1,
  destinations: [
    { address: "203.0.113.53", protocol: "udp", port: 53, uid: 1000, packets: 7, bytes: 1440 },
    { address: "203.0.113.9", protocol: "47", packets: 1, bytes: 100 },
  ],
};

test("what left outside is told with how much, where to and who", () => {
  row.show(client("a", now, { state: "danger", leak }));
  const details = cell("Left outside").querySelector("details");
  assert.equal(details.querySelector("summary").textContent, "8 packets (1.5 kB)");
  assert.deepEqual(details.querySelectorAll("p").map((node) => node.textContent), [
    "DNS 7, IPv4 1", "Counted since 2026-11-21 10:00 UTC", "203.0.113.53 UDP 53: 7 packets (1.4 kB), uid 1000",
    "203.0.113.9 protocol 47: 1 packet (100 bytes)"]);
  details.open = true;
  row.show(client("a", now + 1000, { state: "danger", leak: { ...leak, packets: 9 } }));
  assert.equal(cell("Left outside").querySelector("details").open, true);
});

test("nothing that left, nothing that is counted and nobody who looks are three things", () => {
  row.show(client("a", now, { leak: { counting: true, since: "2026-11-21T10:00:00Z", packets: 0, bytes: 0 } }));
  assert.equal(cell("Left outside").querySelector("summary").textContent, "Nothing");
  row.show(client("a", now, { leak: { counting: false, packets: 0, bytes: 0, why: "CAP_NET_ADMIN is needed" } }));
  assert.equal(cell("Left outside").querySelector("summary").textContent, "Not counted");
  assert.ok(cell("Left outside").textContent.includes("CAP_NET_ADMIN is needed"));
  row.show(client("a", now));
  assert.equal(cell("Left outside").textContent, "–");
});

test("a kill switch is told by what it does, and contained by it is told as such", () => {
  const show = (state, kill_switch) => {
    row.show(client("a", now, { state, kill_switch }));
    row.tick(now, false);
    return cell("Left outside").textContent;
  };
  assert.equal(show("contained", { mode: "armed", state: "armed", stopped_packets: 12 }), "Kill switch holds, 12 packets stopped");
  assert.equal(cell("State").textContent, "■Containedby the kill switch");
  assert.equal(show("contained", { mode: "armed", state: "unproven", why: "a canary left" }), "Kill switch not proved: a canary left");
  assert.equal(cell("State").textContent, "■Contained");
  assert.equal(show("secure", { mode: "armed", state: "off" }), "Kill switch is off");
  assert.equal(show("secure", { mode: "off", state: "off" }), "–");
  assert.equal(show("secure", { mode: "armed", state: "of the future" }), "Kill switch: of the future");
});

test("what the rules do, who changed them and by which way UDP leaves is told", () => {
  row.show(client("a", now, {
    exit: { v4: "198.51.100.2" }, udp_exit: { v4: "203.0.113.9" }, mtu: { large_packets: "lost_answers" },
    kill_switch: { mode: "armed", state: "changed" },
    ruleset: { verdict: "lets_out", changed_by: "nft (pid 4242)", changed_at: "2026-11-21T10:00:00Z" },
  }));
  assert.ok(cell("Left outside").textContent.includes("Rules let packets out, changed by nft (pid 4242) at 2026-11-21 10:00 UTC"));
  assert.ok(cell("Tunnel").textContent.includes("UDP leaves by 203.0.113.9"));
  assert.ok(cell("Tunnel").textContent.includes("Large answers are lost"));
  row.show(client("a", now, { exit: { v4: "198.51.100.2" }, udp_exit: { v4: "198.51.100.2" }, mtu: { large_packets: "ok" }, ruleset: { verdict: "holds" } }));
  assert.ok(!cell("Tunnel").textContent.includes("UDP"));
  assert.equal(cell("Left outside").textContent, "Rules hold");
});

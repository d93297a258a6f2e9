import assert from "node:assert/strict";
import { test } from "node:test";

import { bow, bytesUnknown, drawnArcs, openedOverTime, ratesOverTime, unwrapped, wayOf } from "../../../hub/web/src/model/flows";
import { clientAddress, incidentAddress, placeOf } from "../../../hub/web/src/model/place";
import { ago, byteText, duration } from "../../../hub/web/src/model/times";
import { byGravity, codeText, dnsLight, flag, leakedText, placeText, stateText } from "../../../hub/web/src/model/words";

test("durations have their two largest units", () => {
  assert.deepEqual([0, 999, 61_000, 3_723_000, 90_061_000].map(duration), ["0 s", "0 s", "1 min 1 s", "1 h 2 min", "1 d 1 h"]);
  assert.equal(ago(-5000), "now");
});

test("bytes are written for people", () => {
  assert.deepEqual([0, 1, 999, 1000, 9949, 12_345, 999_499, 999_500, 5e9].map(byteText), [
    "0 bytes",
    "1 byte",
    "999 bytes",
    "1.0 kB",
    "9.9 kB",
    "12 kB",
    "999 kB",
    "1.0 MB",
    "5.0 GB",
  ]);
});

test("a state that is not known is shown as it is and never as secure", () => {
  assert.equal(stateText("of_a_later_version").word, "of_a_later_version");
  for (const word of ["toString", "__proto__", "constructor", "", null]) assert.equal(stateText(word).sign, "?", String(word));
});

test("codes become words", () => {
  assert.equal(codeText("dns_egress_is_uplink"), "DNS egress is uplink");
  assert.equal(codeText("ipv6_outside"), "IPv6 outside");
});

test("only what was verified is a good DNS light", () => {
  const how = (dns) => dnsLight({ dns }).how;
  assert.deepEqual(
    [how({ verdict: "no_leak" }), how({ verdict: "leak" }), how({ verdict: "unverifiable" }), how({ verdict: "later" }), how(undefined)],
    ["good", "bad", "unknown", "unknown", "none"],
  );
  assert.equal(how({ verdict: "no_leak", reason: "PORT_53_PATH_ONLY" }), "unknown");
  assert.equal(dnsLight({ dns: { verdict: "no_leak" }, tunnel: { name: "wg0", kind: "wireguard", up: false } }).how, "unknown");
});

test("what nobody counted is not nothing", () => {
  assert.match(leakedText(null), /Not known/);
  assert.match(leakedText({ packets: 0, bytes: 0, destinations: [], at_least: true }), /not all the time/);
  assert.equal(leakedText({ packets: 0, bytes: 0, destinations: [] }), "Nothing");
  assert.equal(leakedText({ packets: 2, bytes: 3000, destinations: [], at_least: true }), "At least 2 packets (3.0 kB)");
});

test("only two letters are a country", () => {
  assert.equal(flag("ro"), "\u{1f1f7}\u{1f1f4}");
  for (const word of ["", "ROU", "<b", "1"]) assert.equal(flag(word), "");
  assert.equal(placeText({ location: { city: "Bucharest", country: "RO" } }), "Bucharest, Romania");
  assert.equal(placeText({ location: { country: "<script>" } }), "<script>");
});

test("the gravest finding comes first", () => {
  const findings = ["information", "warning", "danger", "contained"].map((severity) => ({
    code: severity,
    severity,
    since: "",
    evidence: {},
  }));
  assert.deepEqual(
    byGravity(findings).map((each) => each.code),
    ["danger", "contained", "warning", "information"],
  );
});

test("each page has an address and is found by it", () => {
  assert.deepEqual(placeOf(clientAddress("group:x/y")), { page: "client", id: "group:x/y" });
  assert.deepEqual(placeOf(incidentAddress("a b", 12)), { page: "incident", client: "a b", id: 12 });
  assert.deepEqual(placeOf("#/incidents?client=a"), { page: "incidents", client: "a", open: undefined });
  for (const hash of ["", "#", "#/nowhere", "#/clients/", "#/%E0%A4%A"]) assert.deepEqual(placeOf(hash), { page: "overview" }, hash);
});

const traffic = (bytes, uncounted = 0) => ({ bytes_in: bytes, bytes_out: 0, opened: 1, uncounted });

test("a way that is not known is never by the tunnel", () => {
  assert.equal(wayOf("of_a_later_version").how, "unknown");
  assert.equal(wayOf("constructor").how, "unknown");
  assert.equal(wayOf("unknown").how, "unknown");
});

test("arcs between the same countries are one, and those outside lie on top", () => {
  const [nl, us] = [
    { country: "NL", latitude: 52, longitude: 5 },
    { country: "US", latitude: 38, longitude: -97 },
  ];
  const arc = (client_id, outside, from, to, bytes) => ({ client_id, outside, from, to, traffic: traffic(bytes) });
  const drawn = drawnArcs([arc("a", true, nl, us, 1), arc("a", false, nl, us, 9), arc("b", false, nl, us, 1)]);
  assert.deepEqual(
    drawn.map((each) => [each.outside, each.bytes, each.clients]),
    [
      [false, 10, ["a", "b"]],
      [true, 1, ["a"]],
    ],
  );
  const points = bow(nl, us, 2);
  assert.deepEqual(
    [points[0], points[2]],
    [
      [52, 5],
      [38, -97],
    ],
  );
});

test("bytes over time have a gap where nothing is known or nobody counted", () => {
  const bucket = (start, tunnel) => ({ start, length_s: 60, tunnel, outside: traffic(0), other: traffic(0) });
  const table = ratesOverTime({
    bytes_over_time: [bucket("2026-11-21T10:00:00Z", traffic(600)), bucket("2026-11-21T10:10:00Z", traffic(0, 3))],
  });
  assert.deepEqual(table[1], [10, null, null]);
  assert.equal(bytesUnknown(traffic(5, 3)), false);
});

test("connections that were opened are counted also where nobody counted bytes", () => {
  const bucket = (start, opened) => ({ start, length_s: 60, tunnel: { ...traffic(0, 3), opened }, outside: traffic(0), other: traffic(0) });
  const [, tunnel] = openedOverTime({ bytes_over_time: [bucket("2026-11-21T10:00:00Z", 4), bucket("2026-11-21T10:10:00Z", 7)] });
  assert.deepEqual(tunnel, [4, null, 7]);
});

test("a border that crosses the 180th meridian goes on beyond it", () => {
  assert.deepEqual(
    unwrapped([
      [179, 60],
      [-179, 61],
      [-178, 62],
      [179, 60],
    ]),
    [
      [179, 60],
      [181, 61],
      [182, 62],
      [179, 60],
    ],
  );
});

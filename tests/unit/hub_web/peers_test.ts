import assert from "node:assert/strict";
import { test } from "node:test";

import { amountText, blockedText, keptLater, portText } from "../../../hub/web/src/model/peers";

test("a port of which nobody tells is never one without clients", () => {
  assert.equal(
    portText({ port: "udp/51820", told_by: "conntrack", why: "no rule tracks" }),
    "udp/51820: not known who is connected (no rule tracks)",
  );
  assert.equal(portText({ port: "tcp/1194", told_by: "sock_diag", connected: 0 }), "tcp/1194: 0 connected, told by the kernel's sockets");
  assert.equal(
    portText({ port: "udp/51820", told_by: "wireguard", connected: 3, unanswered: 1 }),
    "udp/51820: 3 connected, told by WireGuard; 1 far end without an answer",
  );
  assert.equal(portText({ port: "udp/1", told_by: "constructor", connected: 1 }), "udp/1: 1 connected, told by constructor");
});

test("bytes that nobody counted are not none", () => {
  assert.equal(amountText(undefined), "not counted");
  assert.equal(amountText(0), "0 bytes");
});

test("blocked tries are told only where somebody counts them", () => {
  assert.equal(blockedText({ blocked_packets: 3 }), "");
  const since = "2026-11-21T10:00:00Z";
  assert.equal(blockedText({ blocked_since: since }), "0 packets for these ports were logged by firewall rules");
  assert.equal(
    blockedText({ blocked_since: since, blocked_packets: 1, blocked_lost: 2 }),
    "1 packet for these ports was logged by firewall rules, and 2 more that could not be told",
  );
});

test("flows are said to be incomplete only where the time asked for begins earlier", () => {
  assert.ok(keptLater("2026-11-20T10:00:00Z", "2026-11-21T10:00:00Z"));
  assert.ok(!keptLater("2026-11-21T10:00:00Z", "2026-11-20T10:00:00Z"));
  assert.ok(!keptLater("2026-11-21T10:00:00Z", undefined));
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { Fleet } from "../../../hub/web/src/model/fleet";
import { client } from "./client.mjs";

const now = Date.parse("2026-11-21T10:00:00Z");
const at = (offset) => new Date(now + offset).toISOString();
const snapshot = (clients, offset = 0) => ({ type: "snapshot", server_time: at(offset), clients });

function fleetOf(clients, offset = 0) {
  const fleet = new Fleet();
  fleet.take(snapshot(clients, offset), now);
  return fleet;
}

test("a client is overdue a moment after its lease, not before", () => {
  const fleet = fleetOf([client("a", now)]);
  const a = fleet.clients.get("a");
  assert.equal(fleet.isOverdue(a, now + 33_000), false);
  assert.equal(fleet.isOverdue(a, now + 33_001), true);
});

test("the hub's clock counts, not the viewer's", () => {
  const hour = 3_600_000;
  for (const offset of [-hour, hour]) {
    const fleet = fleetOf([client("a", now + offset)], offset);
    const a = fleet.clients.get("a");
    assert.equal(fleet.hubTime(now), now + offset);
    assert.equal(fleet.isOverdue(a, now + 33_000), false);
    assert.equal(fleet.isOverdue(a, now + 33_001), true);
  }
});

test("who is offline already is not overdue, and a new report ends it", () => {
  const fleet = fleetOf([client("a", now, { state: "offline" }), client("b", now)]);
  const a = fleet.clients.get("a");
  assert.equal(fleet.isOverdue(a, now + 99_000), false);
  fleet.take({ type: "client", client: client("b", now + 40_000), server_time: at(40_000) }, now + 40_000);
  assert.equal(fleet.isOverdue(fleet.clients.get("b"), now + 40_000), false);
});

test("an overdue client is never counted as secure", () => {
  const fleet = fleetOf([client("a", now), client("b", now, { state: "danger", lease_deadline: at(90_000) })]);
  assert.equal(fleet.totals(now).secure, 1);
  const later = fleet.totals(now + 60_000);
  assert.equal(later.secure, 0);
  assert.equal(later.overdue, 1);
  assert.equal(later.danger, 1);
});

test("a snapshot replaces all clients and keeps the changes that were told", () => {
  const fleet = fleetOf([client("a", now), client("b", now)]);
  const change = { type: "change", kind: "state_changed", client_id: "a", to: "danger", client: client("a", now, { state: "danger" }) };
  fleet.take(change, now);
  fleet.take(snapshot([client("b", now), client("c", now)]), now);
  assert.deepEqual([...fleet.clients.keys()], ["b", "c"]);
  assert.equal(fleet.changes.length, 1);
});

test("only the newest changes are kept, newest first", () => {
  const fleet = fleetOf([]);
  for (let i = 0; i < 60; ++i) fleet.take({ type: "change", number: i, client: client("a", now) }, now);
  assert.equal(fleet.changes.length, 50);
  assert.equal(fleet.changes[0].number, 59);
});

test("a heartbeat and an unknown message change no client", () => {
  const fleet = fleetOf([client("a", now)]);
  fleet.take({ type: "heartbeat", server_time: at(5_000) }, now);
  fleet.take({ type: "of a later version" }, now);
  assert.equal(fleet.hubTime(now), now + 5_000);
  assert.equal(fleet.clients.size, 1);
});

test("a deadline that cannot be read is no deadline that lies ahead", () => {
  const fleet = fleetOf([client("a", now, { lease_deadline: "soon" })]);
  assert.equal(fleet.isOverdue(fleet.clients.get("a"), now), true);
});

test("a member of a group is shown as the worse of what the group and its own messages say, and never greener", () => {
  const words = ["secure", "warning", "contained", "offline", "danger", "of a later hub"];
  for (const own of words)
    for (const told of words) {
      const fleet = fleetOf([client("a", now, { state: own })]);
      const shown = fleet.memberState({ client_id: "a", state: told, sees: true }, now);
      assert.ok(words.indexOf(shown) >= Math.max(words.indexOf(own), words.indexOf(told)), `${own}, ${told}: ${shown}`);
    }
  const fleet = fleetOf([client("a", now)]);
  const member = (id, state) => fleet.memberState({ client_id: id, state, sees: true }, now + 60_000);
  assert.equal(member("a", "secure"), "overdue");
  assert.equal(member("a", "contained"), "overdue");
  assert.equal(member("a", "danger"), "danger");
  assert.equal(member("unknown", "danger"), "danger");
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { Fleet } from "../../../hub/web/src/model/fleet";
import { sentence, worstText, wrongOf } from "../../../hub/web/src/model/verdict";
import { client } from "./client.mjs";

const now = Date.parse("2026-11-21T10:00:00Z");
const one = (id, state, group) => client(id, now, { state, group });
const group = (name, state, ...members) =>
  client(`group:${name}`, now, { state, rule: "any", members: members.map((id) => ({ client_id: id, state, sees: true })) });

function fleetOf(...clients) {
  const fleet = new Fleet();
  fleet.take({ type: "snapshot", server_time: new Date(now).toISOString(), clients }, now);
  return fleet;
}

function told(...clients) {
  const fleet = fleetOf(...clients);
  const all = [...fleet.clients.values()].map((client) => ({ client, state: fleet.shownState(client, now) }));
  const names = (shown) => shown.map((each) => each.client.client_id).join(" ");
  return wrongOf(all).map((each) => `${each.state}: ${names(each.clients)} | ${names(each.groups)}`);
}

const worst = (fleet, at = now) => worstText(fleet.totals(at), fleet.groupTotals(at));

test("a group is no client more: neither in a sentence nor in a number", () => {
  const clients = [one("a", "secure"), one("b", "danger", "g"), one("c", "danger", "g"), group("g", "danger", "b", "c")];
  assert.deepEqual(told(...clients), ["danger: b c | "]);
  const fleet = fleetOf(...clients);
  assert.equal(fleet.totals(now).danger, 2);
  assert.equal(fleet.totals(now).secure, 1);
  assert.equal(fleet.groupTotals(now).danger, 1);
  assert.equal(worst(fleet), "2 danger");
});

test("what is wrong with a group alone is told, and never taken for nothing", () => {
  for (const state of ["danger", "contained", "warning", "offline", "of a later hub"]) {
    const clients = [one("b", "secure", "g"), one("c", "secure", "g"), group("g", state, "b", "c")];
    assert.deepEqual(told(...clients), [`${state}:  | group:g`]);
  }
  const alone = fleetOf(one("b", "secure", "g"), group("g", "danger", "b"));
  assert.equal(worst(alone), "1 group danger");
  // Another group's client does not tell of this one.
  assert.deepEqual(told(one("b", "secure", "g"), one("x", "danger", "h"), group("g", "danger", "b")), ["danger: x | group:g"]);
  assert.deepEqual(told(one("b", "warning", "g"), one("c", "secure", "g"), group("g", "danger", "b", "c")), [
    "danger:  | group:g",
    "warning: b | ",
  ]);
});

test("clients and groups that are all secure have nothing to tell, and an overdue one has", () => {
  const clients = [one("b", "secure", "g"), group("g", "secure", "b")];
  assert.deepEqual(told(...clients), []);
  assert.equal(worst(fleetOf(...clients)), "");
  assert.equal(worst(fleetOf(...clients), now + 60_000), "1 overdue");
});

test("a sentence names what it counts", () => {
  assert.equal(sentence("danger", 2, "client"), "2 clients are exposed");
  assert.equal(sentence("danger", 1, "group"), "1 group is exposed");
  assert.equal(sentence("of a later hub", 3, "client"), "3 clients: of a later hub");
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldsOf, kinds, ruleOf } from "../../../hub/web/src/model/rules";
import { fieldOf } from "../../../hub/web/src/model/session";

test("what is empty is left out, lists are words, and numbers are numbers", () => {
  const fields = { name: " leaks ", on: "state", state_danger: "on", clients: "office-*, nas", channels: "", delay_s: "5", quiet_hours: "22:00-07:00" };
  assert.deepEqual(ruleOf(fields), {
    name: "leaks",
    on: "state",
    states: ["danger"],
    clients: ["office-*", "nas"],
    delay_s: 5,
    quiet_hours: "22:00-07:00",
  });
});

test("what belongs to another kind of rule is not sent", () => {
  const fields = { name: "slow", on: "latency", deviations: "7.5", state_danger: "on", findings: "ipv6_outside", exposed_s: "9", count: "3" };
  assert.deepEqual(ruleOf(fields), { name: "slow", on: "latency", deviations: 7.5 });
});

test("a name that the hub would refuse and what is no number are told by their field", () => {
  for (const name of ["", "Leaks", "a b", "x".repeat(33)]) assert.throws(() => ruleOf({ name, on: "state" }), { field: "name" }, name);
  assert.throws(() => ruleOf({ name: "a", on: "state", delay_s: "soon" }), { field: "delay_s" });
});

test("a rule that is opened and saved is the same rule", () => {
  for (const on of Object.keys(kinds)) {
    const rule = { name: "a", on, clients: ["b", "c"], remind_minutes: 30, escalate_after_minutes: 10, escalate_to: ["boss"], time_zone: "UTC" };
    assert.deepEqual(ruleOf(fieldsOf({ ...rule, source: "file" })), rule);
  }
});

test("the hub's words about a rule lead to the field", () => {
  assert.equal(fieldOf('delay_s = -1: expected a whole number from 0 to 86400', ["name", "delay_s"]), "delay_s");
  assert.equal(fieldOf('rule: quiet_hours = "x": expected two times', ["quiet_hours"]), "quiet_hours");
  assert.equal(fieldOf("name: expected", ["name"]), "name");
  assert.equal(fieldOf("there is a rule of that name", ["there"]), null);
});

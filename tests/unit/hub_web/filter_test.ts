import assert from "node:assert/strict";
import { test } from "node:test";

import { select, tagsOf, wholeView } from "../../../hub/web/src/model/filter";
import { client } from "./client.mjs";

const now = Date.parse("2026-11-21T10:00:00Z");
const shown = (id, state = "secure", more = {}) => ({ client: client(id, now, { state, ...more }), state });
const ids = (all, view) => select(all, { ...wholeView, ...view }).map((each) => each.client.client_id);

test("what needs attention comes first, a state of a newer hub before all", () => {
  const states = ["secure", "offline", "contained", "warning", "danger", "of_a_later_version"];
  const all = [...states.map((state) => shown(state, state)), shown("also_secure")];
  assert.deepEqual(ids(all, {}), ["of_a_later_version", "danger", "warning", "contained", "offline", "also_secure", "secure"]);
});

test("who is overdue stands with those who are offline, not with what it was", () => {
  assert.deepEqual(ids([shown("a"), { ...shown("z"), state: "overdue" }], {}), ["z", "a"]);
  assert.deepEqual(ids([shown("a"), { ...shown("z"), state: "overdue" }], { states: ["secure"] }), ["a"]);
});

test("every word that is typed must be found somewhere", () => {
  const all = [
    shown("office", "secure", {
      location: { country: "RO", city: "Bucharest", org: "AS64500 Example" },
      exit: { v4: "198.51.100.2", country: "RO" },
    }),
    shown("home"),
  ];
  for (const text of ["romania", "BUCHAREST example", "198.51.100", "office ro"]) assert.deepEqual(ids(all, { text }), ["office"], text);
  assert.deepEqual(ids(all, { text: "office tokyo" }), []);
});

test("tags are found by typing and chosen from all that there are", () => {
  const all = [shown("a", "secure", { tags: ["home", "nas-2"] }), shown("b", "secure", { tags: ["home"] }), shown("c")];
  assert.deepEqual(tagsOf(all.map((each) => each.client)), ["home", "nas-2"]);
  assert.deepEqual(ids(all, { text: "nas" }), ["a"]);
  assert.deepEqual(ids(all, { tag: "home" }), ["a", "b"]);
  assert.deepEqual(ids(all, { tag: "hom" }), []);
});

test("a tag shows the groups of those who have it", () => {
  const member = (client_id) => ({ client_id, state: "secure", since: "", sees: true });
  const all = [
    shown("a", "secure", { tags: ["home"] }),
    shown("b"),
    shown("group:x", "warning", { members: [member("a"), member("b")] }),
    shown("group:y", "warning", { members: [member("b")] }),
  ];
  assert.deepEqual(ids(all, { tag: "home" }), ["group:x", "a"]);
});

test("a finding is found by its code and by its sentence", () => {
  const finding = { code: "mtu_blackhole", severity: "warning", since: "", evidence: {}, meaning: "Large packets are lost." };
  const all = [shown("a", "warning", { findings: [finding] }), shown("b")];
  assert.deepEqual(ids(all, { text: "mtu_black" }), ["a"]);
  assert.deepEqual(ids(all, { text: "large packets" }), ["a"]);
});

test("a group's filter shows its members and the group itself", () => {
  const all = [shown("a", "secure", { group: "x" }), shown("b", "secure", { group: "y" }), shown("c"), shown("group:x")];
  assert.deepEqual(ids(all, { group: "x" }), ["a", "group:x"]);
});

test("silent longest, changed latest and name are orders", () => {
  const seen = (id, minutes) =>
    shown(id, "secure", {
      last_seen: new Date(now - minutes * 60_000).toISOString(),
      since: new Date(now - minutes * 60_000).toISOString(),
    });
  const all = [seen("a", 1), seen("b", 9), seen("c", 5)];
  assert.deepEqual(ids(all, { sort: "seen" }), ["b", "c", "a"]);
  assert.deepEqual(ids(all, { sort: "since" }), ["a", "c", "b"]);
  assert.deepEqual(ids(all, { sort: "name" }), ["a", "b", "c"]);
});

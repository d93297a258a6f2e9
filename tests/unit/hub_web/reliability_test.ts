import assert from "node:assert/strict";
import { test } from "node:test";

import { colourOf, colourOfSum, monthName, monthRange, partsOf, percentText, secondsText, sumOf, worstFirst } from "../../../hub/web/src/model/reliability";
import { placeOf } from "../../../hub/web/src/model/place";

const hour = 3600;
const day = (more = {}) => ({
  from: "2026-10-01T00:00:00Z",
  to: "2026-10-02T00:00:00Z",
  length_s: 24 * hour,
  protected_s: 24 * hour,
  warning_s: 0,
  contained_s: 0,
  danger_s: 0,
  reported_s: 24 * hour,
  offline_s: 0,
  unknown_s: 0,
  absent_s: 0,
  protected_share: 1,
  reported_share: 1,
  incidents: { count: 0, began: 0, recovered: 0, open: 0, mean_recovery_s: null, longest_s: null, longest_id: null },
  ...more,
});
const subject = (client_id, more = {}) => ({ client_id, total: day(more), periods: [] });

test("nobody is rounded up to all of the time", () => {
  assert.equal(percentText(1), "100 %");
  assert.equal(percentText(0.999999), "99.99 %");
  assert.equal(percentText(0), "0.00 %");
  assert.equal(percentText(null), "–");
  assert.equal(secondsText(0), "0");
  assert.equal(secondsText(0.4), "< 1 s");
  assert.equal(secondsText(62 * 60), "1 h 2 min");
});

test("a day is green only when nearly all of it is known, and has the colour of its worst moment", () => {
  assert.equal(colourOf(day()), "secure");
  assert.equal(colourOf(day({ danger_s: 1 })), "danger");
  assert.equal(colourOf(day({ offline_s: 3 * hour, warning_s: 1 })), "offline");
  assert.equal(colourOf(day({ contained_s: 5, warning_s: 5 })), "contained");
  assert.equal(colourOf(day({ protected_s: 20 * hour, unknown_s: 4 * hour })), "unknown");
  assert.equal(colourOf(day({ protected_s: 0, unknown_s: 24 * hour })), "unknown");
  assert.equal(colourOf(day({ protected_s: 0, absent_s: 24 * hour })), "absent");
  // The rest of a day in which a client was new counts.
  assert.equal(colourOf(day({ protected_s: hour, absent_s: 23 * hour })), "secure");
});

test("who was in danger comes first, then who was least protected", () => {
  const sorted = worstFirst([subject("b"), subject("a"), subject("c", { protected_share: 0.5 }), subject("d", { danger_s: 1 }), subject("e", { protected_share: null })]);
  assert.deepEqual(
    sorted.map((each) => each.client_id),
    ["d", "c", "a", "b", "e"],
  );
});

test("all clients together count each second alike, and recovery by incidents", () => {
  const incidents = (recovered, mean) => ({ count: recovered, began: recovered, recovered, open: 0, mean_recovery_s: mean, longest_s: mean, longest_id: 1 });
  const sum = sumOf([
    subject("a", { incidents: incidents(1, 100) }),
    subject("b", { protected_s: 0, danger_s: 2 * hour, absent_s: 22 * hour, reported_s: 2 * hour, incidents: incidents(3, 20) }),
  ]);
  assert.equal(sum.protected, 24 / 26);
  assert.equal(sum.reported, 1);
  assert.equal(sum.danger_s, 2 * hour);
  assert.equal(sum.incidents, 4);
  assert.equal(sum.recovery_s, 40);
  assert.equal(sumOf([]).protected, null);
});

test("all clients together are green only for all of the time", () => {
  assert.equal(colourOfSum([]), "nobody");
  assert.equal(colourOfSum([subject("a", { protected_s: 0, absent_s: 24 * hour, protected_share: null })]), "nobody");
  assert.equal(colourOfSum([subject("a"), subject("b")]), "secure");
  const less = (more) => colourOfSum([subject("a"), subject("b", { protected_s: 24 * hour - 1, ...more })]);
  assert.equal(less({ danger_s: 0.5, offline_s: 0.5 }), "danger");
  assert.equal(less({ offline_s: 1 }), "offline");
  assert.equal(less({ contained_s: 0.5, warning_s: 0.5 }), "contained");
  assert.equal(less({ warning_s: 1 }), "warning");
  assert.equal(less({ unknown_s: 1 }), "unknown");
});

test("parts that are nothing are not drawn", () => {
  assert.deepEqual(
    partsOf(day({ danger_s: 3 })).map((part) => part.state),
    ["secure", "danger"],
  );
});

test("months follow each other over the end of a year", () => {
  const january = new Date(2026, 0, 31, 12).getTime();
  assert.equal(monthName(january, 0), "2026-01");
  assert.equal(monthName(january, 1), "2025-12");
  assert.equal(monthName(january, 11), "2025-02");
  assert.equal(monthRange("2025-12").to, monthRange("2026-01").from);
});

test("the page has an address", () => {
  assert.deepEqual(placeOf("#/reliability"), { page: "reliability" });
});

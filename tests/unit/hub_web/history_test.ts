import assert from "node:assert/strict";
import { test } from "node:test";

import { cell, incidentsCsv } from "../../../hub/web/src/model/export";
import { handshakes, hasNumbers, latencies, outside, recordedSince, traffic } from "../../../hub/web/src/model/series";
import { exits, shares, stretches } from "../../../hub/web/src/model/timeline";

const at = (minute) => new Date(Date.parse("2026-11-21T10:00:00Z") + minute * 60_000).toISOString();
const time = (minute) => Date.parse(at(minute));
const change = (minute, from, to, more = {}) => ({
  at: at(minute),
  noticed: at(minute),
  kind: "state_changed",
  from,
  to,
  previous_lasted_ms: 0,
  findings: [],
  ...more,
});

test("stretches follow each other without gaps, and begin with what the oldest change tells of before", () => {
  const parts = stretches([change(20, "danger", "secure"), change(10, "secure", "danger")], time(0), time(30), true);
  assert.deepEqual(
    parts.map((part) => [part.state, (part.to - part.from) / 60_000]),
    [
      ["secure", 10],
      ["danger", 10],
      ["secure", 10],
    ],
  );
});

test("where changes may be missing, the time before the oldest known is not known", () => {
  assert.equal(stretches([change(10, "secure", "danger")], time(0), time(30), false)[0].state, "unknown");
  assert.deepEqual(
    stretches([], time(0), time(30), true).map((part) => part.state),
    ["unknown"],
  );
});

test("changes of one moment and those that keep the state make no stretch of their own", () => {
  const parts = stretches(
    [change(10, "secure", "danger"), change(10, "danger", "warning"), change(15, "warning", "warning")],
    time(0),
    time(20),
    true,
  );
  assert.deepEqual(
    parts.map((part) => part.state),
    ["secure", "warning"],
  );
});

test("shares of the time add up to one", () => {
  const part = shares(stretches([change(15, "secure", "danger")], time(0), time(20), true));
  assert.deepEqual(part, { secure: 0.75, danger: 0.25 });
});

test("the first exit address is the one that held when the span begins, with its own beginning", () => {
  const moved = (minute, address, kind = "address_changed", previous = undefined) =>
    change(minute, "secure", "secure", { kind, public_ip: address, previous_address: previous });
  const list = (...asked) => exits(...asked).map((exit) => [exit.address, exit.from === null ? null : (exit.from - time(0)) / 60_000]);
  // A change of the state tells the address as well as one of the address does.
  const earlier = [moved(-10, "b", "state_changed"), moved(-30, "b", "came_back", "a"), moved(-90, "a", "connected")];
  assert.deepEqual(list([moved(20, "c", "state_changed", "b"), moved(10, "b", "went_offline")], earlier, time(0), "c"), [
    ["b", -30],
    ["c", 20],
  ]);
  assert.deepEqual(list([], earlier, time(0), "b"), [["b", -30]]);
  // What was before has been removed.
  assert.deepEqual(list([moved(20, "c", "address_changed", "b")], [], time(0), "c"), [
    ["b", null],
    ["c", 20],
  ]);
  assert.deepEqual(list([moved(20, "c", "state_changed")], [], time(0), "c"), [["c", null]]);
  assert.deepEqual(list([], [], time(0), "c"), [["c", null]]);
  assert.deepEqual(list([], [], time(0), ""), []);
  // It was heard of within the span.
  assert.deepEqual(list([moved(5, "a", "connected"), moved(6, "b", "address_changed", "a")], [], time(0), "b"), [
    ["a", 5],
    ["b", 6],
  ]);
});

test("an address that was told without a change of its own is listed all the same", () => {
  const moved = (minute, address, kind, previous = undefined) =>
    change(minute, "secure", "secure", { kind, public_ip: address, previous_address: previous });
  const list = (...asked) => exits(...asked).map((exit) => [exit.address, exit.from === null ? null : (exit.from - time(0)) / 60_000]);
  // It connected without one.
  assert.deepEqual(list([moved(5, "", "connected"), moved(9, "b", "address_changed", "a")], [], time(0), "b"), [
    ["a", null],
    ["b", 9],
  ]);
  assert.deepEqual(list([moved(5, "a", "connected")], [], time(0), "b"), [
    ["a", 5],
    ["b", null],
  ]);
});

const sample = (minute, more = {}) => ({
  start: at(minute),
  length_s: 60,
  reports: 1,
  latency_ms: { min: 1, mean: 2, max: 3 },
  packets_outside: 0,
  ...more,
});

test("a stretch without reports is a gap in the line", () => {
  const [times, , mean] = latencies([sample(0), sample(1), sample(2), sample(10)]);
  assert.deepEqual(
    times.map((each) => (each - time(0) / 1000) / 60),
    [0, 1, 2, 3, 10],
  );
  assert.deepEqual(mean, [2, 2, 2, null, 2]);
});

test("who reports every two minutes has no gaps, also where the minutes between are told", () => {
  const between = (minute) => sample(minute, { reports: 0, latency_ms: null, packets_outside: null });
  assert.equal(latencies([sample(0), sample(2), sample(4), sample(6)])[0].length, 4);
  assert.deepEqual(latencies([sample(0), between(1), sample(2), between(3), sample(4)])[2], [2, 2, 2]);
});

test("nobody counted is no zero", () => {
  assert.deepEqual(outside([sample(0, { packets_outside: null }), sample(1)])[1], [null, 0]);
  assert.equal(hasNumbers(outside([sample(0, { packets_outside: null })])), false);
});

test("traffic and handshakes of any range come from samples, and what was not recorded is a gap and no zero", () => {
  const carried = (minute, rx) => sample(minute, { traffic_bytes_per_s: { rx, tx: 1 }, handshake_age_s: { mean: 40, max: 90 } });
  const before = (minute) => sample(minute, { traffic_bytes_per_s: null, handshake_age_s: null });
  const samples = [before(0), before(1), carried(2, 10), carried(3, 0)];
  assert.deepEqual(traffic(samples).slice(1), [
    [null, null, 10, 0],
    [null, null, 1, 1],
  ]);
  assert.deepEqual(handshakes(samples).slice(1), [
    [null, null, 40, 40],
    [null, null, 90, 90],
  ]);
  assert.equal(recordedSince(traffic(samples)), time(2) / 1000);
  assert.equal(recordedSince(traffic([before(0), before(1)])), null);
  // The first report of all has none before it.
  assert.equal(recordedSince(traffic([before(0), carried(1, 5)])), null);
});

const incident = (more = {}) => ({
  id: 7,
  client_id: "office",
  start: at(0),
  end: null,
  open: true,
  worst: "danger",
  state: "danger",
  exposed_s: 12.5,
  leaked: null,
  findings: [],
  ...more,
});

test("a text is quoted, and what would be a formula is text, wherever a spreadsheet splits", () => {
  assert.equal(cell('a,"b"'), '"a,""b"""');
  assert.equal(cell("a\nb"), '"a\nb"');
  for (const bad of ["=1+1", "+1", "-1", "@x", "\tx", "＝1+1"]) assert.equal(cell(bad), `"'${bad}"`);
  assert.equal(cell("x;=1+1"), `"x;'=1+1"`);
  assert.equal(cell(" =1+1"), `" '=1+1"`);
  assert.equal(cell("x\t=1"), `"x\t'=1"`);
  assert.equal(cell('x;"=1"'), `"x;""'=1"""`);
  assert.equal(cell("office-vpn at 2026-11-21"), '"office-vpn at 2026-11-21"');
  assert.equal(cell(-1), "-1");
});

test("an amount that nobody knows is an empty cell", () => {
  const [heads, row] = incidentsCsv([incident()], time(2))
    .split("\r\n")
    .map((line) => line.split(","));
  assert.equal(row[heads.indexOf("packets_outside")], "");
  assert.equal(row[heads.indexOf("exposed_seconds")], "12.5");
  assert.equal(heads.length, row.length);
});

test("the file of incidents has how long each lasted and who sent, of which no name becomes a formula", () => {
  const sent = (evidence) => [{ code: "process_outside", severity: "danger", since: at(0), evidence }];
  const over = incident({ id: 8, end: at(1.5), open: false, findings: sent({ process: "curl", pid: 7, uid: 1000 }) });
  const evil = incident({ id: 9, findings: sent({ process: "=cmd", programs: ['=cmd|"x" (pid 1, uid 0) to 203.0.113.7', "b", 5] }) });
  const text = incidentsCsv([incident(), over, evil], time(2));
  const [heads, open, ended, hostile] = text.split("\r\n");
  const column = heads.split(",").indexOf("programs");
  assert.ok(column > 0);
  const lasted = heads.split(",").indexOf("duration_seconds");
  assert.equal(open.split(",")[lasted], "120");
  assert.equal(open.split(",")[column], "");
  assert.equal(ended.split(",")[lasted], "90");
  assert.match(ended, /"curl \(pid 7, uid 1000\)"/);
  assert.match(hostile, /,"'=cmd\|""x"" \(pid 1, uid 0\) to 203\.0\.113\.7; b",/);
});

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Live } from "../../../hub/web/src/model/live";
import { openBrowser } from "./fake_browser.mjs";

let browser;
let live;
let told;

beforeEach(() => {
  browser = openBrowser();
  told = [];
  live = new Live("ws://hub/api/v1/live", {
    message: (message) => told.push(message.type),
    live: () => told.push("live"),
    lost: () => told.push("lost"),
    renewed: () => told.push("renewed"),
  });
  live.open();
});

const snapshot = { type: "snapshot", clients: [] };
const newest = () => browser.sockets.at(-1);

/** Silence, with the check of every second. */
function silence(seconds) {
  for (let i = 0; i < seconds; ++i) {
    browser.clock.advance(1000);
    live.check();
  }
}

test("it is live from the snapshot on, not from the connection on", () => {
  assert.equal(newest().url, "ws://hub/api/v1/live");
  newest().hears({ type: "heartbeat" });
  assert.deepEqual(told, ["heartbeat"]);
  newest().hears(snapshot);
  assert.deepEqual(told, ["heartbeat", "snapshot", "live"]);
});

test("a connection that is silent for too long is lost and opened again", () => {
  newest().hears(snapshot);
  silence(12);
  assert.equal(told.includes("lost"), false);
  silence(1);
  assert.equal(told.at(-1), "lost");
  assert.equal(browser.sockets[0].closed, true);
  browser.clock.advance(500);
  assert.equal(browser.sockets.length, 2);
  assert.equal(told.filter((word) => word === "live").length, 1);
  newest().hears(snapshot);
  assert.equal(told.at(-1), "live");
});

for (const [hours, way] of [[-1, "back"], [1, "forward"]] as const)
  test(`a viewer's clock that is set ${way} does not keep a silent connection live`, () => {
    newest().hears(snapshot);
    browser.clock.wrong = hours * 3_600_000;
    silence(13);
    assert.equal(told.filter((word) => word === "lost").length, 1);
  });

for (const [how, say] of [
  ["says nothing", () => {}],
  ["sends no snapshot", () => newest().hears({ type: "heartbeat" })],
] as const)
  test(`a connection that ${how} before the first snapshot is given up, too`, () => {
    silence(30);
    say();
    assert.equal(told.includes("lost"), false);
    silence(1);
    assert.equal(told.at(-1), "lost");
    assert.equal(browser.sockets[0].closed, true);
    browser.clock.advance(500);
    assert.equal(browser.sockets.length, 2);
    newest().hears(snapshot);
    assert.equal(told.at(-1), "live");
  });

test("a connection that the hub wants anew is replaced while it counts as live, and only for as long as silence may last", () => {
  newest().hears(snapshot);
  newest().breaks(4001);
  assert.equal(browser.sockets.length, 2);
  newest().hears(snapshot);
  assert.deepEqual(told, ["snapshot", "live", "renewed", "snapshot"]);
  newest().breaks(4001);
  silence(12);
  assert.equal(told.includes("lost"), false);
  silence(1);
  assert.equal(told.at(-1), "lost");
});

test("a connection that is refused when it is to be replaced is lost", () => {
  newest().hears(snapshot);
  newest().breaks(4001);
  newest().breaks();
  assert.equal(told.at(-1), "lost");
  browser.clock.advance(500);
  newest().breaks(4001);
  assert.equal(told.filter((word) => word === "lost").length, 2);
});

test("a heartbeat is a sign of life", () => {
  newest().hears(snapshot);
  for (let i = 0; i < 6; ++i) {
    silence(5);
    newest().hears({ type: "heartbeat" });
  }
  assert.equal(told.includes("lost"), false);
});

test("what a lost connection still says is not heard", () => {
  const first = newest();
  first.hears(snapshot);
  const { onmessage } = first;
  silence(13);
  const before = told.length;
  onmessage({ data: JSON.stringify(snapshot) });
  first.breaks();
  assert.equal(told.length, before);
});

test("pauses between attempts grow to a limit and start anew once it was live", () => {
  const pauses = [];
  for (let i = 0; i < 7; ++i) {
    const sockets = browser.sockets.length;
    newest().breaks();
    const begun = browser.clock.now;
    while (browser.sockets.length === sockets) browser.clock.advance(100);
    pauses.push(browser.clock.now - begun);
  }
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 15000, 15000]);
  newest().hears(snapshot);
  newest().breaks();
  browser.clock.advance(500);
  assert.equal(browser.sockets.length, 9);
});

test("a machine that is on line again does not wait for the end of the pause", () => {
  for (let i = 0; i < 5; ++i) {
    newest().breaks();
    if (i < 4) browser.clock.advance(15000);
  }
  const sockets = browser.sockets.length;
  browser.fire("online");
  assert.equal(browser.sockets.length, sockets + 1);
  browser.clock.advance(60000);
  browser.fire("online");
  assert.equal(browser.sockets.length, sockets + 1);
});

test("a page that comes to the front notices at once that the connection died", () => {
  newest().hears(snapshot);
  browser.clock.advance(60000);
  browser.fire("visibilitychange");
  assert.equal(told.at(-1), "lost");
});

test("a channel that was closed says nothing more, and is not opened again by itself", () => {
  const first = newest();
  first.hears(snapshot);
  live.close();
  assert.equal(first.closed, true);
  const before = told.length;
  first.hears(snapshot);
  first.breaks();
  browser.fire("online");
  browser.clock.advance(60000);
  live.check();
  assert.equal(told.length, before);
  assert.equal(browser.sockets.length, 1);
  live.open();
  newest().hears(snapshot);
  assert.equal(told.at(-1), "live");
  assert.equal(browser.sockets.length, 2);
});

test("who hears that it is lost may close it for good", () => {
  live.on.lost = () => live.close();
  newest().breaks();
  browser.clock.advance(60000);
  assert.equal(browser.sockets.length, 1);
});

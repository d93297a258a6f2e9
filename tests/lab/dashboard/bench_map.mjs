// How smoothly the map of 10,000 connections of one client is moved and zoomed: they go to all countries, some outside the tunnel.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

import { isLive, openPage, settled } from "./browser.mjs";
import { healthy } from "./clients.mjs";

const client = "client-map";
const connections = 10_000;
const batch = 1000;
const moves = 240;
const zooms = 8;

const places = readFileSync(new URL("../../../hub/ingest/country_places.hpp", import.meta.url), "utf8");
const countries = [...places.matchAll(/\{"([A-Z]{2})"/g)].map(([, code]) => code);

function connectionOf(n) {
  const outside = n % 7 === 0;
  const now = new Date().toISOString();
  return {
    direction: "out",
    protocol: "tcp",
    way: outside ? "outside" : "tunnel",
    interface: outside ? "eth0" : "wg0",
    program: `program-${n % 40}`,
    uid: 1000,
    destination: `2001:db8::${n.toString(16)}`,
    port: 443,
    country: countries[n % countries.length],
    bytes_out: 1000 + n,
    bytes_in: 5000 + 31 * n,
    opened: 1,
    open: 1,
    first: now,
    last: now,
  };
}

async function tellConnections(hub) {
  const all = Array.from({ length: connections }, (_, n) => connectionOf(n));
  for (let i = 0; i < connections; i += batch)
    await hub.connections(client, all.slice(i, i + batch), { sources: ["ebpf"], countries: true, exit_country: "NL", uplink_country: "RO" });
  const deadline = Date.now() + 60_000;
  const told = async () => {
    const { totals } = await hub.ask(`/connections/stats?client=${client}&hours=24`);
    return totals.tunnel.opened + totals.outside.opened;
  };
  while ((await told()) < connections) {
    assert.ok(Date.now() < deadline, "the connections are not written");
    await pause(100);
  }
}

/** What the page's thread has worked, in seconds of the processor: other than frames it does not depend on who else is busy. */
async function meterOf(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => (await session.send("Performance.getMetrics")).metrics.find((each) => each.name === "TaskDuration").value;
}

/** The time between frames while `act` goes on. */
async function framesOf(page, act) {
  await page.evaluate(() => {
    const times = [];
    globalThis.stopFrames = () => {
      globalThis.stopFrames = null;
      return times;
    };
    const draw = (now) => {
      times.push(now);
      if (globalThis.stopFrames) requestAnimationFrame(draw);
    };
    requestAnimationFrame(draw);
  });
  await act();
  const times = await page.evaluate(() => globalThis.stopFrames());
  return times.slice(1).map((time, place) => time - times[place]);
}

async function measure(page, meter, what, act) {
  const before = await meter();
  const gaps = await framesOf(page, act);
  const worked = (await meter()) - before;
  const rate = 1000 / (gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length);
  const late = gaps.filter((gap) => gap > 25).length;
  const longest = gaps.reduce((a, b) => Math.max(a, b));
  console.log(`${what}: ${rate.toFixed(0)} frames per second; ${late} of ${gaps.length} frames later than 25 ms; longest ${longest.toFixed(0)} ms; ${((1000 * worked) / gaps.length).toFixed(1)} ms of work each`);
}

async function drag(page, { x, y }) {
  await page.mouse.move(x, y);
  await page.mouse.down();
  for (let i = 1; i <= moves; ++i) {
    const way = (2 * Math.PI * i) / 60;
    await page.mouse.move(x + 150 * Math.sin(way), y + 60 * Math.sin(2 * way));
  }
  await page.mouse.up();
}

/** Ends when the last zoom is drawn: it takes a quarter of a second. */
async function zoom(page, { x, y }) {
  await page.mouse.move(x, y);
  for (let i = 0; i < zooms; ++i) {
    await page.mouse.wheel(0, i % 4 < 2 ? -240 : 240);
    await pause(400);
  }
}

export async function measureMap(browser, hub) {
  await hub.report(client, healthy(0));
  await tellConnections(hub);
  const { page, close } = await openPage(browser, `${hub.page}#/connections`);
  await isLive(page);
  await page.getByRole("combobox", { name: "Client" }).selectOption(client);
  await page.locator(".map .arc.outside").first().waitFor();
  await settled(page);
  const map = page.locator(".map");
  await map.scrollIntoViewIfNeeded();
  const box = await map.boundingBox();
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const lines = await page.locator(".map .arc").count();
  console.log(`a map of ${connections} connections of one client, ${lines} lines`);
  const meter = await meterOf(page);
  await measure(page, meter, "moving the map", () => drag(page, middle));
  await measure(page, meter, "zooming the map", () => zoom(page, middle));
  await page.mouse.wheel(0, -480);
  await pause(600);
  await measure(page, meter, "moving it further in", () => drag(page, middle));
  await close();
}

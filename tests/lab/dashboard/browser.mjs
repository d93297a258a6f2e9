// Chromium by Playwright. Whatever a page asks of others, logs as an error or is refused by its Content-Security-Policy fails its test.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.BUILD, "hub/web/package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const hubBinary = path.join(process.env.BUILD, "vpn-sentinel-hub");

export function openBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM, chromiumSandbox: false });
}

/** Of each page its requests that have not ended. */
const asking = new WeakMap();

/** A page of its own in a context of its own. `watched.faults`: what must not be; a test that provokes some says which by `expected`. */
export async function openPage(browser, address, { width = 1280, height = 900, colorScheme = "light", expected = null } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    timezoneId: "Europe/Bucharest",
    acceptDownloads: true,
  });
  const page = await context.newPage();
  const open = new Set();
  asking.set(page, open);
  page.on("request", (request) => open.add(request));
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => open.delete(request));
  const faults = [];
  const fault = (text) => {
    if (!expected?.test(text)) faults.push(text);
  };
  const origin = new URL(address).origin;
  page.on("console", (message) => {
    if (message.type() === "error") fault(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => fault(`error: ${error}`));
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && new URL(request.url()).origin !== origin) fault(`foreign request: ${request.url()}`);
  });
  page.on("websocket", (socket) => {
    if (new URL(socket.url()).host !== new URL(origin).host) fault(`foreign socket: ${socket.url()}`);
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.goto(address);
  const close = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return { page, close };
}

/** What axe-core finds wrong, in one line each. */
export async function axeFindings(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return result.violations.map(
    (each) =>
      `${each.id}: ${each.nodes
        .map((node) => `${node.target.join(" ")} (${node.any[0]?.message ?? node.all[0]?.message ?? ""})`)
        .slice(0, 3)
        .join("; ")}`,
  );
}

export const isLive = (page) => page.locator("#connection[data-live=yes]").waitFor();
/** Everything that it asked for has been answered, and is drawn. */
export async function settled(page) {
  const deadline = Date.now() + 60_000;
  // What a page needs it asks for in the frames after it was opened.
  const frames = () => new Promise((done) => requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(done))));
  do {
    assert.ok(Date.now() < deadline, `${page.url()} still asks: ${[...asking.get(page)].map((request) => request.url())}`);
    await page.evaluate(frames);
  } while (asking.get(page).size > 0 || (await page.getByText("Asking…").count()) > 0);
}
export const rowOf = (page, id) => page.locator("#clients > *", { has: page.getByRole("link", { name: id, exact: true }) });
/** So many clients are listed: what was typed or pressed before is drawn a moment later. */
export const areListed = (page, count) => page.waitForFunction((all) => document.querySelectorAll("#clients > *").length === all, count);
export const isTitled = (page, pattern) => page.waitForFunction((text) => new RegExp(text).test(document.title), pattern.source);
/** Charts and maps follow the window in the frame after: so long may a page be wider than it. */
export const fitsIn = (page, width, timeout = 30_000) =>
  page.waitForFunction((limit) => document.documentElement.scrollWidth <= limit, width, { timeout });

// What the dashboard promises, measured with 1,000 clients on this machine: printed, not judged. run BUILD bench
import { setTimeout as pause } from "node:timers/promises";

import { hubBinary, isLive, openBrowser, openPage } from "./browser.mjs";
import { measureMap } from "./bench_map.mjs";
import { finding, healthy } from "./clients.mjs";
import { Hub } from "./hub.mjs";

const clients = 1000;
const loads = 7;
const reports = 60;
const frames = 300;

const nameOf = (n) => `client-${String(n).padStart(4, "0")}`;

function share(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return `median ${share(sorted, 0.5).toFixed(0)} ms, 95 % ${share(sorted, 0.95).toFixed(0)} ms, most ${sorted.at(-1).toFixed(0)} ms`;
}

/** Each in a browser context of its own, so that nothing is in a cache. */
async function measureLoads(browser, hub) {
  const paints = [];
  const seen = [];
  for (let i = 0; i < loads; ++i) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    await page.addInitScript(() => {
      globalThis.drawn = new Promise((done) => {
        const watch = new MutationObserver(() => {
          if (!document.querySelector("#clients > *")) return;
          watch.disconnect();
          // The frame after the one that draws them.
          requestAnimationFrame(() => requestAnimationFrame((now) => done(now)));
        });
        watch.observe(document, { subtree: true, childList: true });
      });
    });
    await page.goto(hub.page);
    const rows = await page.evaluate(() => globalThis.drawn);
    paints.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
    seen.push(rows);
    await context.close();
  }
  console.log(`first paint: ${spread(paints)}`);
  console.log(`first meaningful paint (the verdict and the first rows of clients are drawn): ${spread(seen)}`);
}

/** From the hub's 200 to the change in the document, by the one clock of the machine. */
async function measureReports(page, hub) {
  const id = nameOf(0);
  const waits = [];
  for (let i = 0; i < reports; ++i) {
    const wanted = i % 2 === 0 ? "danger" : "secure";
    await page.evaluate(
      ([id, wanted]) => {
        globalThis.changed = new Promise((done) => {
          const list = document.getElementById("clients");
          const look = () => {
            const row = [...list.children].find((each) => each.querySelector(`a[href="#/clients/${id}"]`));
            if (row?.dataset.state !== wanted) return;
            watch.disconnect();
            requestAnimationFrame(() => done(Date.now()));
          };
          const watch = new MutationObserver(look);
          watch.observe(list, { subtree: true, childList: true, attributes: true });
        });
      },
      [id, wanted],
    );
    await hub.report(id, healthy(0, wanted === "danger" ? { state: "danger", findings: [finding("ipv6_outside", "danger")] } : {}));
    const acknowledged = Date.now();
    waits.push((await page.evaluate(() => globalThis.changed)) - acknowledged);
    await pause(100);
  }
  console.log(`a report on the screen after its acknowledgement: ${spread(waits)}`);
}

/** So many reports per second, each of another client, while `act` goes on. */
async function reporting(hub, perSecond, act) {
  let going = true;
  const sender = (async () => {
    for (let n = 0; going; ++n) {
      await hub.report(nameOf(n % clients), healthy(n));
      await pause(1000 / perSecond);
    }
  })();
  await act().finally(() => (going = false));
  await sender;
}

async function measureScrolling(page, what, step) {
  const times = await page.evaluate(
    ([frames, step]) =>
      new Promise((done) => {
        const times = [];
        let way = step;
        const draw = (now) => {
          times.push(now);
          if (scrollY + innerHeight >= document.documentElement.scrollHeight - 2) way = -step;
          if (scrollY <= 0) way = step;
          scrollBy(0, way);
          if (times.length <= frames) requestAnimationFrame(draw);
          else done(times);
        };
        requestAnimationFrame(draw);
      }),
    [frames, step],
  );
  const gaps = times.slice(1).map((time, place) => time - times[place]);
  const late = gaps.filter((gap) => gap > 25).length;
  const rate = 1000 / (gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length);
  console.log(`scrolling ${what}: ${rate.toFixed(0)} frames per second; ${late} of ${gaps.length} frames later than 25 ms; ${spread(gaps)} apart`);
}

const hub = await Hub.start(hubBinary);
let browser;
try {
  for (let i = 0; i < clients; i += 50)
    await Promise.all(Array.from({ length: 50 }, (_, n) => hub.report(nameOf(i + n), healthy(n, { tags: [`site-${n % 7}`] }))));
  browser = await openBrowser();
  console.log(`${clients} clients`);
  await measureLoads(browser, hub);
  const { page, close } = await openPage(browser, hub.page);
  await isLive(page);
  await measureReports(page, hub);
  await measureScrolling(page, "while rows are still being drawn", 40);
  await page.waitForFunction(
    (all) => {
      scrollTo(0, document.documentElement.scrollHeight);
      return document.querySelectorAll("#clients > *").length === all;
    },
    clients,
    { timeout: 120_000 },
  );
  await page.evaluate(() => scrollTo(0, 0));
  await measureScrolling(page, `all ${clients} rows`, 60);
  await reporting(hub, 60, () => measureScrolling(page, `all ${clients} rows with 60 reports per second`, 60));
  await close();
  await measureMap(browser, hub);
} finally {
  await browser?.close();
  await hub.stop();
}
